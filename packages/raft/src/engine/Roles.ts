/**
 * How a node changes what it is (§3.3, §3.4).
 */
import * as Chance from "./Chance.ts"
import * as Log from "./Log.ts"
import type { NodeId, Term } from "./LogPosition.ts"
import * as Membership from "./Membership.ts"
import { type Next, next, write } from "./Next.ts"
import type { Output } from "./Output.ts"
import type { Follower, Role, State } from "./State.ts"

export const follower: Follower = { _tag: "Follower" }

/** Waits for a while that no two nodes are likely to share, so that one of them stands before the others (§3.4). */
export const awaitLeader = <R extends Role>(state: State<R>): State<R> => {
  const { electionTimeout } = state.settings
  const [wait, seed] = Chance.between(state.seed, electionTimeout, 2 * electionTimeout)
  return { ...state, seed, electionDeadline: state.now + wait }
}

/** What only a leader could have answered: reads, and a change of membership whose end it does not see. */
const abandon = ({ role }: State): ReadonlyArray<Output> => {
  if (role._tag !== "Leader") return []
  const reads = role.reads.map(({ read }): Output => ({ _tag: "ReadFailed", read }))
  return role.change === undefined ? reads : [...reads, { _tag: "ChangeUnknown", request: role.change.request }]
}

/**
 * Who votes may stand. So may whoever is voted out by a membership that is not committed yet: its log may be the only
 * one that holds it (§4.2.2).
 */
export const mayStand = ({ commit, id, log }: State): boolean => {
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
