import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { join } from "node:path"
import { freePorts } from "../../../test/freePorts.ts"
import * as Flags from "../src/Flags.ts"
import { ask, request, until } from "./Client.ts"
import * as Program from "./Program.ts"

const three = "n1=127.0.0.1:7101,n2=127.0.0.1:7102,n3=127.0.0.1:7103"

const flags = { "--id": "n1", "--data": "DIR", "--http": "127.0.0.1:8101", "--cluster": three }

/** `serve` with these flags instead; undefined leaves one out. */
const serve = (changes: Readonly<Record<string, string | undefined>>): ReadonlyArray<string> => [
  "serve",
  ...Object.entries({ ...flags, ...changes }).flatMap(([flag, value]) => value === undefined ? [] : [flag, value])
]

/** Waits until the program has ended, which it should have done with one line on stderr. */
const refusal = (...args: ReadonlyArray<string>) =>
  Effect.scoped(Effect.gen(function*() {
    const program = yield* Program.run(...args)
    const code = yield* program.ended
    assert.deepStrictEqual([code, program.stdout()], [2, ""], program.stderr())
    assert.match(program.stderr(), /^[^\n]+\n$/)
    return program.stderr()
  }))

describe("the command line", () => {
  it("is taken apart as it is documented", () => {
    const members = [1, 2, 3].map((n) => ({ id: `n${n}`, address: `127.0.0.1:710${n}` }))
    const http = { host: "127.0.0.1", port: 8101 }
    const expected = {
      _tag: "Serve",
      id: "n1",
      cluster: "kv",
      founders: members,
      address: "127.0.0.1:7101",
      listen: "127.0.0.1:7101",
      http,
      directory: "DIR"
    }

    assert.deepStrictEqual(Object(Flags.parse(serve({}))).success, expected)
    assert.deepStrictEqual(Object(Flags.parse(serve({ "--storage": "file" }))).success, expected)
    assert.deepStrictEqual(Object(Flags.parse(serve({ "--storage": "memory", "--data": undefined }))).success, {
      ...expected,
      directory: undefined
    })
    assert.deepStrictEqual(Object(Flags.parse(serve({ "--name": "shop" }))).success, { ...expected, cluster: "shop" })
    assert.deepStrictEqual(Object(Flags.parse(serve({ "--listen": "0.0.0.0:1" }))).success, {
      ...expected,
      listen: "0.0.0.0:1"
    })
    assert.deepStrictEqual(
      Object(Flags.parse([...serve({ "--cluster": "n1=127.0.0.1:7101" }), "--join"])).success,
      { ...expected, founders: undefined }
    )
    assert.deepStrictEqual(Object(Flags.parse(["start", "--data=x=y"])).success, {
      _tag: "Start",
      directory: "x=y",
      raftPort: 7101,
      httpPort: 8101
    })
  })

  const wrong: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
    [[], "say serve or start"],
    [["stop"], "no command stop"],
    [[...serve({}), "--verbose", "1"], "--verbose is no flag"],
    [[...serve({}), "--id", "n1"], "--id is given twice"],
    [[...serve({ "--id": undefined }), "--id"], "--id needs a value"],
    [["serve", "n1"], "n1 is no flag"],
    [serve({ "--id": undefined }), "--id is missing"],
    [serve({ "--data": undefined }), "--data is missing"],
    [serve({ "--http": undefined }), "--http is missing"],
    [serve({ "--cluster": undefined }), "--cluster is missing"],
    [serve({ "--id": "n4" }), "--id n4 is not in --cluster"],
    [serve({ "--http": "8101" }), "--http 8101 is not host:port"],
    [serve({ "--http": "127.0.0.1:99999" }), "--http 127.0.0.1:99999 is not host:port"],
    [serve({ "--listen": "7101" }), "--listen 7101 is not host:port"],
    [serve({ "--storage": "paper" }), "--storage is file or memory, not paper"],
    [serve({ "--cluster": "n1" }), `"n1" is not a part of it`],
    [serve({ "--cluster": `${three},` }), `"" is not a part of it`],
    [serve({ "--cluster": "n1=nowhere" }), "nowhere is not host:port"],
    [serve({ "--cluster": "n1=127.0.0.1:0" }), "127.0.0.1:0 has no port"],
    [serve({ "--cluster": `${three},n1=127.0.0.1:7104` }), "--cluster has n1 twice"],
    [serve({ "--cluster": `${three},n4=127.0.0.1:7101` }), "--cluster has 127.0.0.1:7101 twice"],
    [serve({ "--name": "ü".repeat(128) }), "--name is longer than 255 bytes"],
    [serve({ "--id": "ü".repeat(128), "--cluster": `${"ü".repeat(128)}=h:7101` }), "longer than 255 bytes"],
    [[...serve({}), "--join"], "with --join, --cluster names this node alone"],
    [[...serve({ "--cluster": "n4=127.0.0.1:7104" }), "--join"], "--id n1 is not in --cluster"],
    [[...serve({}), "--join=yes"], "--join takes no value"],
    [["start", "--http-port", "0x10"], "--http-port is a port up to 65533, not 0x10"],
    [["start", "--http-port", "7103"], "need three ports each"]
  ]
  it.each(wrong)("%j is refused: %s", (args, sentence) => {
    assert.include(Object(Flags.parse(args)).failure, sentence)
  })

  it.live("a mistake in it ends the program with 2 and a line on stderr", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* refusal(...serve({ "--id": "n4" })), "--id n4 is not in --cluster\n")
      assert.strictEqual(yield* refusal("serve", "--frobnicate"), "--frobnicate is no flag of this command\n")
    }))
})

