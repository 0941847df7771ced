import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option } from "effect"
import * as Entries from "effect-raft/Entries"
import { Failed, StorageError } from "effect-raft/Storage"
import { TestClock } from "effect/testing"
import * as TestNodes from "./TestNodes.ts"

const { bytes, elapse, result, seeded, until } = TestNodes

type Nodes = TestNodes.TestNodes

const words = (from: number, to: number): ReadonlyArray<string> =>
  Array.from({ length: to - from + 1 }, (_, place) => `word ${from + place}`)

/** Commits the words on whoever leads, some at a time. */
const propose = Effect.fnUntraced(function*(nodes: Nodes, all: ReadonlyArray<string>) {
  const leader = yield* nodes.awaitLeader
  const done = yield* result(Effect.forEach(all, (word) => leader.raft.propose(bytes(word)), { concurrency: 10 }))
  assert.isTrue(Exit.isSuccess(done))
  return leader
})

/** Waits until every node that runs has applied exactly these words. */
const agree = (nodes: Nodes, expected: ReadonlyArray<string>) =>
  until(Effect.sync(() => {
    const isSame = nodes.running().every(({ applied }) => applied.join() === expected.join())
    return isSame ? Option.some(true) : Option.none()
  }))

const someFollower = (nodes: Nodes, leader: TestNodes.Node) =>
  nodes.running().find(({ id }) => id !== leader.id) ?? assert.fail("there is nobody else")

const small = { snapshotEntries: 100, entriesKept: 10, snapshotChunkBytes: 64 } as const

