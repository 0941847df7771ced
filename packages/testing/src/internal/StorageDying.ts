/** What a storage promises when the node that uses it dies. */
import { assert, describe, it } from "@effect/vitest"
import * as Recovery from "effect-raft/Recovery"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { allFrom, commands, life, load, type MakeDisk, promised, reasonOf, write } from "./StorageLife.ts"

export const deathCases = <E>(makeDisk: MakeDisk<E>) =>
  describe("when the node dies during a write", () => {
    const before = [write({ hardState: { term: 1, votedFor: "n1" }, entries: commands(1, 1, 5) })]
    const batch = [
      write({ truncateAfter: 3, entries: commands(4, 2, 4), hardState: { term: 2, votedFor: undefined } }),
      write({ entries: commands(8, 2, 2) }),
      write({ hardState: { term: 3, votedFor: "n2" } }),
      write({ truncateAfter: 7, entries: commands(8, 3, 1), hardState: { term: 4, votedFor: "n3" } }),
      write({ entries: commands(9, 4, 3) })
    ]
    const start = before.reduce(Recovery.after, Recovery.fresh)
    const states = batch.reduce(
      (found, each) => [...found, promised(Recovery.after(found[found.length - 1] ?? start, each))],
      [promised(start)]
    )

    for (const turns of [0, 1, 2, 3, 4, 5, 8]) {
      it.effect(`leaves the changes up to some point, each whole (${turns} turns after it began)`, () =>
        Effect.gen(function*() {
          const layer = yield* makeDisk
          yield* life(layer, (storage) =>
            Effect.gen(function*() {
              yield* storage.write(before)
              const writing = yield* Effect.forkChild(storage.write(batch), { startImmediately: true })
              for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
              yield* Fiber.interrupt(writing)
            }))

          yield* life(layer, (storage) =>
            Effect.gen(function*() {
              assert.deepInclude(states, promised(storage.loaded))
              yield* allFrom(storage, 1, storage.loaded.log.last)
            }))
        }))
    }

    it.effect("is refused what it asks for after it was closed", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk
        const ghost = yield* life(layer, (storage) => Effect.as(storage.write(before), storage))

        const outcome = yield* life(
          layer,
          () => Effect.all([reasonOf(ghost.write(batch)), reasonOf(ghost.read(1, 5, 1000))])
        )

        assert.deepStrictEqual(outcome, ["Failed", "Failed"])
        assert.strictEqual((yield* load(layer)).log.last, 5)
      }))
  })
