import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { Membership } from "effect-raft/engine"
import type { StorageWrite } from "effect-raft/Storage"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { crc32 } from "node:zlib"
import { textSize, Writer } from "../src/internal/Bytes.ts"
import * as FileHeader from "../src/internal/FileHeader.ts"
import * as WalRecord from "../src/internal/WalRecord.ts"
import { boundaryAt, isAllThere, snapshotOf, stateOf } from "./LongLife.ts"
import { temporaryDirectory } from "./temporaryDirectory.ts"
import { commands, identity, live, logPath, open, put, reason, states, write, writes } from "./workload.ts"

/** The header of a file of the first version: the same, but for the number and all that depends on it. */
const header = (): Buffer => {
  const bytes = Buffer.from(FileHeader.encode(identity) ?? [])
  bytes.writeUInt32LE(1, 8)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 12)), 12)
  const end = 20 + bytes.readUInt32LE(16)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, end)), end)
  return bytes
}

/** The body of a boundary as the first version wrote it: ids and addresses, and nothing else of members. */
const boundaryBody = (membership: Membership.Membership): Buffer => {
  const { departing, members, outgoing, promoting, voters } = membership
  const people = [members, departing]
  const names = [voters, outgoing, promoting]
  const size = people.flat().reduce((sum, { address, id }) => sum + textSize(id) + textSize(address), 0)
    + names.flat().reduce((sum, id) => sum + textSize(id), 0)
  const writer = new Writer(1 + 16 + 5 * 4 + size)
  writer.uint8(8)
  writer.integer(0)
  writer.integer(0)
  for (const each of people) {
    writer.uint32(each.length)
    for (const { address, id } of each) {
      writer.text(id)
      writer.text(address)
    }
  }
  for (const each of names) {
    writer.uint32(each.length)
    for (const id of each) writer.text(id)
  }
  return writer.bytes
}

const nowhere = { term: 0, last: 0, lastTerm: 0 }

/** The record of a write as it was before version 3, when it did not tell how far the node had come. */
const agedRecord = (seed: number, sequence: number, each: StorageWrite): Buffer => {
  const body = Buffer.concat(WalRecord.encode(seed, sequence, 0, each, nowhere).pieces).subarray(WalRecord.headSize)
  return recordOf(seed, sequence, Buffer.concat([body.subarray(0, 1), body.subarray(25)]))
}

/** A record with this body. */
const recordOf = (seed: number, sequence: number, body: Buffer): Buffer => {
  const bytes = Buffer.concat([...WalRecord.encode(seed, sequence, 0, write({}), nowhere).pieces]).subarray(
    0,
    WalRecord.headSize
  )
  bytes.writeUInt32LE(body.length, 20)
  bytes.writeUInt32LE(crc32(body, seed), 24)
  bytes.writeUInt32LE(crc32(bytes.subarray(8, WalRecord.headSize), seed), 4)
  return Buffer.concat([bytes, body])
}

/** A log of the first version with these writes, the first of which is the boundary. */
const logOf1 = (): Buffer => {
  const start = header()
  const seed = FileHeader.seedOf(start)
  const membership = writes[0]?.boundary?.membership ?? Membership.none
  const rest = writes.slice(1).map((each, place) => agedRecord(seed, place + 2, each))
  return Buffer.concat([start, recordOf(seed, 1, boundaryBody(membership)), ...rest])
}

const logsIn = (directory: string) => readdirSync(directory).filter((name) => name.endsWith(".wal")).sort()

