/**
 * What a node must not forget of damage to its log, in a file of its own: how far it had come, until that is there again.
 *
 *     magic 8 │ size of the rest 4 │ term 8 │ last 8 │ its term 8 │ path │ offset 8 │ detail │ checksum of all 4
 *
 * It is durable before anything of the damaged log is cut off, and goes once a write says that nothing is missing.
 */
import { Corrupt, type Damaged } from "effect-raft/Storage"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import { crc32 } from "node:zlib"
import { Reader, textSize, Writer } from "./Bytes.ts"
import { Disk, readAll, writeAll } from "./Disk.ts"
import { corrupt } from "./LogScan.ts"

const magic = Buffer.from([0x89, 0x44, 0x6d, 0x67, 0x65, 0x0d, 0x0a, 0x1a])
const name = "damage"
const draft = "damage.draft"

/** What the note in the directory says; undefined without one. A note that is damaged itself is refused. */
export const read = Effect.fnUntraced(function*(directory: string, seed: number) {
  const disk = yield* Disk
  const path = join(directory, name)
  if (!(yield* disk.exists(path))) return undefined
  return yield* Effect.scoped(Effect.gen(function*() {
    const file = yield* disk.open(path, "existing")
    const bytes = Buffer.alloc(yield* file.size)
    const damaged = decode(seed, bytes.subarray(0, yield* readAll(file, bytes, 0)))
    return damaged ?? (yield* corrupt(path, 0, "it tells of damage to the log, and is damaged itself"))
  }))
})

/** Writes the note in the place of the one before, if there is one. Durable when it succeeds. */
export const write = Effect.fnUntraced(function*(directory: string, seed: number, damaged: Damaged) {
  const disk = yield* Disk
  yield* Effect.scoped(
    Effect.flatMap(
      disk.open(join(directory, draft), "empty"),
      (file) => Effect.andThen(writeAll(file, [encode(seed, damaged)], 0), file.sync)
    )
  )
  yield* disk.rename(join(directory, draft), join(directory, name))
  yield* disk.syncDirectory(directory)
})

/** Should the note come back after a crash, more is done than is needed, and nothing wrong. */
export const remove = Effect.fnUntraced(function*(directory: string) {
  const disk = yield* Disk
  yield* disk.remove(join(directory, name))
  yield* disk.syncDirectory(directory)
})

/** Takes away what a crash left of a note that was being written. */
export const sweep = Effect.fnUntraced(function*(directory: string) {
  const disk = yield* Disk
  const path = join(directory, draft)
  if (yield* disk.exists(path)) yield* Effect.ignore(disk.remove(path))
})

const encode = (seed: number, { found, last, lastTerm, term }: Damaged): Uint8Array => {
  const size = 24 + textSize(found.path) + 8 + textSize(found.detail)
  const writer = new Writer(magic.length + 4 + size + 4)
  writer.raw(magic)
  writer.uint32(size)
  for (const each of [term, last, lastTerm]) writer.integer(each)
  writer.text(found.path)
  writer.integer(found.offset)
  writer.text(found.detail)
  writer.uint32(crc32(writer.bytes.subarray(0, -4), seed))
  return writer.bytes
}

const decode = (seed: number, bytes: Buffer): Damaged | undefined => {
  const start = magic.length + 4
  if (bytes.length < start + 4 || !bytes.subarray(0, magic.length).equals(magic)) return undefined
  if (bytes.readUInt32LE(magic.length) !== bytes.length - start - 4) return undefined
  if (crc32(bytes.subarray(0, -4), seed) !== bytes.readUInt32LE(bytes.length - 4)) return undefined
  const reader = new Reader(bytes.subarray(start, -4))
  const [term, last, lastTerm] = [reader.integer(), reader.integer(), reader.integer()]
  const path = reader.text()
  const offset = reader.integer()
  const detail = reader.text()
  return reader.damaged ? undefined : { term, last, lastTerm, found: new Corrupt({ path, offset, detail }) }
}
