import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Option, Stream } from "effect"
import { Failed, StorageError } from "effect-raft/Storage"
import { TestClock } from "effect/testing"
import * as TestNodes from "./TestNodes.ts"

const { bytes, elapse, seeded } = TestNodes

describe("propose", () => {
  it.effect("answers what applying answered, and every node applies the same", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* nodes.awaitLeader

      const replies = yield* elapse(Effect.forEach(["a", "b", "c"], (word) => leader.raft.propose(bytes(word))), 1000)

      assert.deepStrictEqual(replies, Exit.succeed([1, 2, 3]))
      yield* TestClock.adjust(1000)
      for (const node of nodes.running()) assert.deepStrictEqual(node.applied, ["a", "b", "c"])
    })))

  it.effect("fails on a follower with the leader's name, and nothing happens", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* nodes.awaitLeader
      const follower = nodes.running().find((node) => node.id !== leader.id) ?? leader

      const error = yield* elapse(Effect.flip(follower.raft.propose(bytes("a"))), 100)

      assert.isTrue(Exit.isSuccess(error) && error.value._tag === "NotLeader" && error.value.leader === leader.id)
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(leader.applied, [])
    })))

  it.effect("applies the commands of one caller in the order in which it proposed them", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* nodes.awaitLeader
      const words = Array.from({ length: 500 }, (_, place) => `${place}`)

      yield* elapse(
        Effect.forEach(words, (word) => leader.raft.propose(bytes(word)), { concurrency: "unbounded" }),
        2000
      )

      assert.deepStrictEqual(leader.applied, words)
    })))

  it.effect("fails with Unknown when no outcome is seen in time, and the command may still happen", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* nodes.awaitLeader
      yield* nodes.network.isolate(leader.id)
      const { last } = yield* leader.raft.status

      const error = yield* elapse(Effect.flip(leader.raft.propose(bytes("a"))), 6000)

      assert.isTrue(Exit.isSuccess(error) && error.value._tag === "Unknown" && error.value.position?.index === last + 1)
      assert.strictEqual((yield* leader.raft.status).role === "leader", false)
    })))

  it.effect("fails with Busy when too many wait, and what was refused does not happen", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({ config: { maxRequests: 10 } })
      const leader = yield* nodes.awaitLeader
      const words = Array.from({ length: 25 }, (_, place) => `${place}`)

      const results = yield* elapse(
        Effect.forEach(words, (word) => Effect.result(leader.raft.propose(bytes(word))), { concurrency: "unbounded" }),
        1000
      )

      assert.isTrue(Exit.isSuccess(results))
      if (Exit.isFailure(results)) return
      const refused = results.value.filter((result) => result._tag === "Failure" && result.failure._tag === "Busy")
      assert.strictEqual(refused.length, 15)
      assert.deepStrictEqual(leader.applied, words.slice(0, 10))
    })))

  it.effect("goes on when its caller is interrupted: only the answer is lost", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* nodes.awaitLeader

      const caller = yield* Effect.forkChild(leader.raft.propose(bytes("a")), { startImmediately: true })
      yield* Fiber.interrupt(caller)
      yield* TestClock.adjust(1000)

      for (const node of nodes.running()) assert.deepStrictEqual(node.applied, ["a"])
    })))

  it.effect("never hands a deposed leader's caller the answer to another's command", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const old = yield* nodes.awaitLeader
      yield* nodes.network.isolate(old.id)
      const lost = yield* Effect.forkChild(Effect.result(old.raft.propose(bytes("lost"))), { startImmediately: true })
      const others = nodes.running().filter((node) => node.id !== old.id)
      const leader = yield* nodes.until(Effect.gen(function*() {
        for (const node of others) if ((yield* node.raft.status).role === "leader") return Option.some(node)
        return Option.none()
      }))
      yield* elapse(leader.raft.propose(bytes("kept")), 1000)

      yield* nodes.network.heal
      yield* TestClock.adjust(2000)
      const outcome = yield* Fiber.join(lost)

      assert.isTrue(outcome._tag === "Failure" && outcome.failure._tag === "NotLeader")
      assert.deepStrictEqual(old.applied, ["kept"])
    })))
})

