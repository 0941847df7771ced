/**
 * What a node says of itself.
 */
import * as Describe from "../engine/Describe.ts"
import * as Log from "../engine/Log.ts"
import type { Index, NodeId, Term } from "../engine/LogPosition.ts"
import type { Member } from "../engine/Membership.ts"
import type { Role, State } from "../engine/State.ts"
import type { Fatal } from "../RaftError.ts"

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
  readonly members: ReadonlyArray<Member>
  /** Why the node has stopped itself; undefined while it works. */
  readonly stopped: Fatal | undefined
}

export const of = (state: State, applied: Index, stopped: Fatal | undefined): Status => ({
  id: state.id,
  role: Describe.role(state.role),
  term: state.term,
  leader: state.leader,
  commit: state.commit,
  applied,
  last: state.log.last,
  members: Log.membership(state.log).members,
  stopped
})

const roleOf = (state: State): Role["_tag"] => state.role._tag

/** Whether something changed that an observer would want to be told of at once. */
export const differs = (before: State, after: State): boolean =>
  before.term !== after.term || before.leader !== after.leader || roleOf(before) !== roleOf(after)
  || Log.membership(before.log) !== Log.membership(after.log)
