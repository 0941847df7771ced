/** What a storage promises that can tell damage from the end of its log. */
import { assert, describe, it } from "@effect/vitest"
import { type Log, Membership } from "effect-raft/engine"
import type { Damaged, Storage } from "effect-raft/Storage"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { allFrom, commands, expected, life, load, write } from "./StorageLife.ts"

/** A disk whose storage keeps its log in records, and a way to damage the record that holds an entry. */
export interface DamageableDisk<E> {
  readonly layer: Layer.Layer<Storage, E>
  readonly damage: (index: number) => Effect.Effect<void>
}

export type MakeDamageableDisk<E> = Effect.Effect<DamageableDisk<E>, E, Scope.Scope>

const boundary: Log.Boundary = {
  index: 0,
  term: 0,
  membership: Membership.make([{ id: "n1", address: "host:1" }])
}

/** Ten entries, each written by itself, of which some was lost from the sixth on. */
const damagedDisk = Effect.fnUntraced(function*<E>(makeDisk: MakeDamageableDisk<E>) {
  const { damage, layer } = yield* makeDisk
  yield* life(layer, (storage) =>
    Effect.gen(function*() {
      yield* storage.write([write({ boundary, hardState: { term: 1, votedFor: "n1" } })])
      for (let index = 1; index <= 10; index++) {
        const hardState = index === 8 ? { term: 4, votedFor: "n3" } : undefined
        yield* storage.write([write({ hardState, entries: commands(index, index < 8 ? 1 : 4, 1) })])
      }
    }))
  yield* damage(6)
  return layer
})

const reach = (damaged: Damaged | undefined) =>
  damaged && { last: damaged.last, lastTerm: damaged.lastTerm, term: damaged.term }

const told = { last: 10, lastTerm: 4, term: 4 }

export const damageCases = <E>(name: string, makeDisk: MakeDamageableDisk<E>) =>
  describe(`${name} as a Storage that is damaged`, () => {
    it.effect("tells how far the log had gone, and what of it is sound; opening changes nothing", () =>
      Effect.gen(function*() {
        const layer = yield* damagedDisk(makeDisk)
        for (let times = 0; times < 3; times++) {
          yield* life(layer, (storage) =>
            Effect.gen(function*() {
              const { damaged, hardState, log } = storage.loaded
              assert.deepStrictEqual(reach(damaged), told)
              assert.deepStrictEqual([log.last, hardState], [5, { term: 5, votedFor: undefined }])
              assert.include(damaged?.found.message ?? "", "damaged at byte")
              assert.deepStrictEqual(yield* allFrom(storage, 1, 5), expected(1, 5, 1))
            }))
        }
      }))

    it.effect("goes on from what is sound, and still tells of the damage when it is opened again", () =>
      Effect.gen(function*() {
        const layer = yield* damagedDisk(makeDisk)
        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            yield* storage.write([write({ entries: commands(6, 4, 2) })])
            yield* storage.write([write({ truncateAfter: 6 }), write({ entries: commands(7, 5, 3) })])
          }))

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            assert.deepStrictEqual(reach(storage.loaded.damaged), told)
            assert.deepStrictEqual([storage.loaded.log.last, storage.loaded.hardState.term], [9, 5])
            const all = [...expected(1, 5, 1), ...expected(6, 6, 4), ...expected(7, 9, 5)]
            assert.deepStrictEqual(yield* allFrom(storage, 1, 9), all)
          }))
      }))

    it.effect("tells of it no more once a write says that it is repaired", () =>
      Effect.gen(function*() {
        const layer = yield* damagedDisk(makeDisk)
        const hardState = { term: 5, votedFor: "n2" }
        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            yield* storage.write([write({ entries: commands(6, 5, 6) })])
            yield* storage.write([write({ hardState, isRepaired: true })])
          }))

        const loaded = yield* load(layer)
        assert.isUndefined(loaded.damaged)
        assert.deepStrictEqual([loaded.log.last, loaded.hardState], [11, hardState])
      }))

    it.effect("takes a repair that forgets the term and the vote for a mistake in the program", () =>
      Effect.gen(function*() {
        const layer = yield* damagedDisk(makeDisk)
        const defect = yield* life(layer, (storage) =>
          Effect.catchDefect(
            Effect.as(storage.write([write({ isRepaired: true })]), undefined),
            (cause) => Effect.succeed(cause)
          ))

        assert.include(`${defect}`, "has no term and vote")
        assert.deepStrictEqual(reach((yield* load(layer)).damaged), told)
      }))
  })
