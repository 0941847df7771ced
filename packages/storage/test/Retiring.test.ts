import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Stream } from "effect"
import * as Entries from "effect-raft/Entries"
import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { lifeOn } from "./afterlife.ts"
import { boundaryAt, chunksOf, entries, perform, snapshotOf, stateOf, textOf } from "./LongLife.ts"
import { SimulatedDisk } from "./SimulatedDisk.ts"
import { temporaryDirectory } from "./temporaryDirectory.ts"
import { filesWith, live, type Opened, write } from "./workload.ts"

/** A real disk whose first read of a file, once it is asked to, waits until it is let go on. */
const gated = Effect.gen(function*() {
  const [begun, gate] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
  const state = { isGated: false }
  const disk = filesWith((file) => ({
    sync: Effect.void,
    syncData: Effect.void,
    read: (buffer, position) =>
      Effect.suspend(() => {
        if (!state.isGated) return file.read(buffer, position)
        state.isGated = false
        return Deferred.succeed(begun, undefined).pipe(
          Effect.andThen(Deferred.await(gate)),
          Effect.andThen(file.read(buffer, position))
        )
      })
  }))
  /** What `reading` finds when `writing` happens after it has begun to read. */
  const meanwhile = Effect.fnUntraced(
    function*<A, E, B, E2>(reading: Effect.Effect<A, E>, writing: Effect.Effect<B, E2>) {
      state.isGated = true
      const fiber = yield* Effect.forkChild(reading)
      yield* Deferred.await(begun)
      yield* writing
      yield* Deferred.succeed(gate, undefined)
      return yield* Fiber.join(fiber)
    }
  )
  return { disk, meanwhile }
})

const emptyAt = (index: number, term: number) => {
  const boundary = boundaryAt(index, term)
  return write({ boundary, snapshot: { ...boundary, size: 0, checksum: 0 } })
}

describe("a file that is read", () => {
  it.effect("stays until it is read, though its entries are in a snapshot meanwhile, as do those that are read next", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const { disk, meanwhile } = yield* gated
      yield* live({ directory, disk, segmentBytes: 4096 }, (storage) =>
        Effect.gen(function*() {
          for (const first of [1, 3, 5, 7]) yield* storage.write([write({ entries: entries(first, 1, 2) })])

          const found = yield* meanwhile(storage.read(1, 8, 100_000), storage.write([emptyAt(8, 1)]))

          assert.strictEqual(Entries.last(found), 8)
          const expected = entries(1, 1, 8)
          for (let index = 1; index <= 8; index++) assert.strictEqual(textOf(found, index), textOf(expected, index))
          assert.deepStrictEqual(
            readdirSync(directory).filter((name) => name.endsWith(".wal")),
            ["0000000000000008.wal"]
          )
        }))
    }))

  it.effect("stays until it is read, though another snapshot has taken its place", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const { disk, meanwhile } = yield* gated
      const [before, after] = [stateOf(200_000, 1), stateOf(100, 2)]
      const [first, second] = [snapshotOf(1, 1, before), snapshotOf(2, 1, after)]
      yield* live({ directory, disk }, (storage) =>
        Effect.gen(function*() {
          yield* storage.write([write({ entries: entries(1, 1, 3) })])
          yield* perform(storage, { _tag: "Take", index: 1, bytes: before })
          yield* storage.write([write({ snapshot: first })])
          yield* perform(storage, { _tag: "Take", index: 2, bytes: after })

          const found = yield* meanwhile(
            storage.readSnapshot(first, 0, 200_000),
            storage.write([write({ snapshot: second })])
          )

          assert.strictEqual(Buffer.compare(found, before), 0)
          const left = readdirSync(directory).filter((name) => name.endsWith(".snapshot"))
          assert.strictEqual(left.length, 1)
          assert.include(left[0] ?? "", "0000000000000002-100-")
        }))
    }))
})

/** A simulated disk whose next sync of data, once it is asked to, waits until it is let go on. */
const heldSync = Effect.gen(function*() {
  const [begun, gate] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
  const state = { isHeld: false }
  const disk = new SimulatedDisk()
  const files = filesWith((file) => ({
    syncData: Effect.suspend(() => {
      if (!state.isHeld) return file.syncData
      state.isHeld = false
      return Deferred.succeed(begun, undefined).pipe(
        Effect.andThen(Deferred.await(gate)),
        Effect.andThen(file.syncData)
      )
    })
  }))
  return { begun, gate, state, disk, life: { directory: "simulated", disk: Layer.provideMerge(files, disk.layer) } }
})

