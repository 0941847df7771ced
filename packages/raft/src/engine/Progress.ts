/**
 * What a leader knows of one other member's log (§3.5).
 *
 * While the place where two logs agree is not known, one message at a time asks for it (probe). Once it
 * is, entries are sent ahead of their answers, up to a window (replicate). To a member that lacks what the log no
 * longer holds, a snapshot is sent, also ahead of the answers (snapshot). `match` only ever grows: it is
 * what the member has on its disk. `next` is a guess and may be taken back, never to `match` or below.
 */
import type { Index, NodeId } from "./LogPosition.ts"

export interface Progress {
  readonly id: NodeId
  readonly mode: "probe" | "replicate" | "snapshot"
  /** The member's log agrees with ours, durably, up to here. */
  readonly match: Index
  /** The first entry that was not sent yet. */
  readonly next: Index
  /** A probe is under way: nothing more until its answer, or the next heartbeat. */
  readonly waiting: boolean
  /** When the member last answered in this term. */
  readonly heardAt: number
  /** The newest round it answered. */
  readonly acknowledged: number
  /** The newest round it was sent. */
  readonly told: number
  /** What it refused last, for whoever asks why: the entry that did not fit, and when. */
  readonly refused: { readonly index: Index; readonly at: number } | undefined
  /** The commit index it was last told. */
  readonly toldCommit: Index
  /**
   * Undefined for a member. Whoever was removed is served until this time, to hear of it (§4.2.2): infinity until the
   * removal is committed.
   */
  readonly servedUntil: number | undefined
  /** Set while a learner is to become a voter: how fast it follows (§4.2.1). */
  readonly round: Round | undefined
  /** The snapshot that is on its way. */
  readonly sending: Sending | undefined
  /** Names the disk it was last heard from. */
  readonly incarnation: number | undefined
}

/** How much of a snapshot was sent, and how much has arrived, in bytes from its beginning. */
export interface Sending {
  readonly index: Index
  /** The first byte that was not sent yet. */
  readonly next: number
  /** The member has these without a gap. */
  readonly received: number
  /** Those of them that are on its disk. */
  readonly stored: number
  /** Something was lost, or nothing is known yet: one message at a time, until more has arrived. */
  readonly isProbing: boolean
  /** When more was on its disk last. */
  readonly movedAt: number
  /** The round in which the last chunk was sent; 0 if none was. */
  readonly sentIn: number
}

/** What a learner must reach, and since when. When it takes less than an election timeout, it has caught up. */
export interface Round {
  readonly goal: Index
  readonly since: number
}

/** At the start of a term a member counts as heard from, and its log is guessed to be as long as ours. */
export const begin = (id: NodeId, last: Index, now: number): Progress => ({
  id,
  mode: "probe",
  match: 0,
  next: last + 1,
  waiting: false,
  heardAt: now,
  acknowledged: 0,
  told: 0,
  refused: undefined,
  toldCommit: 0,
  servedUntil: undefined,
  round: undefined,
  sending: undefined,
  incarnation: undefined
})

/** Begins to look for the place of agreement again, from `next` on. */
export const probe = (progress: Progress, next: Index): Progress => ({
  ...progress,
  mode: "probe",
  next: Math.max(progress.match + 1, next),
  waiting: false,
  sending: undefined
})

/** Whether a round was run in less than an election timeout, by someone who was heard lately. */
export const hasCaughtUp = ({ heardAt, match, round }: Progress, now: number, electionTimeout: number): boolean =>
  round !== undefined && match >= round.goal && now - round.since < electionTimeout && now - heardAt < electionTimeout

/** Begins the first round, and another when one took too long: the goal is where the log ends by then (§4.2.1). */
export const advanceRound = (progress: Progress, last: Index, now: number, electionTimeout: number): Progress => {
  const { match, round } = progress
  const isOver = round === undefined || (match >= round.goal && now - round.since >= electionTimeout)
  return isOver ? { ...progress, round: { goal: last, since: now } } : progress
}
