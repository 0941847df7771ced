/**
 * Linearizable reads without a log entry (§6.4).
 *
 * A leader may have been replaced without knowing it, so before it answers it asks the others, in a
 * round that begins after the read arrived: an answer to anything sent earlier proves nothing. And a new
 * leader does not know what is committed until an entry of its own term is, so a read never goes below
 * that entry.
 */
import type { Read } from "./Input.ts"
import * as Log from "./Log.ts"
import * as Membership from "./Membership.ts"
import { type Next, next } from "./Next.ts"
import type { Output } from "./Output.ts"
import * as Quorum from "./Quorum.ts"
import * as Replication from "./Replication.ts"
import { isLeader, type Leader, type PendingRead, type State } from "./State.ts"

/** Answers by the lease if that is wanted and there is one; otherwise begins a round of its own for the read. */
export const onRead = (state: State<Leader>, { isLease, read }: Read): Next => {
  const index = Math.max(state.commit, state.role.since)
  const validUntil = isLease ? leaseEnd(state) : Number.NEGATIVE_INFINITY
  if (state.now < validUntil) return next(state, { _tag: "ReadReady", read, index, validUntil })
  const asking = Replication.beginRound(state)
  const pending: PendingRead = { read, sequence: asking.role.sequence, index }
  return next({ ...asking, role: { ...asking.role, reads: [...asking.role.reads, pending] } })
}

/** The newest round that a majority has answered. */
const confirmedRound = (state: State<Leader>): number =>
  Quorum.reachedByOthers(state, state.role.sequence, (progress) => progress?.acknowledged ?? 0)

/**
 * Until when no other node can lead (§6.4.1): those who answered a round refuse every candidate for an election timeout
 * from when they heard it, which was later than when it was sent. Minus infinity when that cannot be said: while
 * leadership is handed over, and after, until what was sent to the successor has lost its force; while the membership
 * changes; and before an entry of the own term is committed.
 */
export const leaseEnd = (state: State<Leader>): number => {
  const { lease, rounds, since } = state.role
  const isVoid = state.transfer !== undefined || state.commit < Math.max(since, lease.index)
  const confirmed = confirmedRound(state)
  if (isVoid || confirmed < lease.sequence) return Number.NEGATIVE_INFINITY
  if (Membership.isSoleVoter(Log.membership(state.log), state.id)) return Number.POSITIVE_INFINITY
  const began = rounds.findLast((round) => round.sequence <= confirmed)?.at ?? Number.NEGATIVE_INFINITY
  const { electionTimeout, maxClockDrift } = state.settings
  return began + electionTimeout * (1 - maxClockDrift / 100)
}

/** Who does not lead cannot tell what is committed. */
export const refuse = (state: State, { read }: Read): Next => next(state, { _tag: "ReadFailed", read })

/** Answers the reads whose round a majority has confirmed, and forgets the rounds before. */
export const confirm = (state: State): Next => {
  if (!isLeader(state) || (state.role.reads.length === 0 && state.role.rounds.length <= 1)) return next(state)
  const confirmed = confirmedRound(state)
  const [, second] = state.role.rounds
  const rounds = second !== undefined && second.sequence <= confirmed
    ? state.role.rounds.slice(state.role.rounds.findLastIndex((round) => round.sequence <= confirmed))
    : state.role.rounds
  const isReady = (each: PendingRead) => each.sequence <= confirmed && each.index <= state.commit
  const ready = state.role.reads.filter(isReady)
  if (ready.length === 0 && rounds === state.role.rounds) return next(state)
  const waiting = ready.length === 0 ? state.role.reads : state.role.reads.filter((each) => !isReady(each))
  const outputs = ready.map(({ index, read }): Output => ({
    _tag: "ReadReady",
    read,
    index,
    validUntil: Number.POSITIVE_INFINITY
  }))
  return next({ ...state, role: { ...state.role, rounds, reads: waiting } }, ...outputs)
}
