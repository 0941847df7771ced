/**
 * How a node changes what it is (§3.3, §3.4).
 */
import * as Chance from "./Chance.ts"
import * as Log from "./Log.ts"
import { epochOf, type NodeId, type Term } from "./LogPosition.ts"
import * as Membership from "./Membership.ts"
import { type Next, next, write } from "./Next.ts"
import type { Output } from "./Output.ts"
import type { Progress } from "./Progress.ts"
import * as Repair from "./Repair.ts"
import type { Follower, Handle, Leader, Role, State } from "./State.ts"

export const follower: Follower = { _tag: "Follower" }

/**
 * Waits for a while that no two nodes are likely to share, so that one of them stands before the others (§3.4); and an
 * election timeout more for each step that others come first.
 */
export const awaitLeader = <R extends Role>(state: State<R>): State<R> => {
  const { electionTimeout } = state.settings
  const [wait, seed] = Chance.between(state.seed, electionTimeout, 2 * electionTimeout)
  const rank = Membership.rank(Log.membership(state.log), state.id)
  return { ...state, seed, electionDeadline: state.now + wait + rank * electionTimeout }
}

/** Takes note of something about one member. */
export const updateMember = (
  state: State<Leader>,
  id: NodeId,
  change: (progress: Progress) => Progress
): State<Leader> => ({
  ...state,
  role: { ...state.role, progress: state.role.progress.map((each) => (each.id === id ? change(each) : each)) }
})

/**
 * What only a leader could have answered: reads, and a change of membership whose end it does not see. Those for whom it
 * was to ask will ask the next one.
 */
export const abandon = ({ role }: State): ReadonlyArray<Output> => {
  if (role._tag !== "Leader") return []
  const own = role.reads.filter(({ asker }) => asker === undefined)
  const reads = own.map(({ read }): Output => ({ _tag: "ReadFailed", read }))
  if (role.change !== undefined) reads.push({ _tag: "ChangeUnknown", request: role.change.request })
  if (role.wanted !== undefined) reads.push(refuseChange(role.wanted.request))
  return reads
}

/** Who does not lead changes nothing. */
export const refuseChange = (request: Handle): Output => ({
  _tag: "ChangeRefused",
  request,
  reason: "NotLeader",
  detail: "this node does not lead"
})

/**
 * Whether a membership was forced of which this node knows no more than that it was: its log ends before. It takes part
 * in no election until a leader of that membership, which may have no place for it, brings its log up to there. Who knows no
 * membership at all was not given up: it is new.
 */
export const isFenced = ({ log, term }: State): boolean =>
  epochOf(term) > epochOf(Log.lastTerm(log)) && Log.membership(log).members.length > 0

/** Whether it takes part in no election: its vote would count for more than its log holds. */
export const isKeptOut = (state: State): boolean => isFenced(state) || Repair.isUnderway(state)

/**
 * Who votes may stand. So may whoever is voted out by a membership that is not committed yet: its log may be the only
 * one that holds it (§4.2.2). A witness may not, for it could not send what it does not have.
 */
export const mayStand = (state: State): boolean => {
  const { commit, id, log } = state
  if (isKeptOut(state) || Membership.isWitness(Log.membership(log), id)) return false
  if (Membership.isVoter(Log.membership(log), id)) return true
  return Log.membershipIndex(log) > commit && Membership.isVoter(Log.previousMembership(log), id)
}

/** Gives up whatever it was. A former leader must wait anew; anyone else goes on waiting as it did. */
const retire = (state: State): State<Follower> => {
  const retired: State<Follower> = { ...state, role: follower, leader: undefined }
  return state.role._tag === "Leader" ? awaitLeader(retired) : retired
}

/** A newer term exists: its leader is not known, and this node has not voted in it (§3.3). */
export const adopt = (state: State, term: Term): Next => {
  const [after, written] = write({ ...retire(state), term, votedFor: undefined }, { hardState: true })
  return next(after, ...abandon(state), written)
}

/** Stops leading without a newer term: its vote in this one stands. */
export const stepDown = (state: State): Next => next(retire(state), ...abandon(state))

/** Hears the leader of its own term. Whoever else stood in it has lost, and keeps the vote it cast. */
export const follow = (state: State, leader: NodeId): State<Follower> =>
  awaitLeader({ ...state, role: follower, leader, heardLeaderAt: state.now })
