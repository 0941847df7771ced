/** What a storage promises of a snapshot that comes in chunks from another node, and takes the place of the log. */
import { assert, describe, it } from "@effect/vitest"
import type { Log } from "effect-raft/engine"
import type { Storage, StorageWrite } from "effect-raft/Storage"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { allFrom, commands, expected, life, load, type MakeDisk, reasonOf, write } from "./StorageLife.ts"
import { isWhole, refusalOf, snapshotOf, stateOf } from "./StorageSnapshots.ts"

const bytes = stateOf(150_000)
const snapshot = snapshotOf(100, 5, bytes)
const boundary: Log.Boundary = { index: 100, term: 5, membership: snapshot.membership }

/** The chunks of it, each a write, that begin in [from, to). */
const chunks = (of: Log.Snapshot, state: Uint8Array, from = 0, to = state.length): ReadonlyArray<StorageWrite> => {
  const writes: Array<StorageWrite> = []
  for (let offset = 0; offset < state.length; offset += 20_000) {
    if (offset < from || offset >= to) continue
    writes.push(write({ chunk: { snapshot: of, offset, bytes: state.subarray(offset, offset + 20_000) } }))
  }
  return writes
}

const one = (storage: Storage["Service"], writes: ReadonlyArray<StorageWrite>) =>
  Effect.forEach(writes, (each) => storage.write([each]), { discard: true })

/** Whether a write is taken for a mistake in the program. */
const isMistake = (storage: Storage["Service"], mistaken: StorageWrite) =>
  Effect.map(
    Effect.exit(storage.write([mistaken])),
    (exit) => exit._tag === "Failure" && exit.cause.reasons.some((reason) => reason._tag === "Die")
  )

export const chunkCases = <E>(makeDisk: MakeDisk<E>) =>
  describe("a snapshot that comes in chunks", () => {
    it.effect("does not count before a write says so, and is found again byte by byte once one does", () =>
      Effect.gen(function*() {
        for (const batches of [1, 8]) {
          const layer = yield* makeDisk
          const writes = chunks(snapshot, bytes)
          yield* life(layer, (storage) =>
            Effect.gen(function*() {
              if (batches === 1) yield* storage.write(writes)
              else yield* one(storage, writes)
              assert.strictEqual(yield* reasonOf(storage.readSnapshot(snapshot, 0, 1)), "Failed")
              yield* storage.write([write({ snapshot, boundary })])
              yield* isWhole(storage, snapshot, bytes)
            }))

          yield* life(layer, (storage) =>
            Effect.gen(function*() {
              assert.deepStrictEqual(storage.loaded.snapshot, snapshot)
              yield* isWhole(storage, snapshot, bytes)
            }))
        }
      }))

    it.effect("comes to count with its last chunk", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk
        const last = chunks(snapshot, bytes, 140_000)[0] ?? write({})

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            yield* one(storage, chunks(snapshot, bytes, 0, 140_000))
            yield* storage.write([{ ...last, snapshot, boundary }])
          }))

        yield* life(layer, (storage) => isWhole(storage, snapshot, bytes))
      }))

    it.effect("begins anew at offset 0, and what came of the one before is forgotten", () =>
      Effect.gen(function*() {
        const other = snapshotOf(100, 5, stateOf(90_000, 2))
        for (const next of [snapshot, other]) {
          const state = next === snapshot ? bytes : stateOf(90_000, 2)
          const layer = yield* makeDisk
          const outcome = yield* life(layer, (storage) =>
            Effect.gen(function*() {
              yield* one(storage, [...chunks(snapshot, bytes), ...chunks(next, state, 0, 40_000)])
              return yield* refusalOf(storage, snapshot)
            }))
          yield* life(layer, (storage) =>
            one(storage, [
              ...chunks(snapshot, bytes, 0, 60_000),
              ...chunks(next, state),
              write({ snapshot: next, boundary })
            ]))

          assert.strictEqual(outcome, "Corrupt")
          yield* life(layer, (storage) => isWhole(storage, next, state))
        }
      }))
  })

export const endingCases = <E>(makeDisk: MakeDisk<E>) =>
  describe("a snapshot that comes in chunks", () => {
    it.effect("is forgotten when the storage is closed, and must begin anew", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk
        yield* life(layer, (storage) => one(storage, chunks(snapshot, bytes)))

        const outcome = yield* life(layer, (storage) => refusalOf(storage, snapshot))
        const goesOn = chunks(snapshot, bytes, 20_000, 40_000)[0] ?? write({})

        assert.strictEqual(outcome, "Corrupt")
        assert.isTrue(yield* life(layer, (storage) => isMistake(storage, goesOn)))
        assert.isUndefined((yield* load(layer)).snapshot)
      }))

    it.effect("has no gap, no repetition and no chunk of another: that is a mistake of whoever writes it", () =>
      Effect.gen(function*() {
        const other = chunks({ ...snapshot, term: 6 }, bytes, 40_000, 60_000)
        const wrong = [chunks(snapshot, bytes, 60_000, 80_000), chunks(snapshot, bytes, 20_000, 40_000), other]
        for (const [mistaken] of wrong) {
          const layer = yield* makeDisk
          const outcome = yield* life(layer, (storage) =>
            Effect.andThen(
              one(storage, chunks(snapshot, bytes, 0, 40_000)),
              isMistake(storage, mistaken ?? write({}))
            ))
          assert.isTrue(outcome)
        }
      }))
  })

