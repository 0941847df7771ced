/** What a storage promises of reads: their bounds, their bytes, and that writes do not disturb them. */
import { assert, describe, it } from "@effect/vitest"
import * as Entries from "effect-raft/Entries"
import type { Storage } from "effect-raft/Storage"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { allFrom, commands, expected, life, type MakeDisk, type Opened, textOf, write } from "./StorageLife.ts"

/** Three writes of four, one and five entries; each entry has 11 bytes, with its kind. */
const filled = <E, A, E2>(
  makeDisk: MakeDisk<E>,
  use: (storage: Opened) => Effect.Effect<A, E2, Scope.Scope>
) =>
  Effect.flatMap(makeDisk, (layer) => {
    const entries = (first: number, count: number) =>
      write({
        entries: Entries.commands(first, 1, Array.from({ length: count }, () => new Uint8Array(10).fill(first)))
      })
    return life(layer, (storage) =>
      Effect.andThen(storage.write([entries(1, 4), entries(5, 1), entries(6, 5)]), use(storage)))
  })

export const boundsCases = <E>(makeDisk: MakeDisk<E>) =>
  describe("a read", () => {
    it.effect("yields exactly the entries that were asked for", () =>
      filled(makeDisk, (storage) =>
        Effect.gen(function*() {
          for (let from = 1; from <= 10; from++) {
            for (let to = from; to <= 10; to++) {
              const entries = yield* storage.read(from, to, 1_000_000)
              assert.isTrue(Entries.isWellFormed(entries))
              assert.deepStrictEqual([entries.first, Entries.last(entries), entries.bytes.length], [
                from,
                to,
                (to - from + 1) * 11
              ])
            }
          }
        })))

    it.effect("yields as many of the first as fit into its bytes", () =>
      filled(makeDisk, (storage) =>
        Effect.gen(function*() {
          for (let from = 1; from <= 10; from++) {
            for (const maxBytes of [11, 21, 22, 32, 33, 54, 55, 56, 66, 109, 110]) {
              const entries = yield* storage.read(from, 10, maxBytes)
              const count = Math.min(Math.floor(maxBytes / 11), 11 - from)
              assert.deepStrictEqual([entries.first, entries.ends.length], [from, count])
            }
          }
        })))

    it.effect("yields as many as fit also where a part of what was written is gone", () =>
      filled(makeDisk, (storage) =>
        Effect.gen(function*() {
          const entries = Entries.commands(
            3,
            2,
            Array.from({ length: 8 }, () => new Uint8Array(10))
          )
          yield* storage.write([write({ truncateAfter: 2, entries }), write({ truncateAfter: 4 })])
          yield* storage.write([write({ entries: { ...entries, first: 5, runs: [{ start: 5, term: 2 }] } })])
          for (let from = 1; from <= 4; from++) {
            for (let count = 1; count <= 8; count++) {
              const found = yield* storage.read(from, 12, count * 11)
              assert.deepStrictEqual([found.first, found.ends.length], [from, count])
            }
          }
        })))

    it.effect("yields one entry, however large, where none fits", () =>
      filled(makeDisk, (storage) =>
        Effect.gen(function*() {
          for (const maxBytes of [0, 1, 10]) {
            const entries = yield* storage.read(3, 9, maxBytes)
            assert.deepStrictEqual([entries.first, entries.ends], [3, [11]])
          }
        })))
  })

export const payloadCases = <E>(makeDisk: MakeDisk<E>) =>
  describe("a read", () => {
    it.effect("yields payloads without a byte, and payloads of megabytes", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk
        const large = new Uint8Array(5_000_000).map((_, place) => (place * 31) >> 3)
        const entries = Entries.commands(1, 1, [new Uint8Array(0), large, new Uint8Array(0)])
        const check = (storage: Storage["Service"]) =>
          Effect.gen(function*() {
            const found = yield* storage.read(1, 4, 10_000_000)
            assert.deepStrictEqual(found.ends, [1, 5_000_002, 5_000_003, 5_000_004])
            assert.isTrue(Entries.payloadAt(found, 2).every((byte, place) => byte === large[place]))
            assert.strictEqual(Entries.kindAt(found, 4), Entries.Kind.noop)
          })

        yield* life(
          layer,
          (storage) =>
            Effect.andThen(storage.write([write({ entries }), write({ entries: Entries.noop(4, 2) })]), check(storage))
        )

        yield* life(layer, check)
      }))

    it.effect("goes on while a write is under way, which it does not disturb", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            yield* storage.write([write({ entries: commands(1, 1, 50) })])
            const writing = yield* Effect.forkChild(
              Effect.forEach(
                Array.from({ length: 20 }),
                (_, place) => storage.write([write({ entries: commands(51 + place * 10, 1, 10) })]),
                { discard: true }
              ),
              { startImmediately: true }
            )
            for (let round = 0; round < 20; round++) {
              assert.deepStrictEqual(yield* allFrom(storage, 1, 50), expected(1, 50, 1))
            }
            yield* Fiber.join(writing)
            assert.deepStrictEqual(yield* allFrom(storage, 1, 250), expected(1, 250, 1))
          }))
      }))

    it.effect("never mixes the old and the new form of what is replaced meanwhile", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk
        const forms = [[...expected(1, 2, 1), ...expected(3, 6, 1)], [...expected(1, 2, 1), ...expected(3, 6, 2)]]

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            yield* storage.write([1, 2, 3, 4, 5, 6].map((index) => write({ entries: commands(index, 1, 1) })))
            const replace = storage.write([write({ truncateAfter: 2, entries: commands(3, 2, 4) })])
            const writing = yield* Effect.forkChild(replace, { startImmediately: true })
            const entries = yield* storage.read(1, 6, 1_000_000)
            yield* Fiber.join(writing)

            const found = [1, 2, 3, 4, 5, 6].map((index) =>
              `${Entries.termAt(entries, index)}/1/${textOf(Entries.payloadAt(entries, index))}`
            )
            assert.deepInclude(forms, found)
            assert.deepStrictEqual(yield* allFrom(storage, 1, 6), forms[1])
          }))
      }))
  })
