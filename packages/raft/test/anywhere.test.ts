import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option } from "effect"
import { TestClock } from "effect/testing"
import * as TestNodes from "./TestNodes.ts"

const { bytes, elapse, result, seeded } = TestNodes

const others = (nodes: TestNodes.TestNodes, leader: TestNodes.Node): ReadonlyArray<TestNodes.Node> =>
  nodes.running().filter(({ id }) => id !== leader.id)

const follower = (nodes: TestNodes.TestNodes, leader: TestNodes.Node): TestNodes.Node =>
  others(nodes, leader)[0] ?? assert.fail("there is nobody else")

describe("a read on a node that does not lead", () => {
  it.effect("sees everything that was acknowledged before it, before the node had heard that it was committed", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* nodes.awaitLeader
      for (const consistency of ["linearizable", "lease"] as const) {
        for (const node of others(nodes, leader)) {
          const before = leader.applied.length
          assert.deepStrictEqual(yield* result(leader.raft.propose(bytes("a"))), Exit.succeed(before + 1))

          assert.deepStrictEqual(yield* result(node.raft.read("count", { consistency })), Exit.succeed(before + 1))
        }
      }
    })))

  it.effect("waits until what it must see is on this node's disk, and applied", () =>
    seeded(Effect.gen(function*() {
      const slow = new Set<string>()
      const nodes = yield* TestNodes.make({
        storage: (id, storage) => ({
          ...storage,
          write: (writes) =>
            Effect.andThen(Effect.suspend(() => Effect.sleep(slow.has(id) ? 300 : 0)), storage.write(writes))
        })
      })
      const leader = yield* nodes.awaitLeader
      const node = follower(nodes, leader)
      slow.add(node.id)
      assert.deepStrictEqual(yield* result(leader.raft.propose(bytes("a"))), Exit.succeed(1))

      const read = yield* elapse(node.raft.read("count"), 1000)

      assert.deepStrictEqual(read, Exit.succeed(1))
      slow.clear()
    })))

  it.effect("is asked again of the next leader when the first one dies", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* nodes.awaitLeader
      yield* result(leader.raft.propose(bytes("a")))
      const node = follower(nodes, leader)
      yield* nodes.network.cut(node.id, leader.id)

      const read = yield* Effect.forkChild(node.raft.read("count"), { startImmediately: true })
      yield* nodes.stop(leader.id)
      yield* nodes.network.heal

      const answer = yield* nodes.until(Effect.sync(() => Option.fromUndefinedOr(read.pollUnsafe())))
      assert.deepStrictEqual(answer, Exit.succeed(1))
    })))

  it.effect("is asked again when the question was lost", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* nodes.awaitLeader
      yield* result(leader.raft.propose(bytes("a")))
      const node = follower(nodes, leader)
      yield* nodes.network.cut(node.id, leader.id)
      const read = yield* Effect.forkChild(node.raft.read("count"), { startImmediately: true })
      yield* TestClock.adjust(50)
      assert.isUndefined(read.pollUnsafe())

      yield* nodes.network.heal

      assert.deepStrictEqual(yield* elapse(Fiber.join(read), 300), Exit.succeed(1))
    })))

  it.effect("has no answer while nobody leads, and says so", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* nodes.awaitLeader
      const node = follower(nodes, leader)
      yield* nodes.network.isolate(node.id)
      yield* TestClock.adjust(2000)

      const error = yield* result(Effect.flip(node.raft.read("count")))

      assert.isTrue(Exit.isSuccess(error) && error.value._tag === "NotLeader" && error.value.leader === undefined)
    })))
})

describe("a stale read", () => {
  it.effect("of a stated age is answered by a node that hears its leader, and not by one that was cut off for longer", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* nodes.awaitLeader
      yield* result(leader.raft.propose(bytes("a")))
      const node = follower(nodes, leader)
      const ask = (maxAge: number) => node.raft.read("count", { consistency: "stale", maxAge })
      yield* TestClock.adjust(500)
      assert.deepStrictEqual(yield* result(ask(200)), Exit.succeed(1))

      yield* nodes.network.isolate(node.id)
      yield* TestClock.adjust(300)

      assert.deepStrictEqual(yield* result(ask(1000)), Exit.succeed(1))
      const error = yield* result(Effect.flip(ask(200)))
      assert.isTrue(Exit.isSuccess(error) && error.value._tag === "NotLeader")
      assert.deepStrictEqual(yield* result(node.raft.read("count", { consistency: "stale" })), Exit.succeed(1))
    })))

  it.effect("of a stated age is not answered by a leader that no majority confirms", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* nodes.awaitLeader
      yield* TestClock.adjust(500)
      const ask = leader.raft.read("count", { consistency: "stale", maxAge: 200 })
      assert.isTrue(Exit.isSuccess(yield* result(ask)))

      yield* nodes.network.isolate(leader.id)
      yield* TestClock.adjust(300)

      assert.strictEqual((yield* leader.raft.status).role, "leader")
      assert.isTrue(Exit.isFailure(yield* result(ask)))
    })))
})
