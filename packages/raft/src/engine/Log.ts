/**
 * A picture of the log, without its payloads.
 *
 * Raft's rules ask two things of an entry: which term it has, and whether it changes the membership.
 * So the log is kept as runs (where each term's entries start) with the memberships beside them: a few
 * numbers for millions of entries. `boundary` is the place below which the log is gone because a
 * snapshot stands for it; its term and membership are still known.
 *
 * `last` counts what was accepted: written, or being written. What is durable stands in `Durability`.
 */
import type { Index, LogPosition, Term } from "./LogPosition.ts"
import { type Membership, none as noMembership } from "./Membership.ts"
import * as Sizes from "./Sizes.ts"

/** The entries from `start` on carry `term`, up to the next run's start or the end of the log. */
export interface Run {
  readonly start: Index
  readonly term: Term
}

/** A membership that takes effect at `index`, as soon as it is in the log (§4.1). */
export interface MembershipEntry {
  readonly index: Index
  readonly membership: Membership
}

/** Where the log begins: the entry before its first one, and the membership in force there; index 0 at the very start. */
export interface Boundary {
  readonly index: Index
  readonly term: Term
  readonly membership: Membership
}

/**
 * A snapshot stands for everything up to and with the entry at `index`. Size and checksum tell its bytes from those of
 * another node, which may have written down the same state in another way.
 */
export interface Snapshot extends Boundary {
  readonly size: number
  readonly checksum: number
}

export interface Log {
  readonly boundary: Boundary
  /** Strictly increasing in start and in term; the first starts right after the boundary. */
  readonly runs: ReadonlyArray<Run>
  /** Memberships that entries above the boundary carry, in order. */
  readonly memberships: ReadonlyArray<MembershipEntry>
  readonly last: Index
  /** How many bytes the entries take, as far as that was said. */
  readonly sizes: Sizes.Sizes
}

export const empty = (membership: Membership = noMembership): Log => ({
  boundary: { index: 0, term: 0, membership },
  runs: [],
  memberships: [],
  last: 0,
  sizes: Sizes.none
})

/** The snapshot of a log that has none. */
export const noSnapshot = (membership: Membership = noMembership): Snapshot => ({
  index: 0,
  term: 0,
  membership,
  size: 0,
  checksum: 0
})

/** Whether the bytes of one go on where those of the other end. */
export const isSameSnapshot = (left: Snapshot, right: Snapshot): boolean =>
  left.index === right.index && left.term === right.term && left.size === right.size && left.checksum === right.checksum

/** The term of the last entry, or the boundary's when there is none. */
export const lastTerm = (log: Log): Term => {
  const run = log.runs[log.runs.length - 1]
  return run === undefined ? log.boundary.term : run.term
}

export const lastPosition = (log: Log): LogPosition => ({ term: lastTerm(log), index: log.last })

/** The place of the run that holds `index`, or -1 when `index` is at or below the boundary. */
const runAt = (runs: ReadonlyArray<Run>, index: Index): number => {
  let place = runs.length - 1
  for (let run = runs[place]; run !== undefined && run.start > index; run = runs[place]) place--
  return place
}

/**
 * The term of the entry at `index`. Below the boundary it is no longer known and past the end it is not
 * known yet; neither is ever taken for term 0.
 */
export const termAt = (log: Log, index: Index): Term | "compacted" | "beyond" => {
  if (index > log.last) return "beyond"
  if (index < log.boundary.index) return "compacted"
  const run = log.runs[runAt(log.runs, index)]
  return run === undefined ? log.boundary.term : run.term
}

/** Whether the log holds an entry at exactly this position (§3.5). */
export const holds = (log: Log, position: LogPosition): boolean => termAt(log, position.index) === position.term

/** The last index that carries the same term as `index` does. */
export const runEnd = (log: Log, index: Index): Index => {
  const following = log.runs[runAt(log.runs, index) + 1]
  return following === undefined ? log.last : following.start - 1
}

/** The runs of the entries `from` to `to`, both included; the first starts at `from`. */
export const runsBetween = (log: Log, from: Index, to: Index): ReadonlyArray<Run> => {
  if (from > to) return []
  const first = runAt(log.runs, from)
  const final = runAt(log.runs, to)
  const runs = log.runs.slice(Math.max(first, 0), final + 1)
  const head = runs[0]
  if (head !== undefined && head.start < from) runs[0] = { start: from, term: head.term }
  return runs
}

/** Of the entries that `runs` describe, the runs of `from` to `to`, both included; the first starts at `from`. */
export const sliceRuns = (runs: ReadonlyArray<Run>, from: Index, to: Index): ReadonlyArray<Run> => {
  if (from > to) return []
  return runs
    .filter((run, place) => run.start <= to && (runs[place + 1]?.start ?? Number.MAX_SAFE_INTEGER) > from)
    .map((run) => (run.start < from ? { start: from, term: run.term } : run))
}

