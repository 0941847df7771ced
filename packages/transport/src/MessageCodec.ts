/**
 * Messages as payloads of frames, one kind of frame for each: who speaks and in which term, then what is said.
 *
 *     AppendEntries     …, runs, where each entry ends, the entries' bytes
 *     InstallSnapshot   …, the size of the membership, the membership, the chunk's bytes
 *
 * Payloads come last, as they are, and are copied neither on the way out nor on the way in. What follows from something
 * else is not sent a second time: the first index of entries and their terms are those of the message, and memberships
 * among entries are read off them. The membership of a snapshot has no entry that it could be read off, so it is written
 * as it would be in one.
 *
 * What is decoded is held against what every message promises before it is believed: a position is not of a later term
 * than its sender, runs rise, entries fill their bytes, a chunk is as long as its message says and lies within its
 * snapshot, a membership is sound. Lengths are held against the bytes that are there, which the frame has bounded.
 *
 * @since 0.1.0
 */
import type { Log, LogPosition, Message } from "effect-raft/engine"
import { type Entries, isWellFormed, memberships } from "effect-raft/Entries"
import * as MembershipCodec from "effect-raft/MembershipCodec"
import type { Envelope } from "effect-raft/Transport"
import * as Result from "effect/Result"
import type { Buffer } from "node:buffer"
import { type ByteReader, decodeWith } from "./ByteReader.ts"
import { ByteWriter, nameSize } from "./ByteWriter.ts"
import { headerBytes, Kind, seal } from "./Frame.ts"
import { content, WireError } from "./WireError.ts"

/**
 * How many runs a message may name. A log has one for each term that left entries in it, so a peer that names more
 * than this has lost its senses.
 *
 * @category limits
 * @since 0.1.0
 */
export const maxRuns = 65_536

const kinds = {
  RequestPreVote: Kind.message,
  PreVoteReply: Kind.message + 1,
  RequestVote: Kind.message + 2,
  VoteReply: Kind.message + 3,
  AppendEntries: Kind.message + 4,
  AppendReply: Kind.message + 5,
  TimeoutNow: Kind.message + 6,
  InstallSnapshot: Kind.message + 7,
  SnapshotReply: Kind.message + 8,
  RequestRead: Kind.message + 9,
  ReadReply: Kind.message + 10,
  Disowned: Kind.message + 11
} as const satisfies Record<Message.Message["_tag"], number>

/** Why a node is disowned. The place of a reason is its number on the wire. */
const reasons: ReadonlyArray<Message.Disowned["reason"]> = ["Incarnation", "Epoch"]

// ---- encoding ----

/**
 * One frame, in pieces for one gather write. The last piece may be the bytes of the entries, or of the chunk,
 * themselves, so these must not change afterwards. Throws when the payloads are not those that the message speaks of.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = (envelope: Envelope): ReadonlyArray<Uint8Array> => {
  assertOwn(envelope)
  const { chunk, entries, message } = envelope
  if (message._tag === "InstallSnapshot") return encodeInstallSnapshot(message, chunk)
  const count = entries?.ends.length ?? 0
  const writer = new ByteWriter(headerBytes + sizeOf(message) + 4 * count, headerBytes)
  writer.name(message.from)
  writer.u53(message.term)
  writeBody(writer, message)
  if (entries !== undefined) { for (const end of entries.ends) writer.u32(end) }
  return seal(kinds[message._tag], writer.buffer, count === 0 ? undefined : entries?.bytes)
}

/** A message that speaks of other payloads than it comes with would be believed by nobody, or by the wrong ones. */
const assertOwn = ({ chunk, entries, message }: Envelope): void => {
  const count = entries?.ends.length ?? 0
  const named = message._tag === "AppendEntries" ? message.last - message.previous.index : 0
  if (count !== named) throw new RangeError(`${count} entries with a message of ${named}`)
  const length = chunk?.length ?? 0
  const told = message._tag === "InstallSnapshot" ? message.length : 0
  if (length !== told) throw new RangeError(`a chunk of ${length} bytes with a message of ${told}`)
}

const encodeInstallSnapshot = (
  message: Message.InstallSnapshot,
  chunk: Uint8Array | undefined
): ReadonlyArray<Uint8Array> => {
  const { from, length, offset, sequence, snapshot, term } = message
  const membership = MembershipCodec.encode(snapshot.membership)
  const writer = new ByteWriter(headerBytes + nameSize(from) + 8 + 16 + 5 * 8 + 4 + membership.length, headerBytes)
  writer.name(from)
  writer.u53(term)
  writePosition(writer, snapshot)
  for (const number of [snapshot.size, snapshot.checksum, offset, length, sequence]) writer.u53(number)
  writer.u32(membership.length)
  writer.raw(membership)
  return seal(kinds.InstallSnapshot, writer.buffer, length === 0 ? undefined : chunk)
}

/** Everything else fits into numbers and runs. */
type Plain = Exclude<Message.Message, Message.InstallSnapshot>

