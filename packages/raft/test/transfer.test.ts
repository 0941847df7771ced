import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { TestClock } from "effect/testing"
import * as TestClients from "./TestClients.ts"
import * as TestNodes from "./TestNodes.ts"

const { bytes, member, result, seeded } = TestNodes

/** A leader that has committed something, and another voter. */
const settled = Effect.fnUntraced(function*(nodes: TestNodes.TestNodes) {
  const leader = yield* nodes.awaitLeader
  yield* result(leader.raft.propose(bytes("first")))
  const other = nodes.running().find((node) => node.id !== leader.id) ?? leader
  return { leader, other }
})

/** How a transfer failed: the error's tag and reason. */
const refusal = Effect.fnUntraced(function*(node: TestNodes.Node, to: string) {
  const exit = yield* result(Effect.flip(node.raft.transfer(to)))
  if (Exit.isFailure(exit)) return assert.fail(`${exit.cause}`)
  const error = exit.value
  return error._tag === "TransferError" ? error.reason : error._tag
})

describe("a transfer", () => {
  it.effect("to a follower under load names it as the leader, and no acknowledged write is lost", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const { leader, other } = yield* settled(nodes)
      const { term } = yield* leader.raft.status
      const clients = yield* TestClients.start(nodes)
      yield* TestClock.adjust(500)
      const before = clients.acknowledged.length

      const exit = yield* result(leader.raft.transfer(other.id))
      yield* TestClock.adjust(500)

      assert.deepStrictEqual(exit, Exit.succeed(other.id))
      assert.strictEqual((yield* other.raft.status).term, term + 1)
      assert.isAbove(before, 0)
      assert.isAbove(clients.acknowledged.length, before)
      assert.isTrue(clients.refusals.every((tag) => tag === "NotLeader" || tag === "Busy"), clients.refusals.join(" "))
      yield* clients.settle(["n1", "n2", "n3"])
    })))

  it.effect("takes no election timeout: the successor does not wait", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const { leader, other } = yield* settled(nodes)

      const exit = yield* TestNodes.elapse(leader.raft.transfer(other.id), 100)

      assert.deepStrictEqual(exit, Exit.succeed(other.id))
    })))

  it.effect("goes from node to node ten times in a row, one term each, while clients write", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const { leader: first } = yield* settled(nodes)
      const { term } = yield* first.raft.status
      const clients = yield* TestClients.start(nodes)
      for (let round = 0; round < 10; round++) {
        const { leader, other } = yield* settled(nodes)
        assert.deepStrictEqual(yield* result(leader.raft.transfer(other.id)), Exit.succeed(other.id))
      }

      const last = yield* nodes.awaitLeader
      assert.strictEqual((yield* last.raft.status).term, term + 10)
      yield* Effect.forEach(
        ["n1", "n2", "n3"],
        (id) => Effect.sync(() => assert.isAbove(nodes.get(id).applied.length, 10))
      )
      assert.isTrue(clients.refusals.every((tag) => tag === "NotLeader" || tag === "Busy"), clients.refusals.join(" "))
    })))

  it.effect("waits for a follower that has fallen behind", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({ config: { maxEntriesPerMessage: 4, maxEntriesInFlight: 8 } })
      const { leader, other } = yield* settled(nodes)
      yield* nodes.stop(other.id)
      const words = Array.from({ length: 100 }, (_, place) => `${place}`)
      yield* result(Effect.forEach(words, (word) => leader.raft.propose(bytes(word)), { concurrency: "unbounded" }))
      yield* nodes.start(other.id)

      const exit = yield* result(leader.raft.transfer(other.id))
      yield* TestClock.adjust(1000)

      assert.deepStrictEqual(exit, Exit.succeed(other.id))
      assert.deepStrictEqual(nodes.get(other.id).applied, ["first", ...words])
    })))

  it.effect("to the leader itself is done at once, and changes nothing", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const { leader } = yield* settled(nodes)
      const before = yield* leader.raft.status

      const exit = yield* result(leader.raft.transfer(leader.id))

      assert.deepStrictEqual(exit, Exit.succeed(leader.id))
      assert.deepStrictEqual(yield* leader.raft.status, before)
    })))

  it.effect("is refused to a learner, to a stranger, and by a node that does not lead", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const { leader, other } = yield* settled(nodes)
      yield* nodes.start("n4")
      yield* result(leader.raft.changeMembership({ _tag: "AddLearner", member: member("n4") }))

      assert.strictEqual(yield* refusal(leader, "n4"), "NotVoter")
      assert.strictEqual(yield* refusal(leader, "n9"), "NotVoter")
      assert.strictEqual(yield* refusal(other, leader.id), "NotLeader")
      assert.strictEqual((yield* nodes.awaitLeader).id, leader.id)
    })))

  it.effect("to a node that is dead gives up after requestTimeout, and this node goes on serving", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({ config: { requestTimeout: 2000 } })
      const { leader, other } = yield* settled(nodes)
      const { term } = yield* leader.raft.status
      yield* nodes.stop(other.id)

      const early = yield* TestNodes.elapse(Effect.timeoutOption(leader.raft.transfer(other.id), 1900), 1900)
      yield* TestClock.adjust(200) // The first wish is given up; until then a second one would be told to wait.
      const reason = yield* refusal(leader, other.id)
      const written = yield* result(leader.raft.propose(bytes("second")))
      const seen = yield* result(leader.raft.read("count"))

      assert.isTrue(Exit.isSuccess(early) && early.value._tag === "None")
      assert.strictEqual(reason, "Timeout")
      assert.deepStrictEqual([written, seen], [Exit.succeed(2), Exit.succeed(2)])
      assert.deepStrictEqual([(yield* leader.raft.status).role, (yield* leader.raft.status).term], ["leader", term])
    })))

  it.effect("to a node that dies right after it was asked gives up as well, and the leader goes on", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({ config: { requestTimeout: 2000 } })
      const { leader, other } = yield* settled(nodes)
      yield* nodes.network.cut(leader.id, other.id)

      const reason = yield* refusal(leader, other.id)
      const written = yield* result(leader.raft.propose(bytes("second")))

      assert.strictEqual(reason, "Timeout")
      assert.deepStrictEqual(written, Exit.succeed(2))
    })))

  it.effect("is superseded by a later one that comes before the successor was asked", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const { leader, other } = yield* settled(nodes)
      const third = nodes.running().find((node) => node !== leader && node !== other) ?? leader
      yield* nodes.stop(other.id)
      yield* result(leader.raft.propose(bytes("second")))

      const both = yield* result(
        Effect.all([Effect.flip(leader.raft.transfer(other.id)), leader.raft.transfer(third.id)], {
          concurrency: "unbounded"
        })
      )

      if (Exit.isFailure(both)) return assert.fail(`${both.cause}`)
      const [error, led] = both.value
      assert.isTrue(error._tag === "TransferError" && error.reason === "Superseded")
      assert.strictEqual(led, third.id)
    })))

  it.effect("refuses changes of membership while it is under way, and is followed by them", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({ config: { requestTimeout: 2000 } })
      const { leader, other } = yield* settled(nodes)
      yield* nodes.stop(other.id)
      yield* Effect.forkChild(Effect.exit(leader.raft.transfer(other.id)), { startImmediately: true })
      const add = leader.raft.changeMembership({ _tag: "AddLearner", member: member("n4") })

      const early = yield* result(Effect.flip(add))
      yield* TestClock.adjust(2000)
      const later = yield* result(add)

      assert.isTrue(Exit.isSuccess(early) && early.value._tag === "MembershipError" && early.value.reason === "Pending")
      assert.isTrue(Exit.isSuccess(later))
    })))
})
