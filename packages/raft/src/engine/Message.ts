/**
 * What nodes say to each other: Figure 3.1, one case per half of a call, and pre-vote (§9.6).
 *
 * A message may be lost, repeated, delayed or overtaken; no rule may wait for one. Each carries its
 * sender's term, so the term rule (§3.3) is applied once, in `Step`, and in no handler. Payloads are not
 * here: the entries of an `AppendEntries` are named by their places and terms, and travel beside it.
 */
import type { MembershipEntry, Run } from "./Log.ts"
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

export type Message = RequestPreVote | PreVoteReply | RequestVote | VoteReply | AppendEntries | AppendReply | TimeoutNow

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
 * that rise to the sender's own, and memberships stand among them, in order. What does not was damaged or made up, and
 * is not heard.
 */
export const isConsistent = (message: Message): boolean => {
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
