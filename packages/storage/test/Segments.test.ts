import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Identity } from "effect-raft/Storage"
import { basename } from "node:path"
import { Disk } from "../src/internal/Disk.ts"
import * as FileHeader from "../src/internal/FileHeader.ts"
import * as WalRecord from "../src/internal/WalRecord.ts"
import { all, lifeOn } from "./afterlife.ts"
import { boundaryAt, entries, isAllThere, perform, snapshotOf, stateOf, steps } from "./LongLife.ts"
import { removed, replaced, SimulatedDisk, type State } from "./SimulatedDisk.ts"
import { temporaryDirectory } from "./temporaryDirectory.ts"
import { identity, live, reason, write } from "./workload.ts"

/** A directory with several files of the log, all of which are needed, and a snapshot. */
const filled = Effect.gen(function*() {
  const directory = yield* temporaryDirectory
  const disk = new SimulatedDisk()
  // The last of these is the installation of a snapshot of another node, to which entries were added.
  yield* live(lifeOn(directory, disk), (storage) =>
    Effect.andThen(
      Effect.forEach(steps.slice(0, 17), (step) => perform(storage, step)),
      storage.write([write({ entries: entries(56, 6, 1) })])
    ))
  // What is no longer needed goes at the latest when it is opened.
  yield* live(lifeOn(directory, disk), () => Effect.void)
  const logs = disk.names.filter((name) => name.endsWith(".wal"))
  const snapshot = disk.names.find((name) => name.endsWith(".snapshot")) ?? assert.fail("no snapshot")
  const [oldest, second, newest] = [logs[0] ?? "", logs[1] ?? "", logs.at(-1) ?? ""]
  assert.isAbove(logs.length, 2)
  return { directory, disk, logs, snapshot, oldest, second, newest }
})

/** Opening this is refused, and nothing of it is changed. */
const isRefused = Effect.fnUntraced(function*(
  directory: string,
  state: State,
  name: string,
  offset: number,
  detail = /./
) {
  const disk = new SimulatedDisk(state)
  const before = new Map(disk.names.map((each) => [each, disk.bytesOf(each)]))
  const found = yield* reason(live(lifeOn(directory, disk), () => Effect.void))
  if (found._tag !== "Corrupt") return assert.fail(`${found._tag}: ${found.message}`)
  assert.deepStrictEqual([basename(found.path), found.offset], [name, offset])
  assert.match(found.detail, detail)
  assert.deepStrictEqual(new Map(disk.names.map((each) => [each, disk.bytesOf(each)])), before)
  assert.deepStrictEqual(disk.calls, [])
})

/** Opening this tells that something is lost, and that entry 56 of term 6 was there; nothing of it is changed. */
const isReported = Effect.fnUntraced(function*(directory: string, state: State, name: string, offset: number) {
  const disk = new SimulatedDisk(state)
  const { damaged } = yield* live(lifeOn(directory, disk), ({ found }) => Effect.succeed(found))
  if (damaged === undefined) return assert.fail("nothing is reported")
  assert.deepStrictEqual([basename(damaged.found.path), damaged.found.offset], [name, offset])
  assert.deepStrictEqual([damaged.last, damaged.lastTerm], [56, 6])
  assert.deepStrictEqual(disk.calls, [])
})

const flipped = (bytes: Buffer, offset: number): Buffer => {
  const result = Buffer.from(bytes)
  result[offset] = (result[offset] ?? 0) ^ 0x10
  return result
}

/** Where the records of a file begin, and where the last one ends. */
const placesIn = (bytes: Buffer): ReadonlyArray<number> => {
  const decoded = FileHeader.decode(bytes)
  if (decoded._tag !== "Header") return assert.fail("no header")
  const places = [decoded.header.size]
  for (let at = decoded.header.size; at < bytes.length;) {
    at += WalRecord.headSize + (WalRecord.decodeHead(decoded.header.seed, bytes.subarray(at))?.size ?? assert.fail())
    places.push(at)
  }
  return places
}

