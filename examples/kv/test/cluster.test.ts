import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { Busy } from "effect-raft/RaftError"
import * as Answer from "../src/Answer.ts"
import { ask, events, request, until } from "./Client.ts"
import * as Cluster from "./Cluster.ts"

interface Status {
  readonly id: string
  readonly role: string
  readonly leader: string | null
}

const statusOf = (http: string) => Effect.map(request(http, "GET", "/status"), ({ text }): Status => JSON.parse(text))

/** Three nodes that have agreed on who leads. */
const start = Effect.gen(function*() {
  const { network, nodes } = yield* Cluster.start(["n1", "n2", "n3"])
  const all = Effect.forEach(nodes, ({ http }) => statusOf(http))
  const statuses = yield* until(
    all,
    ([first, ...others]) => typeof first?.leader === "string" && others.every(({ leader }) => leader === first.leader)
  )
  const leader = nodes.find(({ id }) => id === statuses[0]?.leader)
  const followers = nodes.filter((node) => node !== leader)
  if (leader === undefined) return yield* Effect.die("nobody leads")
  return { network, leader, followers }
})

const requests = [
  ["PUT", "/kv/a", "1"],
  ["GET", "/kv/a", undefined],
  ["DELETE", "/kv/a", undefined],
  ["POST", "/kv/a/cas", `{"expect":null,"value":"1"}`],
  ["GET", "/kv?prefix=a", undefined]
] as const

describe("three nodes", () => {
  it.live("a follower refuses all five, and says where the leader's clients go", () =>
    Effect.gen(function*() {
      const { followers, leader } = yield* start
      const notLeader = { _tag: "NotLeader", leader: { id: leader.id, http: leader.http } }
      for (const { http } of followers) {
        for (const [method, path, body] of requests) {
          assert.deepStrictEqual(yield* ask(http, method, path, body), [421, notLeader], `${method} ${path}`)
        }
        assert.strictEqual((yield* request(http, "GET", "/health")).status, 200)
        const status = yield* statusOf(http)
        assert.deepStrictEqual([status.role, status.leader], ["follower", leader.id])
      }
    }))

  it.live("what was written on the leader is soon read on any node, stale", () =>
    Effect.gen(function*() {
      const { followers, leader } = yield* start
      const { index }: { readonly index: number } = JSON.parse(
        (yield* request(leader.http, "PUT", "/kv/a", { body: "1" })).text
      )
      for (const { http } of [leader, ...followers]) {
        yield* until(ask(http, "GET", "/kv/a?consistency=stale"), ([status]) => status === 200)
        assert.deepStrictEqual(yield* ask(http, "GET", "/kv/a?consistency=stale"), [200, { value: "1", index }])
        assert.deepStrictEqual(
          yield* ask(http, "GET", "/kv?consistency=stale"),
          [200, { entries: { a: "1" }, index }]
        )
      }
    }))

  it.live("what was written on the leader is read on any node that is told how fresh it must be", () =>
    Effect.gen(function*() {
      const { followers, leader } = yield* start
      for (const freshness of ["linearizable", "lease"]) {
        for (const { http } of [leader, ...followers]) {
          const { text } = yield* request(leader.http, "PUT", "/kv/a", { body: freshness })
          const { index }: { readonly index: number } = JSON.parse(text)

          const found = yield* ask(http, "GET", `/kv/a?consistency=${freshness}`)
          const listed = yield* ask(http, "GET", `/kv?consistency=${freshness}`)

          assert.deepStrictEqual(found, [200, { value: freshness, index }])
          assert.deepStrictEqual(listed, [200, { entries: { a: freshness }, index }])
        }
      }
    }))

  it.live("a read of a stated age is answered by a node that hears its leader, and refused by one that was cut off", () =>
    Effect.gen(function*() {
      const { followers: [follower], leader, network } = yield* start
      if (follower === undefined) return yield* Effect.die("nobody follows")
      yield* request(leader.http, "PUT", "/kv/a", { body: "1" })
      const stale = (maxAge: number) => ask(follower.http, "GET", `/kv/a?consistency=stale&max-age=${maxAge}`)
      yield* until(stale(400), ([status]) => status === 200)

      yield* network.isolate(follower.id)

      yield* until(stale(400), ([status]) => status === 421)
      assert.strictEqual((yield* stale(600_000))[0], 200)
    }))

  it.live("every node tells a watcher where all the others are", () =>
    Effect.gen(function*() {
      const { followers, leader } = yield* start
      const nodes = [leader, ...followers]
      for (const { http } of nodes) {
        const { text } = yield* events(http, (text) => nodes.every((node) => text.includes(node.http)))
        assert.isTrue(nodes.every(({ http, id }) => text.includes(JSON.stringify({ id, http }))))
      }
    }))

  it.live("a leader that is cut off does not know what became of a command, and then leads no longer", () =>
    Effect.gen(function*() {
      const { leader, network } = yield* start
      yield* network.isolate(leader.id)

      assert.deepStrictEqual(yield* ask(leader.http, "PUT", "/kv/a", "1"), [504, { _tag: "Unknown" }])

      yield* until(request(leader.http, "GET", "/health"), ({ status }) => status === 503)
      for (const [method, path, body] of requests) {
        const expected: readonly [number, unknown] = [421, { _tag: "NotLeader", leader: null }]
        assert.deepStrictEqual(yield* ask(leader.http, method, path, body), expected, `${method} ${path}`)
      }
      assert.strictEqual((yield* statusOf(leader.http)).leader, null)
      yield* network.heal
      yield* until(request(leader.http, "GET", "/health"), ({ status }) => status === 200)
    }))

  it.live("a node that stops hangs up on those who watch it, and is gone", () =>
    Effect.gen(function*() {
      const scope = yield* Effect.scope
      const { http, watcher } = yield* Effect.scoped(Effect.gen(function*() {
        const { http } = yield* Cluster.startOne()
        const watching = Effect.timeoutOption(events(http, () => false), "20 seconds")
        const watcher = yield* Effect.forkIn(watching, scope, { startImmediately: true })
        yield* events(http, (text) => text.includes("event: status"))
        return { http, watcher }
      }))
      // The stream is torn off: neither did it end well, nor did it go on until the watcher had enough.
      assert.isTrue(Exit.isFailure(yield* Fiber.await(watcher)))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(request(http, "GET", "/health"))))
    }))
})

describe("an answer", () => {
  it("to too many requests says when to come again, in whole seconds", () => {
    const answer = Answer.ofError(new Busy({ retryAfter: 1001 }), () => undefined)

    assert.deepStrictEqual([answer.status, answer.body, answer.headers["Retry-After"]], [503, `{"_tag":"Busy"}`, "2"])
    assert.strictEqual(Answer.ofError(new Busy({ retryAfter: 50 }), () => undefined).headers["Retry-After"], "1")
  })
})
