/**
 * What a node says of itself.
 */
import * as Describe from "../engine/Describe.ts"
import * as Log from "../engine/Log.ts"
import type { Index, NodeId, Term } from "../engine/LogPosition.ts"
import { isVoter, type Member, type Membership, reachable } from "../engine/Membership.ts"
import type { State, Stranger } from "../engine/State.ts"
import type { Fatal } from "../RaftError.ts"

/** A member, and whether it votes. */
export interface MemberStatus extends Member {
  readonly role: "voter" | "learner"
}

export interface Status {
  readonly id: NodeId
  readonly role: Describe.RoleName
  readonly term: Term
  /** Who leads the term, as far as this node knows. */
  readonly leader: NodeId | undefined
  readonly commit: Index
  readonly applied: Index
  /** Where the log ends: the newest entry, durable or not. */
  readonly last: Index
  /** Where the log begins: the first entry that it still holds, or would hold if it is empty. */
  readonly first: Index
  /** The last entry that the newest snapshot covers; 0 without one. */
  readonly snapshot: Index
  readonly members: ReadonlyArray<MemberStatus>
  /** The entry that put this membership in force; 0 for the founding one. */
  readonly membershipIndex: Index
  /** Why the node has stopped itself; undefined while it works. */
  readonly stopped: Fatal | undefined
}

/** While a membership is being left, those who only voted in it still count. */
const membersOf = (membership: Membership): ReadonlyArray<MemberStatus> =>
  reachable(membership).map((member) => ({ ...member, role: isVoter(membership, member.id) ? "voter" : "learner" }))

export const of = (state: State, applied: Index, stopped: Fatal | undefined): Status => ({
  id: state.id,
  role: Describe.role(state.role),
  term: state.term,
  leader: state.leader,
  commit: state.commit,
  applied,
  last: state.log.last,
  first: state.log.boundary.index + 1,
  snapshot: state.snapshot.index,
  members: membersOf(Log.membership(state.log)),
  membershipIndex: Log.membershipIndex(state.log),
  stopped
})

/** Whether something changed that an observer would want to be told of at once. */
export const differs = (before: State, after: State): boolean =>
  before.term !== after.term || before.leader !== after.leader || before.role._tag !== after.role._tag
  || Log.membership(before.log) !== Log.membership(after.log) || alarms(before, after).length > 0

/** What an operator has to be told of: someone came with another disk than the members know. */
export const alarms = (before: State, after: State): ReadonlyArray<string> => {
  if (before.strangers === after.strangers) return []
  const isNew = ({ id, incarnation }: Stranger) =>
    !before.strangers.some((each) => each.id === id && each.incarnation === incarnation)
  return after.strangers.filter(isNew).map(({ id }) =>
    `${id} came with another disk than the members know, and is not heard: remove it, and add it under another id`
  )
}
