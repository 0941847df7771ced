/**
 * What the tests of a transport send: one of each kind, with everything filled, and what they need besides.
 */
import type { LogPosition, Membership, Message } from "effect-raft/engine"
import * as Entries from "effect-raft/Entries"
import type { Envelope } from "effect-raft/Transport"

const envelope = (message: Message.Message, entries?: Entries.Entries): Envelope => ({ message, entries })

/** A small message. */
export const note = (from: LogPosition.NodeId, term = 1): Envelope =>
  envelope({ _tag: "VoteReply", from, term, granted: true })

/** The largest number that any field may hold. */
export const large = Number.MAX_SAFE_INTEGER

/** These entries, with a message that speaks of them. */
export const appendEntries = (
  from: LogPosition.NodeId,
  term: number,
  entries: Entries.Entries,
  previous = 1
): Envelope =>
  envelope({
    _tag: "AppendEntries",
    from,
    term,
    previous: { term: previous, index: entries.first - 1 },
    last: Entries.last(entries),
    runs: entries.runs,
    memberships: Entries.memberships(entries) ?? [],
    commit: large,
    sequence: 12
  }, entries)

/** A membership on its way to the next, with all of its fields filled. */
const joint: Membership.Membership = {
  members: [
    { id: "a", address: "host:1", metadata: { zone: "é", "": "" }, priority: 0, isWitness: false, incarnation: large },
    { id: "b-é", address: "", isWitness: true, incarnation: 0 }
  ],
  voters: ["a"],
  outgoing: ["c"],
  departing: [{ id: "c", address: "ü" }],
  promoting: ["b-é"]
}

/** The bytes of a snapshot from `start` to `end`, with a message that speaks of them. */
export const chunkOf = (
  from: LogPosition.NodeId,
  term: number,
  bytes: Uint8Array,
  start: number,
  end: number
): Envelope => {
  const snapshot = { index: large, term: 1, membership: joint, size: bytes.length, checksum: 4_294_967_295 }
  const place = { offset: start, length: end - start, sequence: large }
  const message = { _tag: "InstallSnapshot", from, term, snapshot, ...place } as const
  return { message, entries: undefined, ...(end > start && { chunk: bytes.subarray(start, end) }) }
}

/** What a snapshot and its receiver say to each other. Terms differ where kinds do not, to tell them apart. */
const ofSnapshots = (from: LogPosition.NodeId): ReadonlyArray<Envelope> => {
  const whole = Uint8Array.of(0, 1, 254, 255)
  const ofWitness = { index: 1, term: 1, membership: joint, size: 0, checksum: 0 }
  const nothing = { sequence: 0, offset: 0, index: 0, received: 0, stored: 0 }
  const all = { sequence: large, offset: large, index: large, received: large, stored: large }
  return [
    chunkOf(from, 1, whole, 0, 4),
    chunkOf(from, 2, whole, 1, 3),
    chunkOf(from, 3, whole, 2, 2),
    envelope({ _tag: "InstallSnapshot", from, term: large, snapshot: ofWitness, offset: 0, length: 0, sequence: 0 }),
    envelope({ _tag: "SnapshotReply", from, term: 1, ...nothing }),
    envelope({ _tag: "SnapshotReply", from, term: large, ...all })
  ]
}

/** Reads on nodes that do not lead, and nodes that are not heard any more. */
const ofOutsiders = (from: LogPosition.NodeId): ReadonlyArray<Envelope> => [
  envelope({ _tag: "RequestRead", from, term: 0, read: 0, round: 0, isLease: false }),
  envelope({ _tag: "RequestRead", from, term: large, read: large, round: large, isLease: true }),
  envelope({ _tag: "ReadReply", from, term: large, read: large, round: large, index: large }),
  envelope({ _tag: "Disowned", from, term: 1, reason: "Incarnation", incarnation: large }),
  envelope({ _tag: "Disowned", from, term: 2, reason: "Incarnation", incarnation: 0 }),
  envelope({ _tag: "Disowned", from, term: 3, reason: "Incarnation", incarnation: undefined }),
  envelope({ _tag: "Disowned", from, term: large, reason: "Epoch", incarnation: undefined })
]

/** One of each kind, with small and with large numbers, in names that are more than ASCII. */
export const everyKind = (from: LogPosition.NodeId): ReadonlyArray<Envelope> => {
  const two = Entries.concat([
    Entries.commands(8, 2, [Uint8Array.of(1, 2, 3), new Uint8Array(0)]),
    Entries.commands(10, 4, [Uint8Array.of(255)])
  ])
  const changing = Entries.concat([Entries.membership(11, 4, joint), Entries.commands(12, 4, [Uint8Array.of(9)])])
  const runs = [{ start: 1, term: 1 }, { start: 7, term: 3 }]
  const position = { term: large, index: large }
  const heartbeat = { previous: { term: 0, index: 0 }, last: 0, runs: [], memberships: [], commit: 0, sequence: 0 }
  return [
    envelope({ _tag: "RequestPreVote", from, term: large, last: position, round: 4_294_967_295 }),
    envelope({ _tag: "PreVoteReply", from, term: 0, round: 0, granted: false }),
    envelope({ _tag: "RequestVote", from, term: 5, last: { term: 0, index: 0 }, isTransfer: false }),
    envelope({ _tag: "RequestVote", from, term: large, last: position, isTransfer: true }),
    envelope({ _tag: "TimeoutNow", from, term: 5, last: { term: 5, index: large } }),
    envelope({ _tag: "VoteReply", from, term: 5, granted: true }),
    envelope({ _tag: "AppendEntries", from, term: 1, ...heartbeat }),
    appendEntries(from, 4, two),
    appendEntries(from, 5, changing),
    appendEntries(from, 6, Entries.withhold(changing)),
    envelope({
      _tag: "AppendReply",
      from,
      term: 5,
      sequence: large,
      accepted: true,
      match: large,
      last: large,
      runs: []
    }),
    envelope({ _tag: "AppendReply", from, term: 6, sequence: 0, accepted: false, match: 9, last: 8, runs }),
    ...ofSnapshots(from),
    ...ofOutsiders(from)
  ]
}

/** For comparison: what kind of array the bytes came in is nobody's business. */
export const plain = (found: Envelope | undefined) => ({
  message: found?.message,
  entries: found?.entries && { ...found.entries, bytes: Array.from(found.entries.bytes) },
  chunk: found?.chunk && Array.from(found.chunk)
})
