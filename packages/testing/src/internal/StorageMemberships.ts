/** What a storage promises of the memberships in the log: they are found again, and go with their entries. */
import { assert, describe, it } from "@effect/vitest"
import { Membership } from "effect-raft/engine"
import * as Entries from "effect-raft/Entries"
import * as Effect from "effect/Effect"
import { allFrom, commands, emptySnapshot, expected, life, load, type MakeDisk, write } from "./StorageLife.ts"

const alone = Membership.make([{ id: "n1", address: "host:1" }])

/** Both old and new in force, with all fields filled, and names that are more than ASCII. */
const joint: Membership.Membership = {
  members: [{ id: "n2", address: "host:2" }, { id: "ü", address: "" }],
  voters: ["n2"],
  outgoing: ["n1"],
  departing: alone.members,
  promoting: ["ü"]
}

const after = Membership.leave(joint)

export const foundCases = <E>(makeDisk: MakeDisk<E>) =>
  describe("a membership in the log", () => {
    it.effect("is found again with its index, alone in its write or among commands", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk
        const among = Entries.concat([commands(4, 2, 2), Entries.membership(6, 2, after), commands(7, 2, 2)])

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            yield* storage.write([write({ boundary: { index: 0, term: 0, membership: alone } })])
            yield* storage.write([write({ entries: commands(1, 1, 2) })])
            yield* storage.write([write({ entries: Entries.membership(3, 1, joint) }), write({ entries: among })])
          }))

        const { log } = yield* load(layer)
        assert.deepStrictEqual(log.boundary.membership, alone)
        assert.deepStrictEqual(log.memberships, [{ index: 3, membership: joint }, { index: 6, membership: after }])
      }))

    it.effect("is read like any other entry, byte by byte", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk
        const entries = Entries.membership(3, 1, joint)

        yield* life(layer, (storage) => storage.write([write({ entries: commands(1, 1, 2) }), write({ entries })]))

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            const found = yield* storage.read(3, 3, 1000)
            assert.strictEqual(Entries.kindAt(found, 3), Entries.Kind.membership)
            assert.deepStrictEqual([...Entries.payloadAt(found, 3)], [...Entries.payloadAt(entries, 3)])
            assert.deepStrictEqual(Entries.memberships(found), [{ index: 3, membership: joint }])
          }))
      }))
  })

export const lostCases = <E>(makeDisk: MakeDisk<E>) =>
  describe("a membership in the log", () => {
    it.effect("is taken back when its entry is truncated, and the one before is in force again", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk

        yield* life(layer, (storage) =>
          storage.write([
            write({ boundary: { index: 0, term: 0, membership: alone }, entries: commands(1, 1, 2) }),
            write({ entries: Entries.membership(3, 1, joint) }),
            write({ entries: commands(4, 1, 1) }),
            write({ truncateAfter: 2, entries: commands(3, 2, 2) })
          ]))

        yield* life(layer, (storage) =>
          Effect.gen(function*() {
            assert.deepStrictEqual(storage.loaded.log.memberships, [])
            assert.deepStrictEqual(yield* allFrom(storage, 3, 4), expected(3, 4, 2))
          }))
      }))

    it.effect("is kept when what follows it is truncated, and goes when the log begins behind it", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk
        yield* life(layer, (storage) =>
          storage.write([
            write({ entries: Entries.membership(1, 1, alone) }),
            write({ entries: Entries.concat([commands(2, 1, 1), Entries.membership(3, 1, joint), commands(4, 1, 2)]) }),
            write({ truncateAfter: 3, entries: commands(4, 2, 2) })
          ]))
        const kept = yield* load(layer)

        const boundary = { index: 2, term: 1, membership: alone }

        yield* life(layer, (storage) => storage.write([write({ boundary, snapshot: emptySnapshot(boundary) })]))

        const memberships = [{ index: 1, membership: alone }, { index: 3, membership: joint }]
        assert.deepStrictEqual(kept.log.memberships, memberships)
        assert.deepStrictEqual((yield* load(layer)).log.memberships, memberships.slice(1))
      }))

    it.effect("that is none, but says so, is a mistake of whoever writes it, and nothing of it is kept", () =>
      Effect.gen(function*() {
        const layer = yield* makeDisk
        const entries = commands(1, 1, 1)
        entries.bytes[0] = Entries.Kind.membership

        const exit = yield* Effect.exit(life(layer, (storage) => storage.write([write({ entries })])))

        assert.isTrue(exit._tag === "Failure" && exit.cause.reasons.some((reason) => reason._tag === "Die"))
        assert.strictEqual((yield* load(layer)).log.last, 0)
      }))
  })