describe("damage to one of several files of a log", () => {
  it.effect("is reported in each but the last, also at its very end, which no crash can have torn", () =>
    Effect.gen(function*() {
      const { directory, disk, oldest, second } = yield* filled
      for (const name of [oldest, second]) {
        const bytes = disk.bytesOf(name)
        const places = placesIn(bytes)
        // The first record of a file that comes after another is a checkpoint.
        for (const [count, place] of places.slice(0, -1).entries()) {
          if (count === 0) continue
          const end = places[count + 1] ?? 0
          for (const offset of [place, place + 9, place + WalRecord.headSize, (place + end) >> 1, end - 1]) {
            yield* isReported(directory, replaced(disk.state, name, flipped(bytes, offset)), name, place)
          }
        }
        const last = places.at(-2) ?? 0
        yield* isReported(directory, replaced(disk.state, name, bytes.subarray(0, bytes.length - 1)), name, last)
        const longer = Buffer.concat([bytes, Buffer.alloc(20)])
        yield* isReported(directory, replaced(disk.state, name, longer), name, bytes.length)
      }
    }))

  it.effect("is refused in a checkpoint, also where nothing else is in the last file, or in the only one", () =>
    Effect.gen(function*() {
      const { directory, disk, logs, newest } = yield* filled
      const bytes = disk.bytesOf(newest)
      const [start = 0, end = 0] = placesIn(bytes)
      const alone = replaced(disk.state, newest, bytes.subarray(0, end))
      const only = logs.slice(0, -1).reduce(removed, alone)
      for (const state of [disk.state, alone, only]) {
        const there = new SimulatedDisk(state).bytesOf(newest)
        for (const offset of [start, start + 5, start + WalRecord.headSize, end - 1]) {
          yield* isRefused(directory, replaced(state, newest, flipped(there, offset)), newest, start)
        }
      }
      for (const size of [start, start + 1, start + 100, end - 1]) {
        for (const state of [alone, only]) {
          yield* isRefused(directory, replaced(state, newest, bytes.subarray(0, size)), newest, start)
        }
      }
    }))

  it.effect("is refused where a file is missing, be it in between or the oldest that is needed", () =>
    Effect.gen(function*() {
      const { directory, disk, logs, oldest, second } = yield* filled
      for (const [place, name] of logs.slice(1, -1).entries()) {
        yield* isRefused(directory, removed(disk.state, name), logs[place + 2] ?? "", 0, /a file is missing/)
      }
      yield* isRefused(directory, removed(disk.state, oldest), second, 0, /entries 51 to \d+ are in no file/)
    }))

  it.effect("is refused where a file of the same node's other disk stands among them", () =>
    Effect.gen(function*() {
      const { directory, disk, second } = yield* filled
      const there = FileHeader.encode({ ...identity, incarnation: 8 }) ?? assert.fail()
      const seed = FileHeader.seedOf(there)
      const foreign = Buffer.concat([
        there,
        ...WalRecord.encode(seed, Number(second.slice(0, 16)), 0, write({}), { term: 9, last: 0, lastTerm: 0 }).pieces
      ])

      yield* isRefused(directory, replaced(disk.state, second, foreign), second, 0, /incarnation 8/)
    }))
})

describe("damage to one file of a directory", () => {
  it.effect("is refused before the torn end of the log is cut off, or anything that is left over is removed", () =>
    Effect.gen(function*() {
      const { directory, disk, newest, oldest, second, snapshot } = yield* filled
      const bytes = disk.bytesOf(newest)
      const torn = replaced(disk.state, newest, bytes.subarray(0, bytes.length - 1))
      const crowded = new SimulatedDisk(torn)
      yield* Effect.scoped(Effect.gen(function*() {
        const { open } = yield* Disk
        for (const name of ["taken.draft", "received.draft", `${newest}.draft`]) yield* open(name, "empty")
      })).pipe(Effect.provide(crowded.layer))
      const { state } = crowded
      // The same directory is in order, and is cleaned up, when nothing else is wrong with it.
      const sound = new SimulatedDisk(state)
      yield* live(lifeOn(directory, sound), () => Effect.void)
      assert.deepStrictEqual(sound.names, disk.names)
      assert.isBelow(sound.bytesOf(newest).length, bytes.length)

      yield* isRefused(directory, removed(state, snapshot), snapshot, 0)
      yield* isRefused(directory, replaced(state, snapshot, flipped(disk.bytesOf(snapshot), 20)), snapshot, 0)
      yield* isRefused(directory, removed(state, oldest), second, 0)
      yield* isRefused(directory, replaced(state, oldest, flipped(disk.bytesOf(oldest), 0)), oldest, 0)
    }))

  it.effect("is seen where a snapshot has no log with it, which is not begun anew", () =>
    Effect.gen(function*() {
      const { directory, disk, logs, snapshot } = yield* filled
      yield* isRefused(directory, logs.reduce(removed, disk.state), snapshot, 0, /no log/)
    }))
})

