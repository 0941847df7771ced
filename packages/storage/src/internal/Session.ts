/**
 * A log in use: what is durable in it, and how it grows.
 *
 * A session changes only once a write is durable. Until then readers see the log as it was, and what they have begun
 * to read stays where it is, for nothing in a file is ever written over.
 */
import { Log, type LogPosition, type State } from "effect-raft/engine"
import * as Entries from "effect-raft/Entries"
import * as Recovery from "effect-raft/Recovery"
import type { Identity, StorageError, StorageWrite } from "effect-raft/Storage"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { Disk, failed, readAll, writeAll } from "./Disk.ts"
import { FileWindow } from "./FileWindow.ts"
import { LogIndex, type Row } from "./LogIndex.ts"
import * as LogScan from "./LogScan.ts"
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

/** What has been read back so far. */
interface Reading {
  readonly index: LogIndex
  recovered: State.Recovered
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
  yield* assertOneDisk(segments)
  const reading: Reading = { index: new LogIndex(), recovered: Recovery.fresh }
  const { last, scanned } = yield* scanAll(options, segments, reading)
  const { index, recovered } = reading
  const owner = segments[0]?.header.identity ?? identity
  const snapshots = yield* Snapshots.open(
    directory,
    segments[0]?.header.seed ?? 0,
    options.syncBytes,
    recovered.snapshot
  )
  // Everything was looked at, and from here on changed: what is damaged stays as it was found.
  yield* Segment.settle(last, scanned, options.scanBytes)
  // Who made a file may have died before its name was durable.
  yield* disk.syncDirectory(directory)
  yield* snapshots.sweep
  const { end, nextSequence } = scanned
  const scope = yield* Scope.Scope
  const session: Session = { options, identity: owner, index, snapshots, scope, segments, recovered, end, nextSequence }
  yield* retireCovered(session)
  yield* Segment.sweep(directory)
  // What a file of an older format may not hold goes into a new one.
  if ((segments.at(-1)?.header.version ?? 0) < newest) yield* rotate(session)
  return session
})

/** A file of the same node that was made on another disk, before that one was lost, has no place among the others. */
const assertOneDisk = Effect.fnUntraced(function*([oldest, ...others]: ReadonlyArray<Segment.Segment>) {
  const incarnation = oldest?.header.identity.incarnation
  for (const { file, header } of others) {
    const found = header.identity.incarnation
    if (found === incarnation) continue
    const detail = `it belongs to incarnation ${found} of the node, and those before it to ${incarnation}`
    return yield* LogScan.corrupt(file.path, 0, detail)
  }
})

const newest = 2

/** Reads every file and changes none. */
const scanAll = Effect.fnUntraced(function*(
  { maxRecordBytes, scanBytes }: Options,
  segments: ReadonlyArray<Segment.Segment>,
  reading: Reading
) {
  let scanned: LogScan.Scanned | undefined
  for (const [place, segment] of segments.entries()) {
    const { file, header, sequence } = segment
    if (scanned !== undefined && scanned.nextSequence !== sequence) {
      const detail = `record ${sequence} begins the file, and record ${scanned.nextSequence} should: a file is missing`
      return yield* LogScan.corrupt(file.path, 0, detail)
    }
    const isLast = place === segments.length - 1
    scanned = yield* LogScan.scan({
      window: new FileWindow(file, yield* file.size, scanBytes),
      version: header.version,
      seed: header.seed,
      sequence,
      isLast,
      hasCheckpoint: Segment.checkpointsAt(sequence) > 0,
      start: header.size,
      maxRecordBytes,
      visit: (body, offset, size) => visit(reading, segment, place === 0, body, offset, size)
    })
  }
  const { index, recovered: { log } } = reading
  const path = segments[0]?.file.path ?? ""
  if (log.last > log.boundary.index && index.first > log.boundary.index + 1) {
    const gone = `entries ${log.boundary.index + 1} to ${Math.min(index.first - 1, log.last)}`
    return yield* LogScan.corrupt(path, 0, `${gone} are in no file: one that came before is missing`)
  }
  const last = segments.at(-1)
  if (last === undefined || scanned === undefined) return yield* failed("open", path, new Error("there is no log"))
  return { last, scanned }
})

/** Takes a record in; answers with why it cannot be. */
const visit = (
  reading: Reading,
  segment: Segment.Segment,
  isOldest: boolean,
  body: WalRecord.Body,
  offset: number,
  size: number
): string | undefined => {
  const isFirst = offset === segment.header.size
  if (body._tag === "Checkpoint") {
    if (!isFirst) return "a checkpoint stands where none belongs"
    if (!isOldest && !isSame(reading.recovered, body.recovered)) {
      return "its checkpoint contradicts what stands before it"
    }
    if (isOldest) reading.recovered = body.recovered
    return undefined
  }
  if (isFirst && Segment.checkpointsAt(segment.sequence) > 0) return "the file does not begin with a checkpoint"
  const misfit = Recovery.misfit(reading.recovered, body.write)
  if (misfit !== undefined) return misfit
  reading.recovered = Recovery.after(reading.recovered, body.write)
  place(reading.index, body.write, segment.sequence, offset, size)
  return undefined
}

const isSame = (left: State.Recovered, right: State.Recovered): boolean =>
  left.hardState.term === right.hardState.term && left.hardState.votedFor === right.hardState.votedFor
  && left.log.last === right.log.last && Log.lastTerm(left.log) === Log.lastTerm(right.log)
  && left.log.boundary.index === right.log.boundary.index && left.snapshot?.index === right.snapshot?.index

/** Takes note of where a write's entries lie. */
const place = (
  index: LogIndex,
  { boundary, entries, truncateAfter }: StorageWrite,
  segment: number,
  offset: number,
  size: number
) => {
  if (truncateAfter !== undefined) index.truncateAfter(truncateAfter)
  if (entries !== undefined && entries.ends.length > 0) {
    index.add({ segment, offset, size, first: entries.first, last: Entries.last(entries) }, entries.bytes.length)
  }
  if (boundary !== undefined) index.dropThrough(boundary.index)
}

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

/** Adds the writes as one batch: one record each, in one call if the disk takes it all at once, and one sync. */
export const append = Effect.fnUntraced(function*(session: Session, writes: ReadonlyArray<StorageWrite>) {
  const { index, options, snapshots } = session
  if (isFull(session)) yield* rotate(session)
  const segment = yield* current(session)
  const pieces: Array<Uint8Array> = []
  const sizes: Array<number> = []
  let recovered = session.recovered
  for (const [at, write] of writes.entries()) {
    const misfit = Recovery.misfit(recovered, write)
    if (misfit !== undefined) return yield* Effect.die(new Error(misfit))
    const record = WalRecord.encode(segment.header.seed, session.nextSequence + at, at, write)
    if (record.size > options.maxRecordBytes) {
      const detail = `a record of ${record.size} bytes, and maxRecordBytes is ${options.maxRecordBytes}`
      return yield* failed("write", segment.file.path, new Error(detail))
    }
    recovered = Recovery.after(recovered, write)
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
    place(index, write, segment.sequence, session.end, size)
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
