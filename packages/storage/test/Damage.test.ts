import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Membership } from "effect-raft/engine"
import * as Entries from "effect-raft/Entries"
import { type Identity, type StorageWrite } from "effect-raft/Storage"
import { closeSync, openSync, statSync, writeSync } from "node:fs"
import { crc32 } from "node:zlib"
import * as FileHeader from "../src/internal/FileHeader.ts"
import * as WalRecord from "../src/internal/WalRecord.ts"
import { temporaryDirectory } from "./temporaryDirectory.ts"
import {
  commands,
  headerSize,
  identity,
  live,
  logPath,
  open,
  put,
  readLog,
  reason,
  record,
  states,
  write
} from "./workload.ts"

const seedOf = (bytes: Buffer) => {
  const decoded = FileHeader.decode(bytes)
  return decoded._tag === "Header" ? decoded.header.seed : assert.fail("no header")
}

/** How far the node of the workload has come in the end. */
const reach = { term: 3, last: 4, lastTerm: 3 }

/** A record as it would be written, in one piece. */
const forge = (seed: number, sequence: number, place: number, parts: Partial<StorageWrite>) =>
  Buffer.concat(WalRecord.encode(seed, sequence, place, write(parts), reach).pieces)

const flipped = (bytes: Buffer, offset: number, mask: number) => {
  const changed = Buffer.from(bytes)
  changed[offset] = (changed[offset] ?? 0) ^ mask
  return changed
}

/** Opens what is damaged at `offset`, and sees that nothing was touched. */
const isRefused = Effect.fnUntraced(function*(directory: string, bytes: Buffer, offset: number) {
  put(directory, bytes)
  for (const scanBytes of [4096, undefined]) {
    const found = yield* reason(open({ directory, ...(scanBytes === undefined ? {} : { scanBytes }) }))
    if (found._tag !== "Corrupt") return assert.fail(`${found._tag}: ${found.message}`)
    assert.deepStrictEqual([found.path, found.offset], [logPath(directory), offset])
    assert.deepStrictEqual(readLog(directory), bytes)
  }
})

/**
 * Opens what is damaged at `offset`, behind `count` records: they are found, and that there was more. Nothing was touched.
 */
const isReported = Effect.fnUntraced(function*(directory: string, bytes: Buffer, count: number, offset: number) {
  put(directory, bytes)
  for (const scanBytes of [4096, undefined]) {
    const { damaged, ...found } = yield* open({ directory, ...(scanBytes === undefined ? {} : { scanBytes }) })
    if (damaged === undefined) return assert.fail(`nothing is reported of byte ${offset}`)
    const sound = states[count] ?? assert.fail()
    assert.deepStrictEqual(found, { ...sound, hardState: { term: 4, votedFor: undefined } })
    const { found: { offset: at, path }, ...rest } = damaged
    assert.deepStrictEqual([path, at, rest], [logPath(directory), offset, reach])
    assert.deepStrictEqual(readLog(directory), bytes)
  }
})

/** Entry 5, which says that it is a membership, and is this text. */
const membershipOf = (text: string) => {
  const entries = commands(5, 3, text)
  entries.bytes[0] = Entries.Kind.membership
  return entries
}

const n1 = `{"id":"n1","address":""}`

/** A log of seven records, and a way to put others behind its first few. */
const recorded = Effect.gen(function*() {
  const directory = yield* temporaryDirectory
  const { bytes, ends } = yield* record(directory)
  const endOf = (count: number) => ends[count] ?? assert.fail(`no record ${count}`)
  const seed = seedOf(bytes)
  return {
    directory,
    bytes,
    endOf,
    seed,
    with: (count: number, ...more: ReadonlyArray<Uint8Array>) =>
      Buffer.concat([bytes.subarray(0, endOf(count)), ...more])
  }
})

