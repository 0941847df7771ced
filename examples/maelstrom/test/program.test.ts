import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schedule } from "effect"
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import * as Flags from "../src/Flags.ts"
import * as Json from "../src/Json.ts"
import { Maelstrom, startTime } from "./Maelstrom.ts"

const run = join(import.meta.dirname, "../run.sh")

const codeOf = <A>(answer: Effect.Effect<A, { readonly code: number }>) =>
  Effect.match(answer, { onFailure: ({ code }) => code, onSuccess: () => undefined })

/** Asks again while nobody leads, or nobody knows: nothing here would do harm if it were done twice. */
const patiently = <A, E extends { readonly code: number }>(answer: Effect.Effect<A, E>) =>
  Effect.retry(answer, {
    schedule: Schedule.spaced("50 millis"),
    times: 200,
    while: ({ code }) => code === 11 || code === 0
  })

describe("the program", () => {
  it.live("says who may conclude what, on any node, and nothing but messages", () =>
    Effect.gen(function*() {
      const maelstrom = yield* Maelstrom.make({ seed: 1, ids: ["n0", "n1", "n2"] })
      const ask = (node: string, body: object) => maelstrom.ask("c1", node, { ...body })
      yield* maelstrom.startAll
      const key = { any: ["JSON", null] }

      const longest = "\u00fc".repeat(Json.maxLength - 2)

      yield* patiently(ask("n0", { type: "write", key, value: 1 }))
      yield* patiently(ask("n1", { type: "write", key: "long", value: longest }))
      for (const node of maelstrom.ids) {
        const asked = (body: object) => codeOf(patiently(ask(node, body)))
        assert.deepStrictEqual((yield* patiently(ask(node, { type: "read", key })))["value"], 1)
        assert.isTrue((yield* patiently(ask(node, { type: "read", key: "long" })))["value"] === longest)
        assert.strictEqual(yield* asked({ type: "read", key: "nobody wrote it" }), 20)
        assert.strictEqual(yield* asked({ type: "cas", key: 7, from: 1, to: 2 }), 20)
        assert.strictEqual(yield* asked({ type: "cas", key, from: "1", to: 2 }), 22)
        assert.strictEqual(yield* asked({ type: "cas", key, from: 1, to: 1 }), undefined)
        assert.strictEqual(yield* asked({ type: "txn", txn: [] }), 10)
        assert.strictEqual(yield* asked({ type: "write", key }), 12)
        assert.strictEqual(yield* asked({ type: "init", node_id: "n9", node_ids: ["n9"] }), 14)
      }

      assert.deepStrictEqual(maelstrom.violations, [])
    }), 120_000)

  it.live("outlives lines that make no sense, and ends with its input", () =>
    Effect.gen(function*() {
      const maelstrom = yield* Maelstrom.make({ seed: 1, ids: ["n0"] })
      yield* maelstrom.launch("n0")
      const nonsense = ["", "x", "{}", "null", `{"src":"c1","dest":"n0","body":{"type":"raft"}}`, "[".repeat(100_000)]
      for (const line of nonsense) maelstrom.write("n0", line)

      // Nobody has said yet who it is.
      assert.strictEqual(yield* codeOf(maelstrom.ask("c1", "n0", { type: "read", key: 1 }, startTime)), 11)
      assert.strictEqual(yield* codeOf(maelstrom.ask("c1", "n0", { type: "init", node_id: "n0" }, startTime)), 12)
      yield* maelstrom.ask("c1", "n0", { type: "init", node_id: "n0", node_ids: ["n0"] }, startTime)
      for (const line of nonsense) maelstrom.write("n0", line)
      yield* patiently(maelstrom.ask("c1", "n0", { type: "write", key: 1, value: 1 }))

      assert.strictEqual(yield* maelstrom.hangUp("n0"), 0)
      assert.deepStrictEqual(maelstrom.violations, [])
    }), 120_000)

  it.live("that is started wrongly says so on stderr alone, and ends with 2", () =>
    Effect.sync(() => {
      const { status, stderr, stdout } = spawnSync(run, ["--data"], { encoding: "utf8", input: "" })

      assert.deepStrictEqual([status, stdout, stderr], [2, "", "--data needs a directory\n"])
    }), 120_000)

  it.live("that cannot use its directory answers so, and ends with 1", () =>
    Effect.gen(function*() {
      const maelstrom = yield* Maelstrom.make({ seed: 1, ids: ["n0"], args: ["--data", run] })
      yield* maelstrom.launch("n0")

      const init = { type: "init", node_id: "n0", node_ids: ["n0"] }
      assert.strictEqual(yield* codeOf(maelstrom.ask("c1", "n0", init, startTime)), 13)

      assert.strictEqual(yield* maelstrom.hangUp("n0"), 1)
      assert.deepStrictEqual(maelstrom.violations, [])
    }), 120_000)

  it.live("that is to say much says it on stderr", () =>
    Effect.gen(function*() {
      const maelstrom = yield* Maelstrom.make({ seed: 1, ids: ["n0"], args: ["--verbose"] })
      yield* maelstrom.start("n0")
      yield* patiently(maelstrom.ask("c1", "n0", { type: "write", key: 1, value: 1 }))

      yield* maelstrom.hangUp("n0")

      assert.include(maelstrom.complaints.join(""), "leader")
      assert.deepStrictEqual(maelstrom.violations, [])
    }), 120_000)
})

describe("the command line", () => {
  it("names a directory or nothing", () => {
    const parse = (...args: ReadonlyArray<string>) => Result.getOrUndefined(Flags.parse(args))

    assert.deepStrictEqual(parse(), { directory: undefined, isVerbose: false })
    assert.deepStrictEqual(parse("--data", "a b"), { directory: "a b", isVerbose: false })
    assert.deepStrictEqual(parse("--verbose", "--data=--x=y"), { directory: "--x=y", isVerbose: true })
    for (
      const args of [["x"], ["--date", "x"], ["--data"], ["--data="], ["--data", "x", "y"], ["--data=x", "--data=y"], [
        "--verbose=1"
      ]]
    ) {
      assert.isUndefined(parse(...args), args.join(" "))
    }
  })
})
