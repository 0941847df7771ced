import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { MembershipError, TransferError } from "effect-raft/RaftError"
import * as Answer from "../src/Answer.ts"
import { ask, request, until } from "./Client.ts"
import * as Cluster from "./Cluster.ts"

interface Status {
  readonly id: string
  readonly leader: string | null
  readonly members: ReadonlyArray<{ readonly id: string; readonly address: string; readonly role: string }>
}

const statusOf = (http: string) => Effect.map(request(http, "GET", "/status"), ({ text }): Status => JSON.parse(text))

/** `n1 n2 n3?`: the members as a node knows them; those with a question mark do not vote. */
const membersOf = (http: string) =>
  Effect.map(
    statusOf(http),
    ({ members }) => members.map(({ id, role }) => (role === "voter" ? id : `${id}?`)).join(" ")
  )

/** Two founders that have agreed on who leads, and one node more. */
const start = Effect.gen(function*() {
  const { nodes } = yield* Cluster.start(["n1", "n2"], { joining: ["n3"] })
  const [one, two, third] = nodes
  if (one === undefined || two === undefined || third === undefined) return yield* Effect.die("three nodes are needed")
  const both = Effect.forEach([one, two], ({ http }) => statusOf(http))
  const [found] = yield* until(both, ([a, b]) => typeof a?.leader === "string" && a.leader === b?.leader)
  const [leader, follower] = found?.leader === "n1" ? [one, two] : [two, one]
  yield* ask(leader.http, "PUT", "/kv/a", "1")
  return { leader, follower, third }
})

const n3 = (role: string) => JSON.stringify({ id: "n3", address: "host:3", role })

const indexOf = (answer: readonly [number, unknown]) => {
  assert.deepStrictEqual([answer[0], Object.keys(Object(answer[1]))], [200, ["index"]])
  return Number(Object(answer[1]).index)
}

describe("members", () => {
  it.live("are added as learners, promoted, and removed; each answer names the entry that did it", () =>
    Effect.gen(function*() {
      const { leader, third } = yield* start

      const added = indexOf(yield* ask(leader.http, "POST", "/admin/members", n3("learner")))
      assert.strictEqual(yield* membersOf(leader.http), "n1 n2 n3?")
      assert.deepInclude((yield* statusOf(leader.http)).members, { id: "n3", address: "host:3", role: "learner" })
      yield* until(ask(third.http, "GET", "/kv/a?consistency=stale"), ([status]) => status === 200)
      const promoted = indexOf(yield* ask(leader.http, "POST", "/admin/members/n3/promote"))
      yield* until(membersOf(third.http), (members) => members === "n1 n2 n3")
      const removed = indexOf(yield* ask(leader.http, "DELETE", "/admin/members/n3"))
      yield* until(membersOf(third.http), (members) => members === "n1 n2")

      assert.isTrue(added < promoted && promoted < removed, `${added} ${promoted} ${removed}`)
    }))

  it.live("are added as voters in one request, under names that have to be percent-encoded in a path", () =>
    Effect.gen(function*() {
      const { leader, third } = yield* start
      indexOf(yield* ask(leader.http, "POST", "/admin/members", n3("voter")))
      yield* until(membersOf(third.http), (members) => members === "n1 n2 n3")

      const name = "a/b ü%"
      const body = JSON.stringify({ id: name, address: "host:4", role: "learner" })
      indexOf(yield* ask(leader.http, "POST", "/admin/members", body))
      indexOf(yield* ask(leader.http, "DELETE", `/admin/members/${encodeURIComponent(name)}`))
    }))

  it.live("are changed only if nobody changed them meanwhile, if the request says so", () =>
    Effect.gen(function*() {
      const { leader } = yield* start
      const index = indexOf(yield* ask(leader.http, "POST", "/admin/members?expected=0", n3("learner")))

      const stale = yield* ask(leader.http, "DELETE", "/admin/members/n3?expected=0")
      const detail = `the membership in force is that of entry ${index}`
      assert.deepStrictEqual(stale, [409, { _tag: "MembershipError", reason: "Stale", detail }])
      indexOf(yield* ask(leader.http, "DELETE", `/admin/members/n3?expected=${index}`))
    }))

  it.live("are left alone by what makes no sense", () =>
    Effect.gen(function*() {
      const { leader: { http } } = yield* start
      const again = JSON.stringify({ id: "n1", address: "host:1", role: "voter" })
      const invalid = { _tag: "MembershipError", reason: "Invalid", detail: "n1 is a member already" }
      assert.deepStrictEqual(yield* ask(http, "POST", "/admin/members", again), [400, invalid])
      for (const [method, path] of [["POST", "/admin/members/n9/promote"], ["DELETE", "/admin/members/n9"]] as const) {
        assert.deepStrictEqual(yield* ask(http, method, path), [404, { _tag: "MemberNotFound" }])
      }
      const bodies = [
        "",
        "{",
        "[]",
        `{"id":"n3","address":"host:3"}`,
        `{"id":"n3","address":"host:3","role":"king"}`,
        `{"id":"n3","address":"host","role":"voter"}`,
        `{"id":"n3","address":"host:0","role":"voter"}`,
        `{"id":"","address":"host:3","role":"voter"}`,
        `{"id":"\\ud800","address":"host:3","role":"voter"}`,
        `{"id":"${"n".repeat(256)}","address":"host:3","role":"voter"}`
      ]
      for (const body of bodies) {
        const [status, answer] = yield* ask(http, "POST", "/admin/members", body)
        assert.deepStrictEqual([status, Object(answer)._tag], [400, "BadRequest"], body)
      }
      assert.strictEqual((yield* ask(http, "POST", "/admin/members", "x".repeat(20_000)))[0], 413)
      assert.strictEqual((yield* ask(http, "DELETE", "/admin/members/n2?expected=x"))[0], 400)
      assert.strictEqual((yield* ask(http, "DELETE", "/admin/members/%ff"))[0], 400)
      assert.strictEqual(yield* membersOf(http), "n1 n2")
    }))
})

