/**
 * What a majority agrees on. One median serves votes, commitment, reads and check-quorum.
 *
 * While two memberships are in force, a decision needs a majority of each (§4.3). A node that is no
 * voter is never asked, whatever it says.
 */
import { membership as membershipOf } from "./Log.ts"
import type { NodeId } from "./LogPosition.ts"
import type { Membership } from "./Membership.ts"
import type { Progress } from "./Progress.ts"
import type { Leader, State } from "./State.ts"

const median = (voters: ReadonlyArray<NodeId>, valueOf: (id: NodeId) => number): number => {
  const values = voters.map(valueOf).sort((left, right) => right - left)
  return values[values.length >> 1] ?? Number.NEGATIVE_INFINITY
}

/** The highest value that a majority has reached; minus infinity when there are no voters. */
export const reached = (membership: Membership, valueOf: (id: NodeId) => number): number => {
  const incoming = median(membership.voters, valueOf)
  return membership.outgoing.length === 0 ? incoming : Math.min(incoming, median(membership.outgoing, valueOf))
}

/** What a majority has reached by what a leader knows: `own` of itself, and `valueOf` of each other voter. */
export const reachedByOthers = (
  { id, log, role }: State<Leader>,
  own: number,
  valueOf: (progress: Progress | undefined) => number
): number =>
  reached(membershipOf(log), (voter) => voter === id ? own : valueOf(role.progress.find((each) => each.id === voter)))

/** Whether those who said yes are a majority. */
export const isMajority = (membership: Membership, granted: ReadonlyArray<NodeId>): boolean =>
  reached(membership, (id) => (granted.includes(id) ? 1 : 0)) === 1
