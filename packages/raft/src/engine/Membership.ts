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
  /** What the application wants everyone to know of it, for instance its zone. Raft does not look at it. */
  readonly metadata?: Readonly<Record<string, string>>
  /**
   * Who stands for election first: whoever has less waits an election timeout longer for each step, and with 0 it never
   * stands by itself. Without one: 1.
   */
  readonly priority?: number
  /** It votes and keeps the log's terms and memberships, and no payload. So it never leads, and answers nothing. */
  readonly isWitness?: boolean
  /**
   * The disk with which it takes part, once a leader has seen it. Whoever comes under the same id with another disk has
   * forgotten what it promised, and is not heard.
   */
  readonly incarnation?: number
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

/** What is known of `id`, also while it is on its way out. */
export const find = ({ departing, members }: Membership, id: NodeId): Member | undefined =>
  members.find((member) => member.id === id) ?? departing.find((member) => member.id === id)

/** Whether `id` keeps no payloads. */
export const isWitness = (membership: Membership, id: NodeId): boolean => find(membership, id)?.isWitness === true

const priorityOf = ({ isWitness, priority = 1 }: Member): number => (isWitness === true ? 0 : priority)

/** Whether `id` stands for election when nobody leads. Who keeps no payloads could not serve them. */
export const mayLead = (membership: Membership, id: NodeId): boolean => {
  const member = find(membership, id)
  return member === undefined || priorityOf(member) > 0
}

/** How many steps `id` stands behind the voter who should lead first. */
export const rank = (membership: Membership, id: NodeId): number => {
  const { members, voters } = membership
  let first = 1
  let own = 1
  for (const member of members) {
    const priority = priorityOf(member)
    if (member.id === id) own = priority
    if (priority > first && voters.includes(member.id)) first = priority
  }
  return Math.max(0, first - own)
}

/** Whether `id` decides everything alone. */
export const isSoleVoter = (membership: Membership, id: NodeId): boolean =>
  membership.voters.length === 1 && membership.voters[0] === id && !isJoint(membership)

/** Everyone who can be reached: the members, and those who are on their way out. */
export const reachable = (membership: Membership): ReadonlyArray<Member> =>
  membership.departing.length === 0 ? membership.members : [...membership.members, ...membership.departing]

/** Everyone but `self`. */
export const others = (membership: Membership, self: NodeId): ReadonlyArray<NodeId> =>
  reachable(membership).filter((member) => member.id !== self).map((member) => member.id)

/** Whether two lists, each without repetitions, name the same. */
export const isSameSet = (left: ReadonlyArray<NodeId>, right: ReadonlyArray<NodeId>): boolean =>
  left.length === right.length && left.every((id) => right.includes(id))

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
      return {
        members: change.members.map((member) => recalled(current, member)),
        voters: change.voters,
        promoting: []
      }
  }
}

/** Whoever stays keeps what was seen of it: an operator names ids and addresses. */
const recalled = (current: Membership, member: Member): Member => {
  const incarnation = member.incarnation ?? find(current, member.id)?.incarnation
  return incarnation === undefined ? member : { ...member, incarnation }
}

const fault = ({ members, voters }: Target): string | undefined => {
  const ids = new Set(members.map((member) => member.id))
  if (ids.size !== members.length) return "two members have the same id"
  if (ids.has("")) return "a member has an empty id"
  if (voters.length === 0) return "nobody would vote"
  if (new Set(voters).size !== voters.length) return "a voter is named twice"
  if (!voters.every((id) => ids.has(id))) return "a voter is no member"
  const odd = members.find(({ priority = 1 }) => !Number.isSafeInteger(priority) || priority < 0)
  if (odd !== undefined) return `${odd.id} has a priority that is not a whole number, 0 or more`
  const leads = members.some((member) => voters.includes(member.id) && priorityOf(member) > 0)
  return leads ? undefined : "nobody would lead"
}

/** The membership with which the change begins, or why it makes no sense. Only from one that is not joint. */
export const begin = (current: Membership, change: Change): Membership | string => {
  const target = targetOf(current, change)
  if (typeof target === "string") return target
  return fault(target) ?? unlike(current, target) ?? enter(current, target)
}

/** A log without payloads cannot become one with them, nor the other way round: that takes another disk, and so an id. */
const unlike = (current: Membership, { members }: Target): string | undefined => {
  const turned = members.find((member) => {
    const before = find(current, member.id)
    return before !== undefined && (before.isWitness === true) !== (member.isWitness === true)
  })
  return turned && `${turned.id} cannot become a witness, or cease to be one: remove it and add it under another id`
}

/** Both sets of voters, unless they are the same (§4.3). */
const enter = (current: Membership, { members, promoting, voters }: Target): Membership => {
  const sorted = byId(members)
  const next = { members: sorted, voters: [...voters].sort(), promoting: [...new Set(promoting)].sort() }
  if (isSameSet(next.voters, current.voters)) return { ...next, outgoing: [], departing: [] }
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

/** The same membership, with what was seen of the disks of its members. */
export const record = (current: Membership, seen: (id: NodeId) => number | undefined): Membership => ({
  ...current,
  members: current.members.map((member) => {
    const incarnation = member.incarnation ?? seen(member.id)
    return incarnation === undefined ? member : { ...member, incarnation }
  })
})

const isSameMetadata = (left: Member["metadata"] = {}, right: Member["metadata"] = {}): boolean => {
  const keys = Object.keys(left)
  return keys.length === Object.keys(right).length && keys.every((key) => left[key] === right[key])
}

/** Whether two members are one, of whose disk no more may be known than before. Compared by value: they cross the wire. */
const isSameMember = (before: Member, after: Member): boolean =>
  before.id === after.id && before.address === after.address && before.priority === after.priority
  && before.isWitness === after.isWitness && isSameMetadata(before.metadata, after.metadata)
  && (before.incarnation === undefined || before.incarnation === after.incarnation)

/** Whether nothing lies between the two but what was written down of the disks of the members (`record`). */
export const isRecorded = (before: Membership, after: Membership): boolean =>
  isSameSet(before.voters, after.voters) && isSameSet(before.promoting, after.promoting)
  && !isJoint(before) && !isJoint(after) && before.members.length === after.members.length
  && before.members.every((member) => {
    const same = find(after, member.id)
    return same !== undefined && isSameMember(member, same)
  })

/**
 * The membership that a sole survivor leads, with whoever else is left to learn from it and then to vote. Only where a
 * majority of the one before is lost for good. Alone, the survivor must stand for election, whatever its priority was.
 */
export const forced = (current: Membership, leader: NodeId, survivors: ReadonlyArray<NodeId>): Membership => ({
  ...none,
  members: current.members
    .filter(({ id }) => survivors.includes(id))
    .map((member) => member.id === leader && member.priority === 0 ? { ...member, priority: 1 } : member),
  voters: [leader],
  promoting: survivors.filter((id) => id !== leader && current.voters.includes(id)).sort()
})

/** The new voters alone (§4.3). */
export const leave = (joint: Membership): Membership => ({ ...joint, outgoing: [], departing: [] })