describe("read", () => {
  it.effect("sees everything that was acknowledged before it", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* nodes.awaitLeader

      yield* elapse(leader.raft.propose(bytes("a")), 100)
      const seen = yield* elapse(leader.raft.read("count"), 100)

      assert.deepStrictEqual(seen, Exit.succeed(1))
    })))

  it.effect("is refused by a leader that has been cut off, and answered stale by anyone", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* nodes.awaitLeader
      yield* elapse(leader.raft.propose(bytes("a")), 100)
      yield* nodes.network.isolate(leader.id)

      const linearizable = yield* elapse(Effect.flip(leader.raft.read("count")), 3000)
      const stale = yield* elapse(leader.raft.read("count", { consistency: "stale" }), 100)

      assert.isTrue(Exit.isSuccess(linearizable) && linearizable.value._tag === "NotLeader")
      assert.deepStrictEqual(stale, Exit.succeed(1))
    })))

  it.effect("by lease is answered without asking anyone, and by a leader that was cut off no longer than that", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* nodes.awaitLeader
      yield* elapse(leader.raft.propose(bytes("a")), 500)
      yield* nodes.network.isolate(leader.id)

      const within = yield* elapse(leader.raft.read("count", { consistency: "lease" }), 1)
      yield* TestClock.adjust(450)
      const after = yield* elapse(Effect.flip(leader.raft.read("count", { consistency: "lease" })), 3000)

      assert.deepStrictEqual(within, Exit.succeed(1))
      assert.isTrue(Exit.isSuccess(after) && after.value._tag === "NotLeader")
    })))

  it.effect("fails its own caller when the query throws, and nobody else", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* nodes.awaitLeader

      const thrown = yield* elapse(leader.raft.read("nonsense"), 100)
      const other = yield* elapse(leader.raft.read("count"), 100)

      assert.isTrue(Exit.hasDies(thrown))
      assert.deepStrictEqual(other, Exit.succeed(0))
      assert.strictEqual((yield* leader.raft.status).stopped, undefined)
    })))
})

