/**
 * One record of the log file: one `StorageWrite`, whole or not at all; or, first in every file but the first, a
 * checkpoint: all there is by then but the payloads, so that the files before it may go.
 *
 *     head   magic 4 │ checksum of what follows in the head 4 │ sequence 8 │ place in its batch 4 │ body's size 4 │ body's checksum 4
 *     body   which parts 1 │ reach 24 │ hard state │ truncation │ boundary │ snapshot │ entries: first, runs, sizes, bytes
 *     or     checkpoint 1 │ hard state │ boundary │ snapshot │ runs │ memberships │ last
 *
 * The head has a checksum of its own, so a size is believed, and memory taken for it, only if it was written like
 * that. Both checksums go on from the file's seed: zeros are no record, and neither is a record of another file. The
 * sequence tells a record that is missing, or that came back from an earlier time. The place in the batch tells which
 * records were synced together: everything before a batch was durable when the batch was written.
 *
 * The reach is how far the node had come with this record: its term, and the last entry of its log. Where a record before
 * it is damaged, it tells how much there was; neither what is lost nor anything behind the damage could.
 */
import { Log, Membership, type State } from "effect-raft/engine"
import { type Entries, isWellFormed } from "effect-raft/Entries"
import * as MembershipCodec from "effect-raft/MembershipCodec"
import type { Reach } from "effect-raft/Recovery"
import type { StorageWrite } from "effect-raft/Storage"
import { crc32 } from "node:zlib"
import { Reader, textSize, Writer } from "./Bytes.ts"

export const magic = Buffer.from([0xef, 0x52, 0x45, 0x43])
export const headSize = 28