describe("a log of the first version", () => {
  it.effect("is read as it was, stays as it is, and goes on in a file of the new one", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const bytes = logOf1()
      put(directory, bytes)

      yield* live({ directory }, (storage) => {
        assert.deepStrictEqual(storage.found, states[7])
        return storage.write([write({ entries: commands(5, 3, "new") })])
      })

      assert.deepStrictEqual(readFileSync(logPath(directory)), bytes)
      assert.deepStrictEqual(logsIn(directory), ["0000000000000001.wal", "0000000000000008.wal"])
      for (let times = 0; times < 2; times++) {
        yield* live({ directory }, (storage) =>
          Effect.map(storage.read(1, 5, 1000), (entries) => {
            assert.strictEqual(entries.ends.length, 5)
            assert.strictEqual(storage.found.log.boundary.membership.members[0]?.address, "host:1")
          }))
      }
      assert.strictEqual(logsIn(directory).length, 2)
    }))

  it.effect("that a crash has torn is read up to there, and goes on", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const bytes = logOf1()
      put(directory, bytes.subarray(0, bytes.length - 1))

      yield* live({ directory }, (storage) => {
        assert.deepStrictEqual(storage.found, states[6])
        return storage.write([write({ entries: commands(3, 3, "new") })])
      })

      assert.strictEqual((yield* open({ directory })).log.last, 3)
    }))

  it.effect("in which there is nothing yet gives its place to one of the new version", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      put(directory, header())
      const boundary = boundaryAt(3, 1)
      const snapshot = { ...boundary, size: 0, checksum: 0 }

      yield* live({ directory }, (storage) => storage.write([write({ snapshot, boundary })]))

      const found = yield* open({ directory })
      assert.deepStrictEqual([found.log.last, found.snapshot], [3, snapshot])
      assert.strictEqual(readFileSync(logPath(directory)).readUInt32LE(8), 3)
    }))

  it.effect("is gone once a snapshot stands for it, which is still believed then", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      put(directory, logOf1())
      const bytes = stateOf(100_000, 1)
      const snapshot = snapshotOf(4, 3, bytes)

      yield* live({ directory }, (storage) =>
        Effect.gen(function*() {
          yield* storage.takeSnapshot(4, Stream.make(bytes))
          yield* storage.write([write({ snapshot, boundary: boundaryAt(4, 3) })])
        }))

      assert.deepStrictEqual(logsIn(directory), ["0000000000000008.wal"])
      yield* live({ directory }, (storage) => {
        assert.deepStrictEqual(storage.found.snapshot, snapshot)
        return isAllThere(storage, { recovered: storage.found, payloads: new Map(), snapshot: bytes })
      })
    }))

  it.effect("with a membership that contradicts itself is refused, with its place", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const start = header()
      const seed = FileHeader.seedOf(start)
      const [n1, n2] = [{ id: "n1", address: "host:1" }, { id: "n2", address: "host:2" }]
      const odd: ReadonlyArray<Membership.Membership> = [
        { ...Membership.make([n1, n2]), members: [n1, n1] },
        { ...Membership.make([n1]), voters: ["n1", "n1"] },
        { ...Membership.make([n1]), voters: ["n3"] },
        { ...Membership.make([n1]), voters: [] }
      ]
      for (const membership of odd) {
        const bytes = Buffer.concat([
          start,
          recordOf(seed, 1, boundaryBody(Membership.none)),
          recordOf(seed, 2, boundaryBody(membership))
        ])
        put(directory, bytes)
        const found = yield* reason(open({ directory }))
        if (found._tag !== "Corrupt") return assert.fail(found.message)
        const offset = bytes.length - recordOf(seed, 2, boundaryBody(membership)).length
        assert.deepStrictEqual([found.path, found.offset], [logPath(directory), offset])
        assert.include(found.detail, "contradicts itself")
        assert.deepStrictEqual(readFileSync(logPath(directory)), bytes)
      }
    }))

  it.effect("knows neither snapshots nor checkpoints: what looks like one is damage", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const start = header()
      const seed = FileHeader.seedOf(start)
      for (const mark of [32, 128]) {
        writeFileSync(
          join(directory, "0000000000000001.wal"),
          Buffer.concat([start, recordOf(seed, 1, Buffer.of(mark))])
        )
        assert.strictEqual((yield* reason(open({ directory })))._tag, "Corrupt")
      }
    }))
})