/** The first index in (`after`, `last`] at which the log does not hold what `runs` say; `last` + 1 when it holds all. */
export const divergence = (log: Log, after: Index, last: Index, runs: ReadonlyArray<Run>): Index => {
  for (const [place, run] of runs.entries()) {
    const end = (runs[place + 1]?.start ?? last + 1) - 1
    let index = Math.max(run.start, after + 1)
    while (index <= end) {
      if (termAt(log, index) !== run.term) return index
      index = runEnd(log, index) + 1
    }
  }
  return last + 1
}

/** Adds the entries that `runs` describe, up to `last`; the first run starts right after the end of the log. */
export const append = (
  log: Log,
  runs: ReadonlyArray<Run>,
  last: Index,
  memberships: ReadonlyArray<MembershipEntry>,
  bytes = 0
): Log => {
  const head = runs[0]
  const extended = head !== undefined && head.term === lastTerm(log) && log.runs.length > 0 ? runs.slice(1) : runs
  return {
    boundary: log.boundary,
    runs: extended.length === 0 ? log.runs : [...log.runs, ...extended],
    memberships: memberships.length === 0 ? log.memberships : [...log.memberships, ...memberships],
    last,
    sizes: Sizes.add(log.sizes, log.last, last, bytes)
  }
}

/** Drops every entry past `index`, and with them the memberships they carried. */
export const truncateAfter = (log: Log, index: Index): Log => ({
  boundary: log.boundary,
  runs: log.runs.filter((run) => run.start <= index),
  memberships: log.memberships.filter((entry) => entry.index <= index),
  last: index,
  sizes: Sizes.truncateAfter(log.sizes, index)
})

/** The log from `boundary` on: what lies up to there is in a snapshot. Past the end of the log: nothing of it is left. */
export const beginAt = (log: Log, boundary: Boundary): Log => ({
  boundary,
  runs: runsBetween(log, boundary.index + 1, log.last),
  memberships: log.memberships.filter((entry) => entry.index > boundary.index),
  last: Math.max(log.last, boundary.index),
  sizes: Sizes.dropUpTo(log.sizes, boundary.index)
})

/** What a boundary at `index` would be; undefined where the log no longer tells, or does not tell yet. */
export const boundaryAt = (log: Log, index: Index): Boundary | undefined => {
  const term = termAt(log, index)
  return typeof term === "number" ? { index, term, membership: membershipAt(log, index) } : undefined
}

/** The membership in force: the last one in the log, committed or not (§4.1). */
export const membership = (log: Log): Membership =>
  log.memberships[log.memberships.length - 1]?.membership ?? log.boundary.membership

/** The index of the entry that put that membership in force; the boundary's when none did. */
export const membershipIndex = (log: Log): Index =>
  log.memberships[log.memberships.length - 1]?.index ?? log.boundary.index

/** The membership that was in force once the entry at `index` was in the log, which must not be below the boundary. */
export const membershipAt = (log: Log, index: Index): Membership =>
  log.memberships.findLast((entry) => entry.index <= index)?.membership ?? log.boundary.membership

/** The membership that was in force before the last one in the log. */
export const previousMembership = (log: Log): Membership =>
  log.memberships[log.memberships.length - 2]?.membership ?? log.boundary.membership

/** The memberships that the entries `from` to `to` carry. */
export const membershipsBetween = (log: Log, from: Index, to: Index): ReadonlyArray<MembershipEntry> =>
  log.memberships.length === 0 ? log.memberships : log.memberships.filter(({ index }) => from <= index && index <= to)

/** How many runs a follower names at most when it refuses entries. */
const maxHint = 16

/** What a follower tells of its log when entries do not fit: its newest runs at or below `index`, oldest first. */
export const hint = (log: Log, index: Index): { readonly last: Index; readonly runs: ReadonlyArray<Run> } => {
  const last = Math.min(index, log.last)
  const place = runAt(log.runs, last)
  return { last, runs: log.runs.slice(Math.max(0, place + 1 - maxHint), place + 1) }
}

/**
 * The last index at which this log and the one that `hint` describes hold the same entry, as far as the
 * hint shows; below the boundary when that is further back than this log reaches. One comparison of runs finds it,
 * however many entries differ.
 */
export const agreement = (log: Log, last: Index, runs: ReadonlyArray<Run>): Index => {
  for (let place = runs.length - 1; place >= 0; place--) {
    const run = runs[place]
    if (run === undefined) continue
    const end = Math.min((runs[place + 1]?.start ?? last + 1) - 1, log.last)
    const own = runAt(log.runs, end)
    for (let at = own; at >= 0; at--) {
      const mine = log.runs[at]
      if (mine === undefined || mine.term < run.term) break
      const both = Math.min(end, (log.runs[at + 1]?.start ?? log.last + 1) - 1)
      if (mine.term === run.term && both >= Math.max(run.start, mine.start)) return both
    }
  }
  const { index, term } = log.boundary
  const atBoundary = runs.findLast((run) => run.start <= index)
  if (last >= index && atBoundary?.term === term) return index
  const oldest = runs[0]
  return Math.min(oldest === undefined ? last : oldest.start - 1, log.last)
}
