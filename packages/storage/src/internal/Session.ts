/**
 * A log file in use: what is durable in it, and how it grows.
 *
 * A session changes only once a write is durable. Until then readers see the log as it was, and what they have begun
 * to read stays where it is, for nothing in the file is ever written over.
 */
import type { LogPosition, State } from "effect-raft/engine"
import * as Entries from "effect-raft/Entries"
import * as Recovery from "effect-raft/Recovery"
import type { Identity, StorageError, StorageWrite } from "effect-raft/Storage"
import * as Effect from "effect/Effect"
import { failed, readAll, writeAll } from "./Disk.ts"
import * as LogFile from "./LogFile.ts"
import { LogIndex, type Row } from "./LogIndex.ts"
import { corrupt } from "./LogScan.ts"
import * as WalRecord from "./WalRecord.ts"

type Index = LogPosition.Index

export interface Session {
  readonly log: LogFile.LogFile
  readonly index: LogIndex
  readonly maxRecordBytes: number
  recovered: State.Recovered
  /** Where the next record goes. */
  end: number
  nextSequence: number
}

export interface Options {
  readonly directory: string
  readonly maxRecordBytes: number
  readonly scanBytes: number
}

/** Reads back what earlier sessions made durable. */
export const open = Effect.fnUntraced(function*(options: Options, identity: Identity) {
  const index = new LogIndex()
  let recovered = Recovery.fresh
  const visit = (write: StorageWrite, offset: number, size: number) => {
    const misfit = Recovery.misfit(recovered, write)
    if (misfit !== undefined) return misfit
    recovered = Recovery.after(recovered, write)
    place(index, write, offset, size)
    return undefined
  }
  const log = yield* LogFile.open({ ...options, identity, visit })
  const { maxRecordBytes } = options
  const session: Session = { log, index, maxRecordBytes, recovered, end: log.end, nextSequence: log.nextSequence }
  return session
})

/** Takes note of where a write's entries lie. */
const place = (index: LogIndex, { boundary, entries, truncateAfter }: StorageWrite, offset: number, size: number) => {
  if (truncateAfter !== undefined) index.truncateAfter(truncateAfter)
  if (entries !== undefined && entries.ends.length > 0) {
    index.add({ offset, size, first: entries.first, last: Entries.last(entries) }, entries.bytes.length)
  }
  if (boundary !== undefined) index.dropThrough(boundary.index)
}

/** Adds the writes as one batch: one record each, in one call if the disk takes it all at once, and one sync. */
export const append = (
  session: Session,
  writes: ReadonlyArray<StorageWrite>
): Effect.Effect<void, StorageError> =>
  Effect.suspend(() => {
    const { log, maxRecordBytes, nextSequence } = session
    const pieces: Array<Uint8Array> = []
    const sizes: Array<number> = []
    let recovered = session.recovered
    for (const [at, write] of writes.entries()) {
      const misfit = Recovery.misfit(recovered, write)
      if (misfit !== undefined) return Effect.die(new Error(misfit))
      const record = WalRecord.encode(log.seed, nextSequence + at, at, write)
      if (record.size > maxRecordBytes) {
        const detail = `a record of ${record.size} bytes, and maxRecordBytes is ${maxRecordBytes}`
        return Effect.fail(failed("write", log.file.path, new Error(detail)))
      }
      recovered = Recovery.after(recovered, write)
      pieces.push(...record.pieces)
      sizes.push(record.size)
    }
    const settle = () => {
      for (const [at, write] of writes.entries()) {
        const size = sizes[at] ?? 0
        place(session.index, write, session.end, size)
        session.end += size
      }
      session.recovered = recovered
      session.nextSequence += writes.length
    }
    return writeAll(log.file, pieces, session.end).pipe(Effect.andThen(log.file.syncData), Effect.map(settle))
  })

/** Entries from the disk. Every record is checked again: a disk may have changed its mind since. */
export const read = Effect.fnUntraced(function*(session: Session, from: Index, to: Index, maxBytes: number) {
  const { boundary, last } = session.recovered.log
  const { path } = session.log.file
  if (from <= boundary.index || from > to || to > last) {
    const there = `${boundary.index + 1} to ${last} are`
    return yield* failed("read", path, new Error(`entries ${from} to ${to} are not there: ${there}`))
  }
  const pieces: Array<Entries.Entries> = []
  for (const rows of neighbours(session.index.between(from, to, maxBytes))) {
    pieces.push(...yield* readRows(session, rows))
  }
  const [head, ...rest] = pieces.map((piece) =>
    Entries.slice(piece, Math.max(from, piece.first), Math.min(to, Entries.last(piece)))
  )
  if (head === undefined) return yield* failed("read", path, new Error(`nothing is known of entry ${from}`))
  return Entries.within(Entries.concat([head, ...rest]), maxBytes)
})

/** Rows whose records follow each other in the file, so that one call reads them all. */
const neighbours = (rows: ReadonlyArray<Row>): ReadonlyArray<ReadonlyArray<Row>> => {
  const groups: Array<Array<Row>> = []
  let end = -1
  for (const row of rows) {
    if (row.offset === end) groups[groups.length - 1]?.push(row)
    else groups.push([row])
    end = row.offset + row.size
  }
  return groups
}

const readRows = Effect.fnUntraced(function*({ log: { file, seed } }: Session, rows: ReadonlyArray<Row>) {
  const start = rows[0]?.offset ?? 0
  const bytes = Buffer.allocUnsafe(rows.reduce((sum, row) => sum + row.size, 0))
  const there = bytes.subarray(0, yield* readAll(file, bytes, start))
  const pieces: Array<Entries.Entries> = []
  for (const row of rows) {
    const entries = entriesIn(seed, row, there.subarray(row.offset - start, row.offset - start + row.size))
    if (entries === undefined) {
      return yield* corrupt(file.path, row.offset, `entries ${row.first} to ${row.last} are no longer what was written`)
    }
    pieces.push(entries)
  }
  return pieces
})

/** The entries of the record that `bytes` should be, as far as they still count. */
const entriesIn = (seed: number, row: Row, bytes: Buffer): Entries.Entries | undefined => {
  const head = WalRecord.decodeHead(seed, bytes)
  const body = bytes.subarray(WalRecord.headSize)
  if (head === undefined || !WalRecord.isIntact(seed, head, body)) return undefined
  const entries = WalRecord.decodeBody(body)?.entries
  if (entries === undefined || entries.first !== row.first || Entries.last(entries) < row.last) return undefined
  return Entries.slice(entries, row.first, row.last)
}
