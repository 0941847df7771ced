/** What a storage promises when it is opened: whose it is, and that nobody else has it. */
import { assert, describe, it } from "@effect/vitest"
import * as Recovery from "effect-raft/Recovery"
import * as Effect from "effect/Effect"
import { commands, identity, life, load, type MakeDisk, reasonOf, write } from "./StorageLife.ts"

export const openCases = <E>(makeDisk: MakeDisk<E>) =>
  describe("when it is opened", () => {
    it.effect("is in term 0, without a vote and with an empty log, if it is new", () =>
      Effect.gen(function*() {
        const loaded = yield* load(yield* makeDisk)

        assert.deepStrictEqual(loaded, { ...Recovery.fresh, incarnation: identity.incarnation })
      }))

    it.effect("keeps the incarnation under which it was first opened", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk
        yield* load(layer)

        const loaded = yield* life(layer, (storage) => Effect.succeed(storage.loaded), { ...identity, incarnation: 8 })

        assert.strictEqual(loaded.incarnation, 7)
      }))

    it.effect("refuses another node and another cluster, and still serves its own", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk
        yield* life(layer, ({ write: save }) => save([write({ entries: commands(1, 1, 3) })]))

        const otherNode = yield* reasonOf(life(layer, () => Effect.void, { ...identity, node: "n2" }))
        const otherCluster = yield* reasonOf(life(layer, () => Effect.void, { ...identity, cluster: "other" }))

        assert.deepStrictEqual([otherNode, otherCluster], ["Foreign", "Foreign"])
        assert.strictEqual((yield* load(layer)).log.last, 3)
      }))

    it.effect("is locked while another has it open, and free when that one is closed", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk

        const second = yield* life(layer, () => reasonOf(load(layer)))

        assert.strictEqual(second, "Locked")
        assert.strictEqual((yield* load(layer)).log.last, 0)
      }))

    it.effect("is not taken away from the one that has it by one that fails to open it", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            yield* reasonOf(load(layer))
            assert.strictEqual(yield* reasonOf(load(layer)), "Locked")
            yield* storage.write([write({ entries: commands(1, 1, 1) })])
          }))

        assert.strictEqual((yield* load(layer)).log.last, 1)
      }))
  })
