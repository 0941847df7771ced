/**
 * Why things are as they are, in sentences and in numbers: why there is no leader, why an entry is not committed.
 *
 * Everything is read off one node's state, so it is what that node knows. Ask the leader about commitment and those who
 * have no leader about elections. Times are how long ago, in milliseconds.
 */
import * as Describe from "./Describe.ts"
import * as Log from "./Log.ts"
import type { Index, LogPosition, NodeId } from "./LogPosition.ts"
import * as Membership from "./Membership.ts"
import type { Progress } from "./Progress.ts"
import * as Replication from "./Replication.ts"
import * as Roles from "./Roles.ts"
import { isLeader, type Leader, type State } from "./State.ts"

/** What a leader knows of another member. */
export interface MemberView {
  readonly id: NodeId
  readonly isVoter: boolean
  /** How far its log agrees, on its disk. */
  readonly match: Index
  /** How many entries it lacks. */
  readonly behind: number
  readonly mode: Progress["mode"]
  /** How long ago it was heard. */
  readonly heardAgo: number
  /** The entry that it refused last, and how long ago; it is brought in line from there. */
  readonly refused: { readonly index: Index; readonly ago: number } | undefined
  /** How much of a snapshot is on its disk, of how many bytes; undefined while it is sent entries. */
  readonly snapshot: { readonly stored: number; readonly size: number } | undefined
}

/** What there is of the log. */
export interface LogView {
  /** The last entry that the newest snapshot covers; 0 without one. */
  readonly snapshot: Index
  /** The first entry that the log still holds, or would hold if it is empty. */
  readonly first: Index
  readonly commit: Index
  readonly last: Index
}

export interface Explanation {
  /** The node's state in one line. */
  readonly state: string
  readonly log: LogView
  /** The reasons, the first one first. */
  readonly reasons: ReadonlyArray<string>
  /** On a leader: the others. */
  readonly members: ReadonlyArray<MemberView>
}

const ago = (state: State, at: number): number => Math.round(state.now - at)

const viewOf = (state: State<Leader>, progress: Progress): MemberView => ({
  id: progress.id,
  isVoter: Membership.isVoter(Log.membership(state.log), progress.id),
  match: progress.match,
  behind: state.log.last - progress.match,
  mode: progress.mode,
  heardAgo: ago(state, progress.heardAt),
  refused: progress.refused && { index: progress.refused.index, ago: ago(state, progress.refused.at) },
  snapshot: progress.sending && { stored: progress.sending.stored, size: state.snapshot.size }
})

const underRepair = ({ id, log }: State, lost: LogPosition): string =>
  `${id} has lost a part of its log, which went to ${Describe.position(lost)} and goes to ` +
  `${Describe.position(Log.lastPosition(log))}: it votes for nobody, and does not stand, until a leader has repaired it`

/** Why nobody leads, as far as a node can tell that does not lead and follows nobody. */
const withoutLeader = (state: State): ReadonlyArray<string> => {
  const { electionDeadline, id, log, now, role } = state
  const membership = Log.membership(log)
  const wait = `it waits ${Math.max(0, Math.round(electionDeadline - now))} ms more for a leader`
  if (membership.members.length === 0) return [`${id} has not been told of any membership: it waits to be added`]
  if (Roles.isFenced(state)) {
    return [
      `a membership was forced while ${id} was away, and its log does not reach there: unless a leader of it is heard, ` +
      `${id} is given up, and can only come back under another id, with an empty disk`
    ]
  }
  if (state.lost !== undefined) return [underRepair(state, state.lost), wait]
  if (Membership.isWitness(membership, id)) return [`${id} is a witness, and so does not stand`, wait]
  if (!Membership.mayLead(membership, id)) return [`${id} has priority 0, and so does not stand`, wait]
  if (!Roles.mayStand(state)) return [`${id} does not vote, and so does not stand`, wait]
  if (state.isStalled) return [`the disk of ${id} does not answer, and so it does not stand`]
  if (role._tag !== "PreCandidate" && role._tag !== "Candidate") {
    return [`${id} has heard of no leader in term ${state.term}`, wait]
  }
  const asked = role._tag === "Candidate" ? "stands" : "has asked whether it could win"
  const refusals = role.refused.map(({ at, from }) => `${from} refused ${ago(state, at)} ms ago`)
  const silent = Membership.others(membership, id).filter((other) =>
    Membership.isVoter(membership, other) && !role.granted.includes(other)
    && !role.refused.some((each) => each.from === other)
  )
  return [
    `${id} ${asked} in term ${state.term}; ${Describe.members(membership)} vote, and a majority must agree`,
    `in favour: ${role.granted.length === 0 ? "nobody yet" : role.granted.join(", ")}`,
    ...refusals,
    ...silent.map((other) => `${other} has not answered`)
  ]
}