describe("a node", () => {
  it.effect("stops itself when its disk fails, and the others go on with everything acknowledged", () =>
    seeded(Effect.gen(function*() {
      let broken = ""
      const cause = new StorageError({ reason: new Failed({ operation: "write", path: "disk", cause: "EIO" }) })
      const nodes = yield* TestNodes.make({
        storage: (id, storage) => ({
          ...storage,
          write: (writes) => id === broken ? Effect.fail(cause) : storage.write(writes)
        })
      })
      const leader = yield* nodes.awaitLeader
      yield* elapse(leader.raft.propose(bytes("a")), 100)

      broken = leader.id
      const error = yield* elapse(Effect.flip(leader.raft.propose(bytes("b"))), 1000)

      assert.isTrue(Exit.isSuccess(error) && error.value._tag === "Fatal" && error.value.reason === "Storage")
      assert.strictEqual((yield* leader.raft.stopped).reason, "Storage")
      assert.strictEqual((yield* Effect.flip(leader.raft.propose(bytes("c"))))._tag, "Fatal")
      yield* nodes.stop(leader.id)
      const next = yield* nodes.awaitLeader
      yield* elapse(next.raft.propose(bytes("d")), 1000)
      assert.strictEqual(next.applied[0], "a")
      assert.strictEqual(next.applied.at(-1), "d")
    })))

  it.effect("hands over when its disk does not answer, and everyone goes on", () =>
    seeded(Effect.gen(function*() {
      let stuck = ""
      const nodes = yield* TestNodes.make({
        storage: (id, storage) => ({
          ...storage,
          write: (writes) => Effect.andThen(id === stuck ? Effect.sleep(10_000) : Effect.void, storage.write(writes))
        })
      })
      const leader = yield* nodes.awaitLeader
      yield* elapse(leader.raft.propose(bytes("a")), 100)

      stuck = leader.id
      const waiting = yield* Effect.forkChild(leader.raft.propose(bytes("b")), { startImmediately: true })
      yield* TestClock.adjust(2500)

      const others = nodes.running().filter((node) => node.id !== leader.id)
      const next = yield* nodes.until(Effect.gen(function*() {
        for (const node of others) if ((yield* node.raft.status).role === "leader") return Option.some(node)
        return Option.none()
      }))
      assert.isTrue(Exit.isSuccess(yield* elapse(next.raft.propose(bytes("c")), 500)))
      assert.deepStrictEqual(next.applied, ["a", "b", "c"])
      stuck = ""
      yield* TestClock.adjust(20_000)
      yield* Fiber.await(waiting)
      assert.deepStrictEqual(leader.applied, ["a", "b", "c"])
    })))

  it.effect("stops itself when its state machine throws", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({
        ids: ["n1"],
        onApply: (_, command) => {
          if (command === "poison") throw new Error("cannot")
        }
      })
      const leader = yield* nodes.awaitLeader
      yield* elapse(leader.raft.propose(bytes("a")), 100)

      const error = yield* elapse(Effect.flip(leader.raft.propose(bytes("poison"))), 1000)

      assert.isTrue(Exit.isSuccess(error) && error.value._tag === "Fatal" && error.value.reason === "StateMachine")
    })))

  it.effect("comes back with everything from its disk, also when all stop at once", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* nodes.awaitLeader
      yield* elapse(Effect.forEach(["a", "b"], (word) => leader.raft.propose(bytes(word))), 1000)

      for (const id of ["n1", "n2", "n3"]) yield* nodes.stop(id)
      for (const id of ["n1", "n2", "n3"]) yield* nodes.start(id)
      const next = yield* nodes.awaitLeader
      const reply = yield* elapse(next.raft.propose(bytes("c")), 1000)

      assert.deepStrictEqual(reply, Exit.succeed(3))
      yield* TestClock.adjust(1000)
      for (const node of nodes.running()) assert.deepStrictEqual(node.applied, ["a", "b", "c"])
    })))

  it.effect("that was away is brought up to date from the leader's disk when its memory no longer has it", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({ config: { maxTailBytes: 2048, maxMessageBytes: 512 } })
      const leader = yield* nodes.awaitLeader
      const away = nodes.running().find((node) => node.id !== leader.id) ?? leader
      yield* nodes.stop(away.id)
      const words = Array.from({ length: 200 }, (_, place) => `word ${place}`)
      for (const word of words) yield* elapse(leader.raft.propose(bytes(word)), 5)

      yield* nodes.start(away.id)
      yield* TestClock.adjust(20_000)

      assert.deepStrictEqual(nodes.get(away.id).applied, words)
    })))

  it.effect("answers whoever waits when its scope closes, and lets go of its disk", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* nodes.awaitLeader
      yield* nodes.network.isolate(leader.id)
      const waiting = yield* Effect.forkChild(Effect.flip(leader.raft.propose(bytes("a"))), { startImmediately: true })
      yield* Effect.yieldNow

      yield* nodes.stop(leader.id)

      const error = yield* Fiber.join(waiting)
      assert.isTrue(error._tag === "Fatal" && error.reason === "Stopped")
      yield* nodes.start(leader.id)
    })))

  it.effect("tells of every change of role, term and leader", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({ ids: ["n1"] })
      const heard = yield* Deferred.make<ReadonlyArray<string>>()
      yield* Effect.forkChild(
        nodes.get("n1").raft.changes.pipe(
          Stream.map((status) => `${status.role}@${status.term}`),
          Stream.takeUntil((line) => line.startsWith("leader")),
          Stream.runCollect,
          Effect.flatMap((lines) => Deferred.succeed(heard, lines))
        ),
        { startImmediately: true }
      )

      yield* nodes.awaitLeader

      assert.deepStrictEqual((yield* Deferred.await(heard)).at(-1), "leader@1")
    })))

  it.effect("knows what the others say of themselves", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      yield* nodes.awaitLeader

      const peers = yield* nodes.get("n1").raft.peers

      assert.deepStrictEqual(peers.map((peer) => peer.attributes["name"]).sort(), ["node n2", "node n3"])
    })))
})
