/**
 * Who belongs to the cluster: the members, and which of them vote (§4.1).
 *
 * A membership is also the address book. To go from one set of voters to another, both are in force for a while
 * (joint consensus, §4.3): `voters` are the new ones, `outgoing` the old ones, and every decision needs a majority of
 * each. Whoever belongs only to the old membership is `departing`, and still reachable. A member that does not vote is
 * a learner; one that is to vote as soon as its log has caught up is `promoting` (§4.2.1). A node that knows no
 * membership is passive: it follows any leader and never campaigns.
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
  /** Members of the membership that is being left who are not in the new one. */
  readonly departing: ReadonlyArray<Member>
  /** Learners that become voters once they have caught up; whoever leads sees to it. */
  readonly promoting: ReadonlyArray<NodeId>
}

/** What an operator may ask for. One change at a time. */
export type Change =
  | { readonly _tag: "AddVoter"; readonly member: Member }
  | { readonly _tag: "AddLearner"; readonly member: Member }
  | { readonly _tag: "Promote"; readonly id: NodeId }
  | { readonly _tag: "Demote"; readonly id: NodeId }
  | { readonly _tag: "Remove"; readonly id: NodeId }
  /** From any membership to any other, in one step. */
  | { readonly _tag: "Replace"; readonly members: ReadonlyArray<Member>; readonly voters: ReadonlyArray<NodeId> }

/** The membership of a node that has not been told of any. */
export const none: Membership = { members: [], voters: [], outgoing: [], departing: [], promoting: [] }

const byId = (members: ReadonlyArray<Member>): ReadonlyArray<Member> =>
  [...members].sort((left, right) => (left.id < right.id ? -1 : left.id > right.id ? 1 : 0))

/** A membership in which every member votes. */
export const make = (members: ReadonlyArray<Member>): Membership => {
  const sorted = byId(members)
  return { ...none, members: sorted, voters: sorted.map((member) => member.id) }
}

export const isJoint = (membership: Membership): boolean => membership.outgoing.length > 0

export const isVoter = (membership: Membership, id: NodeId): boolean =>
  membership.voters.includes(id) || membership.outgoing.includes(id)

export const isMember = (membership: Membership, id: NodeId): boolean =>
  membership.members.some((member) => member.id === id)

/** Whether `id` decides everything alone. */
export const isSoleVoter = (membership: Membership, id: NodeId): boolean =>
  membership.voters.length === 1 && membership.voters[0] === id && !isJoint(membership)

/** Everyone who can be reached: the members, and those who are on their way out. */
export const reachable = (membership: Membership): ReadonlyArray<Member> =>
  membership.departing.length === 0 ? membership.members : [...membership.members, ...membership.departing]

/** Everyone but `self`. */
export const others = (membership: Membership, self: NodeId): ReadonlyArray<NodeId> =>
  reachable(membership).filter((member) => member.id !== self).map((member) => member.id)

/** A membership to go to: who is in it, and who of them votes. */
interface Target {
  readonly members: ReadonlyArray<Member>
  readonly voters: ReadonlyArray<NodeId>
  readonly promoting: ReadonlyArray<NodeId>
}

const known = (current: Membership, id: NodeId, then: () => Target | string): Target | string =>
  isMember(current, id) ? then() : `${id} is no member`

const targetOf = (current: Membership, change: Change): Target | string => {
  const { members, promoting, voters } = current
  switch (change._tag) {
    case "AddVoter":
    case "AddLearner": {
      const { member } = change
      if (isMember(current, member.id)) return `${member.id} is a member already`
      const willVote = change._tag === "AddVoter" ? [...promoting, member.id] : promoting
      return { members: [...members, member], voters, promoting: willVote }
    }
    case "Promote":
      return known(
        current,
        change.id,
        () =>
          voters.includes(change.id)
            ? `${change.id} votes already`
            : { members, voters, promoting: [...promoting, change.id] }
      )
    case "Demote":
      return known(current, change.id, () => {
        const remaining = voters.filter((id) => id !== change.id)
        const waiting = promoting.filter((id) => id !== change.id)
        return { members, voters: remaining, promoting: waiting }
      })
    case "Remove":
      return known(current, change.id, () => ({
        members: members.filter(({ id }) => id !== change.id),
        voters: voters.filter((id) => id !== change.id),
        promoting: promoting.filter((id) => id !== change.id)
      }))
    case "Replace":
      return { members: change.members, voters: change.voters, promoting: [] }
  }
}

const fault = ({ members, voters }: Target): string | undefined => {
  const ids = new Set(members.map((member) => member.id))
  if (ids.size !== members.length) return "two members have the same id"
  if (ids.has("")) return "a member has an empty id"
  if (voters.length === 0) return "nobody would vote"
  if (new Set(voters).size !== voters.length) return "a voter is named twice"
  return voters.every((id) => ids.has(id)) ? undefined : "a voter is no member"
}

/** The membership with which the change begins, or why it makes no sense. Only from one that is not joint. */
export const begin = (current: Membership, change: Change): Membership | string => {
  const target = targetOf(current, change)
  if (typeof target === "string") return target
  return fault(target) ?? enter(current, target)
}

/** Both sets of voters, unless they are the same (§4.3). */
const enter = (current: Membership, { members, promoting, voters }: Target): Membership => {
  const sorted = byId(members)
  const next = { members: sorted, voters: [...voters].sort(), promoting: [...new Set(promoting)].sort() }
  const isSame = next.voters.length === current.voters.length && next.voters.every((id) => current.voters.includes(id))
  if (isSame) return { ...next, outgoing: [], departing: [] }
  const departing = current.members.filter(({ id }) => !sorted.some((member) => member.id === id))
  return { ...next, outgoing: current.voters, departing }
}

/** The learner has caught up: it is to vote. */
export const promote = (current: Membership, id: NodeId): Membership =>
  enter(current, {
    members: current.members,
    voters: [...current.voters, id],
    promoting: current.promoting.filter((other) => other !== id)
  })

/** The new voters alone (§4.3). */
export const leave = (joint: Membership): Membership => ({ ...joint, outgoing: [], departing: [] })
