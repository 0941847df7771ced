import * as StorageTest from "@effect-raft/testing/StorageTest"
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer } from "effect"
import { Membership } from "effect-raft/engine"
import * as Entries from "effect-raft/Entries"
import * as MemoryStorage from "effect-raft/MemoryStorage"
import { Storage } from "effect-raft/Storage"

StorageTest.suite("MemoryStorage", Effect.sync(() => MemoryStorage.layerDisk(MemoryStorage.makeDisk())))

StorageTest.suite(
  "MemoryStorage on a slow disk",
  Effect.sync(() => MemoryStorage.layerDisk(MemoryStorage.makeDisk(), { latency: Effect.yieldNow }))
)

StorageTest.damageSuite(
  "MemoryStorage",
  Effect.sync(() => {
    const disk = MemoryStorage.makeDisk()
    return {
      layer: MemoryStorage.layerDisk(disk),
      damage: (index: number) => Effect.sync(() => MemoryStorage.damage(disk, index))
    }
  })
)

const identity = { cluster: "test", node: "n1", incarnation: 1 }

const entry = (index: number) => ({
  hardState: { term: index, votedFor: undefined },
  truncateAfter: undefined,
  entries: Entries.noop(index, index),
  boundary: undefined
})

describe("a disk in memory", () => {
  for (const done of [0, 1, 2, 3]) {
    it.effect(`keeps the ${done} changes that were carried out before the node died, and gets no more`, () =>
      Effect.gen(function*() {
        const disk = MemoryStorage.makeDisk()
        const stuck = yield* Deferred.make<void>()
        let before = 0
        const latency = Effect.suspend(() =>
          before++ < done ? Effect.void : Effect.andThen(Deferred.succeed(stuck, undefined), Effect.never)
        )

        yield* Effect.scoped(Effect.gen(function*() {
          const storage = yield* MemoryStorage.make(disk, { latency })
          yield* storage.open(identity)
          const writing = yield* Effect.forkChild(storage.write([entry(1), entry(2), entry(3), entry(4)]))
          yield* Deferred.await(stuck)
          yield* Fiber.interrupt(writing)
        }))

        assert.strictEqual(disk.recovered.log.last, done)
        assert.strictEqual(disk.recovered.hardState.term, done)
        assert.strictEqual(disk.slabs.length, done)
        assert.isFalse(disk.isOpen)
      }))
  }

  it.effect("lets go of the payloads that the log's boundary leaves behind", () =>
    Effect.gen(function*() {
      const disk = MemoryStorage.makeDisk()
      const storage = yield* MemoryStorage.make(disk)
      yield* storage.open(identity)

      yield* storage.write([entry(1), entry(2), entry(3)])
      const boundary = { index: 2, term: 2, membership: Membership.none }
      const snapshot = { ...boundary, size: 0, checksum: 0 }
      yield* storage.write([{ hardState: undefined, truncateAfter: undefined, entries: undefined, boundary, snapshot }])

      assert.deepStrictEqual(disk.slabs, [Entries.noop(3, 3)])
    }))

  it.effect("is lost with its layer, if it came with it", () =>
    Effect.gen(function*() {
      const last = Effect.scoped(Effect.gen(function*() {
        const storage = Context.get(yield* Layer.build(Layer.fresh(MemoryStorage.layer)), Storage)
        const { log } = yield* storage.open(identity)
        yield* storage.write([entry(1)])
        return log.last
      }))

      assert.deepStrictEqual([yield* last, yield* last], [0, 0])
    }))

  it.effect("takes a write that does not fit for a mistake in the program, and keeps nothing of it", () =>
    Effect.gen(function*() {
      const disk = MemoryStorage.makeDisk()
      const storage = yield* MemoryStorage.make(disk)
      yield* storage.open(identity)

      const defect = yield* Effect.catchDefect(Effect.as(storage.write([entry(2)]), undefined), Effect.succeed)

      assert.match(`${defect}`, /entries begin at 2, but the log ends at 0/)
      assert.strictEqual(disk.recovered.hardState.term, 0)
    }))
})
