/**
 * The log file of one node: made so that it is there as a whole or not at all, opened so that what it shows is durable.
 *
 * What is read back was not necessarily on the disk: after a failed sync the system may show from memory what it never
 * wrote, and call the next sync a success. So whoever opens the file writes the last batch once more, as it is, and
 * syncs that; everything before it was durable when it was written. Then what a torn write left behind is gone for
 * good, and what is there can be promised to others.
 *
 * That the disk leaves alone the rest of a sector that it writes again is taken for granted.
 */
import { Foreign, type Identity, StorageError, UnsupportedFormat } from "effect-raft/Storage"
import * as Effect from "effect/Effect"
import { dirname, join } from "node:path"
import { Disk, failed, type File, readAll, writeAll } from "./Disk.ts"
import * as FileHeader from "./FileHeader.ts"
import { FileWindow } from "./FileWindow.ts"
import * as LogScan from "./LogScan.ts"

/** The number is that of the file's first record; a log may come to have several files. */
const fileName = "0000000000000001.wal"

export interface LogFile extends LogScan.Scanned {
  readonly file: File
  readonly seed: number
  readonly identity: Identity
}

export interface Options extends Pick<LogScan.Options, "maxRecordBytes" | "visit"> {
  readonly directory: string
  readonly identity: Identity
  readonly scanBytes: number
}

/** Makes the directory, and durable that it is there. */
export const makeDirectory = Effect.fnUntraced(function*(directory: string) {
  const disk = yield* Disk
  const topmost = yield* disk.makeDirectory(directory)
  if (topmost === undefined) return
  const above = dirname(topmost)
  for (let made = directory; made !== above && made !== dirname(made); made = dirname(made)) {
    yield* disk.syncDirectory(dirname(made))
  }
})

/** Opens the log, or makes a new one, and reads it back. Closed with the scope. */
export const open = Effect.fnUntraced(function*(options: Options) {
  const { directory, identity, maxRecordBytes, scanBytes, visit } = options
  const disk = yield* Disk
  const path = join(directory, fileName)
  if (!(yield* disk.exists(path))) yield* create(directory, path, identity)
  const file = yield* disk.open(path, "existing")
  const header = yield* readHeader(file, identity)
  const window = new FileWindow(file, yield* file.size, scanBytes)
  const { seed, size: start } = header
  const scanned = yield* LogScan.scan({ window, seed, start, maxRecordBytes, visit })
  yield* settle(file, scanned, scanBytes)
  // Who made the file may have died before its name was durable.
  yield* disk.syncDirectory(directory)
  return { ...scanned, file, seed, identity: header.identity } satisfies LogFile
})

/** Under another name first: a file with the right name has a whole header. */
const create = Effect.fnUntraced(function*(directory: string, path: string, identity: Identity) {
  const disk = yield* Disk
  const header = FileHeader.encode(identity)
  if (header === undefined) {
    return yield* failed("create", path, new Error("the cluster's or the node's name is too long"))
  }
  const draft = `${path}.draft`
  yield* Effect.scoped(
    Effect.flatMap(disk.open(draft, "empty"), (file) => Effect.andThen(writeAll(file, [header], 0), file.sync))
  )
  yield* disk.rename(draft, path)
  yield* disk.syncDirectory(directory)
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
    const reason = new Foreign({ path: file.path, expected: nameOf(expected), found: nameOf(found) })
    return yield* new StorageError({ reason })
  }
  return decoded.header
})

const nameOf = ({ cluster, node }: Identity) => `node ${node} of cluster ${cluster}`

/** Makes durable exactly what was read. */
const settle = Effect.fnUntraced(function*(file: File, scanned: LogScan.Scanned, scanBytes: number) {
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