const sizeOf = (message: Plain): number => {
  const header = nameSize(message.from) + 8
  switch (message._tag) {
    case "RequestPreVote":
      return header + 16 + 8
    case "PreVoteReply":
      return header + 8 + 1
    case "RequestVote":
      return header + 16 + 1
    case "VoteReply":
      return header + 1
    case "AppendEntries":
      return header + 16 + 8 + 8 + 8 + 4 + 16 * message.runs.length
    case "AppendReply":
      return header + 8 + 1 + 8 + 8 + 4 + 16 * message.runs.length
    case "TimeoutNow":
      return header + 16
    case "SnapshotReply":
      return header + 5 * 8
    case "RequestRead":
      return header + 16 + 1
    case "ReadReply":
      return header + 3 * 8
    case "Disowned":
      return header + 1 + 1 + (message.incarnation === undefined ? 0 : 8)
  }
}

const writeBody = (writer: ByteWriter, message: Plain): void => {
  switch (message._tag) {
    case "RequestPreVote":
      writePosition(writer, message.last)
      return writer.u53(message.round)
    case "PreVoteReply":
      writer.u53(message.round)
      return writer.bool(message.granted)
    case "RequestVote":
      writePosition(writer, message.last)
      return writer.bool(message.isTransfer)
    case "VoteReply":
      return writer.bool(message.granted)
    case "AppendEntries":
      writePosition(writer, message.previous)
      writer.u53(message.last)
      writer.u53(message.commit)
      writer.u53(message.sequence)
      return writeRuns(writer, message.runs)
    case "AppendReply":
      writer.u53(message.sequence)
      writer.bool(message.accepted)
      writer.u53(message.match)
      writer.u53(message.last)
      return writeRuns(writer, message.runs)
    case "TimeoutNow":
      return writePosition(writer, message.last)
    case "SnapshotReply":
      for (const number of [message.sequence, message.offset, message.index, message.received, message.stored]) {
        writer.u53(number)
      }
      return
    case "RequestRead":
      writer.u53(message.read)
      writer.u53(message.round)
      return writer.bool(message.isLease)
    case "ReadReply":
      writer.u53(message.read)
      writer.u53(message.round)
      return writer.u53(message.index)
    case "Disowned":
      writer.u8(reasons.indexOf(message.reason))
      writer.bool(message.incarnation !== undefined)
      if (message.incarnation !== undefined) writer.u53(message.incarnation)
  }
}

const writePosition = (writer: ByteWriter, position: LogPosition.LogPosition): void => {
  writer.u53(position.term)
  writer.u53(position.index)
}

const writeRuns = (writer: ByteWriter, runs: ReadonlyArray<Log.Run>): void => {
  writer.u32(runs.length)
  for (const run of runs) {
    writer.u53(run.start)
    writer.u53(run.term)
  }
}

// ---- decoding ----

interface Header {
  readonly from: string
  readonly term: number
}

