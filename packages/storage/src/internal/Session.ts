/**
 * A log in use: what is durable in it, and how it grows.
 *
 * A session changes only once a write is durable. Until then readers see the log as it was, and what they have begun
 * to read stays where it is, for nothing in a file is ever written over.
 */
import type { LogPosition, State } from "effect-raft/engine"
import * as Entries from "effect-raft/Entries"
import * as Recovery from "effect-raft/Recovery"
import type { Damaged, Identity, Loaded, StorageError, StorageWrite } from "effect-raft/Storage"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as DamageNote from "./DamageNote.ts"
import { Disk, failed, readAll, writeAll } from "./Disk.ts"
import * as FileHeader from "./FileHeader.ts"
import type { LogIndex, Row } from "./LogIndex.ts"
import * as LogScan from "./LogScan.ts"
import * as ReadBack from "./ReadBack.ts"
import * as Segment from "./Segment.ts"
import * as Snapshots from "./Snapshots.ts"
import * as WalRecord from "./WalRecord.ts"

type Index = LogPosition.Index

export interface Session {
  readonly options: Options
  readonly identity: Identity
  readonly index: LogIndex
  readonly snapshots: Snapshots.Snapshots
  /** In which every file is open, at the longest. */
  readonly scope: Scope.Scope
  /** Oldest first; records are added to the last one. */
  readonly segments: Array<Segment.Segment>
  recovered: State.Recovered
  /** What is lost of the log, and not said to be repaired. */
  damaged: Damaged | undefined
  /** The damage that is on the disk as it was found, and must be cut off before anything is written. */
  lost: ReadBack.ReadBack | undefined
  /** Where the next record goes, in the last file. */
  end: number
  nextSequence: number
}

export interface Options {
  readonly directory: string
  readonly maxRecordBytes: number
  readonly scanBytes: number
  readonly segmentBytes: number
  readonly syncBytes: number
}

/** Reads back what earlier sessions made durable. */
export const open = Effect.fnUntraced(function*(options: Options, identity: Identity) {
  const { directory } = options
  const disk = yield* Disk
  const found = yield* Segment.sequences(directory)
  if (found.length === 0) {
    yield* Snapshots.assertNone(directory)
    yield* Segment.create(directory, identity, 1, Recovery.fresh)
  }
  const segments: Array<Segment.Segment> = []
  for (const sequence of found.length === 0 ? [1] : found) {
    segments.push(yield* Segment.open(directory, sequence, identity))
  }
  const there = yield* ReadBack.read(options, segments)
  const { behind, index, segment, sound } = there
  const { header: { identity: owner, seed } } = segment
  const damaged = yield* ReadBack.damageIn(there, yield* DamageNote.read(directory, seed), options)
  const recovered = damaged === undefined ? there.recovered : Recovery.damaged(there.recovered, damaged)
  const snapshots = yield* Snapshots.open(directory, seed, options.syncBytes, recovered.snapshot)
  const session: Session = {
    options,
    identity: owner,
    index,
    snapshots,
    scope: yield* Scope.Scope,
    segments: segments.filter((each) => !behind.includes(each)),
    recovered,
    damaged,
    lost: sound.damage === undefined ? undefined : there,
    end: sound.end,
    nextSequence: sound.nextSequence
  }
  // Everything was looked at, and only from here on is anything changed: what is damaged stays as it was found.
  if (session.lost !== undefined) return session
  yield* Segment.settle(segment, sound, options.scanBytes)
  // Who made a file may have died before its name was durable.
  yield* disk.syncDirectory(directory)
  yield* snapshots.sweep
  yield* retireCovered(session)
  yield* Segment.sweep(directory)
  yield* DamageNote.sweep(directory)
  yield* catchUp(session, there.recovered)
  // What a file of an older format may not hold goes into a new one.
  if (segment.header.version < FileHeader.version) yield* rotate(session)
  return session
})

export const loaded = ({ damaged, identity: { incarnation }, recovered }: Session): Loaded => ({
  ...recovered,
  incarnation,
  ...(damaged && { damaged })
})

/** Writes down the term that damage tells of, if the log knows of none as late. */
const catchUp = Effect.fnUntraced(function*(session: Session, known: State.Recovered) {
  const { hardState } = session.recovered
  if (known.hardState.term >= hardState.term) return
  yield* appendBatch(session, [{ hardState, truncateAfter: undefined, entries: undefined, boundary: undefined }])
})

