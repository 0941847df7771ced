/** What a storage promises of the snapshots that are taken here. */
import { assert, describe, it } from "@effect/vitest"
import { crc32 } from "effect-raft/Checksum"
import { type Log, Membership } from "effect-raft/engine"
import type { Storage } from "effect-raft/Storage"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import {
  allFrom,
  commands,
  emptySnapshot,
  expected,
  life,
  load,
  type MakeDisk,
  type Opened,
  reasonOf,
  write
} from "./StorageLife.ts"

const membership = Membership.make([{ id: "n1", address: "host:1" }])

/** Bytes of which no two blocks are the same. */
export const stateOf = (size: number, seed = 1): Uint8Array =>
  Uint8Array.from({ length: size }, (_, place) => (place * 31 + (place >> 8) * 7 + seed * 101) & 0xff)

export const snapshotOf = (index: number, term: number, bytes: Uint8Array): Log.Snapshot => ({
  index,
  term,
  membership,
  size: bytes.length,
  checksum: crc32(bytes)
})

/** The bytes in pieces of so many, each made when it is asked for. */
export const inPieces = (bytes: Uint8Array, size = 10_000): Stream.Stream<Uint8Array> =>
  Stream.mapEffect(
    Stream.range(0, Math.ceil(bytes.length / size) - 1),
    (place) => Effect.sync(() => bytes.slice(place * size, (place + 1) * size))
  )

export const boundaryOf = ({ index, membership: there, term }: Log.Snapshot): Log.Boundary => ({
  index,
  term,
  membership: there
})

/** All of a snapshot's bytes are these. */
export const isWhole = Effect.fnUntraced(
  function*(storage: Storage["Service"], snapshot: Log.Snapshot, bytes: Uint8Array) {
    const found = yield* storage.readSnapshot(snapshot, 0, bytes.length)
    assert.strictEqual(found.length, bytes.length)
    assert.isTrue(found.every((byte, place) => byte === bytes[place]))
  }
)

/** Why a write is refused that lets this snapshot count, on a storage of which nothing else is asked then. */
export const refusalOf = (storage: Storage["Service"], snapshot: Log.Snapshot) =>
  reasonOf(storage.write([write({ snapshot, hardState: { term: 99, votedFor: undefined } })]))

/** A node with ten entries of term 1. */
export const filled = Effect.fnUntraced(function*<E>(makeDisk: MakeDisk<E>) {
  const layer = yield* makeDisk
  yield* life(layer, (storage) => storage.write([write({ entries: commands(1, 1, 10) })]))
  return layer
})

export const takingCases = <E>(makeDisk: MakeDisk<E>) =>
  describe("a snapshot that is taken", () => {
    for (const size of [0, 1, 65_535, 65_536, 65_537, 200_000]) {
      it.effect(`of ${size} bytes has that size and its CRC-32, and is found again byte by byte once it counts`, () =>
        Effect.gen(function*() {
          const layer = yield* filled(makeDisk)
          const bytes = stateOf(size)
          const snapshot = snapshotOf(6, 1, bytes)

          for (const pieceSize of [70_000, 65_536, 999]) {
            yield* life(layer, (storage) =>
              Effect.gen(function*() {
                const taken = yield* storage.takeSnapshot(6, inPieces(bytes, pieceSize))
                assert.deepStrictEqual(taken, { size, checksum: crc32(bytes) })
                yield* storage.write([write({ snapshot })])
                yield* isWhole(storage, snapshot, bytes)
              }))
            yield* life(layer, (storage) =>
              Effect.gen(function*() {
                assert.deepStrictEqual(storage.loaded.snapshot, snapshot)
                yield* isWhole(storage, snapshot, bytes)
              }))
          }
        }))
    }

    it.effect("does not count before a write says so, and is gone with the node if none does", () =>
      Effect.gen(function*() {
        const layer = yield* filled(makeDisk)
        const bytes = stateOf(1000)
        const snapshot = snapshotOf(6, 1, bytes)

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            yield* storage.takeSnapshot(6, inPieces(bytes))
            yield* storage.write([write({ hardState: { term: 2, votedFor: "n1" } })])
            assert.strictEqual(yield* reasonOf(storage.readSnapshot(snapshot, 0, 1)), "Failed")
          }))

        assert.isUndefined((yield* load(layer)).snapshot)
        assert.strictEqual(yield* life(layer, (storage) => refusalOf(storage, snapshot)), "Corrupt")
        assert.isUndefined((yield* load(layer)).snapshot)
      }))
  })