/** What one node needs, on ports that are free. */
const alone = Effect.gen(function*() {
  const directory = yield* Program.temporaryDirectory
  const [raft = 0, http = 0] = yield* freePorts(2)
  return {
    http: `127.0.0.1:${http}`,
    flags: { "--data": join(directory, "n1"), "--http": `127.0.0.1:${http}`, "--cluster": `n1=127.0.0.1:${raft}` }
  }
})

const untilHealthy = (http: string) => until(request(http, "GET", "/health"), ({ status }) => status === 200)

describe("a node as a process", () => {
  it.live("keeps what it acknowledged when it is killed, and stops with 0 when it is told to", () =>
    Effect.gen(function*() {
      const { flags, http } = yield* alone
      const first = yield* Program.run(...serve(flags))
      yield* untilHealthy(http)
      yield* ask(http, "PUT", "/kv/a", "1")
      const before = yield* ask(http, "GET", "/kv/a")
      first.process.kill("SIGKILL")
      yield* first.ended

      const second = yield* Program.run(...serve(flags))
      yield* untilHealthy(http)

      assert.strictEqual(before[0], 200)
      assert.deepStrictEqual(yield* ask(http, "GET", "/kv/a"), before)
      second.process.kill("SIGTERM")
      assert.deepStrictEqual([yield* second.ended, second.stderr()], [0, ""])
    }))

  it.live("does not start where it cannot work, and says why", () =>
    Effect.gen(function*() {
      const { flags, http } = yield* alone
      const taken = `127.0.0.1:${yield* Program.takePort}`
      assert.include(yield* refusal(...serve({ ...flags, "--http": taken })), `${taken} is in use`)
      assert.include(yield* refusal(...serve({ ...flags, "--cluster": `n1=${taken}` })), `${taken} is in use`)
      assert.include(yield* refusal(...serve({ ...flags, "--data": "/dev/null/n1" })), "/dev/null/n1")

      const node = yield* Program.run(...serve({ ...flags, "--data": `${flags["--data"]}x` }))
      yield* untilHealthy(http)
      const [raft = 0, other = 0] = yield* freePorts(2)
      const elsewhere = { ...flags, "--data": `${flags["--data"]}x`, "--http": `127.0.0.1:${other}` }
      const cluster = `n1=127.0.0.1:${raft}`
      assert.include(yield* refusal(...serve({ ...elsewhere, "--cluster": cluster })), "in use by another process")
      node.process.kill("SIGTERM")
      yield* node.ended
      const moved = yield* refusal(...serve({ ...elsewhere, "--cluster": cluster }))
      assert.include(moved, "belongs to node n1 of cluster kv, at ")
      const larger = { ...elsewhere, "--cluster": `${flags["--cluster"]},n2=127.0.0.1:${raft}` }
      assert.include(yield* refusal(...serve(larger)), `founded by ${flags["--cluster"]}, not to `)
      assert.include(yield* refusal(...serve({ ...elsewhere, "--name": "shop" })), "belongs to node n1 of cluster kv, ")
      const two = { ...elsewhere, "--id": "n2", "--cluster": `n2=127.0.0.1:${raft}` }
      assert.include(yield* refusal(...serve(two)), "belongs to node n1 of cluster")
    }))
})

describe("start", () => {
  it.live("runs three nodes, prints what works, and leaves nothing running", () =>
    Effect.gen(function*() {
      const directory = yield* Program.temporaryDirectory
      const [port = 0] = yield* freePorts(6)
      const args = ["start", "--data", directory, "--raft-port", String(port), "--http-port", String(port + 3)]
      const program = yield* Program.run(...args)
      yield* until(Effect.sync(program.stdout), (text) => text.includes("Ctrl-C"))
      const [url = ""] = /http:\/\/\S+\/kv\/greeting/.exec(program.stdout()) ?? []
      const { host, pathname } = new URL(url)

      assert.strictEqual((yield* ask(host, "PUT", pathname, "hello"))[0], 200)
      assert.lengthOf(program.stdout().match(/^ {2}curl .*$/gm) ?? [], 3)
      assert.include(program.stdout(), `http://${host}/\n`)
      assert.strictEqual((yield* refusal(...args)).split("\n").length, 2)

      program.process.kill("SIGINT")
      assert.deepStrictEqual([yield* program.ended, program.stderr()], [0, ""])
      for (const place of [3, 4, 5]) {
        const answer = yield* Effect.exit(request(`127.0.0.1:${port + place}`, "GET", "/health"))
        assert.strictEqual(answer._tag, "Failure")
      }
    }))
})
