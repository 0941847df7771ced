import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Chance } from "effect-raft/engine"
import * as Recovery from "effect-raft/Recovery"
import * as FileHeader from "../src/internal/FileHeader.ts"
import * as WalRecord from "../src/internal/WalRecord.ts"
import { lifeOn } from "./afterlife.ts"
import { boundaryAt, entries, textOf } from "./LongLife.ts"
import { type Luck, powerLoss, replaced, SimulatedDisk, type State } from "./SimulatedDisk.ts"
import { live, open, reason, write } from "./workload.ts"

const directory = "simulated"
const reach = { term: 2, last: 12, lastTerm: 2 }

/** What the node wrote, each a batch of its own. The last one is never damaged here: a crash could have torn it. */
const written = [
  write({ boundary: boundaryAt(0, 0), hardState: { term: 1, votedFor: "n1" } }),
  ...[1, 3, 5, 7, 9].map((first) => write({ entries: entries(first, 1, 2, 100) })),
  write({ hardState: { term: 2, votedFor: "n2" } }),
  write({ entries: entries(11, 2, 2) })
]

/** A directory with several files of the log, and where the records lie that can be lost: each with what is before it. */
const filled = Effect.gen(function*() {
  const disk = new SimulatedDisk()
  yield* live(lifeOn(directory, disk), (storage) => Effect.forEach(written, (each) => storage.write([each])))
  const places: Array<{ readonly name: string; readonly offset: number; readonly size: number; count: number }> = []
  let count = 0
  for (const name of disk.names) {
    const bytes = disk.bytesOf(name)
    const decoded = FileHeader.decode(bytes)
    if (decoded._tag !== "Header") return assert.fail("no header")
    const { seed, size: start, version } = decoded.header
    for (let offset = start; offset < bytes.length;) {
      const head = WalRecord.decodeHead(seed, bytes.subarray(offset)) ?? assert.fail("no record")
      const size = WalRecord.headSize + head.size
      const body = WalRecord.decodeBody(version, bytes.subarray(offset + WalRecord.headSize, offset + size))
      if (body?._tag === "Write" && count < written.length - 1) places.push({ name, offset, size, count })
      if (body?._tag === "Write") count++
      offset += size
    }
  }
  assert.isAbove(disk.names.length, 2)
  assert.strictEqual(count, written.length)
  return { disk, places }
})

const flipped = (state: State, name: string, offset: number): State => {
  const bytes = Buffer.from(new SimulatedDisk(state).bytesOf(name))
  bytes[offset] = (bytes[offset] ?? 0) ^ 0x04
  return replaced(state, name, bytes)
}

/** What is sound of the log when so many writes are. */
const soundAfter = (count: number) => written.slice(0, count).reduce(Recovery.after, Recovery.fresh)

const added = (first: number) => write({ entries: entries(first, 3, 1) })
const repaired = write({ hardState: { term: 3, votedFor: "n3" }, isRepaired: true })

/** Opens what is there: so much of the log, each entry in the term it should have, and what is told of damage. */
const find = (disk: SimulatedDisk, lastSound: number) =>
  live(lifeOn(directory, disk), ({ found, read }) =>
    Effect.gen(function*() {
      const { damaged, log } = found
      if (log.last > 0) {
        const all = yield* read(1, log.last, 1_000_000)
        for (let index = 1; index <= log.last; index++) {
          const expected = entries(index, index > lastSound ? 3 : index > 10 ? 2 : 1, 1, index > 10 ? 20 : 100)
          const text = index > lastSound ? entries(index, 3, 1) : expected
          assert.strictEqual(textOf(all, index), textOf(text, index))
        }
      }
      const told = damaged && { term: damaged.term, last: damaged.last, lastTerm: damaged.lastTerm }
      return { told, last: log.last, hardState: found.hardState }
    }))