/**
 * Cuts off what is damaged, and all that comes after. That it was there is durable before, so a crash at any place in
 * between leaves nothing to be believed that should not be.
 */
const mend = Effect.fnUntraced(function*(session: Session, lost: ReadBack.ReadBack) {
  const { behind, recovered: known, segment, sound } = lost
  const { damaged, options: { directory, scanBytes } } = session
  const disk = yield* Disk
  if (damaged !== undefined) yield* DamageNote.write(directory, segment.header.seed, damaged)
  for (const each of behind) {
    yield* disk.remove(each.file.path)
    yield* disk.syncDirectory(directory)
    yield* Segment.close(each)
  }
  yield* Segment.settle(segment, { ...sound, torn: true }, scanBytes)
  session.lost = undefined
  yield* catchUp(session, known)
})

const current = ({ options, segments }: Session): Effect.Effect<Segment.Segment, StorageError> => {
  const last = segments.at(-1)
  return last === undefined
    ? Effect.fail(failed("use", options.directory, new Error("there is no log")))
    : Effect.succeed(last)
}

/** Whether another file is to be begun. One in which there is nothing but its beginning is never too large. */
const isFull = ({ end, nextSequence, options, segments }: Session): boolean => {
  const sequence = segments.at(-1)?.sequence ?? 0
  return end >= options.segmentBytes && nextSequence > sequence + Segment.checkpointsAt(sequence)
}

/** Begins a new file. The one before it is complete: what it holds was durable before. */
const rotate = Effect.fnUntraced(function*(session: Session) {
  const { identity, nextSequence, options, recovered, segments } = session
  // A file of an older format in which there is nothing has the name of the new one, and gives it up.
  const replaced = segments.at(-1)?.sequence === nextSequence ? segments.pop() : undefined
  const end = yield* Segment.create(options.directory, identity, nextSequence, recovered)
  segments.push(yield* Scope.provide(Segment.open(options.directory, nextSequence, identity), session.scope))
  if (replaced !== undefined) yield* Segment.close(replaced)
  session.end = end
  session.nextSequence = nextSequence + Segment.checkpointsAt(nextSequence)
})

/**
 * Files whose entries are all in a snapshot go, oldest first; the last one stays. The name of one is gone for good before
 * the next goes, or a crash could leave a gap. What cannot go now is tried again later.
 */
const retireCovered = Effect.fnUntraced(function*({ index, segments }: Session) {
  const oldest = index.oldestSegment ?? Number.POSITIVE_INFINITY
  for (let first = segments[0]; first !== undefined && segments.length > 1; first = segments[0]) {
    if (first.sequence >= oldest || !(yield* Segment.retire(first))) return
    segments.shift()
  }
})

/** Adds the writes, once what is damaged is cut off. */
export const append = Effect.fnUntraced(function*(session: Session, writes: ReadonlyArray<StorageWrite>) {
  if (session.lost !== undefined) yield* mend(session, session.lost)
  if (isFull(session)) yield* rotate(session)
  yield* appendBatch(session, writes)
  if (session.damaged === undefined || writes.every(({ isRepaired }) => isRepaired !== true)) return
  yield* DamageNote.remove(session.options.directory)
  session.damaged = undefined
})

/** Adds the writes as one batch: one record each, in one call if the disk takes it all at once, and one sync. */
const appendBatch = Effect.fnUntraced(function*(session: Session, writes: ReadonlyArray<StorageWrite>) {
  const { index, options, snapshots } = session
  const segment = yield* current(session)
  const pieces: Array<Uint8Array> = []
  const sizes: Array<number> = []
  let recovered = session.recovered
  for (const [at, write] of writes.entries()) {
    const misfit = Recovery.misfit(recovered, write)
    if (misfit !== undefined) return yield* Effect.die(new Error(misfit))
    recovered = Recovery.after(recovered, write)
    const reach = Recovery.reachOf(recovered)
    const record = WalRecord.encode(segment.header.seed, session.nextSequence + at, at, write, reach)
    if (record.size > options.maxRecordBytes) {
      const detail = `a record of ${record.size} bytes, and maxRecordBytes is ${options.maxRecordBytes}`
      return yield* failed("write", segment.file.path, new Error(detail))
    }
    pieces.push(...record.pieces)
    sizes.push(record.size)
  }
  // A snapshot is whole, and on the disk, before a record says that it counts.
  for (const { chunk, snapshot } of writes) {
    if (chunk !== undefined) yield* snapshots.receive(chunk)
    if (snapshot !== undefined) yield* snapshots.prepare(snapshot)
  }
  yield* writeAll(segment.file, pieces, session.end)
  yield* segment.file.syncData
  for (const [at, write] of writes.entries()) {
    const size = sizes[at] ?? 0
    index.follow(write, segment.sequence, session.end, size)
    session.end += size
  }
  session.recovered = recovered
  session.nextSequence += writes.length
  if (writes.every(({ boundary, snapshot }) => boundary === undefined && snapshot === undefined)) return
  if (recovered.snapshot !== undefined) yield* snapshots.adopt(recovered.snapshot)
  yield* retireCovered(session)
})