export interface Head {
  /** 1 for the first record of the log, one more for each that follows, whichever file it is in. */
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

const parts = { hardState: 1, vote: 2, truncation: 4, boundary: 8, entries: 16, snapshot: 32 } as const
const allParts = 63

/** Stands in the place of the parts. */
const checkpointMark = 128

/** What a body says. Before version 3 it has no reach. */
export type Body =
  | { readonly _tag: "Write"; readonly write: StorageWrite; readonly reach: Reach | undefined }
  | { readonly _tag: "Checkpoint"; readonly recovered: State.Recovered }

/** Payloads up to this size are copied into the record: one more piece for the system call costs more. */
const smallPayload = 4096

/** The record of a write after which the node has come as far as `reach`. */
export const encode = (
  seed: number,
  sequence: number,
  place: number,
  write: StorageWrite,
  reach: Reach
): Encoded => {
  const { entries } = write
  const payload = entries?.bytes ?? noBytes
  const isSmall = payload.length <= smallPayload
  const parts = described(write)
  const writer = new Writer(headSize + describedSize(parts) + (isSmall ? payload.length : 0))
  writer.raw(emptyHead)
  describe(writer, parts, reach)
  if (isSmall) writer.raw(payload)
  const start = crc32(writer.bytes.subarray(headSize), seed)
  const size = writer.bytes.length - headSize + (isSmall ? 0 : payload.length)
  const checksum = isSmall ? start : crc32(payload, start)
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

/** A write, and its memberships as bytes, which are needed before it is known how large the record is. */
interface Described {
  readonly write: StorageWrite
  readonly boundary: Uint8Array
  readonly snapshot: Uint8Array
}

const membershipBytes = (place: Log.Boundary | undefined): Uint8Array =>
  place === undefined ? noBytes : MembershipCodec.encode(place.membership)

const described = (write: StorageWrite): Described => ({
  write,
  boundary: membershipBytes(write.boundary),
  snapshot: membershipBytes(write.snapshot)
})

const describedSize = ({ boundary, snapshot, write }: Described): number => {
  const { entries, hardState, truncateAfter } = write
  let size = 1 + reachSize
  if (hardState !== undefined) size += 8
  if (hardState?.votedFor !== undefined) size += textSize(hardState.votedFor)
  if (truncateAfter !== undefined) size += 8
  if (write.boundary !== undefined) size += 16 + 4 + boundary.length
  if (write.snapshot !== undefined) size += 16 + 4 + snapshot.length + 8 + 4
  if (entries !== undefined) size += 8 + 4 + entries.runs.length * 16 + 4 + entries.ends.length * 4
  return size
}

const reachSize = 24

const describe = (writer: Writer, { boundary, snapshot, write }: Described, reach: Reach): void => {
  const { entries, hardState, truncateAfter } = write
  const vote = hardState?.votedFor
  writer.uint8(
    (hardState === undefined ? 0 : parts.hardState) | (vote === undefined ? 0 : parts.vote)
      | (truncateAfter === undefined ? 0 : parts.truncation) | (write.boundary === undefined ? 0 : parts.boundary)
      | (entries === undefined ? 0 : parts.entries) | (write.snapshot === undefined ? 0 : parts.snapshot)
  )
  writer.integer(reach.term)
  writer.integer(reach.last)
  writer.integer(reach.lastTerm)
  if (hardState !== undefined) writer.integer(hardState.term)
  if (vote !== undefined) writer.text(vote)
  if (truncateAfter !== undefined) writer.integer(truncateAfter)
  if (write.boundary !== undefined) describeBoundary(writer, write.boundary, boundary)
  if (write.snapshot !== undefined) describeSnapshot(writer, write.snapshot, snapshot)
  if (entries !== undefined) describeEntries(writer, entries)
}

const describeBoundary = (writer: Writer, { index, term }: Log.Boundary, membership: Uint8Array): void => {
  writer.integer(index)
  writer.integer(term)
  writer.uint32(membership.length)
  writer.raw(membership)
}

const describeSnapshot = (writer: Writer, snapshot: Log.Snapshot, membership: Uint8Array): void => {
  describeBoundary(writer, snapshot, membership)
  writer.integer(snapshot.size)
  writer.uint32(snapshot.checksum)
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

/** A checkpoint as the record `sequence`, alone in its batch. */
export const encodeCheckpoint = (seed: number, sequence: number, recovered: State.Recovered): Uint8Array => {
  const { hardState, log } = recovered
  const snapshot = recovered.snapshot ?? Log.noSnapshot()
  const places = [
    log.boundary,
    snapshot,
    ...log.memberships.map(({ index, membership }) => ({ index, term: 0, membership }))
  ]
  const memberships = places.map(membershipBytes)
  const fixed = 1 + 8 + 1 + textSize(hardState.votedFor ?? "") + 12 + 4 + log.runs.length * 16 + 4 + 8
  const size = memberships.reduce((sum, bytes) => sum + 16 + 4 + bytes.length, fixed)
  const writer = new Writer(headSize + size)
  writer.raw(emptyHead)
  writer.uint8(checkpointMark)
  writer.integer(hardState.term)
  writer.uint8(hardState.votedFor === undefined ? 0 : 1)
  writer.text(hardState.votedFor ?? "")
  describeBoundary(writer, log.boundary, memberships[0] ?? noBytes)
  describeSnapshot(writer, snapshot, memberships[1] ?? noBytes)
  writer.uint32(log.runs.length)
  for (const { start, term } of log.runs) {
    writer.integer(start)
    writer.integer(term)
  }
  writer.uint32(log.memberships.length)
  places.slice(2).forEach((place, at) => describeBoundary(writer, place, memberships[at + 2] ?? noBytes))
  writer.integer(log.last)
  const checksum = crc32(writer.bytes.subarray(headSize), seed)
  putHead(writer.bytes, seed, { sequence, place: 0, size, checksum })
  return writer.bytes
}

/** What a body says, or undefined if it makes no sense. Payloads are views of `body`. */
export const decodeBody = (version: number, body: Buffer): Body | undefined => {
  const reader = new Reader(body)
  const present = reader.uint8()
  if (version > 1 && present === checkpointMark) return readCheckpoint(reader)
  const has = (part: number) => (present & part) !== 0
  if (present > (version > 1 ? allParts : 31) || (has(parts.vote) && !has(parts.hardState))) return undefined
  const reach = version > 2
    ? { term: reader.integer(), last: reader.integer(), lastTerm: reader.integer() }
    : undefined
  const hardState = has(parts.hardState)
    ? { term: reader.integer(), votedFor: has(parts.vote) ? reader.text() : undefined }
    : undefined
  const truncateAfter = has(parts.truncation) ? reader.integer() : undefined
  const boundary = has(parts.boundary) ? (version > 1 ? readBoundary(reader) : readBoundaryOf1(reader)) : undefined
  const snapshot = has(parts.snapshot) ? readSnapshot(reader) : undefined
  const entries = has(parts.entries) ? readEntries(reader) : undefined
  if (reader.damaged || reader.left > 0 || (entries !== undefined && !isWellFormed(entries))) return undefined
  const write = { hardState, truncateAfter, entries, boundary, ...(snapshot && { snapshot }) }
  return { _tag: "Write", write, reach }
}

const readCheckpoint = (reader: Reader): Body | undefined => {
  const term = reader.integer()
  const hasVoted = reader.uint8() === 1
  const vote = reader.text()
  const boundary = readBoundary(reader)
  const snapshot = readSnapshot(reader)
  const runs = reader.list(() => ({ start: reader.integer(), term: reader.integer() }))
  const memberships = reader.list(() => readBoundary(reader)).map(({ index, membership }) => ({ index, membership }))
  const last = reader.integer()
  if (reader.damaged || reader.left > 0) return undefined
  const hardState = { term, votedFor: hasVoted ? vote : undefined }
  const log: Log.Log = { boundary, runs, memberships, last, sizes: [] }
  return { _tag: "Checkpoint", recovered: { hardState, log, ...(snapshot.index > 0 && { snapshot }) } }
}

const readBoundary = (reader: Reader): Log.Boundary => {
  const index = reader.integer()
  const term = reader.integer()
  const membership = MembershipCodec.decode(reader.raw(reader.uint32()))
  if (membership === undefined) reader.refuse()
  return { index, term, membership: membership ?? Membership.none }
}

const readSnapshot = (reader: Reader): Log.Snapshot => {
  const boundary = readBoundary(reader)
  return { ...boundary, size: reader.integer(), checksum: reader.uint32() }
}

/** The first version knew ids and addresses, and nothing else of members. */
const readBoundaryOf1 = (reader: Reader): Log.Boundary => {
  const index = reader.integer()
  const term = reader.integer()
  const members = reader.list(() => ({ id: reader.text(), address: reader.text() }))
  const departing = reader.list(() => ({ id: reader.text(), address: reader.text() }))
  const voters = reader.list(() => reader.text())
  const outgoing = reader.list(() => reader.text())
  const promoting = reader.list(() => reader.text())
  return { index, term, membership: { members, voters, outgoing, departing, promoting } }
}

const readEntries = (reader: Reader): Entries => {
  const first = reader.integer()
  const runs = reader.list(() => ({ start: reader.integer(), term: reader.integer() }))
  let end = 0
  const ends = reader.list(() => end += reader.uint32())
  return { first, runs, bytes: reader.rest(), ends }
}