describe("a log that has lost a record which was durable", () => {
  it.effect("is found up to there in a later term, and how far it had gone, again and again until a write says it is repaired", () =>
    Effect.gen(function*() {
      const { disk: original, places } = yield* filled
      for (const { count, name, offset, size } of places) {
        for (const place of [offset, offset + 10, offset + WalRecord.headSize, offset + size - 1]) {
          const disk = new SimulatedDisk(flipped(original.state, name, place))
          const { last } = soundAfter(count).log
          const expected = { told: reach, last, hardState: { term: 3, votedFor: undefined } }
          for (let times = 0; times < 2; times++) assert.deepStrictEqual(yield* find(disk, last), expected)
          assert.deepStrictEqual(disk.calls, [])

          yield* live(lifeOn(directory, disk), (storage) => storage.write([added(last + 1)]))
          const after = { told: reach, last: last + 1, hardState: { term: 3, votedFor: undefined } }
          for (let times = 0; times < 2; times++) assert.deepStrictEqual(yield* find(disk, last), after)

          yield* live(lifeOn(directory, disk), (storage) => storage.write([repaired]))
          const whole = { told: undefined, last: last + 1, hardState: { term: 3, votedFor: "n3" } }
          assert.deepStrictEqual(yield* find(disk, last), whole)
          assert.isTrue(disk.names.every((each) => each.endsWith(".wal")), disk.names.join())
        }
      }
    }))

  it.effect("goes on in other files, which agree on the term in which it was", () =>
    Effect.gen(function*() {
      const { disk: original, places } = yield* filled
      const { count, name, offset } = places[2] ?? assert.fail("too few records")
      const disk = new SimulatedDisk(flipped(original.state, name, offset + 40))
      const { last } = soundAfter(count).log
      yield* live(
        lifeOn(directory, disk),
        (storage) =>
          Effect.forEach(
            [1, 2, 3, 4],
            (place) => storage.write([write({ entries: entries(last + place, 2, 1, 1000) })])
          )
      )

      const { damaged, hardState, log } = yield* open(lifeOn(directory, disk))

      assert.strictEqual(damaged?.last, 12)
      assert.deepStrictEqual([log.last, hardState], [last + 4, { term: 3, votedFor: undefined }])
    }))

  it.effect("and another one later is told of both", () =>
    Effect.gen(function*() {
      const { disk: original, places } = yield* filled
      const [first, , third] = places.slice(1)
      if (first === undefined || third === undefined) return assert.fail("too few records")
      const disk = new SimulatedDisk(flipped(original.state, third.name, third.offset + 40))
      const { last } = soundAfter(third.count).log
      yield* live(lifeOn(directory, disk), (storage) => storage.write([write({ entries: entries(last + 1, 2, 1) })]))

      const again = new SimulatedDisk(flipped(disk.state, first.name, first.offset + 40))

      const { last: left } = soundAfter(first.count).log
      const found = yield* find(again, left)
      assert.deepStrictEqual([found.told, found.last], [{ ...reach, term: 3 }, left])
    }))

  it.effect("is not told of less, whenever the node dies while it cuts that off, or is repaired", () =>
    Effect.gen(function*() {
      const { disk: original, places } = yield* filled
      for (const { count, name, offset, size } of places.filter((_, place) => place % 2 === 1)) {
        const start = flipped(original.state, name, offset + size - 1)
        const { last } = soundAfter(count).log
        const disk = new SimulatedDisk(start)
        yield* live(lifeOn(directory, disk), (storage) => storage.write([added(last + 1)]))
        for (const [place, state] of disk.history.entries()) {
          for (const luck of lucks(place)) {
            const again = new SimulatedDisk(powerLoss(state, luck))
            const found = yield* find(again, last)
            assert.deepStrictEqual(found.told, reach, `${name} at ${offset}, call ${place}`)
            assert.deepStrictEqual(found.hardState, { term: 3, votedFor: undefined })
            assert.include([last, last + 1], found.last)
            // Who was told may have told others, and goes on.
            yield* live(lifeOn(directory, again), (storage) => storage.write([write({}), write({})]))
            assert.deepStrictEqual((yield* find(again, last)).told, reach)
          }
        }

        const mended = new SimulatedDisk(disk.state)
        yield* live(lifeOn(directory, mended), (storage) => storage.write([repaired]))
        for (const [place, state] of mended.history.entries()) {
          for (const luck of lucks(place)) {
            const found = yield* find(new SimulatedDisk(powerLoss(state, luck)), last)
            assert.strictEqual(found.last, last + 1)
            if (found.told === undefined) assert.deepStrictEqual(found.hardState, { term: 3, votedFor: "n3" })
            else assert.deepStrictEqual(found.told, reach)
          }
        }
      }
    }))

  it.effect("is refused where what tells of the damage is damaged itself", () =>
    Effect.gen(function*() {
      const { disk: original, places } = yield* filled
      const { name, offset } = places[3] ?? assert.fail("too few records")
      const disk = new SimulatedDisk(flipped(original.state, name, offset + 40))
      yield* live(lifeOn(directory, disk), (storage) => storage.write([write({})]))
      const size = disk.bytesOf("damage").length
      for (let place = 0; place < size; place++) {
        const found = yield* reason(open(lifeOn(directory, new SimulatedDisk(flipped(disk.state, "damage", place)))))
        assert.strictEqual(found._tag, "Corrupt")
      }
      const short = replaced(disk.state, "damage", disk.bytesOf("damage").subarray(0, size - 1))
      assert.strictEqual((yield* reason(open(lifeOn(directory, new SimulatedDisk(short)))))._tag, "Corrupt")
    }))
})

const lucks = (seed: number): ReadonlyArray<Luck> => {
  let state = seed
  const draw = () => {
    const [value, next] = Chance.draw(state)
    state = next
    return value % 2 === 0
  }
  return [
    { keepsSector: () => true, keepsName: () => true },
    { keepsSector: () => false, keepsName: () => false },
    { keepsSector: draw, keepsName: draw }
  ]
}
