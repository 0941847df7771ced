/** What a storage promises of the log: how it grows, loses its end, and begins later. */
import { assert, describe, it } from "@effect/vitest"
import { Membership } from "effect-raft/engine"
import * as Recovery from "effect-raft/Recovery"
import type { Storage } from "effect-raft/Storage"
import * as Effect from "effect/Effect"
import {
  allFrom,
  commands,
  emptySnapshot,
  expected,
  life,
  load,
  type MakeDisk,
  withoutSizes,
  write
} from "./StorageLife.ts"

export const growthCases = <E>(makeDisk: MakeDisk<E>) =>
  describe("the log", () => {
    it.effect("grows at its end, also after it was opened again", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk
        for (const first of [1, 4, 7]) {
          yield* life(layer, (storage) => storage.write([write({ entries: commands(first, 1, 3) })]))
        }

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            assert.strictEqual(storage.loaded.log.last, 9)
            assert.deepStrictEqual(yield* allFrom(storage, 1, 9), expected(1, 9, 1))
          }))
      }))

    it.effect("holds thousands of entries, written by ones and by hundreds", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk
        const single = Array.from({ length: 1000 }, (_, place) => write({ entries: commands(place + 1, 1, 1) }))
        const many = Array.from({ length: 20 }, (_, place) => write({ entries: commands(1001 + place * 100, 1, 100) }))

        yield* life(layer, (storage) => Effect.andThen(storage.write(single), storage.write(many)))

        yield* life(layer, (storage) =>
          Effect.map(
            allFrom(storage, 1, storage.loaded.log.last),
            (found) => assert.deepStrictEqual(found, expected(1, 3000, 1))
          ))
      }))
  })

export const truncationCases = <E>(makeDisk: MakeDisk<E>) =>
  describe("the end of the log", () => {
    it.effect("loses its end and gets another one in a single write", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            yield* storage.write([write({ entries: commands(1, 1, 6) })])
            yield* storage.write([write({ truncateAfter: 3, entries: commands(4, 2, 1) })])
            assert.deepStrictEqual(yield* allFrom(storage, 1, 4), [...expected(1, 3, 1), ...expected(4, 4, 2)])
          }))

        const { log } = yield* load(layer)
        assert.deepStrictEqual([log.last, log.runs], [4, [{ start: 1, term: 1 }, { start: 4, term: 2 }]])
      }))

    it.effect("can lose everything", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk
        yield* life(layer, (storage) => storage.write([write({ entries: commands(1, 1, 3) })]))

        yield* life(layer, (storage) => storage.write([write({ truncateAfter: 0 })]))
        yield* life(layer, (storage) => storage.write([write({ entries: commands(1, 4, 2) })]))

        yield* life(layer, (storage) =>
          Effect.map(
            allFrom(storage, 1, storage.loaded.log.last),
            (found) => assert.deepStrictEqual(found, expected(1, 2, 4))
          ))
      }))

    it.effect("is cut several times, and shows of each write only what is left", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk
        const check = (storage: Storage["Service"]) =>
          Effect.map(
            allFrom(storage, 1, 4),
            (found) => assert.deepStrictEqual(found, [...expected(1, 1, 1), ...expected(2, 2, 2), ...expected(3, 4, 3)])
          )

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            yield* storage.write([write({ entries: commands(1, 1, 4) })])
            yield* storage.write([write({ truncateAfter: 1, entries: commands(2, 2, 9) })])
            yield* storage.write([write({ truncateAfter: 2 })])
            yield* storage.write([write({ entries: commands(3, 3, 2) })])
            yield* check(storage)
          }))

        yield* life(layer, check)
      }))
  })

export const boundaryCases = <E>(makeDisk: MakeDisk<E>) =>
  describe("the beginning of the log", () => {
    it.effect("begins where the boundary says, with its membership", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk
        const members = [{ id: "n1", address: "host:1" }, { id: "n2", address: "" }, { id: "ü", address: "host:3" }]
        const departing = [{ id: "n8", address: "" }, { id: "n9", address: "ü:9" }]
        const membership = { ...Membership.make(members), outgoing: ["n1", "n9"], departing, promoting: ["n2", "ü"] }

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            yield* storage.write([write({ entries: commands(1, 1, 4) }), write({ entries: commands(5, 2, 3) })])
            const boundary = { index: 3, term: 1, membership }
            yield* storage.write([write({ boundary, snapshot: emptySnapshot(boundary) })])
            assert.deepStrictEqual(yield* allFrom(storage, 4, 7), [...expected(4, 4, 1), ...expected(5, 7, 2)])
          }))

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            const { log } = storage.loaded
            assert.deepStrictEqual(log.boundary, { index: 3, term: 1, membership })
            assert.deepStrictEqual([log.last, log.runs], [7, [{ start: 4, term: 1 }, { start: 5, term: 2 }]])
            assert.deepStrictEqual(yield* allFrom(storage, 4, 7), [...expected(4, 4, 1), ...expected(5, 7, 2)])
          }))
      }))

    it.effect("begins with a membership before there is any entry", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk
        const boundary = { index: 0, term: 0, membership: Membership.make([{ id: "n1", address: "host:1" }]) }

        yield* life(layer, (storage) => storage.write([write({ boundary })]))

        assert.deepStrictEqual(withoutSizes((yield* load(layer)).log), { ...Recovery.fresh.log, boundary })
      }))

    it.effect("can begin past its end, and goes on from there", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk
        const boundary = { index: 100, term: 5, membership: Membership.none }

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            yield* storage.write([write({ entries: commands(1, 1, 4) })])
            yield* storage.write([
              write({ truncateAfter: 0, boundary, snapshot: emptySnapshot(boundary) }),
              write({ entries: commands(101, 6, 2) })
            ])
          }))

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            const log = withoutSizes(storage.loaded.log)
            const runs = [{ start: 101, term: 6 }]
            assert.deepStrictEqual(log, { boundary, runs, memberships: [], last: 102, sizes: [] })
            assert.deepStrictEqual(yield* allFrom(storage, 101, 102), expected(101, 102, 6))
          }))
      }))
  })
