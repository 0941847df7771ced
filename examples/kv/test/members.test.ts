import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { join } from "node:path"
import { freePorts } from "../../../test/freePorts.ts"
import { ask, request, until } from "./Client.ts"
import * as Program from "./Program.ts"

interface Place {
  readonly id: string
  readonly raft: string
  readonly http: string
}

interface Status {
  readonly role: string
  readonly leader: string | null
  readonly members: ReadonlyArray<{ readonly id: string; readonly address: string; readonly role: string }>
}

/** A name, two ports and a directory for each of four nodes. */
const places = Effect.gen(function*() {
  const directory = yield* Program.temporaryDirectory
  const ports = yield* freePorts(8)
  const placeOf = (place: number): Place => ({
    id: `n${place + 1}`,
    raft: `127.0.0.1:${ports[place]}`,
    http: `127.0.0.1:${ports[place + 4]}`
  })
  return { directory, founders: [0, 1, 2].map(placeOf), joiner: placeOf(3) }
})

const statusOf = ({ http }: Place) =>
  Effect.map(request(http, "GET", "/status"), ({ text }): Status => JSON.parse(text))

/** Waits until one of them leads and all of them know. */
const leaderOf = (nodes: ReadonlyArray<Place>) =>
  Effect.map(
    until(
      Effect.forEach(nodes, statusOf),
      ([first, ...others]) =>
        nodes.some(({ id }) => id === first?.leader) && others.every(({ leader }) => leader === first?.leader)
    ),
    ([first]) => nodes.find(({ id }) => id === first?.leader) ?? assert.fail("nobody leads")
  )

const membersOf = (node: Place) => Effect.map(statusOf(node), ({ members }) => members.map(({ id }) => id).join(" "))

/** Writes to whoever leads, each key once, without pause; notes what was acknowledged. */
const write = Effect.fnUntraced(function*(nodes: ReadonlyArray<Place>, acknowledged: Array<string>) {
  let at = 0
  for (let turn = 0;; turn++) {
    const http = nodes[at % nodes.length]?.http ?? ""
    const answer = yield* Effect.option(request(http, "PUT", `/kv/key-${turn}`, { body: `${turn}` }))
    if (answer._tag === "Some" && answer.value.status === 200) acknowledged.push(`key-${turn}`)
    else at++
    yield* Effect.sleep(2)
  }
})

describe("processes", () => {
  it.live(
    "take in a fourth node, go on without their leader, and hand over, and nothing is lost",
    () =>
      Effect.gen(function*() {
        const { directory, founders, joiner } = yield* places
        const cluster = founders.map(({ id, raft }) => `${id}=${raft}`).join()
        const run = ({ http, id }: Place, ...flags: ReadonlyArray<string>) =>
          Program.run("serve", "--id", id, "--data", join(directory, id), "--http", http, ...flags)
        const programs = yield* Effect.forEach(founders, (node) => run(node, "--cluster", cluster))
        const first = yield* leaderOf(founders)
        const acknowledged: Array<string> = []
        const writer = yield* Effect.forkChild(write([...founders, joiner], acknowledged))
        const more = Effect.suspend(() => {
          const goal = acknowledged.length + 20
          return until(Effect.sync(() => acknowledged.length), (count) => count >= goal)
        })
        yield* more

        // One joins.
        const joining = ["--join", "--cluster", `${joiner.id}=${joiner.raft}`]
        const fourth = yield* run(joiner, ...joining)
        yield* until(Effect.sync(fourth.stdout), (text) => text.includes("serves"))
        const body = JSON.stringify({ id: joiner.id, address: joiner.raft, role: "voter" })
        assert.strictEqual((yield* ask(first.http, "POST", "/admin/members", body))[0], 200)
        yield* until(membersOf(joiner), (members) => members === "n1 n2 n3 n4")

        // The leader goes.
        assert.strictEqual((yield* ask(first.http, "DELETE", `/admin/members/${first.id}`))[0], 200)
        const rest = [...founders.filter((node) => node !== first), joiner]
        const second = yield* leaderOf(rest)
        assert.strictEqual((yield* statusOf(first)).role, "follower")
        const removed = programs[founders.indexOf(first)] ?? fourth
        removed.process.kill("SIGTERM")
        assert.strictEqual(yield* removed.ended, 0)
        yield* more

        // Another leads.
        const third = rest.find((node) => node !== second) ?? joiner
        const transfer = yield* ask(second.http, "POST", "/admin/transfer", JSON.stringify({ to: third.id }))
        assert.deepStrictEqual(transfer, [200, { leader: third.id }])
        yield* more
        yield* Fiber.interrupt(writer)

        // All of them start again, as they were started.
        for (const program of [fourth, ...programs]) program.process.kill("SIGKILL")
        yield* Effect.forEach([fourth, ...programs], ({ ended }) => ended)
        for (const node of rest) yield* node === joiner ? run(node, ...joining) : run(node, "--cluster", cluster)
        const last = yield* leaderOf(rest)
        const [, listed] = yield* until(ask(last.http, "GET", "/kv?prefix=key-"), ([status]) => status === 200)
        const { entries }: { readonly entries: Readonly<Record<string, string>> } = Object(listed)
        assert.deepStrictEqual(acknowledged.filter((key) => entries[key] !== key.slice(4)), [])
        assert.strictEqual(yield* membersOf(last), rest.map(({ id }) => id).sort().join(" "))
      }),
    90_000
  )
})