export const stagingCases = <E>(makeDisk: MakeDisk<E>) =>
  describe("a snapshot that is taken", () => {
    it.effect("takes the place of another that does not count, for the same or another index", () =>
      Effect.gen(function*() {
        for (const index of [5, 6]) {
          const layer = yield* filled(makeDisk)
          const [first, second] = [stateOf(1000, 1), stateOf(1000, 2)]
          const taking = (storage: Opened) =>
            Effect.andThen(storage.takeSnapshot(5, inPieces(first)), storage.takeSnapshot(index, inPieces(second)))

          const outcome = yield* life(layer, (storage) =>
            Effect.andThen(taking(storage), refusalOf(storage, snapshotOf(5, 1, first))))
          yield* life(layer, (storage) =>
            Effect.andThen(taking(storage), storage.write([write({ snapshot: snapshotOf(index, 1, second) })])))

          assert.strictEqual(outcome, "Corrupt")
          yield* life(layer, (storage) =>
            isWhole(storage, snapshotOf(index, 1, second), second))
        }
      }))

    it.effect("counts for its own index alone", () =>
      Effect.gen(function*() {
        const layer = yield* filled(makeDisk)
        const bytes = stateOf(1000)

        const outcome = yield* life(layer, (storage) =>
          Effect.andThen(storage.takeSnapshot(5, inPieces(bytes)), refusalOf(storage, snapshotOf(6, 1, bytes))))

        assert.strictEqual(outcome, "Corrupt")
      }))

    it.effect("may be of several megabytes, which come one after the other", () =>
      Effect.gen(function*() {
        const layer = yield* filled(makeDisk)
        const piece = (place: number) =>
          stateOf(50_000, place)
        const count = 100
        const checksum = Array.from({ length: count }).reduce<number>((sum, _, place) =>
          crc32(piece(place), sum), 0)
        const pieces = Stream.mapEffect(Stream.range(0, count - 1), (place) =>
          Effect.sync(() => piece(place)))
        const snapshot = { ...snapshotOf(6, 1, piece(0)), size: count * 50_000, checksum }

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            const taken = yield* storage.takeSnapshot(6, pieces)
            assert.deepStrictEqual(taken, { size: snapshot.size, checksum })
            yield* storage.write([write({ snapshot })])
          }))

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            for (const place of [0, 50, 99]) {
              assert.deepStrictEqual(
                [...yield* storage.readSnapshot(snapshot, place * 50_000, 50_000)],
                [...piece(place)]
              )
            }
          }))
      }))
  })

export const interruptedCases = <E>(makeDisk: MakeDisk<E>) =>
  describe("a snapshot that is taken", () => {
    it.effect("leaves nothing when its stream fails, whose error is passed on", () =>
      Effect.gen(function*() {
        const layer = yield* filled(makeDisk)
        const bytes = stateOf(100_000)
        const failing = Stream.concat(inPieces(bytes), Stream.fail("no more"))

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            assert.strictEqual(yield* Effect.flip(storage.takeSnapshot(6, failing)), "no more")
            assert.strictEqual(yield* refusalOf(storage, snapshotOf(6, 1, bytes)), "Corrupt")
          }))
        assert.isUndefined((yield* load(layer)).snapshot)
      }))

    it.effect("leaves nothing when it is interrupted, and another can be taken", () =>
      Effect.gen(function*() {
        const layer = yield* filled(makeDisk)
        const bytes = stateOf(100_000)
        const snapshot = snapshotOf(6, 1, bytes)
        const begun = yield* Deferred.make<void>()
        const stuck = Stream.concat(
          inPieces(bytes),
          Stream.fromEffect(Effect.andThen(Deferred.succeed(begun, undefined), Effect.never))
        )

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            const taking = yield* Effect.forkChild(storage.takeSnapshot(6, stuck))
            yield* Deferred.await(begun)
            yield* Fiber.interrupt(taking)
            yield* storage.takeSnapshot(6, inPieces(bytes))
            yield* storage.write([write({ snapshot })])
          }))

        yield* life(layer, (storage) => isWhole(storage, snapshot, bytes))
      }))
  })

export const growingCases = <E>(makeDisk: MakeDisk<E>) =>
  describe("a snapshot that is taken", () => {
    it.effect("is taken while the log grows, loses its end and begins later", () =>
      Effect.gen(function*() {
        const layer = yield* filled(makeDisk)
        const before = emptySnapshot(boundaryOf(snapshotOf(3, 1, stateOf(0))))
        const bytes = stateOf(200_000)
        const snapshot = snapshotOf(6, 1, bytes)
        const writes = [
          write({ entries: commands(11, 1, 5) }),
          write({ truncateAfter: 12, entries: commands(13, 2, 3) }),
          write({ snapshot: before, boundary: boundaryOf(before) }),
          write({ entries: commands(16, 2, 1) })
        ]

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            const meanwhile = Stream.mapEffect(
              inPieces(bytes, 50_000),
              (piece, place) => Effect.as(storage.write(writes.slice(place, place + 1)), piece)
            )
            yield* storage.takeSnapshot(6, meanwhile)
          }))

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            assert.deepStrictEqual(storage.loaded.snapshot, before)
            assert.deepStrictEqual(
              yield* allFrom(storage, 4, storage.loaded.log.last),
              [...expected(4, 12, 1), ...expected(13, 16, 2)]
            )
            yield* storage.takeSnapshot(6, inPieces(bytes))
            yield* storage.write([write({ snapshot, boundary: boundaryOf(snapshot) })])
          }))
        yield* life(layer, (storage) => isWhole(storage, snapshot, bytes))
      }))
  })
