/**
 * Linearizable reads without a log entry (§6.4).
 *
 * A leader may have been replaced without knowing it, so before it answers it asks the others, in a
 * round that begins after the read arrived: an answer to anything sent earlier proves nothing. And a new
 * leader does not know what is committed until an entry of its own term is, so a read never goes below
 * that entry.
 *
 * Any node may answer: it asks the leader from which entry on, and waits until it has applied that. Its question can be
 * lost, and so can its leader; it asks again until it has an answer. Asking twice does no harm, for the read came before
 * either question; an answer to another read would, so each has a number that no other shares, also after a restart.
 */
import * as Chance from "./Chance.ts"
import type { Read } from "./Input.ts"
import * as Log from "./Log.ts"
import * as Membership from "./Membership.ts"
import type { ReadReply, RequestRead } from "./Message.ts"
import { type Next, next, send } from "./Next.ts"
import type { Output } from "./Output.ts"
import * as Quorum from "./Quorum.ts"
import * as Replication from "./Replication.ts"
import { type Asker, type ForwardedRead, isLeader, type Leader, type PendingRead, type State } from "./State.ts"

/** Answers by the lease if that is wanted and there is one; otherwise begins a round of its own for the read. */
export const onRead = (state: State<Leader>, { isLease, read }: Read): Next => {
  const index = readIndex(state)
  const validUntil = isLease ? leaseEnd(state) : Number.NEGATIVE_INFINITY
  if (state.now < validUntil) return next(state, { _tag: "ReadReady", read, index, validUntil })
  return ask(state, read, undefined)
}

/** What is committed by now, and surely everything that another leader had committed before. */
const readIndex = ({ commit, role }: State<Leader>): number => Math.max(commit, role.since)

const ask = (state: State<Leader>, read: number, asker: Asker | undefined): Next => {
  const asking = Replication.beginRound(state)
  const pending: PendingRead = { read, asker, sequence: asking.role.sequence, index: readIndex(state) }
  return next({ ...asking, role: { ...asking.role, reads: [...asking.role.reads, pending] } })
}

/** Another node wants to answer a read. By the lease at once; it cannot tell when that ends, and need not. */
export const onRequestRead = (state: State<Leader>, { from, isLease, read, round }: RequestRead): Next => {
  if (isLease && state.now < leaseEnd(state)) {
    return next(state, reply(state, { id: from, round }, read, readIndex(state)))
  }
  const isAsked = state.role.reads.some(({ asker, read: other }) =>
    asker?.id === from && asker.round === round && other === read
  )
  return isAsked ? next(state) : ask(state, read, { id: from, round })
}

const reply = (state: State, { id, round }: Asker, read: number, index: number): Output =>
  send(state, id, { _tag: "ReadReply", from: state.id, term: state.term, read, round, index })

/** Who does not lead asks whoever does. A witness has nothing to answer with. */
export const forward = (state: State, { isLease, read }: Read): Next => {
  if (state.leader === undefined || Membership.isWitness(Log.membership(state.log), state.id)) {
    return next(state, { _tag: "ReadFailed", read })
  }
  const [round, seed] = Chance.draw(state.seed)
  return next({ ...state, seed, forwarded: [...state.forwarded, { read, round, isLease, asked: undefined }] })
}

/** Asks the leader, again when that is another one by now or has not answered; asks the others when this node leads. */
export const askLeader = (state: State): Next => {
  if (state.forwarded.length === 0 || state.leader === undefined) return next(state)
  if (isLeader(state)) {
    const own = { ...state, forwarded: [] }
    const asking = Replication.beginRound(own)
    const { sequence } = asking.role
    const index = readIndex(state)
    const reads = state.forwarded.map(({ read }): PendingRead => ({ read, asker: undefined, sequence, index }))
    return next({ ...asking, role: { ...asking.role, reads: [...asking.role.reads, ...reads] } })
  }
  const { leader, now, term } = state
  if (!state.forwarded.some((each) => isDue(state, each))) return next(state)
  const outputs: Array<Output> = []
  const forwarded = state.forwarded.map((each) => {
    if (!isDue(state, each)) return each
    const { isLease, read, round } = each
    outputs.push(send(state, leader, { _tag: "RequestRead", from: state.id, term, read, round, isLease }))
    return { ...each, asked: { leader, term, at: now } }
  })
  return next({ ...state, forwarded }, ...outputs)
}

/** A leader is heard once in each heartbeat interval; one that has not answered in two has not heard the question. */
const isDue = ({ now, settings, term }: State, { asked }: ForwardedRead): boolean =>
  asked === undefined || asked.term !== term || now - asked.at >= 2 * settings.heartbeatInterval

/** The leader has answered, or an earlier one that led when it did: the read came before that. */
export const onReadReply = (state: State, { index, read, round }: ReadReply): Next => {
  const forwarded = state.forwarded.filter((each) => each.read !== read || each.round !== round)
  if (forwarded.length === state.forwarded.length) return next(state)
  return next({ ...state, forwarded }, { _tag: "ReadReady", read, index, validUntil: Number.POSITIVE_INFINITY })
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
  const outputs = ready.map(({ asker, index, read }): Output =>
    asker === undefined
      ? { _tag: "ReadReady", read, index, validUntil: Number.POSITIVE_INFINITY }
      : reply(state, asker, read, index)
  )
  return next({ ...state, role: { ...state.role, rounds, reads: waiting } }, ...outputs)
}

/** When a majority last confirmed this leader, as far as is known: everything committed by then is committed here. */
const confirmedAt = (state: State<Leader>): number => {
  const confirmed = confirmedRound(state)
  return state.role.rounds.findLast(({ sequence }) => sequence <= confirmed)?.at ?? Number.NEGATIVE_INFINITY
}

/**
 * Once all that a leader had said was committed is applied, this node is as fresh as what it heard then. A leader that has
 * committed no entry of its own term does not know yet what is committed: what it says then counts for nothing.
 */
export const freshen = (state: State): Next => {
  const { applied, log, term, tidings } = state
  const isApplied = applied >= tidings.commit
  const isKnown = isApplied && Log.termAt(log, tidings.commit) === tidings.term
  const freshAt = isKnown ? Math.max(state.freshAt, tidings.at) : state.freshAt
  const told = isApplied && isLeader(state) ? { term, commit: state.commit, at: confirmedAt(state) } : tidings
  return next(freshAt === state.freshAt && told === tidings ? state : { ...state, freshAt, tidings: told })
}
