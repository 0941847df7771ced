/**
 * When a majority is lost for good: a membership that nobody agreed to.
 *
 * Raft cannot go on without a majority, and rightly so: those who are gone may have committed what nobody here has. Only
 * an operator can say that they will not come back, and that to lose what they alone held is better than to lose
 * everything. So this is kept out of the way of every other rule: someone compares what is left of the survivors' logs
 * (`plan`), reads what may be lost, and hands the plan to the survivor that has most. It puts a membership in force in
 * which it decides alone and the others learn, to vote again once they have caught up.
 *
 * Should those who were given up come back, they must not be believed, nor be able to go on among themselves once they
 * have heard of it. The new membership begins a new epoch: a term that no election before it can reach. Whoever hears of
 * such a term and has no log of that epoch takes part in no election (`Roles.isFenced`), also after a restart, for the
 * term is on its disk; and a leader that hears a node of an earlier epoch which it has no place for tells it the term.
 */
import * as Election from "./Election.ts"
import type { ForceMembership } from "./Input.ts"
import * as Log from "./Log.ts"
import * as LogPosition from "./LogPosition.ts"
import type { Index, NodeId, Term } from "./LogPosition.ts"
import * as Membership from "./Membership.ts"
import { type Next, next } from "./Next.ts"
import * as Quorum from "./Quorum.ts"
import * as Replication from "./Replication.ts"
import type { State } from "./State.ts"

/** What a survivor knows, to be compared with others. */
export interface Summary {
  readonly id: NodeId
  readonly term: Term
  /** Where its log ends, on its disk. */
  readonly last: LogPosition.LogPosition
  /** What it knows to be committed. */
  readonly commit: Index
  readonly membership: Membership.Membership
}

/** Compares as of now. Entries that are not on the disk yet do not count. */
export const summarize = ({ commit, durability, id, log, term }: State): Summary => {
  const index = Math.min(durability.durable, log.last)
  const known = Log.termAt(log, index)
  return {
    id,
    term,
    last: { index, term: typeof known === "number" ? known : log.boundary.term },
    commit,
    membership: Log.membershipAt(log, index)
  }
}

declare const isPlanned: unique symbol

/** What is to be done, and what it costs. Only `plan` makes one: it is the proof that the survivors were compared. */
export interface Plan {
  readonly [isPlanned]: true
  /** The survivor to hand this to: none has a log that holds more. */
  readonly leader: NodeId
  readonly survivors: ReadonlyArray<NodeId>
  /** Who is given up, for good. */
  readonly lost: ReadonlyArray<NodeId>
  readonly membership: Membership.Membership
  readonly term: Term
  /** Where the leader's log ends. It must still when the plan is carried out. */
  readonly last: LogPosition.LogPosition
  /** Surely committed, and kept: up to here. */
  readonly committed: Index
  /**
   * Entries after `committed` up to `last` may or may not have been committed; they will be. Whoever was told nothing,
   * or `Unknown`, may find that it has happened.
   */
  readonly undecided: number
  /**
   * Whether something that was acknowledged may be lost: entries after `last` that only those given up had. How many
   * there are, nobody can tell any more.
   */
  readonly mayLose: boolean
}

/** A plan from what all survivors say, or why there is none. */
export const plan = (summaries: ReadonlyArray<Summary>): Plan | string => {
  const best = summaries.reduce<Summary | undefined>(
    (best, each) => best === undefined || !LogPosition.isUpToDate(best.last, each.last) ? each : best,
    undefined
  )
  if (best === undefined) return "there is no survivor"
  const { last, membership } = best
  const survivors = summaries.map(({ id }) => id).sort()
  if (new Set(survivors).size !== survivors.length) return "a survivor is named twice"
  const stranger = survivors.find((id) => Membership.find(membership, id) === undefined)
  if (stranger !== undefined) return `${stranger} is no member`
  if (!Membership.isMember(membership, best.id)) return `${best.id} has most of the log, and is on its way out`
  if (Membership.isWitness(membership, best.id)) return `${best.id} has most of the log, and is a witness`
  if (Quorum.isMajority(membership, survivors)) {
    return "a majority is left: it can elect a leader and change the membership"
  }
  const lost = Membership.reachable(membership).map(({ id }) => id).filter((id) => !survivors.includes(id))
  const committed = summaries.reduce((most, { commit }) => Math.max(most, commit), 0)
  const term = summaries.reduce((most, each) => Math.max(most, each.term), 0)
  const facts: Omit<Plan, typeof isPlanned> = {
    leader: best.id,
    survivors,
    lost,
    membership: Membership.forced(membership, best.id, survivors),
    term: LogPosition.nextEpoch(term),
    last,
    committed: Math.min(committed, last.index),
    undecided: Math.max(0, last.index - committed),
    mayLose: Quorum.isMajority(membership, lost)
  }
  // The one place where a plan comes into the world.
  return facts as Plan
}

/** Carries a plan out: alone, at once, in the first term of the new epoch. */
export const onForceMembership = (state: State, input: ForceMembership): Next => {
  const { membership, request, term } = input
  const fault = faultOf(state, input)
  if (fault !== undefined) {
    return next(state, { _tag: "ChangeRefused", request, reason: "Invalid", detail: fault })
  }
  const change = {
    request,
    change: { _tag: "Replace", members: membership.members, voters: membership.voters }
  } as const
  // It votes for itself by being the only one who could: the term, the vote and the membership are one write.
  const leader = Election.lead({ ...state, term, votedFor: state.id }, membership)
  const leading = { ...leader, role: { ...leader.role, change } }
  const [forced, written] = Replication.append(leading, { count: 1, membership, hardState: true })
  return next(forced, written)
}

const faultOf = (state: State, { last, membership, term }: ForceMembership): string | undefined => {
  if (!LogPosition.equals(last, Log.lastPosition(state.log))) return "the log is not what it was when the plan was made"
  if (LogPosition.epochOf(term) <= LogPosition.epochOf(state.term)) return "the plan is older than this node's term"
  if (!Membership.isSoleVoter(membership, state.id)) return "the plan is for another node"
  // A plan may have been made of too few, and those who are taken for lost follow a leader: this very one, even.
  return Election.hearsLeader(state)
    ? "a leader was heard within the last election timeout, or this node leads or has only started"
    : undefined
}
