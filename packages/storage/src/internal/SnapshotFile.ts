/**
 * A snapshot as a file: its bytes in blocks, each with a checksum of its own, behind a header that is written last.
 *
 *     header   magic 8 │ version 4 │ index 8 │ size 8 │ checksum of the bytes 4 │ checksum of these 4, padded to a block
 *     blocks   65,536 bytes of the snapshot (the last one fewer) │ checksum 4
 *
 * So any part of it can be read and believed without the rest, and there is never more than one block of it in memory.
 * A block's checksum goes on from the log's seed and from its place: neither a block of another file nor one that was
 * misplaced is taken for it. Without its header the file is no snapshot: whoever wrote it died.
 */
import type { LogPosition } from "effect-raft/engine"
import type { SnapshotTaken, StorageError } from "effect-raft/Storage"
import * as Effect from "effect/Effect"
import { crc32 } from "node:zlib"
import { Writer } from "./Bytes.ts"
import { type File, readAll, writeAll } from "./Disk.ts"
import { corrupt } from "./LogScan.ts"

const magic = Buffer.from([0x89, 0x53, 0x6e, 0x61, 0x70, 0x0d, 0x0a, 0x1a])
const version = 1
const headerSize = 4096
const fieldsSize = 8 + 4 + 8 + 8 + 4
const blockSize = 64 * 1024
const stride = blockSize + 4

const blockChecksum = (seed: number, place: number, bytes: Uint8Array): number => {
  const where = new Writer(8)
  where.integer(place)
  return crc32(bytes, crc32(where.bytes, seed))
}

/**
 * Writes a snapshot's bytes as they come, in pieces of any size. Each time `syncBytes` have been written they are synced,
 * so that the last sync, for which others wait, has little left to do.
 */
export class SnapshotWriter {
  readonly #file: File
  readonly #seed: number
  readonly #syncBytes: number
  readonly #block = Buffer.allocUnsafe(stride)
  #filled = 0
  #blocks = 0
  #size = 0
  #checksum = 0
  #unsynced = 0

  constructor(file: File, seed: number, syncBytes: number) {
    this.#file = file
    this.#seed = seed
    this.#syncBytes = syncBytes
  }

  /** How many bytes have come, and their checksum. */
  get taken(): SnapshotTaken {
    return { size: this.#size, checksum: this.#checksum }
  }

  push(bytes: Uint8Array): Effect.Effect<void, StorageError> {
    this.#size += bytes.length
    this.#checksum = crc32(bytes, this.#checksum)
    return this.#take(bytes)
  }

  /** Writes what is left, and the header. Durable when it succeeds. */
  finish(index: LogPosition.Index): Effect.Effect<SnapshotTaken, StorageError> {
    const rest = this.#filled > 0 ? this.#flush() : Effect.void
    const header = encodeHeader(this.#seed, index, this.taken)
    return rest.pipe(
      Effect.andThen(Effect.suspend(() => writeAll(this.#file, [header], 0))),
      Effect.andThen(this.#file.sync),
      Effect.as(this.taken)
    )
  }

  #take(bytes: Uint8Array): Effect.Effect<void, StorageError> {
    const fitting = bytes.subarray(0, blockSize - this.#filled)
    this.#block.set(fitting, this.#filled)
    this.#filled += fitting.length
    if (this.#filled < blockSize) return Effect.void
    const rest = bytes.subarray(fitting.length)
    return Effect.andThen(this.#flush(), Effect.suspend(() => rest.length === 0 ? Effect.void : this.#take(rest)))
  }

  #flush(): Effect.Effect<void, StorageError> {
    const checksum = blockChecksum(this.#seed, this.#blocks, this.#block.subarray(0, this.#filled))
    this.#block.writeUInt32LE(checksum, this.#filled)
    const written = this.#block.subarray(0, this.#filled + 4)
    return Effect.flatMap(writeAll(this.#file, [written], headerSize + this.#blocks * stride), () => {
      this.#blocks++
      this.#filled = 0
      this.#unsynced += written.length
      if (this.#unsynced < this.#syncBytes) return Effect.void
      this.#unsynced = 0
      return this.#file.syncData
    })
  }
}

const encodeHeader = (seed: number, index: LogPosition.Index, { checksum, size }: SnapshotTaken): Uint8Array => {
  const writer = new Writer(headerSize)
  writer.bytes.fill(0)
  writer.raw(magic)
  writer.uint32(version)
  writer.integer(index)
  writer.integer(size)
  writer.uint32(checksum)
  writer.uint32(crc32(writer.bytes.subarray(0, fieldsSize), seed))
  return writer.bytes
}

/** Fails with `Corrupt` unless the file is that snapshot, as far as its header and its length tell. */
export const verify = Effect.fnUntraced(function*(
  file: File,
  seed: number,
  index: LogPosition.Index,
  taken: SnapshotTaken
) {
  const bytes = Buffer.alloc(headerSize)
  const found = bytes.subarray(0, yield* readAll(file, bytes, 0))
  if (!found.equals(encodeHeader(seed, index, taken))) {
    return yield* corrupt(file.path, 0, `this is not the snapshot at ${index} that the log speaks of`)
  }
  const expected = headerSize + taken.size + 4 * Math.ceil(taken.size / blockSize)
  const size = yield* file.size
  if (size !== expected) {
    return yield* corrupt(file.path, Math.min(size, expected), `${size} bytes, and ${expected} belong there`)
  }
})

/** The bytes from `offset` on, `length` of them, of a snapshot of `size` bytes. */
export const read = Effect.fnUntraced(function*(
  file: File,
  seed: number,
  size: number,
  offset: number,
  length: number
) {
  const result = Buffer.allocUnsafe(length)
  const block = Buffer.allocUnsafe(stride)
  for (let done = 0; done < length;) {
    const place = Math.floor((offset + done) / blockSize)
    const filled = Math.min(blockSize, size - place * blockSize)
    const position = headerSize + place * stride
    const there = yield* readAll(file, block.subarray(0, filled + 4), position)
    const bytes = block.subarray(0, filled)
    if (there < filled + 4 || blockChecksum(seed, place, bytes) !== block.readUInt32LE(filled)) {
      return yield* corrupt(file.path, position, "a block of a snapshot is no longer what was written")
    }
    const from = offset + done - place * blockSize
    const part = bytes.subarray(from, Math.min(filled, from + length - done))
    result.set(part, done)
    done += part.length
  }
  return result
})