describe("snapshots", () => {
  it.effect("are taken at the same entries on every node, and the log is given up behind them", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({ config: small })

      yield* propose(nodes, words(1, 250))
      yield* agree(nodes, words(1, 250))
      yield* TestClock.adjust(1000)

      for (const node of nodes.running()) {
        const { first, snapshot } = yield* node.raft.status
        assert.deepStrictEqual([snapshot, first], [200, 191], node.id)
        assert.isAbove(Entries.last(node.disk.slabs[0] ?? assert.fail("the log is empty")), 190)
      }
    })))

  it.effect("bring a node that was away up to date, and it goes on with entries", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({ config: small })
      const leader = yield* propose(nodes, words(1, 20))
      const away = someFollower(nodes, leader)
      yield* nodes.stop(away.id)
      yield* propose(nodes, words(21, 400))

      yield* nodes.start(away.id)
      yield* agree(nodes, words(1, 400))
      yield* propose(nodes, words(401, 420))
      yield* agree(nodes, words(1, 420))

      assert.isAtLeast((yield* nodes.get(away.id).raft.status).snapshot, 300)
    })))

  it.effect("have nothing in them for a witness that joins behind one, also when it starts again", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({ config: small })
      const leader = yield* propose(nodes, words(1, 250))
      yield* nodes.start("n4")
      const witness = { ...TestNodes.member("n4"), isWitness: true }
      const added = yield* result(leader.raft.changeMembership({ _tag: "AddVoter", member: witness }))
      assert.isTrue(Exit.isSuccess(added))
      yield* nodes.stop("n4")
      yield* nodes.start("n4")
      yield* propose(nodes, words(251, 270))

      const { commit } = yield* leader.raft.status
      yield* until(Effect.map(
        nodes.get("n4").raft.status,
        (status) => status.applied >= commit ? Option.some(true) : Option.none()
      ))
      assert.isAtLeast((yield* nodes.get("n4").raft.status).snapshot, 200)
      assert.deepStrictEqual(nodes.get("n4").applied, [])
    })))

  it.effect("are what a node begins with when it starts again", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({ config: small })
      yield* propose(nodes, words(1, 250))
      yield* agree(nodes, words(1, 250))

      for (const id of ["n1", "n2", "n3"]) yield* nodes.stop(id)
      for (const id of ["n1", "n2", "n3"]) yield* nodes.start(id)

      yield* agree(nodes, words(1, 250))
      yield* propose(nodes, words(251, 260))
      yield* agree(nodes, words(1, 260))
    })))

  it.effect("are taken when asked for, and a second time there is nothing to take", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({ config: { entriesKept: 5 } })
      const leader = yield* propose(nodes, words(1, 30))

      const taken = yield* result(leader.raft.snapshot)
      const again = yield* result(leader.raft.snapshot)

      const { applied, first, snapshot } = yield* leader.raft.status
      assert.deepStrictEqual([taken, again], [Exit.succeed(applied), Exit.succeed(applied)])
      assert.deepStrictEqual([snapshot, first], [applied, applied - 4])
    })))

  it.effect("are sent to their end by the next leader when the first one is gone", () =>
    seeded(Effect.gen(function*() {
      const received: Array<number> = []
      const nodes = yield* TestNodes.make({
        config: { ...small, maxChunksInFlight: 1 },
        storage: (id, storage) => ({
          ...storage,
          write: (writes) => {
            for (const { chunk } of writes) if (chunk !== undefined && id === "n3") received.push(chunk.offset)
            return storage.write(writes)
          }
        }),
        ids: ["n1", "n2", "n3", "n4", "n5"]
      })
      yield* nodes.awaitLeader
      yield* nodes.stop("n3")
      yield* TestClock.adjust(1000)
      yield* propose(nodes, words(1, 250))
      yield* agree(nodes, words(1, 250))
      yield* nodes.network.change({ delay: [10, 10] })

      yield* nodes.start("n3")
      yield* until(Effect.sync(() => received.length >= 10 ? Option.some(true) : Option.none()))
      const first = yield* nodes.awaitLeader
      yield* nodes.stop(first.id)
      yield* agree(nodes, words(1, 250))

      // Each chunk was written once, in order: nobody began anew.
      assert.isAbove(received.length, 20)
      assert.deepStrictEqual(received, received.map((_, place) => place * small.snapshotChunkBytes))
    })))

  it.effect("leave whoever waits for a command that they cover without an answer, and it says so at once", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({ config: { ...small, requestTimeout: 60_000 } })
      const old = yield* propose(nodes, words(1, 10))
      yield* nodes.network.isolate(old.id)
      const lost = yield* Effect.forkChild(Effect.flip(old.raft.propose(bytes("lost"))), { startImmediately: true })
      const others = nodes.running().filter(({ id }) => id !== old.id)
      const leader = yield* until(Effect.gen(function*() {
        for (const node of others) if ((yield* node.raft.status).role === "leader") return Option.some(node)
        return Option.none()
      }))
      yield* result(Effect.forEach(words(11, 300), (word) => leader.raft.propose(bytes(word)), { concurrency: 50 }))

      yield* nodes.network.heal
      yield* agree(nodes, words(1, 300))

      const error = lost.pollUnsafe()
      assert.isTrue(error !== undefined && Exit.isSuccess(error) && error.value._tag === "Unknown")
      yield* Fiber.interrupt(lost)
    })))

  it.effect("are restored when they are on the disk, however slow that is", () =>
    seeded(Effect.gen(function*() {
      const slow = new Set<string>()
      const nodes = yield* TestNodes.make({
        config: small,
        storage: (id, storage) => ({
          ...storage,
          write: (writes) =>
            Effect.andThen(Effect.suspend(() => Effect.sleep(slow.has(id) ? 50 : 0)), storage.write(writes))
        })
      })
      const away = someFollower(nodes, yield* propose(nodes, words(1, 20)))
      yield* nodes.stop(away.id)
      yield* propose(nodes, words(21, 400))

      slow.add(away.id)
      yield* nodes.start(away.id)
      yield* agree(nodes, words(1, 400))

      assert.isUndefined((yield* nodes.get(away.id).raft.status).stopped)
      slow.clear()
      yield* TestClock.adjust(1000)
    })))

  it.effect("that cannot be kept stop the node", () =>
    seeded(Effect.gen(function*() {
      const broken = new StorageError({
        reason: new Failed({ operation: "write", path: "disk", cause: new Error("EIO") })
      })
      const nodes = yield* TestNodes.make({
        ids: ["n1"],
        storage: (_, storage) => ({ ...storage, takeSnapshot: () => Effect.fail(broken) })
      })
      const leader = yield* propose(nodes, words(1, 3))

      const taken = yield* elapse(Effect.flip(leader.raft.snapshot), 1000)

      assert.isTrue(Exit.isSuccess(taken) && taken.value._tag === "Fatal" && taken.value.reason === "Storage")
    })))

  it.effect("that the state machine cannot write down stop the node", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({
        ids: ["n1"],
        onSnapshot: () => {
          throw new Error("cannot")
        }
      })
      const leader = yield* propose(nodes, words(1, 3))

      const taken = yield* elapse(Effect.flip(leader.raft.snapshot), 1000)

      assert.isTrue(Exit.isSuccess(taken) && taken.value._tag === "Fatal" && taken.value.reason === "StateMachine")
    })))
})
