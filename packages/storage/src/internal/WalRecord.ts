/**
 * One record of the log file: one `StorageWrite`, whole or not at all.
 *
 *     head   magic 4 │ checksum of what follows in the head 4 │ sequence 8 │ place in its batch 4 │ body's size 4 │ body's checksum 4
 *     body   which parts 1 │ hard state │ truncation │ boundary │ entries: first, runs, sizes, bytes
 *
 * The head has a checksum of its own, so a size is believed, and memory taken for it, only if it was written like
 * that. Both checksums go on from the file's seed: zeros are no record, and neither is a record of another file. The
 * sequence tells a record that is missing, or that came back from an earlier time. The place in the batch tells which
 * records were synced together: everything before a batch was durable when the batch was written.
 */
import type { Log, Membership } from "effect-raft/engine"
import { type Entries, isWellFormed } from "effect-raft/Entries"
import type { StorageWrite } from "effect-raft/Storage"
import { crc32 } from "node:zlib"
import { Reader, textSize, Writer } from "./Bytes.ts"

export const magic = Buffer.from([0xef, 0x52, 0x45, 0x43])
export const headSize = 28

export interface Head {
  /** 1 for the first record of the file, one more for each that follows. */
  readonly sequence: number
  /** How many records of the same batch stand before it. */
  readonly place: number
  /** How many bytes of body follow. */
  readonly size: number
  readonly checksum: number
}

export interface Encoded {
  /** The record, in pieces: large payloads are not copied. */
  readonly pieces: ReadonlyArray<Uint8Array>
  readonly size: number
}

const parts = { hardState: 1, vote: 2, truncation: 4, boundary: 8, entries: 16 } as const
const allParts = 31

/** Payloads up to this size are copied into the record: one more piece for the system call costs more. */
const smallPayload = 4096

export const encode = (seed: number, sequence: number, place: number, write: StorageWrite): Encoded => {
  const { entries } = write
  const payload = entries?.bytes ?? noBytes
  const isSmall = payload.length <= smallPayload
  const writer = new Writer(headSize + describedSize(write) + (isSmall ? payload.length : 0))
  writer.raw(emptyHead)
  describe(writer, write)
  if (isSmall) writer.raw(payload)
  const described = crc32(writer.bytes.subarray(headSize), seed)
  const size = writer.bytes.length - headSize + (isSmall ? 0 : payload.length)
  const checksum = isSmall ? described : crc32(payload, described)
  putHead(writer.bytes, seed, { sequence, place, size, checksum })
  return { pieces: isSmall ? [writer.bytes] : [writer.bytes, payload], size: headSize + size }
}

const noBytes = new Uint8Array(0)
const emptyHead = new Uint8Array(headSize)

const putHead = (bytes: Buffer, seed: number, { checksum, place, sequence, size }: Head): void => {
  bytes.set(magic)
  bytes.writeUInt32LE(sequence % 2 ** 32, 8)
  bytes.writeUInt32LE(Math.floor(sequence / 2 ** 32), 12)
  bytes.writeUInt32LE(place, 16)
  bytes.writeUInt32LE(size, 20)
  bytes.writeUInt32LE(checksum, 24)
  bytes.writeUInt32LE(crc32(bytes.subarray(8, headSize), seed), 4)
}

/** The head that `bytes` begin with, if they begin with one. */
export const decodeHead = (seed: number, bytes: Buffer): Head | undefined => {
  if (bytes.length < headSize || bytes.readUInt32LE(0) !== magic.readUInt32LE(0)) return undefined
  if (crc32(bytes.subarray(8, headSize), seed) !== bytes.readUInt32LE(4)) return undefined
  return {
    sequence: bytes.readUInt32LE(8) + bytes.readUInt32LE(12) * 2 ** 32,
    place: bytes.readUInt32LE(16),
    size: bytes.readUInt32LE(20),
    checksum: bytes.readUInt32LE(24)
  }
}

/** Whether `body` is what was written under `head`. */
export const isIntact = (seed: number, head: Head, body: Uint8Array): boolean =>
  body.length === head.size && crc32(body, seed) === head.checksum

// ---- the body ----