describe("a snapshot that was taken", () => {
  for (const again of [1, 2]) {
    it.effect(`stays while a record is written that says that it counts, though one at ${again} is taken meanwhile`, () =>
      Effect.gen(function*() {
        const { begun, disk, gate, life, state } = yield* heldSync
        const [bytes, others] = [stateOf(3000, 1), stateOf(2000, 2)]
        const snapshot = snapshotOf(1, 1, bytes)
        yield* live(life, (storage) =>
          Effect.gen(function*() {
            yield* storage.write([write({ entries: entries(1, 1, 3) })])
            yield* perform(storage, { _tag: "Take", index: 1, bytes })
            state.isHeld = true
            const writing = yield* Effect.forkChild(storage.write([write({ snapshot })]))
            yield* Deferred.await(begun)
            yield* perform(storage, { _tag: "Take", index: again, bytes: again === 1 ? bytes : others })
            // The power may be lost at any time: whether it counts by now, nobody knows.
            assert.include(disk.names.join(), "0000000000000001-3000-")

            yield* Deferred.succeed(gate, undefined)
            yield* Fiber.join(writing)

            assert.strictEqual(Buffer.compare(yield* storage.readSnapshot(snapshot, 0, 3000), bytes), 0)
            if (again === 1) return
            const second = snapshotOf(2, 1, others)
            yield* storage.write([write({ snapshot: second })])
            assert.strictEqual(Buffer.compare(yield* storage.readSnapshot(second, 0, 2000), others), 0)
          }))
        yield* live(life, ({ found }) => Effect.sync(() => assert.strictEqual(found.snapshot?.index, again)))
        assert.strictEqual(disk.names.filter((name) => name.endsWith(".snapshot")).length, 1)
      }))
  }

  it.effect("is synced part by part while it comes", () =>
    Effect.gen(function*() {
      const disk = new SimulatedDisk()
      yield* live({ directory: "simulated", disk: disk.layer, syncBytes: 200_000 }, (storage) =>
        Effect.gen(function*() {
          disk.calls.length = 0
          yield* storage.takeSnapshot(0, Stream.range(0, 9).pipe(Stream.map((place) => stateOf(100_000, place))))
        }))

      let unsynced = 0
      const parts: Array<number> = []
      for (const call of disk.calls) {
        if (call._tag === "Write") unsynced += call.bytes.length
        if (call._tag !== "Sync") continue
        parts.push(unsynced)
        unsynced = 0
      }
      assert.strictEqual(parts.length, 5)
      for (const part of parts) assert.isAtMost(part, 200_000 + 65_540)
    }))
})

describe("a long life", () => {
  it.effect("needs no more files than a short one, on the disk or open", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const disk = new SimulatedDisk()
      /** Fifty entries, of which the last ten stay behind a snapshot that is taken, received, or taken twice. */
      const round = Effect.fnUntraced(function*(storage: Opened, place: number) {
        const index = place * 50
        for (let first = index + 1; first <= index + 50; first += 5) {
          yield* storage.write([write({ entries: entries(first, 1, 5) })])
        }
        const bytes = stateOf(1000, place)
        const snapshot = snapshotOf(index + 40, 1, bytes)
        if (place % 3 === 0) yield* Effect.forEach(chunksOf(snapshot, bytes, 400), (chunk) => storage.write([chunk]))
        if (place % 3 === 2) yield* perform(storage, { _tag: "Take", index: index + 30, bytes: stateOf(10, place) })
        if (place % 3 > 0) yield* perform(storage, { _tag: "Take", index: index + 40, bytes })
        yield* storage.write([write({ snapshot, boundary: boundaryAt(index + 40, 1) })])
      })

      for (let life = 0; life < 3; life++) {
        yield* live(lifeOn(directory, disk), (storage) =>
          Effect.gen(function*() {
            for (let place = life * 20; place < life * 20 + 20; place++) {
              yield* round(storage, place)
              // Two files with the last ten entries, one for each write since, and the snapshot.
              assert.isAtMost(disk.names.length, 8, disk.names.join())
              assert.isAtMost(disk.openFiles, 8)
            }
          }))
        assert.strictEqual(disk.openFiles, 0)
      }
    }))

  it.effect("takes a snapshot of many megabytes while it comes, and not only when all of it is there", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const piece = 100_000
      const sizes: Array<number> = []
      const bytes = Stream.mapEffect(Stream.range(0, 99), (place) =>
        Effect.sync(() => {
          sizes.push(statSync(join(directory, "taken.draft")).size)
          return stateOf(piece, place)
        }))

      const taken = yield* live({ directory }, (storage) => storage.takeSnapshot(1, bytes))

      assert.strictEqual(taken.size, 100 * piece)
      // By the time a piece is asked for, the one before the last is on its way to the disk.
      for (const [place, size] of sizes.entries()) assert.isAtLeast(size, (place - 1) * piece - 65_536)
    }))
})
