/** What a storage promises of single writes: term and vote, and their order. */
import { assert, describe, it } from "@effect/vitest"
import * as Recovery from "effect-raft/Recovery"
import * as Effect from "effect/Effect"
import { allFrom, commands, expected, identity, life, load, type MakeDisk, write } from "./StorageLife.ts"

export const hardStateCases = <E>(makeDisk: MakeDisk<E>) =>
  describe("a write", () => {
    for (const votedFor of ["n2", "", "0", "ä∑😀", undefined]) {
      it.effect(`keeps a term with ${votedFor === undefined ? "no vote" : `a vote for ${JSON.stringify(votedFor)}`}`, () =>
        Effect.gen(function*() {
          const layer = yield* makeDisk
          const hardState = { term: 3, votedFor }

          yield* life(layer, (storage) => storage.write([write({ hardState })]))

          assert.deepStrictEqual((yield* load(layer)).hardState, hardState)
        }))
    }

    it.effect("replaces term and vote together: a new term takes the old vote with it", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk

        yield* life(layer, (storage) =>
          storage.write([
            write({ hardState: { term: 1, votedFor: "n2" } }),
            write({ hardState: { term: Number.MAX_SAFE_INTEGER, votedFor: undefined } })
          ]))

        const { hardState } = yield* load(layer)
        assert.deepStrictEqual(hardState, { term: Number.MAX_SAFE_INTEGER, votedFor: undefined })
      }))
  })

export const orderCases = <E>(makeDisk: MakeDisk<E>) =>
  describe("a write", () => {
    it.effect("leaves alone what it does not speak of", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk
        const hardState = { term: 2, votedFor: "n3" }
        yield* life(layer, (storage) => storage.write([write({ hardState, entries: commands(1, 2, 2) })]))

        yield* life(layer, (storage) => storage.write([write({ entries: commands(3, 2, 1) })]))
        const loaded = yield* load(layer)

        assert.deepStrictEqual(loaded.hardState, hardState)
        assert.deepStrictEqual(loaded.log.runs, [{ start: 1, term: 2 }])
        assert.strictEqual(loaded.log.last, 3)
      }))

    it.effect("of nothing changes nothing", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk

        yield* life(layer, (storage) => Effect.andThen(storage.write([]), storage.write([write({})])))

        assert.deepStrictEqual(yield* load(layer), { ...Recovery.fresh, incarnation: identity.incarnation })
      }))

    it.effect("is carried out after the ones that stand before it", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk
        const writes = [
          write({ hardState: { term: 1, votedFor: "n1" }, entries: commands(1, 1, 5) }),
          write({ truncateAfter: 2, entries: commands(3, 2, 2) }),
          write({ hardState: { term: 3, votedFor: undefined }, truncateAfter: 3 }),
          write({ entries: commands(4, 3, 3) })
        ]

        yield* life(layer, (storage) => storage.write(writes))

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            const { log } = storage.loaded
            assert.deepStrictEqual(log.runs, [{ start: 1, term: 1 }, { start: 3, term: 2 }, { start: 4, term: 3 }])
            assert.deepStrictEqual(yield* allFrom(storage, 1, 6), [
              ...expected(1, 2, 1),
              ...expected(3, 3, 2),
              ...expected(4, 6, 3)
            ])
          }))
      }))
  })