const describedSize = ({ boundary, entries, hardState, truncateAfter }: StorageWrite): number => {
  let size = 1
  if (hardState !== undefined) size += 8
  if (hardState?.votedFor !== undefined) size += textSize(hardState.votedFor)
  if (truncateAfter !== undefined) size += 8
  if (boundary !== undefined) size += 16 + membershipSize(boundary.membership)
  if (entries !== undefined) size += 8 + 4 + entries.runs.length * 16 + 4 + entries.ends.length * 4
  return size
}

const membershipSize = ({ departing, members, outgoing, promoting, voters }: Membership.Membership): number => {
  let size = 5 * 4
  for (const list of [members, departing]) for (const { address, id } of list) size += textSize(id) + textSize(address)
  for (const ids of [voters, outgoing, promoting]) for (const id of ids) size += textSize(id)
  return size
}

const describe = (writer: Writer, { boundary, entries, hardState, truncateAfter }: StorageWrite): void => {
  const vote = hardState?.votedFor
  writer.uint8(
    (hardState === undefined ? 0 : parts.hardState) | (vote === undefined ? 0 : parts.vote)
      | (truncateAfter === undefined ? 0 : parts.truncation) | (boundary === undefined ? 0 : parts.boundary)
      | (entries === undefined ? 0 : parts.entries)
  )
  if (hardState !== undefined) writer.integer(hardState.term)
  if (vote !== undefined) writer.text(vote)
  if (truncateAfter !== undefined) writer.integer(truncateAfter)
  if (boundary !== undefined) describeBoundary(writer, boundary)
  if (entries !== undefined) describeEntries(writer, entries)
}

const describeBoundary = (writer: Writer, { index, membership, term }: Log.Boundary): void => {
  writer.integer(index)
  writer.integer(term)
  describeMembership(writer, membership)
}

const describeMembership = (writer: Writer, membership: Membership.Membership): void => {
  for (const members of [membership.members, membership.departing]) {
    writer.uint32(members.length)
    for (const { address, id } of members) {
      writer.text(id)
      writer.text(address)
    }
  }
  for (const ids of [membership.voters, membership.outgoing, membership.promoting]) {
    writer.uint32(ids.length)
    for (const id of ids) writer.text(id)
  }
}

/** All but their bytes, which come last. */
const describeEntries = (writer: Writer, { ends, first, runs }: Entries): void => {
  writer.integer(first)
  writer.uint32(runs.length)
  for (const { start, term } of runs) {
    writer.integer(start)
    writer.integer(term)
  }
  writer.uint32(ends.length)
  let before = 0
  for (const end of ends) {
    writer.uint32(end - before)
    before = end
  }
}

/** What a body says, or undefined if it makes no sense. Payloads are views of `body`. */
export const decodeBody = (body: Buffer): StorageWrite | undefined => {
  const reader = new Reader(body)
  const present = reader.uint8()
  const has = (part: number) => (present & part) !== 0
  if (present > allParts || (has(parts.vote) && !has(parts.hardState))) return undefined
  const hardState = has(parts.hardState)
    ? { term: reader.integer(), votedFor: has(parts.vote) ? reader.text() : undefined }
    : undefined
  const truncateAfter = has(parts.truncation) ? reader.integer() : undefined
  const boundary = has(parts.boundary) ? readBoundary(reader) : undefined
  const entries = has(parts.entries) ? readEntries(reader) : undefined
  if (reader.damaged || reader.left > 0 || (entries !== undefined && !isWellFormed(entries))) return undefined
  return { hardState, truncateAfter, entries, boundary }
}

const readBoundary = (reader: Reader): Log.Boundary => {
  const index = reader.integer()
  const term = reader.integer()
  return { index, term, membership: readMembership(reader) }
}

const readMembership = (reader: Reader): Membership.Membership => {
  const members = reader.list(() => ({ id: reader.text(), address: reader.text() }))
  const departing = reader.list(() => ({ id: reader.text(), address: reader.text() }))
  const voters = reader.list(() => reader.text())
  const outgoing = reader.list(() => reader.text())
  const promoting = reader.list(() => reader.text())
  return { members, voters, outgoing, departing, promoting }
}

const readEntries = (reader: Reader): Entries => {
  const first = reader.integer()
  const runs = reader.list(() => ({ start: reader.integer(), term: reader.integer() }))
  let end = 0
  const ends = reader.list(() => end += reader.uint32())
  return { first, runs, bytes: reader.rest(), ends }
}