describe("damage in the middle of a log", () => {
  for (const mask of [0x01, 0x80, 0xff]) {
    it.effect(`is reported wherever it is, with its place and what was there, and nothing is changed (bits ${mask.toString(2)})`, () =>
      Effect.gen(function*() {
        const { bytes, directory, endOf } = yield* recorded
        let count = 0
        for (let offset = endOf(0); offset < endOf(6); offset++) {
          if (offset === endOf(count + 1)) count++
          yield* isReported(directory, flipped(bytes, offset, mask), count, endOf(count))
        }
      }))
  }

  it.effect("is taken for a tear in the last record, which nothing tells from one", () =>
    Effect.gen(function*() {
      const { bytes, directory, endOf } = yield* recorded
      for (let offset = endOf(6); offset < endOf(7); offset++) {
        put(directory, flipped(bytes, offset, 0x10))
        assert.deepStrictEqual(yield* open({ directory }), states[6])
      }
    }))

  it.effect("is reported when records of zeros, of noise, or of another size stand before an intact one", () =>
    Effect.gen(function*() {
      const { bytes, directory, endOf, with: behind } = yield* recorded
      const rest = bytes.subarray(endOf(4))
      for (const size of [1, 27, 28, 29, 4096, 100_001]) {
        for (
          const middle of [
            Buffer.alloc(size),
            Buffer.alloc(size, 0xef),
            Buffer.concat([Buffer.alloc(size), WalRecord.magic, Buffer.alloc(size)])
          ]
        ) yield* isReported(directory, behind(3, middle, rest), 3, endOf(3))
      }
    }))

  it.effect("is reported also when the only intact record behind it lies across the edge of what is in memory", () =>
    Effect.gen(function*() {
      const { directory, endOf, seed, with: behind } = yield* recorded
      // The window first shows what follows the header, 4096 bytes of it.
      const edge = headerSize + 4096
      for (let start = edge - 40; start < edge + 40; start++) {
        const zeros = Buffer.alloc(start - endOf(7))
        yield* isReported(directory, behind(7, zeros, forge(seed, 9, 0, {})), 7, endOf(7))
      }
    }))

  it.effect("is refused when a record is missing, repeated, or comes back from earlier", () =>
    Effect.gen(function*() {
      const { bytes, directory, endOf, seed, with: behind } = yield* recorded
      const one = (count: number) => bytes.subarray(endOf(count - 1), endOf(count))

      yield* isRefused(directory, behind(3, bytes.subarray(endOf(4))), endOf(3))
      yield* isRefused(directory, behind(7, forge(seed, 9, 0, {})), endOf(7))
      yield* isRefused(directory, behind(7, one(7)), endOf(7))
      yield* isRefused(directory, behind(7, one(2)), endOf(7))
      yield* isRefused(directory, behind(7, Buffer.alloc(10), one(2)), endOf(7))
      yield* isRefused(directory, behind(3, one(5), one(4), bytes.subarray(endOf(5))), endOf(3))
    }))

  it.effect("is refused when a record says under a good checksum what cannot be", () =>
    Effect.gen(function*() {
      const { bytes, directory, endOf, seed, with: behind } = yield* recorded
      const boundary = { index: 1, term: 0, membership: Membership.none }
      const impossible: ReadonlyArray<Partial<StorageWrite>> = [
        { entries: commands(9, 3, "after a gap") },
        { entries: commands(4, 3, "over what is there") },
        { entries: commands(5, 2, "of an earlier term") },
        { entries: membershipOf("") },
        { entries: membershipOf("{}") },
        { entries: membershipOf(`{"members":[],"voters":["n1",2],"outgoing":[],"departing":[],"promoting":[]}`) },
        { entries: membershipOf(`{"members":[],"voters":[],"outgoing":[],"departing":[],"promoting":[]}`) },
        { entries: membershipOf(`{"members":[${n1}],"voters":[],"outgoing":["n1"],"departing":[],"promoting":[]}`) },
        {
          entries: membershipOf(`{"members":[${n1},${n1}],"voters":["n1"],"outgoing":[],"departing":[],"promoting":[]}`)
        },
        { entries: membershipOf(`{"members":[${n1}],"voters":["n2"],"outgoing":[],"departing":[],"promoting":[]}`) },
        { truncateAfter: 9 },
        { boundary },
        { boundary: { ...boundary, index: 4, term: 2 } }
      ]
      for (const parts of impossible) yield* isRefused(directory, behind(7, forge(seed, 8, 0, parts)), endOf(7))
      yield* isRefused(directory, behind(7, forge(seed, 8, 2, {})), endOf(7))

      // A body that is no body at all, under a head made for it.
      for (let size = 0; size < 40; size++) {
        const nonsense = forge(seed, 8, 0, { entries: commands(5, 3, "x".repeat(size)) })
        nonsense[WalRecord.headSize] = 0xf0
        put(directory, behind(7, resealed(seed, nonsense)))
        yield* isRefused(directory, readLog(directory), endOf(7))
      }
      assert.strictEqual(bytes.length, endOf(7))
    }))

  it.effect("is not seen where another file's records were written over the end", () =>
    Effect.gen(function*() {
      const { directory, seed, with: behind } = yield* recorded
      put(directory, behind(7, forge(seed + 1, 8, 0, { hardState: { term: 99, votedFor: "n9" } })))

      assert.deepStrictEqual(yield* open({ directory }), states[7])
    }))

  it.effect("takes no memory for sizes that were never written", () =>
    Effect.gen(function*() {
      const { bytes, directory, endOf, seed, with: behind } = yield* recorded
      const large = Buffer.from(bytes)
      large.writeUInt32LE(0xffffffff, endOf(3) + 20)
      yield* isReported(directory, large, 3, endOf(3))

      const genuine = forge(seed, 8, 0, { hardState: { term: 9, votedFor: undefined } })
      genuine.writeUInt32LE(0xfffffff0, 20)
      put(directory, behind(7, resealed(seed, genuine)))
      assert.deepStrictEqual(yield* open({ directory }), states[7])
    }))

  it.effect("is not what a record larger than the limit is, but that is refused all the same", () =>
    Effect.gen(function*() {
      const { directory, endOf } = yield* recorded
      yield* live({ directory }, (storage) => storage.write([write({ entries: commands(5, 3, "x".repeat(5000)) })]))
      const bytes = readLog(directory)

      const found = yield* reason(open({ directory, maxRecordBytes: 4096 }))

      assert.include(found.message, "maxRecordBytes")
      assert.include(found.message, `byte ${endOf(7)}`)
      assert.deepStrictEqual(readLog(directory), bytes)
      assert.strictEqual((yield* open({ directory })).log.last, 5)
    }))

  it.effect("is noticed when entries are read, also long after the log was opened", () =>
    Effect.gen(function*() {
      const { directory, endOf } = yield* recorded
      yield* live({ directory }, (storage) =>
        Effect.gen(function*() {
          assert.strictEqual((yield* storage.read(1, 4, 1000)).ends.length, 4)
          const descriptor = openSync(logPath(directory), "r+")
          writeSync(descriptor, Buffer.from([0xff]), 0, 1, endOf(7) - 1)
          closeSync(descriptor)

          const found = yield* reason(storage.read(1, 4, 1000))

          if (found._tag !== "Corrupt") return assert.fail(found.message)
          assert.deepStrictEqual([found.path, found.offset], [logPath(directory), endOf(6)])
        }))
    }))
})

