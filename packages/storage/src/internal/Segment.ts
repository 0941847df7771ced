/**
 * One file of the log: made so that it is there as a whole or not at all, opened so that what it shows is durable.
 *
 * A log is a row of such files, each named by the sequence of its first record. Records are only ever added to the last
 * one; when that is large enough another is begun, with a checkpoint of all there is but the payloads. So the oldest
 * files can go once a snapshot stands for all the entries in them.
 *
 * What is read back from the last file was not necessarily on the disk: after a failed sync the system may show from
 * memory what it never wrote, and call the next sync a success. So whoever opens it writes the last batch once more, as
 * it is, and syncs that; everything before it was durable when it was written. Then what a torn write left behind is gone
 * for good, and what is there can be promised to others.
 *
 * That the disk leaves alone the rest of a sector that it writes again is taken for granted.
 */
import type { State } from "effect-raft/engine"
import { Foreign, type Identity, StorageError, UnsupportedFormat } from "effect-raft/Storage"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { dirname, join } from "node:path"
import { Disk, failed, type File, readAll, writeAll } from "./Disk.ts"
import * as FileHeader from "./FileHeader.ts"
import * as LogScan from "./LogScan.ts"
import * as WalRecord from "./WalRecord.ts"

export interface Segment {
  /** The sequence of its first record: its name, and its place among the others. */
  readonly sequence: number
  readonly file: File
  readonly header: FileHeader.FileHeader
  readonly scope: Scope.Closeable
  /** How many reads are under way. */
  readers: number
  /** It is no longer part of the log, and closed once nobody reads from it. */
  isRetired: boolean
}

const pattern = /^\d{16}\.wal$/
const draftPattern = /^\d{16}\.wal\.draft$/

const nameOf = (sequence: number): string => `${String(sequence).padStart(16, "0")}.wal`

/** The sequences of the files in a directory, oldest first. */
export const sequences = Effect.fnUntraced(function*(directory: string) {
  const names = yield* (yield* Disk).list(directory)
  return names.filter((name) => pattern.test(name)).map((name) => Number(name.slice(0, 16))).sort((a, b) => a - b)
})

const pathOf = (directory: string, sequence: number): string => join(directory, nameOf(sequence))

/** How many records of a file are checkpoints: the first one, in every file but the first, which has nothing behind it. */
export const checkpointsAt = (sequence: number): number => (sequence > 1 ? 1 : 0)

/**
 * Makes a file whose first record will be `sequence`. Under another name first: a file with the right name has a whole
 * header, and a whole checkpoint if it begins with one.
 */
export const create = Effect.fnUntraced(function*(
  directory: string,
  identity: Identity,
  sequence: number,
  recovered: State.Recovered
) {
  const disk = yield* Disk
  const path = pathOf(directory, sequence)
  const header = FileHeader.encode(identity)
  if (header === undefined) {
    return yield* failed("create", path, new Error("the cluster's or the node's name is too long"))
  }
  const record = checkpointsAt(sequence) > 0
    ? WalRecord.encodeCheckpoint(FileHeader.seedOf(header), sequence, recovered)
    : undefined
  const draft = `${path}.draft`
  yield* Effect.scoped(
    Effect.flatMap(
      disk.open(draft, "empty"),
      (file) => Effect.andThen(writeAll(file, record === undefined ? [header] : [header, record], 0), file.sync)
    )
  )
  yield* disk.rename(draft, path)
  yield* disk.syncDirectory(directory)
  return header.length + (record?.length ?? 0)
})

/** Takes away what a crash left of files that were being made. Should one not go, it is only left over. */
export const sweep = Effect.fnUntraced(function*(directory: string) {
  const disk = yield* Disk
  for (const name of yield* disk.list(directory)) {
    if (draftPattern.test(name)) yield* Effect.ignore(disk.remove(join(directory, name)))
  }
})

/** Opens a file of the log that must be that node's. */
export const open = Effect.fnUntraced(function*(directory: string, sequence: number, expected: Identity) {
  const disk = yield* Disk
  const scope = yield* Scope.fork(yield* Effect.scope)
  const file = yield* Scope.provide(disk.open(pathOf(directory, sequence), "existing"), scope)
  const header = yield* readHeader(file, expected)
  const segment: Segment = { sequence, file, header, scope, readers: 0, isRetired: false }
  return segment
})

const readHeader = Effect.fnUntraced(function*(file: File, expected: Identity) {
  const bytes = Buffer.alloc(FileHeader.maxSize)
  const decoded = FileHeader.decode(bytes.subarray(0, yield* readAll(file, bytes, 0)))
  if (decoded._tag === "Damaged") return yield* LogScan.corrupt(file.path, decoded.offset, decoded.detail)
  if (decoded._tag === "Unsupported") {
    return yield* new StorageError({ reason: new UnsupportedFormat({ path: file.path, version: decoded.version }) })
  }
  const found = decoded.header.identity
  if (found.cluster !== expected.cluster || found.node !== expected.node) {
    const reason = new Foreign({ path: file.path, expected: whose(expected), found: whose(found) })
    return yield* new StorageError({ reason })
  }
  return decoded.header
})

const whose = ({ cluster, node }: Identity) => `node ${node} of cluster ${cluster}`

/** Makes durable exactly what was read from the last file. */
export const settle = Effect.fnUntraced(function*({ file }: Segment, scanned: LogScan.Scanned, scanBytes: number) {
  if (scanned.torn) yield* file.truncate(scanned.end)
  const buffer = Buffer.alloc(Math.min(scanBytes, scanned.end - scanned.lastBatch))
  for (let at = scanned.lastBatch; at < scanned.end; at += buffer.length) {
    const part = buffer.subarray(0, Math.min(buffer.length, scanned.end - at))
    if ((yield* readAll(file, part, at)) < part.length) {
      return yield* failed("read", file.path, new Error("the file became shorter"))
    }
    yield* writeAll(file, [part], at)
  }
  yield* file.sync
})

/** The files stay open while this reads from them, whatever becomes of them. */
export const holding = <A>(
  segments: ReadonlyArray<Segment>,
  reading: Effect.Effect<A, StorageError>
): Effect.Effect<A, StorageError> =>
  Effect.suspend(() => {
    for (const segment of segments) segment.readers++
    return Effect.ensuring(
      reading,
      Effect.suspend(() => {
        for (const segment of segments) segment.readers--
        return Effect.forEach(segments, closeUnread, { discard: true })
      })
    )
  })

export const close = (segment: Segment): Effect.Effect<void> => Scope.close(segment.scope, Exit.void)

const closeUnread = (segment: Segment) => segment.isRetired && segment.readers === 0 ? close(segment) : Effect.void

/** Takes a file out of the log whose entries are all in a snapshot. Answers whether it is gone for good. */
export const retire = Effect.fnUntraced(function*(segment: Segment) {
  const { path } = segment.file
  const disk = yield* Disk
  const removing = Effect.gen(function*() {
    if (yield* disk.exists(path)) yield* disk.remove(path)
    yield* disk.syncDirectory(dirname(path))
  })
  const isGone = yield* Effect.match(removing, { onFailure: () => false, onSuccess: () => true })
  if (isGone) {
    segment.isRetired = true
    yield* closeUnread(segment)
  }
  return isGone
})
