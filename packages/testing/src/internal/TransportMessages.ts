/** What the cases of `TransportTest` send: messages of every kind, small and large. */
import type { LogPosition, Membership, Message } from "effect-raft/engine"
import * as Entries from "effect-raft/Entries"
import type { Envelope } from "effect-raft/Transport"

const envelope = (message: Message.Message, entries?: Entries.Entries): Envelope => ({ message, entries })

export const note = (from: LogPosition.NodeId, term = 1): Envelope =>
  envelope({ _tag: "VoteReply", from, term, granted: true })

export const large = Number.MAX_SAFE_INTEGER

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

/** A message with a piece of a snapshot, somewhere in the middle of it. */
export const chunkOf = (from: LogPosition.NodeId, term: number, chunk: Uint8Array): Envelope => ({
  message: {
    _tag: "InstallSnapshot",
    from,
    term,
    snapshot: { index: large, term, membership: joint, size: chunk.length + 20, checksum: 4_294_967_295 },
    offset: 10,
    length: chunk.length,
    sequence: large
  },
  entries: undefined,
  chunk
})

/** A membership on its way to the next, with all of its fields filled. */
const joint: Membership.Membership = {
  members: [{ id: "a", address: "host:1" }, { id: "b-é", address: "" }],
  voters: ["a"],
  outgoing: ["c"],
  departing: [{ id: "c", address: "ü" }],
  promoting: ["b-é"]
}

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
  const snapshot = { index: 1, term: large, membership: joint, size: large, checksum: 0 }
  return [
    envelope({ _tag: "RequestPreVote", from, term: large, last: position, round: 4_294_967_295 }),
    envelope({ _tag: "PreVoteReply", from, term: 0, round: 0, granted: false }),
    envelope({ _tag: "RequestVote", from, term: 5, last: { term: 0, index: 0 }, isTransfer: false }),
    envelope({ _tag: "RequestVote", from, term: large, last: position, isTransfer: true }),
    envelope({ _tag: "TimeoutNow", from, term: 5, last: { term: 5, index: large } }),
    envelope({ _tag: "VoteReply", from, term: 5, granted: true }),
    envelope({ _tag: "AppendEntries", from, term: 1, ...heartbeat }),
    appendEntries(from, 4, two),
    appendEntries(from, 4, changing),
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
    chunkOf(from, 3, Uint8Array.of(0, 255, 1)),
    envelope({ _tag: "InstallSnapshot", from, term: large, snapshot, offset: large, length: 0, sequence: 0 }),
    envelope({ _tag: "SnapshotReply", from, term: 5, sequence: 1, offset: 2, index: 3, received: large, stored: 4 }),
    envelope({ _tag: "RequestRead", from, term: 5, read: large, round: 4_294_967_295, isLease: true }),
    envelope({ _tag: "RequestRead", from, term: 6, read: 0, round: 0, isLease: false }),
    envelope({ _tag: "ReadReply", from, term: 5, read: 1, round: 2, index: large }),
    envelope({ _tag: "Disowned", from, term: 5, reason: "Incarnation", incarnation: large }),
    envelope({ _tag: "Disowned", from, term: large, reason: "Epoch", incarnation: undefined })
  ]
}

/** For comparison: what kind of array the bytes came in is nobody's business. */
export const plain = (found: Envelope | undefined) => ({
  message: found?.message,
  entries: found?.entries && { ...found.entries, bytes: Array.from(found.entries.bytes) },
  chunk: found?.chunk && Array.from(found.chunk)
})