/** Why a leader has not committed what it has. */
const uncommitted = (state: State<Leader>, index: Index): ReadonlyArray<string> => {
  const { commit, durability, log, role } = state
  if (index <= commit) return [`entry ${index} is committed`]
  if (index > log.last) return [`there is no entry ${index}: the log ends at ${log.last}`]
  const membership = Log.membership(log)
  const lacking = role.progress.filter(({ id, match }) => Membership.isVoter(membership, id) && match < index)
  return [
    `entry ${index} is not on the disks of a majority of ${Describe.members(membership)}`,
    ...(durability.durable < index ? [`it is not on this node's disk yet`] : []),
    ...lacking.map(({ heardAt, id, match }) =>
      `${id} has entries up to ${match}, and was heard ${ago(state, heardAt)} ms ago`
    ),
    ...(index < role.since ? [`it is of an earlier term: it is committed together with entry ${role.since}`] : [])
  ]
}

const asLeader = (state: State<Leader>, index: Index): ReadonlyArray<string> => {
  const left = Math.round(Replication.quorumDeadline(state) - state.now)
  const { transfer } = state
  return [
    `${state.id} leads term ${state.term}`,
    ...uncommitted(state, index),
    ...(left < state.settings.electionTimeout / 2
      ? [`it has not heard a majority lately, and steps down in ${Math.max(0, left)} ms`]
      : []),
    ...(transfer === undefined ? [] : [`it is handing over to ${transfer.to}`]),
    ...(state.isStalled ? ["its disk does not answer"] : [])
  ]
}

/** Whom this node does not hear, because it comes with another disk than the members know. */
const strangers = (state: State): ReadonlyArray<string> =>
  state.strangers.map(({ at, id, incarnation }) =>
    `${id} came with another disk (${incarnation}) ${
      ago(state, at)
    } ms ago, and is not heard: it has lost what it had ` +
    "promised. Remove it, and add it under another id"
  )

/** Explains a node: who leads or why nobody does, and on a leader what stands in the way of `index` (its last entry). */
export const explain = (state: State, index: Index = state.log.last): Explanation => {
  const { commit, log, snapshot } = state
  const known = {
    state: Describe.state(state),
    log: { snapshot: snapshot.index, first: log.boundary.index + 1, commit, last: log.last }
  }
  if (isLeader(state)) {
    return {
      ...known,
      reasons: [...asLeader(state, index), ...strangers(state)],
      members: state.role.progress.map((each) => viewOf(state, each))
    }
  }
  if (state.leader === undefined) {
    return { ...known, reasons: [...withoutLeader(state), ...strangers(state)], members: [] }
  }
  const heard = `${state.leader} leads term ${state.term}, and was heard ${ago(state, state.heardLeaderAt)} ms ago`
  const fate = index <= state.commit
    ? `entry ${index} is committed`
    : `${state.leader} knows what becomes of entry ${index}`
  const repair = state.lost === undefined ? [] : [underRepair(state, state.lost)]
  return { ...known, reasons: [heard, fate, ...repair, ...strangers(state)], members: [] }
}