/** Entries from the disk. Every record is checked again: a disk may have changed its mind since. */
export const read = Effect.fnUntraced(function*(session: Session, from: Index, to: Index, maxBytes: number) {
  const { boundary, last } = session.recovered.log
  const path = session.options.directory
  if (from <= boundary.index || from > to || to > last) {
    const there = `${boundary.index + 1} to ${last} are`
    return yield* failed("read", path, new Error(`entries ${from} to ${to} are not there: ${there}`))
  }
  // Which files they are in is looked up before anything waits, and all of them stay open until the last is read.
  const found = neighbours(session.index.between(from, to, maxBytes))
  const groups = found.flatMap((rows) => {
    const segment = session.segments.find(({ sequence }) => sequence === rows[0]?.segment)
    return segment === undefined ? [] : [{ rows, segment }]
  })
  const pieces = yield* Segment.holding(
    groups.map(({ segment }) => segment),
    Effect.forEach(groups, ({ rows, segment }) => readRows(segment, rows))
  )
  const [head, ...rest] = pieces.flat().map((piece) =>
    Entries.slice(piece, Math.max(from, piece.first), Math.min(to, Entries.last(piece)))
  )
  if (head === undefined || groups.length < found.length) {
    return yield* failed("read", path, new Error(`nothing is known of some of the entries from ${from} on`))
  }
  return Entries.within(Entries.concat([head, ...rest]), maxBytes)
})

/** Rows whose records follow each other in one file, so that one call reads them all. */
const neighbours = (rows: ReadonlyArray<Row>): ReadonlyArray<ReadonlyArray<Row>> => {
  const groups: Array<Array<Row>> = []
  let end = -1
  let segment = -1
  for (const row of rows) {
    if (row.segment === segment && row.offset === end) groups[groups.length - 1]?.push(row)
    else groups.push([row])
    end = row.offset + row.size
    segment = row.segment
  }
  return groups
}

const readRows = Effect.fnUntraced(function*(segment: Segment.Segment, rows: ReadonlyArray<Row>) {
  const { file } = segment
  const start = rows[0]?.offset ?? 0
  const bytes = Buffer.allocUnsafe(rows.reduce((sum, row) => sum + row.size, 0))
  const there = bytes.subarray(0, yield* readAll(file, bytes, start))
  const pieces: Array<Entries.Entries> = []
  for (const row of rows) {
    const record = there.subarray(row.offset - start, row.offset - start + row.size)
    const entries = entriesIn(segment, row, record)
    if (entries === undefined) {
      const detail = `entries ${row.first} to ${row.last} are no longer what was written`
      return yield* LogScan.corrupt(file.path, row.offset, detail)
    }
    pieces.push(entries)
  }
  return pieces
})

/** The entries of the record that `bytes` should be, as far as they still count. */
const entriesIn = ({ header: { seed, version } }: Segment.Segment, row: Row, bytes: Buffer) => {
  const head = WalRecord.decodeHead(seed, bytes)
  const body = bytes.subarray(WalRecord.headSize)
  if (head === undefined || !WalRecord.isIntact(seed, head, body)) return undefined
  const decoded = WalRecord.decodeBody(version, body)
  const entries = decoded?._tag === "Write" ? decoded.write.entries : undefined
  if (entries === undefined || entries.first !== row.first || Entries.last(entries) < row.last) return undefined
  return Entries.slice(entries, row.first, row.last)
}
