/** What a node that has stopped itself still owes to others: an answer to whoever waits, and silence. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Scope } from "effect"
import { Failed, type Storage, StorageError } from "effect-raft/Storage"
import { Transport } from "effect-raft/Transport"
import { TestClock } from "effect/testing"
import * as TestNodes from "./TestNodes.ts"

const { bytes, seeded } = TestNodes

const broken = new StorageError({ reason: new Failed({ operation: "write", path: "disk", cause: new Error("EIO") }) })

/** Disks of which some break with the next write, and how often they were asked since. */
const breakable = () => {
  const asked = new Map<string, number>()
  const storage = (id: string, disk: Storage["Service"]): Storage["Service"] => ({
    ...disk,
    write: (writes) =>
      Effect.suspend(() => {
        const count = asked.get(id)
        if (count === undefined) return disk.write(writes)
        asked.set(id, count + 1)
        return Effect.andThen(Effect.sleep(100), Effect.fail(broken))
      })
  })
  return { asked, storage }
}

describe("a node that has stopped itself", () => {
  it.effect("answers whoever waits, and whoever asks later, with why", () =>
    seeded(Effect.gen(function*() {
      const { asked, storage } = breakable()
      const nodes = yield* TestNodes.make({ storage })
      const leader = yield* nodes.awaitLeader
      // Nobody confirms it any more, so what it is asked stays open.
      yield* nodes.network.isolate(leader.id)
      const { raft } = leader
      const requests: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        raft.read("count", { consistency: "linearizable" }),
        raft.snapshot,
        raft.changeMembership({ _tag: "AddLearner", member: TestNodes.member("n9") })
      ]
      const waiting = yield* Effect.forEach(requests, (request) => Effect.forkChild(Effect.exit(request)))
      yield* TestClock.adjust(1)
      asked.set(leader.id, 0)
      const proposal = yield* Effect.forkChild(Effect.exit(raft.propose(bytes("lost"))))
      yield* TestClock.adjust(150)

      const exits = [...waiting, proposal].map((fiber) => fiber.pollUnsafe())
      assert.isTrue(exits.every((exit) => exit !== undefined), JSON.stringify(exits))
      assert.strictEqual((yield* raft.status).stopped?.reason, "Storage")
      const later = yield* Effect.exit(raft.read("count", { consistency: "stale" }))
      assert.isTrue(Exit.isFailure(later))
    })))

  it.effect("hears nothing any more, and the others go on without it", () =>
    seeded(Effect.gen(function*() {
      const { asked, storage } = breakable()
      const heard: Array<string> = []
      const transport: TestNodes.Options["transport"] = (id, _, network) =>
        Transport.of({
          join: (self, receive) =>
            network.join(self, (envelope, from) => {
              heard.push(id)
              receive(envelope, from)
            })
        })
      const nodes = yield* TestNodes.make({ storage, transport })
      const leader = yield* nodes.awaitLeader
      const other = nodes.running().find(({ id }) => id !== leader.id) ?? assert.fail("there is nobody else")
      asked.set(other.id, 0)
      yield* Effect.forkChild(Effect.exit(leader.raft.propose(bytes("first"))))
      yield* TestClock.adjust(1000)
      assert.strictEqual((yield* other.raft.status).stopped?.reason, "Storage")

      heard.length = 0
      const reply = yield* TestNodes.result(leader.raft.propose(bytes("second")))
      yield* TestClock.adjust(1000)

      assert.isTrue(Exit.isSuccess(reply))
      assert.notInclude(heard, other.id)
    })))
})

describe("a disk that fails while its node is closed", () => {
  it.effect("is not asked a second time, whatever waits", () =>
    seeded(Effect.gen(function*() {
      const { asked, storage } = breakable()
      const nodes = yield* TestNodes.make({ ids: ["n1"], storage })
      const { raft, scope } = yield* nodes.awaitLeader
      asked.set("n1", 0)
      yield* Effect.forkChild(Effect.exit(raft.propose(bytes("first"))))
      yield* TestClock.adjust(10)
      yield* Effect.forkChild(Effect.exit(raft.propose(bytes("second"))))
      yield* TestClock.adjust(10)

      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* TestClock.adjust(1000)

      assert.isTrue(Option.isSome(Option.fromUndefinedOr(closing.pollUnsafe())))
      assert.strictEqual(asked.get("n1"), 1)
      yield* Fiber.await(closing)
    })))
})