/**
 * The message in a frame of that kind, or what is wrong with it. The bytes of entries, or of a
 * chunk, are a view of `payload`.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = (kind: number, payload: Buffer): Result.Result<Envelope, WireError> => {
  const readBody = readers.get(kind)
  if (readBody === undefined) {
    return Result.fail(new WireError({ reason: "Kind", detail: `no message has kind ${kind}` }))
  }
  return decodeWith(payload, (reader) => readBody(reader, { from: reader.name(), term: reader.u53() }))
}

const alone = (message: Message.Message): Envelope => ({ message, entries: undefined })

const readers: ReadonlyMap<number, (reader: ByteReader, header: Header) => Envelope> = new Map([
  [
    kinds.RequestPreVote,
    (reader, header) =>
      alone({ _tag: "RequestPreVote", ...header, last: readPosition(reader, header), round: reader.u53() })
  ],
  [
    kinds.PreVoteReply,
    (reader, header) => alone({ _tag: "PreVoteReply", ...header, round: reader.u53(), granted: reader.bool() })
  ],
  [
    kinds.RequestVote,
    (reader, header) =>
      alone({ _tag: "RequestVote", ...header, last: readPosition(reader, header), isTransfer: reader.bool() })
  ],
  [kinds.VoteReply, (reader, header) => alone({ _tag: "VoteReply", ...header, granted: reader.bool() })],
  [kinds.AppendEntries, (reader, header) => readAppendEntries(reader, header)],
  [kinds.AppendReply, (reader, header) => alone(readAppendReply(reader, header))],
  [kinds.TimeoutNow, (reader, header) => alone({ _tag: "TimeoutNow", ...header, last: readPosition(reader, header) })],
  [kinds.InstallSnapshot, (reader, header) => readInstallSnapshot(reader, header)],
  [kinds.SnapshotReply, (reader, header) => alone(readSnapshotReply(reader, header))],
  [
    kinds.RequestRead,
    (reader, header) =>
      alone({ _tag: "RequestRead", ...header, read: reader.u53(), round: reader.u53(), isLease: reader.bool() })
  ],
  [
    kinds.ReadReply,
    (reader, header) =>
      alone({ _tag: "ReadReply", ...header, read: reader.u53(), round: reader.u53(), index: reader.u53() })
  ],
  [kinds.Disowned, (reader, header) => alone(readDisowned(reader, header))]
])

const readInstallSnapshot = (reader: ByteReader, header: Header): Envelope => {
  const position = readPosition(reader, header)
  const [size, checksum, offset, length] = [reader.u53(), reader.u53(), reader.u53(), reader.u53()]
  const sequence = reader.u53()
  const membership = MembershipCodec.decode(reader.raw(reader.u32()))
  if (position.term === 0 || position.index === 0) throw content("a snapshot of an empty log")
  if (membership === undefined) throw content("the membership of a snapshot is none")
  if (checksum > 0xffff_ffff) throw content(`a checksum of ${checksum}`)
  if (length !== reader.remaining) throw content(`a chunk of ${length} bytes in ${reader.remaining} bytes`)
  if (offset > size || length > size - offset) throw content(`a chunk at ${offset} of a snapshot of ${size} bytes`)
  const snapshot = { ...position, membership, size, checksum }
  const message = { _tag: "InstallSnapshot", ...header, snapshot, offset, length, sequence } as const
  return length === 0 ? alone(message) : { message, entries: undefined, chunk: reader.rest() }
}

const readSnapshotReply = (reader: ByteReader, header: Header): Message.SnapshotReply => {
  const [sequence, offset, index] = [reader.u53(), reader.u53(), reader.u53()]
  const [received, stored] = [reader.u53(), reader.u53()]
  if (stored > received) throw content(`${stored} bytes on the disk, of ${received} that have come`)
  return { _tag: "SnapshotReply", ...header, sequence, offset, index, received, stored }
}

const readDisowned = (reader: ByteReader, header: Header): Message.Disowned => {
  const number = reader.u8()
  const reason = reasons[number]
  if (reason === undefined) throw content(`no reason has number ${number}`)
  return { _tag: "Disowned", ...header, reason, incarnation: reader.bool() ? reader.u53() : undefined }
}

const readAppendEntries = (reader: ByteReader, header: Header): Envelope => {
  const previous = readPosition(reader, header)
  const [last, commit, sequence] = [reader.u53(), reader.u53(), reader.u53()]
  const runs = readRuns(reader, header)
  const count = last - previous.index
  if (count < 0) throw content(`entries up to ${last} after ${previous.index}`)
  if ((runs[0]?.term ?? previous.term) < previous.term) throw content("terms fall along the log")
  const entries = readEntries(reader, previous.index + 1, count, runs)
  const memberships = entries === undefined ? [] : readMemberships(entries)
  const message = { _tag: "AppendEntries", ...header, previous, last, commit, sequence, runs, memberships } as const
  return { message, entries }
}

const readMemberships = (entries: Entries): ReadonlyArray<Log.MembershipEntry> => {
  const found = memberships(entries)
  if (found === undefined) throw content("an entry says that it is a membership, and is none")
  return found
}

const readEntries = (
  reader: ByteReader,
  first: LogPosition.Index,
  count: number,
  runs: ReadonlyArray<Log.Run>
): Entries | undefined => {
  // An entry takes at least one byte, and four to say where it ends: fewer bytes cannot hold that many.
  if (5 * count > reader.remaining) throw content(`${count} entries in ${reader.remaining} bytes`)
  const ends: Array<number> = []
  for (let place = 0; place < count; place++) ends.push(reader.u32())
  const entries = { first, runs, bytes: reader.rest(), ends }
  if (!isWellFormed(entries)) throw content("the entries do not fit their message")
  return count === 0 ? undefined : entries
}

const readAppendReply = (reader: ByteReader, header: Header): Message.AppendReply => {
  const [sequence, accepted] = [reader.u53(), reader.bool()]
  const [match, last] = [reader.u53(), reader.u53()]
  const runs = readRuns(reader, header)
  if ((runs.at(-1)?.start ?? 0) > last) throw content("a run starts past the end of the log")
  return { _tag: "AppendReply", ...header, sequence, accepted, match, last, runs }
}

const readPosition = (reader: ByteReader, { term }: Header): LogPosition.LogPosition => {
  const position = { term: reader.u53(), index: reader.u53() }
  if (position.term > term) throw content(`an entry of term ${position.term} in a message of term ${term}`)
  return position
}

/** Runs rise in start and in term, and are of no later term than the message. */
const readRuns = (reader: ByteReader, { term }: Header): ReadonlyArray<Log.Run> => {
  const count = reader.u32()
  if (count > maxRuns || 16 * count > reader.remaining) throw content(`${count} runs in ${reader.remaining} bytes`)
  const runs: Array<Log.Run> = []
  let before: Log.Run | undefined
  for (let place = 0; place < count; place++) {
    const run = { start: reader.u53(), term: reader.u53() }
    if (run.term > term) throw content(`an entry of term ${run.term} in a message of term ${term}`)
    if (before !== undefined && (run.start <= before.start || run.term <= before.term)) {
      throw content("runs do not rise")
    }
    runs.push(run)
    before = run
  }
  return runs
}