describe("a snapshot that the log speaks of", () => {
  it.effect("is refused when it is missing, is another one, or has lost its header, its end or its place", () =>
    Effect.gen(function*() {
      const { directory, disk, snapshot: name } = yield* filled
      const bytes = disk.bytesOf(name)
      yield* isRefused(directory, removed(disk.state, name), name, 0, /missing/)
      for (let offset = 0; offset < 40; offset++) {
        yield* isRefused(directory, replaced(disk.state, name, flipped(bytes, offset)), name, 0)
      }
      for (const size of [0, 100, 4096, bytes.length - 1]) {
        const offset = size < 4096 ? 0 : size
        yield* isRefused(directory, replaced(disk.state, name, bytes.subarray(0, size)), name, offset)
      }
      const longer = Buffer.concat([bytes, Buffer.alloc(1)])
      yield* isRefused(directory, replaced(disk.state, name, longer), name, bytes.length)
    }))

  it.effect("is refused when it is the same one of another node", () =>
    Effect.gen(function*() {
      const { directory, disk, snapshot: name } = yield* filled
      const others: Identity = { ...identity, node: "n2" }
      const elsewhere = new SimulatedDisk()
      yield* live(
        lifeOn(directory, elsewhere),
        (storage) => Effect.forEach(steps.slice(0, 17), (step) => perform(storage, step)),
        others
      )

      yield* isRefused(directory, replaced(disk.state, name, elsewhere.bytesOf(name)), name, 0)
    }))

  it.effect("is refused block by block when it is read, and no more than those that are damaged", () =>
    Effect.gen(function*() {
      const { directory, disk, snapshot: name } = yield* filled
      const expected = all.find(({ recovered }) => recovered.snapshot?.index === 50) ?? assert.fail()
      const snapshot = expected.recovered.snapshot ?? assert.fail()
      const second = 4096 + 65_540
      const misplaced = Buffer.from(disk.bytesOf(name))
      misplaced.copyWithin(second, 4096, 4096 + 14_468)
      for (const bytes of [flipped(disk.bytesOf(name), second), misplaced]) {
        yield* live(
          lifeOn(directory, new SimulatedDisk(replaced(disk.state, name, bytes))),
          (storage) =>
            Effect.gen(function*() {
              assert.strictEqual((yield* storage.readSnapshot(snapshot, 0, 65_536)).length, 65_536)
              for (const [offset, length] of [[65_535, 2], [65_536, 1], [0, 80_000]] as const) {
                const found = yield* reason(storage.readSnapshot(snapshot, offset, length))
                if (found._tag !== "Corrupt") return assert.fail(found.message)
                assert.deepStrictEqual([basename(found.path), found.offset], [name, second])
              }
            })
        )
      }
    }))
})

describe("a checkpoint", () => {
  it.effect("may be larger than any write", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const disk = new SimulatedDisk()
      const life = { ...lifeOn(directory, disk), maxRecordBytes: 4096 }
      yield* live(life, (storage) =>
        Effect.forEach(
          Array.from({ length: 500 }, (_, place) => place + 1),
          (index) => storage.write([write({ entries: entries(index, index, 1, 1) })])
        ))

      const found = yield* live(life, (storage) => Effect.succeed(storage.found))

      assert.strictEqual(found.log.runs.length, 500)
    }))

  it.effect("is all that is needed once a snapshot stands for every entry", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const disk = new SimulatedDisk()
      const bytes = stateOf(100, 1)
      const snapshot = snapshotOf(3, 1, bytes)
      yield* live(lifeOn(directory, disk), (storage) =>
        Effect.gen(function*() {
          yield* storage.write([write({ hardState: { term: 1, votedFor: "n1" }, entries: entries(1, 1, 3) })])
          yield* perform(storage, { _tag: "Take", index: 3, bytes })
          yield* storage.write([write({ snapshot, boundary: boundaryAt(3, 1) })])
        }))

      const found = yield* live(lifeOn(directory, disk), (storage) =>
        Effect.as(
          isAllThere(storage, { recovered: storage.found, payloads: new Map(), snapshot: bytes }),
          storage.found
        ))

      assert.strictEqual(disk.names.filter((name) => name.endsWith(".wal")).length, 1)
      assert.deepStrictEqual([found.hardState.votedFor, found.log.boundary, found.log.last, found.snapshot], [
        "n1",
        boundaryAt(3, 1),
        3,
        snapshot
      ])
    }))
})
