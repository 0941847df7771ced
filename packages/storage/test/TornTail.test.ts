import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Entries from "effect-raft/Entries"
import * as Recovery from "effect-raft/Recovery"
import { temporaryDirectory } from "./temporaryDirectory.ts"
import { commands, live, open, put, readLog, record, type Recorded, states, write, writes } from "./workload.ts"

/** How many records are whole in the first `size` bytes. */
const wholeBefore = ({ ends }: Recorded, size: number) => ends.filter((end) => end <= size).length - 1

/** How many records are still what was recorded: a tail of zeros may complete one that ends with zeros. */
const wholeIn = (recorded: Recorded, bytes: Buffer) => {
  const changed = recorded.bytes.findIndex((byte, place) => byte !== bytes[place])
  return wholeBefore(recorded, changed < 0 ? recorded.bytes.length : changed)
}

/** Opens what is there, adds an entry, opens it again: nothing but the tear may be gone, and nothing that came after. */
const survives = Effect.fnUntraced(function*(directory: string, whole: number, recorded: Recorded) {
  const expected = states[whole] ?? Recovery.fresh
  const added = write({ entries: commands(expected.log.last + 1, 9, "after the crash") })
  yield* live({ directory }, (storage) => {
    assert.deepStrictEqual(storage.found, expected)
    assert.deepStrictEqual(readLog(directory), recorded.bytes.subarray(0, recorded.ends[whole]))
    return storage.write([added])
  })
  yield* live({ directory }, (storage) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(storage.found, Recovery.after(expected, added))
      const last = storage.found.log.last
      const entries = yield* storage.read(last, last, 1000)
      assert.strictEqual(new TextDecoder().decode(Entries.payloadAt(entries, last)), "after the crash")
    }))
})

describe("a log that a crash has torn", () => {
  it.effect("is found with exactly its whole records, wherever it was cut", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const recorded = yield* record(directory)
      assert.strictEqual(wholeBefore(recorded, recorded.bytes.length), writes.length)

      for (let size = recorded.ends[0] ?? 0; size <= recorded.bytes.length; size++) {
        put(directory, recorded.bytes.subarray(0, size))
        yield* survives(directory, wholeBefore(recorded, size), recorded)
      }
    }))

  it.effect("is found with exactly its whole records, wherever its end is zeros, or noise, or remains of records", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const recorded = yield* record(directory)
      const noise = Buffer.from(Array.from({ length: 5000 }, (_, place) => (place * place * 31 + place) >> 3))
      const head = recorded.bytes.subarray(recorded.ends[0], (recorded.ends[0] ?? 0) + 27)
      const magics = Buffer.concat(Array.from({ length: 200 }, () => head))
      const tails = [Buffer.alloc(1), Buffer.alloc(4096), Buffer.alloc(70_000), Buffer.alloc(99, 0xff), noise, magics]

      for (let size = recorded.ends[0] ?? 0; size <= recorded.bytes.length; size += 7) {
        for (const tail of tails) {
          const bytes = Buffer.concat([recorded.bytes.subarray(0, size), tail])
          put(directory, bytes)
          yield* survives(directory, wholeIn(recorded, bytes), recorded)
        }
      }
      for (const tail of tails) {
        put(directory, Buffer.concat([recorded.bytes, tail]))
        yield* survives(directory, writes.length, recorded)
      }
    }))

  it.effect("is found with the records before the first damaged one, whichever of its last batch reached the disk", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const before = writes.slice(0, 3)
      const batch = writes.slice(3)
      const single = yield* record(directory)
      put(directory, single.bytes.subarray(0, single.ends[before.length]))
      yield* live({ directory }, (storage) => storage.write(batch))
      const together = readLog(directory)
      assert.strictEqual(together.length, single.bytes.length)

      for (let missing = 1; missing < 2 ** batch.length; missing++) {
        const bytes = Buffer.from(together)
        const lost = batch.map((_, place) => place).filter((place) => (missing & (1 << place)) !== 0)
        for (const place of lost) {
          bytes.fill(0, single.ends[before.length + place], single.ends[before.length + place + 1])
        }
        put(directory, bytes)
        const whole = before.length + (lost[0] ?? 0)
        yield* survives(directory, whole, { bytes, ends: single.ends })
      }
    }))

  it.effect("is found through a window smaller than its records", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const texts = Array.from({ length: 40 }, (_, place) => `${place}`.repeat(300 + place * 11))
      const large = texts.map((text, place) => write({ entries: commands(place + 1, 1, text, text.slice(1)) }))
        .map((each, place) => ({ ...each, entries: commands(place * 2 + 1, 1, texts[place] ?? "", "x".repeat(9000)) }))
      const recorded = yield* record(directory, large.map((each) => [each]))

      for (const size of [0, 1, 5000, 20_000]) {
        put(directory, recorded.bytes.subarray(0, recorded.bytes.length - size))
        const found = yield* open({ directory, scanBytes: 4096 })
        assert.strictEqual(found.log.last, 2 * wholeBefore(recorded, recorded.bytes.length - size))
      }
    }))
})
