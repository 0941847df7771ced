/** What a storage promises of the moment in which a snapshot comes to count, and of reading one that does. */
import { assert, describe, it } from "@effect/vitest"
import type { StorageWrite } from "effect-raft/Storage"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import {
  allFrom,
  commands,
  emptySnapshot,
  life,
  load,
  type MakeDisk,
  type Opened,
  reasonOf,
  write
} from "./StorageLife.ts"
import { boundaryOf, filled, inPieces, isWhole, refusalOf, snapshotOf, stateOf } from "./StorageSnapshots.ts"

const bytes = stateOf(70_000)
const snapshot = snapshotOf(6, 1, bytes)
const adopting: StorageWrite = write({
  hardState: { term: 2, votedFor: "n1" },
  truncateAfter: 8,
  entries: commands(9, 2, 1),
  boundary: { index: 5, term: 1, membership: snapshot.membership },
  snapshot
})

export const adoptionCases = <E>(makeDisk: MakeDisk<E>) =>
  describe("a snapshot comes to count", () => {
    it.effect("with the boundary, the truncation and all else in its write, or not at all", () =>
      Effect.gen(function*() {
        for (const turns of [0, 1, 2, 3, 4, 6, 9, 100]) {
          const layer = yield* filled(makeDisk)
          yield* life(layer, (storage) =>
            Effect.gen(function*() {
              yield* storage.takeSnapshot(6, inPieces(bytes))
              const writing = yield* Effect.forkChild(storage.write([adopting]), { startImmediately: true })
              for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
              yield* Fiber.interrupt(writing)
            }))

          yield* life(layer, (storage) =>
            Effect.gen(function*() {
              const { hardState: { term }, log, snapshot: found } = storage.loaded
              const isAdopted = term === 2
              assert.deepStrictEqual(
                [log.boundary.index, log.last, found],
                isAdopted ? [5, 9, snapshot] : [0, 10, undefined]
              )
              if (isAdopted) yield* isWhole(storage, snapshot, bytes)
              yield* allFrom(storage, log.boundary.index + 1, log.last)
            }))
        }
      }))

    it.effect("unless its size or its checksum is another; then nothing of the write is kept", () =>
      Effect.gen(function*() {
        for (
          const wrong of [{ checksum: (snapshot.checksum ^ 1) >>> 0 }, { size: 69_999 }, { size: 70_001 }, { size: 0 }]
        ) {
          const layer = yield* filled(makeDisk)

          const outcome = yield* life(layer, (storage) =>
            Effect.andThen(
              storage.takeSnapshot(6, inPieces(bytes)),
              refusalOf(storage, { ...snapshot, ...wrong })
            ))

          assert.strictEqual(outcome, "Corrupt")
          const loaded = yield* load(layer)
          assert.deepStrictEqual([loaded.hardState.term, loaded.snapshot], [0, undefined])
        }
      }))

    it.effect("without bytes if it is of size 0, and such a one leaves alone what is being taken", () =>
      Effect.gen(function*() {
        const layer = yield* filled(makeDisk)
        const empty = emptySnapshot(boundaryOf(snapshotOf(3, 1, stateOf(0))))

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            yield* storage.write([write({ snapshot: empty })])
            assert.strictEqual((yield* storage.readSnapshot(empty, 0, 0)).length, 0)
            yield* storage.takeSnapshot(6, inPieces(bytes))
            yield* storage.write([write({ boundary: boundaryOf(empty) })])
            yield* storage.write([write({ snapshot })])
          }))

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            assert.deepStrictEqual([storage.loaded.snapshot, storage.loaded.log.boundary.index], [snapshot, 3])
            yield* isWhole(storage, snapshot, bytes)
          }))
      }))
  })

const large = stateOf(200_000)
const counted = snapshotOf(6, 1, large)

