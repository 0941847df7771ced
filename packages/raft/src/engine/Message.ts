/**
 * What nodes say to each other: Figure 3.1, one case per half of a call, and pre-vote (§9.6).
 *
 * A message may be lost, repeated, delayed or overtaken; no rule may wait for one. Each carries its
 * sender's term, so the term rule (§3.3) is applied once, in `Step`, and in no handler. Payloads are not
 * here: the entries of an `AppendEntries` are named by their places and terms, and travel beside it.
 */
import type { MembershipEntry, Run, Snapshot } from "./Log.ts"
import type { Index, LogPosition, NodeId, Term } from "./LogPosition.ts"

interface Header {
  readonly from: NodeId
  /** The sender's term when it spoke. */
  readonly term: Term
}

/**
 * Would you vote for me in the term after mine? Asking changes nothing, on either side, so a node that
 * was cut off cannot disturb the others with a term nobody else has seen (§9.6).
 */
export interface RequestPreVote extends Header {
  readonly _tag: "RequestPreVote"
  /** Where the asker's log ends. */
  readonly last: LogPosition
  /** Drawn anew for each round of asking; an answer to an earlier round does not count. */
  readonly round: number
}

/** What the voter would do. A refusal carries the voter's term, for the asker may be behind. */
export interface PreVoteReply extends Header {
  readonly _tag: "PreVoteReply"
  readonly round: number
  readonly granted: boolean
}

/** A candidate asks for a vote (§3.4). */
export interface RequestVote extends Header {
  readonly _tag: "RequestVote"
  /** Where the candidate's log ends: accepted, whether or not it is durable yet. */
  readonly last: LogPosition
  /** The leader itself asked it to stand, so it is heard although the leader is (§4.2.3). */
  readonly isTransfer: boolean
}

/** At most one grant per term and voter, sent only once the vote is durable. */
export interface VoteReply extends Header {
  readonly _tag: "VoteReply"
  readonly granted: boolean
}

/**
 * A leader extends a follower's log past `previous`, up to `last`. With nothing to add (`last` is
 * `previous.index`) it is a heartbeat, which tests the follower's log all the same.
 */
export interface AppendEntries extends Header {
  readonly _tag: "AppendEntries"
  readonly previous: LogPosition
  /** The index of the last entry that comes with the message. */
  readonly last: Index
  /** The terms of the entries after `previous` up to `last`. */
  readonly runs: ReadonlyArray<Run>
  /** The memberships that those entries carry: each is in force as soon as it is in the log (§4.1). */
  readonly memberships: ReadonlyArray<MembershipEntry>
  /** How far the leader knows the log to be committed. */
  readonly commit: Index
  /** Which round of asking this belongs to. The answer repeats it, and so confirms nothing that came later. */
  readonly sequence: number
}

/** What a follower says of its log. */
export interface AppendReply extends Header {
  readonly _tag: "AppendReply"
  /** Of the message that is answered. */
  readonly sequence: number
  readonly accepted: boolean
  /** Accepted: how far the log agrees with the leader's and is durable. Refused: the `previous` that did not fit. */
  readonly match: Index
  /** Refused: where the follower's log ends, or `previous` if that is earlier. */
  readonly last: Index
  /** Refused: the newest runs of the follower's log up to there. */
  readonly runs: ReadonlyArray<Run>
}

/**
 * A leader whose log no longer reaches back to what a follower lacks sends the snapshot that stands for it, in chunks
 * (§5.1, figure 5.3). Without bytes it is a heartbeat, which asks how far the follower has got. The bytes travel beside it.
 */
export interface InstallSnapshot extends Header {
  readonly _tag: "InstallSnapshot"
  readonly snapshot: Snapshot
  /** Where the chunk stands in the snapshot, in bytes. */
  readonly offset: number
  readonly length: number
  /** As in `AppendEntries`. */
  readonly sequence: number
}

/** How much of a snapshot the follower has; once it has all of it, an `AppendReply` says so instead. */
export interface SnapshotReply extends Header {
  readonly _tag: "SnapshotReply"
  /** Of the message that is answered. */
  readonly sequence: number
  readonly offset: number
  readonly index: Index
  /** How many bytes it has from the beginning on without a gap. */
  readonly received: number
  /** How many of them are on its disk. */
  readonly stored: number
}

/** A node that does not lead has been asked to read: from which entry on may it answer (§6.4)? */
export interface RequestRead extends Header {
  readonly _tag: "RequestRead"
  readonly read: number
  /** Drawn anew for each read, also after a restart: the answer to another one says nothing. */
  readonly round: number
  readonly isLease: boolean
}

/** It may be answered once `index` is applied. */
export interface ReadReply extends Header {
  readonly _tag: "ReadReply"
  readonly read: number
  readonly round: number
  readonly index: Index
}

/**
 * The receiver has no part in this cluster any more. `Incarnation`: under its name the members know another disk, and it
 * must stop. `Epoch`: a membership was forced without it while it was away, in the term that this message carries.
 */
export interface Disowned extends Header {
  readonly _tag: "Disowned"
  readonly reason: "Incarnation" | "Epoch"
  /** The disk that is meant, for the receiver may have moved on; undefined where it was not said. */
  readonly incarnation: number | undefined
}

export type Message =
  | RequestPreVote
  | PreVoteReply
  | RequestVote
  | VoteReply
  | AppendEntries
  | AppendReply
  | InstallSnapshot
  | SnapshotReply
  | TimeoutNow
  | RequestRead
  | ReadReply
  | Disowned

/**
 * The leader asks its successor to stand at once, without asking first (§3.10). Of no effect unless the receiver is in
 * the same term, may vote, and its log ends exactly at `last`: a delayed one finds one of these untrue.
 */
export interface TimeoutNow extends Header {
  readonly _tag: "TimeoutNow"
  readonly last: LogPosition
}

/**
 * Whether a message agrees with itself: the runs name exactly the entries after `previous` up to `last`, in terms
 * that rise to the sender's own, and memberships stand among them, in order; a chunk lies within its snapshot, and of
 * what has arrived no more is stored. What does not was damaged or made up, and is not heard.
 */
export const isConsistent = (message: Message): boolean => {
  if (message._tag === "InstallSnapshot") {
    const { length, offset, snapshot } = message
    return snapshot.index > 0 && snapshot.term > 0 && snapshot.term <= message.term && offset >= 0 && length >= 0
      && offset + length <= snapshot.size
  }
  if (message._tag === "SnapshotReply") return 0 <= message.stored && message.stored <= message.received
  if (message._tag !== "AppendEntries") return true
  const { last, memberships, previous, runs, term } = message
  if (previous.index === 0 && previous.term !== 0) return false
  const areMembershipsInOrder = memberships.every(({ index }, place) =>
    index > (memberships[place - 1]?.index ?? previous.index) && index <= last
  )
  if (!areMembershipsInOrder) return false
  if (runs.length === 0) return last === previous.index && previous.term <= term
  let start = previous.index
  let before = previous.term
  for (const [place, run] of runs.entries()) {
    const follows = place === 0 ? run.start === start + 1 && run.term >= before : run.start > start && run.term > before
    if (!follows) return false
    start = run.start
    before = run.term
  }
  return start <= last && before <= term
}
