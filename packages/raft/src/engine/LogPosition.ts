/**
 * Where an entry stands: the term it was created in and its place in the log.
 *
 * Two entries with the same position are the same entry, and so is everything before them (log
 * matching, §3.5). "Which log is more up to date" is decided here and nowhere else: by the last
 * term first, by length only within one term (§3.6.1). Comparing lengths alone loses committed data.
 */

/** Names one node of a cluster. Never reused, not even for the same machine with a new disk. */
export type NodeId = string

/** A period with at most one leader (§3.3). Zero: before the first election. */
export type Term = number

/**
 * How many terms lie between two forced memberships. Whoever forces a membership begins a new epoch: a term that no
 * election of an earlier one reaches.
 */
const termsPerEpoch = 2 ** 32

/** How often a membership had been forced when the term began. Almost always 0. */
export const epochOf = (term: Term): number => Math.floor(term / termsPerEpoch)

/** The first term of the epoch after that of `term`. */
export const nextEpoch = (term: Term): Term => (epochOf(term) + 1) * termsPerEpoch

/** A place in the log; the first entry has index 1. */
export type Index = number

/** Term and index of one entry. */
export interface LogPosition {
  readonly term: Term
  readonly index: Index
}

/** The place before the first entry, which every log shares. */
export const start: LogPosition = { term: 0, index: 0 }

export const make = (term: Term, index: Index): LogPosition => ({ term, index })

export const equals = (left: LogPosition, right: LogPosition): boolean =>
  left.term === right.term && left.index === right.index

/** Whether a log that ends at `candidate` holds everything that one ending at `own` could have committed (§3.6.1). */
export const isUpToDate = (candidate: LogPosition, own: LogPosition): boolean =>
  candidate.term !== own.term ? candidate.term > own.term : candidate.index >= own.index