export const readingCases = <E>(makeDisk: MakeDisk<E>) => {
  const counting = <A, E2>(use: (storage: Opened) => Effect.Effect<A, E2>) =>
    Effect.gen(function*() {
      const layer = yield* filled(makeDisk)
      return yield* life(layer, (storage) =>
        Effect.gen(function*() {
          yield* storage.takeSnapshot(6, inPieces(large))
          yield* storage.write([write({ snapshot: counted })])
          return yield* use(storage)
        }))
    })

  describe("a snapshot that counts", () => {
    it.effect("is read from any place to any other", () =>
      counting((storage) =>
        Effect.gen(function*() {
          const places = [0, 1, 65_535, 65_536, 65_537, 131_072, 199_999, 200_000]
          for (const from of places) {
            for (const to of places.filter((place) => place >= from)) {
              const found = yield* storage.readSnapshot(counted, from, to - from)
              assert.strictEqual(found.length, to - from)
              assert.isTrue(found.every((byte, place) => byte === large[from + place]))
            }
          }
        })
      ))

    it.effect("is not read past its end, nor taken for another", () =>
      counting((storage) =>
        Effect.gen(function*() {
          const others = [{ index: 5 }, { term: 2 }, { size: 199_999 }, { checksum: (counted.checksum ^ 1) >>> 0 }]
          assert.strictEqual(yield* reasonOf(storage.readSnapshot(counted, 199_999, 2)), "Failed")
          for (const other of others) {
            assert.strictEqual(yield* reasonOf(storage.readSnapshot({ ...counted, ...other }, 0, 1)), "Failed")
            assert.strictEqual(yield* reasonOf(storage.readSnapshot({ ...counted, ...other }, 0, 0)), "Failed")
          }
        })
      ))

    it.effect("is read as it was, or not any more, while another takes its place, and then not any more", () =>
      counting((storage) =>
        Effect.gen(function*() {
          const later = stateOf(100_000, 2)
          const next = snapshotOf(8, 1, later)
          yield* storage.takeSnapshot(8, inPieces(later))
          const writing = yield* Effect.forkChild(storage.write([write({ snapshot: next })]), {
            startImmediately: true
          })
          const reads = Array.from({ length: 20 }, () => Effect.exit(isWhole(storage, counted, large)))
          const exits = yield* Effect.forEach(reads, (read) => Effect.andThen(Effect.yieldNow, read))
          yield* Fiber.join(writing)

          for (const exit of exits) {
            if (exit._tag === "Success") continue
            assert.strictEqual(yield* reasonOf(exit), "Failed")
          }
          assert.strictEqual(yield* reasonOf(storage.readSnapshot(counted, 0, 1)), "Failed")
          yield* isWhole(storage, next, later)
        })
      ))
  })
}

export const meanwhileCases = <E>(makeDisk: MakeDisk<E>) =>
  describe("a snapshot comes to count while its write is under way", () => {
    it.effect("though another is taken meanwhile, which can count later", () =>
      Effect.gen(function*() {
        for (const index of [6, 7]) {
          const layer = yield* filled(makeDisk)
          const other = index === 6 ? bytes : stateOf(300)
          const first: ReadonlyArray<StorageWrite> = Array.from({ length: 20 }, () => write({}))
          yield* life(layer, (storage) =>
            Effect.gen(function*() {
              yield* storage.takeSnapshot(6, inPieces(bytes))
              const writing = yield* Effect.forkChild(storage.write([...first, adopting]), { startImmediately: true })
              yield* storage.takeSnapshot(index, inPieces(other))
              yield* Fiber.join(writing)
              yield* isWhole(storage, snapshot, bytes)
              if (index > 6) yield* storage.write([write({ snapshot: snapshotOf(index, 1, other) })])
              yield* isWhole(storage, snapshotOf(index, 1, other), other)
            }))

          yield* life(layer, (storage) => isWhole(storage, snapshotOf(index, 1, other), other))
        }
      }))
  })