describe("leadership", () => {
  it.live("is handed over, and the answer names who leads now", () =>
    Effect.gen(function*() {
      const { follower, leader } = yield* start

      const answer = yield* ask(leader.http, "POST", "/admin/transfer", JSON.stringify({ to: follower.id }))

      assert.deepStrictEqual(answer, [200, { leader: follower.id }])
      assert.strictEqual((yield* ask(follower.http, "PUT", "/kv/a", "2"))[0], 200)
      assert.strictEqual((yield* ask(leader.http, "PUT", "/kv/a", "3"))[0], 421)
    }))

  it.live("stays where it is when nobody else could have it", () =>
    Effect.gen(function*() {
      const { leader: { http, id } } = yield* start
      yield* ask(http, "POST", "/admin/members", n3("learner"))
      const to = (name: string) => ask(http, "POST", "/admin/transfer", JSON.stringify({ to: name }))

      assert.deepStrictEqual(yield* to(id), [200, { leader: id }])
      for (const name of ["n3", "n9"]) {
        assert.deepStrictEqual(yield* to(name), [400, { _tag: "TransferError", reason: "NotVoter" }])
      }
      assert.strictEqual((yield* ask(http, "POST", "/admin/transfer", `{"to":1}`))[0], 400)
      assert.strictEqual((yield* ask(http, "PUT", "/kv/a", "2"))[0], 200)
    }))
})

describe("a snapshot", () => {
  it.live("is taken of the leader's state, and the answer names the entry that it goes up to", () =>
    Effect.gen(function*() {
      const { leader: { http } } = yield* start
      const { index: written }: { readonly index: number } = JSON.parse(
        (yield* request(http, "PUT", "/kv/b", { body: "2" })).text
      )

      const index = indexOf(yield* ask(http, "POST", "/admin/snapshot"))

      assert.isAtLeast(index, written)
      const [, explained] = yield* ask(http, "GET", "/admin/explain")
      assert.strictEqual(Object(explained).log.snapshot, index)
    }))
})

describe("an operator", () => {
  it.live("gives up a transfer, also when there is none", () =>
    Effect.gen(function*() {
      const { leader: { http } } = yield* start

      assert.deepStrictEqual(yield* ask(http, "DELETE", "/admin/transfer"), [200, {}])
    }))

  it.live("adds a witness with words about it, and is told of a priority that is none", () =>
    Effect.gen(function*() {
      const { leader: { http } } = yield* start
      const member = { id: "n3", address: "host:3", role: "learner", metadata: { zone: "c" }, isWitness: true }
      const add = (body: object) => ask(http, "POST", "/admin/members", JSON.stringify(body))

      assert.strictEqual((yield* add({ ...member, priority: -1 }))[0], 400)
      indexOf(yield* add({ ...member, priority: 2 }))

      assert.deepStrictEqual((yield* statusOf(http)).members.at(-1), { id: "n3", address: "host:3", role: "learner" })
    }))

  it.live("is sent to the leader by every other node, whatever is asked", () =>
    Effect.gen(function*() {
      const { follower, leader, third } = yield* start
      const requests = [
        ["POST", "/admin/members", n3("voter")],
        ["POST", "/admin/members/n3/promote", undefined],
        ["DELETE", "/admin/members/n3", undefined],
        ["POST", "/admin/transfer", `{"to":"n1"}`],
        ["DELETE", "/admin/transfer", undefined],
        ["POST", "/admin/snapshot", undefined]
      ] as const
      for (const [method, path, body] of requests) {
        const notLeader = { _tag: "NotLeader", leader: { id: leader.id, http: leader.http } }
        assert.deepStrictEqual(yield* ask(follower.http, method, path, body), [421, notLeader], `${method} ${path}`)
        const nobody = { _tag: "NotLeader", leader: null }
        assert.deepStrictEqual(yield* ask(third.http, method, path, body), [421, nobody], `${method} ${path}`)
      }
    }))

  it.live("is told which methods there are", () =>
    Effect.gen(function*() {
      const { leader: { http } } = yield* start
      for (
        const [path, allowed] of [
          ["/admin/members", "POST"],
          ["/admin/transfer", "POST, DELETE"],
          ["/admin/snapshot", "POST"],
          ["/admin/members/n1", "DELETE"],
          ["/admin/members/n1/promote", "POST"]
        ] as const
      ) {
        const { headers, status } = yield* request(http, "PUT", path)
        assert.deepStrictEqual([status, headers["allow"]], [405, allowed])
      }
      for (const path of ["/admin/", "/admin/members/", "/admin/members/n1/demote", "/admin/nothing"]) {
        assert.strictEqual((yield* request(http, "POST", path)).status, 404)
      }
    }))
})

describe("an answer", () => {
  it("to what an operator asked has a status for each reason", () => {
    const statusOf = (error: MembershipError | TransferError) => Answer.ofError(error, () => undefined).status
    const change = (reason: MembershipError["reason"]) => statusOf(new MembershipError({ reason, detail: "" }))
    const transfer = (reason: TransferError["reason"]) => statusOf(new TransferError({ reason }))

    assert.deepStrictEqual([change("Pending"), change("Stale"), change("Invalid")], [409, 409, 400])
    assert.deepStrictEqual([transfer("NotVoter"), transfer("Superseded"), transfer("Timeout")], [400, 409, 504])
  })
})