export const refusalCases = <E>(makeDisk: MakeDisk<E>) =>
  describe("a snapshot that comes in chunks", () => {
    it.effect("is refused as it comes to count unless it is whole, and nothing of the write is kept", () =>
      Effect.gen(function*() {
        const flipped = Uint8Array.from(bytes, (byte, place) => (place === 99_999 ? byte ^ 4 : byte))
        for (const writes of [chunks(snapshot, bytes, 0, 140_000), chunks(snapshot, flipped), []]) {
          const layer = yield* makeDisk

          const outcome = yield* life(layer, (storage) =>
            Effect.andThen(one(storage, writes), refusalOf(storage, snapshot)))

          assert.strictEqual(outcome, "Corrupt")
          const loaded = yield* load(layer)
          assert.deepStrictEqual([loaded.hardState.term, loaded.snapshot], [0, undefined])
        }
      }))

    it.effect("does not stand in the way of the same one that was taken here", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk
        const own = snapshotOf(3, 1, bytes)

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            yield* storage.write([write({ entries: commands(1, 1, 5) })])
            yield* one(storage, chunks(own, bytes, 0, 60_000))
            yield* storage.takeSnapshot(3, Stream.make(bytes))
            yield* storage.write([write({ snapshot: own })])
          }))

        yield* life(layer, (storage) =>
          isWhole(storage, own, bytes))
      }))
  })

export const installCases = <E>(makeDisk: MakeDisk<E>) =>
  describe("a snapshot that is installed", () => {
    it.effect("takes the place of the log, which goes on behind it", () =>
      Effect.gen(function*() {
        for (const truncateAfter of [undefined, 0, 4]) {
          const layer = yield* makeDisk
          yield* life(layer, (storage) =>
            Effect.gen(function*() {
              yield* storage.write([write({ entries: commands(1, 1, 10) })])
              yield* storage.write(chunks(snapshot, bytes))
              yield* storage.write([write({ truncateAfter, boundary, snapshot })])
              yield* storage.write([write({ entries: commands(101, 5, 2) }), write({ entries: commands(103, 6, 2) })])
              assert.strictEqual(yield* reasonOf(storage.read(100, 101, 1000)), "Failed")
            }))

          yield* life(layer, (storage) =>
            Effect.gen(function*() {
              const { log } = storage.loaded
              assert.deepStrictEqual([log.boundary, log.last], [boundary, 104])
              assert.deepStrictEqual(log.runs, [{ start: 101, term: 5 }, { start: 103, term: 6 }])
              assert.deepStrictEqual(
                yield* allFrom(storage, 101, 104),
                [...expected(101, 102, 5), ...expected(103, 104, 6)]
              )
              yield* isWhole(storage, snapshot, bytes)
              yield* storage.write([write({ truncateAfter: 100, entries: commands(101, 7, 1) })])
            }))
          yield* life(layer, (storage) =>
            Effect.map(allFrom(storage, 101, 101), (found) => assert.deepStrictEqual(found, expected(101, 101, 7))))
        }
      }))

    it.effect("leaves what is behind it in the log", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk
        const early = snapshotOf(6, 1, bytes)

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            yield* storage.write([write({ entries: commands(1, 1, 10) })])
            yield* storage.write(chunks(early, bytes))
            yield* storage.write([write({ boundary: { ...boundary, index: 6, term: 1 }, snapshot: early })])
          }))

        yield* life(layer, (storage) =>
          Effect.map(allFrom(storage, 7, 10), (found) => assert.deepStrictEqual(found, expected(7, 10, 1))))
      }))

    it.effect("takes the place of another, again and again", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk
        const states = [3, 2, 1].map((seed) => stateOf(seed * 30_000, seed))
        for (const [place, state] of states.entries()) {
          const next = snapshotOf(10 * (place + 1), 1, state)
          const { index, membership, term } = next
          yield* life(layer, (storage) =>
            Effect.gen(function*() {
              yield* one(storage, chunks(next, state))
              yield* storage.write([write({ snapshot: next, boundary: { index, term, membership } })])
              yield* storage.write([write({ entries: commands(index + 1, 1, 2) })])
            }))
          yield* life(layer, (storage) => isWhole(storage, next, state))
        }
      }))
  })
