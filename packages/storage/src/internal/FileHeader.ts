/**
 * How each file of a log begins: whose it is, and in which format it goes on.
 *
 *     magic 8 │ version 4 │ checksum of these 4 │ size of the rest 4 │ incarnation 8 │ cluster │ node │ checksum 4
 *
 * The first 16 bytes mean the same in every version, so that a file from the future is told from a damaged one. The
 * header is padded to whole blocks: what is appended to the file later never shares a sector with it.
 */
import type { Identity } from "effect-raft/Storage"
import { crc32 } from "node:zlib"
import { Reader, textSize, Writer } from "./Bytes.ts"

/** A high bit, a name, and line ends that a transfer as text would not survive. */
const magic = Buffer.from([0x89, 0x52, 0x61, 0x66, 0x74, 0x0d, 0x0a, 0x1a])

/**
 * Since 2, memberships in records are whole, and every file but the first begins with a checkpoint. Since 3, each record
 * tells how far the node had come. Both older ones are still read.
 */
export const version = 3
const block = 4096
const preambleSize = 16

/** No header is longer: this much of a file is enough to read it. */
export const maxSize = 16 * block

export interface FileHeader {
  readonly version: number
  readonly identity: Identity
  /** What every checksum of the file goes on from, so that another file's records are never taken for its own. */
  readonly seed: number
  /** How long the header is, and so where the records begin. */
  readonly size: number
}

export type Decoded =
  | { readonly _tag: "Header"; readonly header: FileHeader }
  | { readonly _tag: "Unsupported"; readonly version: number }
  | { readonly _tag: "Damaged"; readonly offset: number; readonly detail: string }

/** The header of a new file, or undefined if the names in `identity` are too long for one. */
export const encode = (identity: Identity): Uint8Array | undefined => {
  const size = 8 + textSize(identity.cluster) + textSize(identity.node)
  const padded = Math.ceil((preambleSize + 4 + size + 4) / block) * block
  if (padded > maxSize) return undefined
  const writer = new Writer(padded)
  writer.bytes.fill(0)
  writer.raw(magic)
  writer.uint32(version)
  writer.uint32(crc32(writer.bytes.subarray(0, preambleSize - 4)))
  writer.uint32(size)
  writer.integer(identity.incarnation)
  writer.text(identity.cluster)
  writer.text(identity.node)
  writer.uint32(checksum(writer.bytes, size))
  return writer.bytes
}

/**
 * What every checksum of a file goes on from that begins with this header. It depends on the identity alone: bytes with
 * their own checksum behind them, as the version is written, all have the same one. So snapshots outlive the version.
 */
export const seedOf = (header: Uint8Array): number => {
  const bytes = Buffer.from(header.buffer, header.byteOffset, header.length)
  return bytes.readUInt32LE(preambleSize + 4 + bytes.readUInt32LE(preambleSize))
}

const checksum = (bytes: Buffer, size: number): number => crc32(bytes.subarray(0, preambleSize + 4 + size))

/** `bytes` are the first of the file: `maxSize` of them, or all there are. */
export const decode = (bytes: Buffer): Decoded => {
  if (bytes.length < preambleSize + 4) return damaged(bytes.length, "the file ends within its header")
  if (!bytes.subarray(0, magic.length).equals(magic)) return damaged(0, "this is no log of effect-raft")
  if (crc32(bytes.subarray(0, preambleSize - 4)) !== bytes.readUInt32LE(preambleSize - 4)) {
    return damaged(0, "the checksum of the format's version is wrong")
  }
  const found = bytes.readUInt32LE(magic.length)
  if (found < 1 || found > version) return { _tag: "Unsupported", version: found }
  return decodeIdentity(bytes, found)
}

const decodeIdentity = (bytes: Buffer, version: number): Decoded => {
  const start = preambleSize + 4
  const size = bytes.readUInt32LE(preambleSize)
  const padded = Math.ceil((start + size + 4) / block) * block
  if (padded > bytes.length) return damaged(preambleSize, "the file ends within its header")
  const seed = bytes.readUInt32LE(start + size)
  if (checksum(bytes, size) !== seed) return damaged(preambleSize, "the header's checksum is wrong")
  const reader = new Reader(bytes.subarray(start, start + size))
  const incarnation = reader.integer()
  const cluster = reader.text()
  const node = reader.text()
  if (reader.damaged) return damaged(start, "the header's parts do not fit together")
  return { _tag: "Header", header: { version, identity: { cluster, node, incarnation }, seed, size: padded } }
}

const damaged = (offset: number, detail: string): Decoded => ({ _tag: "Damaged", offset, detail })
