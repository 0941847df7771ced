/**
 * Who belongs to the cluster: the members, and which of them vote (§4.1).
 *
 * A membership is also the address book. While two memberships are in force at once (joint
 * consensus, §4.3), `outgoing` holds the voters of the old one, and every decision needs a majority
 * of both. A node that knows no membership is passive: it follows any leader and never campaigns.
 */
import type { NodeId } from "./LogPosition.ts"

/** One node of the cluster and where it can be reached. */
export interface Member {
  readonly id: NodeId
  /** What the transport connects to: `host:port`, or whatever the transport in use understands. */
  readonly address: string
}

export interface Membership {
  /** Every member, voting or not, ordered by id. */
  readonly members: ReadonlyArray<Member>
  /** Those who vote, ordered by id. */
  readonly voters: ReadonlyArray<NodeId>
  /** The voters of the membership that is being left; empty unless two are in force. */
  readonly outgoing: ReadonlyArray<NodeId>
}

/** The membership of a node that has not been told of any. */
export const none: Membership = { members: [], voters: [], outgoing: [] }

/** A membership in which every member votes. */
export const make = (members: ReadonlyArray<Member>): Membership => {
  const sorted = [...members].sort((left, right) => (left.id < right.id ? -1 : left.id > right.id ? 1 : 0))
  return { members: sorted, voters: sorted.map((member) => member.id), outgoing: [] }
}

export const isVoter = (membership: Membership, id: NodeId): boolean =>
  membership.voters.includes(id) || membership.outgoing.includes(id)

/** Whether `id` decides everything alone. */
export const isSoleVoter = (membership: Membership, id: NodeId): boolean =>
  membership.voters.length === 1 && membership.voters[0] === id && membership.outgoing.length === 0

/** Everyone but `self`. */
export const others = (membership: Membership, self: NodeId): ReadonlyArray<NodeId> =>
  membership.members.filter((member) => member.id !== self).map((member) => member.id)