/** The same record with checksums that fit what it says. */
const resealed = (seed: number, bytes: Buffer) => {
  bytes.writeUInt32LE(crc32(bytes.subarray(WalRecord.headSize), seed), 24)
  bytes.writeUInt32LE(crc32(bytes.subarray(8, WalRecord.headSize), seed), 4)
  return bytes
}

describe("the header of a log", () => {
  it.effect("is refused when any of its bytes is damaged, and nothing is changed", () =>
    Effect.gen(function*() {
      const { bytes, directory } = yield* recorded
      const size = 20 + bytes.readUInt32LE(16) + 4
      for (let offset = 0; offset < size; offset++) {
        const damaged = flipped(bytes, offset, 0x40)
        put(directory, damaged)
        assert.strictEqual((yield* reason(open({ directory })))._tag, "Corrupt")
        assert.deepStrictEqual(readLog(directory), damaged)
      }
    }))

  it.effect("is refused when the file ends within it", () =>
    Effect.gen(function*() {
      const { bytes, directory } = yield* recorded
      for (const size of [0, 1, 15, 16, 20, 40, 100, headerSize - 1]) {
        put(directory, bytes.subarray(0, size))
        assert.strictEqual((yield* reason(open({ directory })))._tag, "Corrupt")
        assert.strictEqual(statSync(logPath(directory)).size, size)
      }
    }))

  it.effect("of a newer format is named as such, and nothing is changed", () =>
    Effect.gen(function*() {
      const { bytes, directory } = yield* recorded
      bytes.writeUInt32LE(4, 8)
      bytes.writeUInt32LE(crc32(bytes.subarray(0, 12)), 12)
      bytes.fill(0x77, 16, 3000)
      put(directory, bytes)

      const found = yield* reason(open({ directory }))

      assert.isTrue(found._tag === "UnsupportedFormat" && found.version === 4)
      assert.deepStrictEqual(readLog(directory), bytes)
    }))

  it.effect("holds names of any length up to its own bound", () =>
    Effect.gen(function*() {
      const sized = (length: number): Identity => ({ ...identity, cluster: "ü".repeat(length) })
      for (const length of [0, 1, 2000, 2048, 30_000]) {
        const bytes = FileHeader.encode(sized(length))
        const decoded = FileHeader.decode(Buffer.from(bytes ?? []))
        if (decoded._tag !== "Header") return assert.fail(`${length}: ${decoded._tag}`)
        assert.deepStrictEqual(decoded.header.identity, sized(length))
        assert.strictEqual(decoded.header.size, bytes?.length)
      }
      assert.isUndefined(FileHeader.encode(sized(40_000)))
    }))
})
