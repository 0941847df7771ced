/**
 * Changing who belongs to the cluster, while it works (chapter 4).
 *
 * A membership is in force as soon as it is in the log, and goes with its entry when that is truncated. To change the
 * voters, old and new are both in force until that is committed, and then the new ones alone (§4.3): at no time can two
 * majorities decide without each other. There is one change at a time, and none before an entry of the leader's own
 * term is committed: a leader that does not know what is committed could begin a second change beside an earlier one.
 *
 * What is half done is finished by whoever leads: nothing here depends on who began it.
 */
import type { ChangeMembership } from "./Input.ts"
import * as Log from "./Log.ts"
import type { Index } from "./LogPosition.ts"
import * as Membership from "./Membership.ts"
import { flow, type Next, next } from "./Next.ts"
import type { ChangeRefusal, ChangeRefused, Output } from "./Output.ts"
import * as Progress from "./Progress.ts"
import * as Replication from "./Replication.ts"
import * as Roles from "./Roles.ts"
import { isLeader, type Leader, type State } from "./State.ts"

/** Whether the membership in force can no longer be taken back, and this leader may begin another. */
const isSettled = ({ commit, log, role }: State<Leader>): boolean =>
  Log.membershipIndex(log) <= commit && role.since <= commit

const refusal = (request: number, reason: ChangeRefusal, detail: string): ChangeRefused => ({
  _tag: "ChangeRefused",
  request,
  reason,
  detail
})

/** Who does not lead changes nothing. */
export const refuse = (state: State, { request }: ChangeMembership): Next => next(state, Roles.refuseChange(request))

/** Why no change can begin now; it can before long. */
const obstacleTo = (state: State<Leader>): string | undefined => {
  const { commit, log, role, transfer } = state
  if (transfer !== undefined) return "leadership is being handed over"
  if (role.since > commit) return "the leader's term has only begun"
  const isFree = isSettled(state) || Membership.isRecorded(Log.previousMembership(log), Log.membership(log))
  return isFree && role.wanted === undefined && !Membership.isJoint(Log.membership(log))
    ? undefined
    : "another change is under way"
}

/** Whether the membership of entry `expected` is still in force; what was only written down of disks does not count. */
const isInForce = (log: Log.Log, expected: Index): boolean => {
  if (expected === Log.membershipIndex(log)) return true
  const since = log.memberships.filter(({ index }) => index > expected)
  const isKnown = expected === log.boundary.index || log.memberships.some(({ index }) => index === expected)
  return isKnown &&
    since.every(({ membership }, place) =>
      Membership.isRecorded(since[place - 1]?.membership ?? Log.membershipAt(log, expected), membership)
    )
}

/** Begins the change, if none is under way and the operator saw what is in force. */
export const onChangeMembership = (state: State<Leader>, { change, expected, request }: ChangeMembership): Next => {
  const obstacle = obstacleTo(state)
  if (obstacle !== undefined) return next(state, refusal(request, "Pending", obstacle))
  return beginWanted({ ...state, role: { ...state.role, wanted: { request, change, expected } } })
}

/** Begins the change that is wanted, as soon as nothing is under way. */
const beginWanted = (state: State): Next => {
  if (!isLeader(state) || !isSettled(state) || state.role.wanted === undefined) return next(state)
  const { change, expected, request } = state.role.wanted
  const none = { ...state, role: { ...state.role, wanted: undefined } }
  if (expected !== undefined && !isInForce(state.log, expected)) {
    const detail = `the membership in force is that of entry ${Log.membershipIndex(state.log)}`
    return next(none, refusal(request, "Stale", detail))
  }
  const membership = Membership.begin(Log.membership(state.log), change)
  if (typeof membership === "string") return next(none, refusal(request, "Invalid", membership))
  // A promotion may be waiting; whoever asked for it will not hear of it any more.
  const earlier = state.role.change
  const forgotten: ReadonlyArray<Output> = earlier === undefined
    ? []
    : [{ _tag: "ChangeUnknown", request: earlier.request }]
  const [adopted, outputs] = adopt({ ...none, role: { ...none.role, change: { request, change } } }, membership)
  return next(adopted, ...forgotten, ...outputs)
}

/** Puts a membership into the log, and so in force. Who is no longer in it is still served for a while. */
const adopt = (state: State<Leader>, membership: Membership.Membership): Next => {
  const [appended, written] = Replication.append(state, { count: 1, membership })
  const others = Membership.others(membership, state.id)
  // Who did not vote so far was not waited for, and counts as heard when that begins.
  const isNewVoter = (id: string) =>
    Membership.isVoter(membership, id) && !Membership.isVoter(Log.membership(state.log), id)
  const kept = state.role.progress.map((each): Progress.Progress =>
    others.includes(each.id)
      ? { ...each, servedUntil: undefined, heardAt: isNewVoter(each.id) ? state.now : each.heardAt }
      : { ...each, servedUntil: each.servedUntil ?? Number.POSITIVE_INFINITY }
  )
  const added = others.filter((id) => !kept.some((each) => each.id === id))
  const progress = [...kept, ...added.map((id) => Progress.begin(id, state.log.last, state.now))]
  // Those who vote now have not promised anything yet: a lease needs a round that they have answered.
  const asking = Replication.beginRound({ ...appended, role: { ...appended.role, progress } })
  const lease = { ...asking.role.lease, sequence: asking.role.sequence }
  return next({ ...asking, role: { ...asking.role, lease } }, written)
}

/** Takes the next step of a change as soon as the one before is committed. */
export const proceed = (state: State): Next => {
  if (!isLeader(state) || !isSettled(state)) return next(state)
  const membership = Log.membership(state.log)
  // Whoever was asked to stand needs a log that ends where it did then.
  const isStill = state.transfer?.isAsked === true
  if (Membership.isJoint(membership)) return isStill ? next(state) : adopt(state, Membership.leave(membership))
  if (isStill) return complete(state)
  return flow(beginWanted, promoteNext, release, complete, recordDisks)(state)
}

/**
 * Writes down the disks of the members, so that whoever comes under the same name with another is known for a stranger:
 * it has forgotten what it had promised, and must not be counted (openraft#2002). As few entries as possible: as soon as
 * everyone was heard, or at the second heartbeat.
 */
const recordDisks = (state: State): Next => {
  if (!isLeader(state) || !isSettled(state) || state.incarnation === undefined) return next(state)
  const membership = Log.membership(state.log)
  const { incarnation, role } = state
  const seen = (id: string) => id === state.id ? incarnation : role.progress.find((each) => each.id === id)?.incarnation
  const missing = membership.members.filter((member) => member.incarnation === undefined)
  const isKnown = missing.some(({ id }) => seen(id) !== undefined)
  const isTime = missing.every(({ id }) => seen(id) !== undefined) || role.sequence > 2
  return isKnown && isTime ? adopt(state, Membership.record(membership, seen)) : next(state)
}

/** A learner that has caught up becomes a voter (§4.2.1). */
const promoteNext = (state: State): Next => {
  const membership = Log.membership(state.log)
  if (!isLeader(state) || !isSettled(state) || membership.promoting.length === 0) return next(state)
  const { log: { last }, now, settings: { electionTimeout } } = state
  const isPromoting = (each: Progress.Progress) => membership.promoting.includes(each.id)
  const progress = state.role.progress.map((each) =>
    isPromoting(each) ? Progress.advanceRound(each, last, now, electionTimeout) : each
  )
  const counted = { ...state, role: { ...state.role, progress } }
  const ready = progress.find((each) => isPromoting(each) && Progress.hasCaughtUp(each, now, electionTimeout))
  return ready === undefined ? next(counted) : adopt(counted, Membership.promote(membership, ready.id))
}

/** Those who were removed have had time to hear of it: they are let go. */
const release = (state: State): Next => {
  if (!isLeader(state) || !isSettled(state)) return next(state)
  if (state.role.progress.every((each) => each.servedUntil === undefined)) return next(state)
  const until = state.now + state.settings.electionTimeout
  const progress = state.role.progress
    .map((each) => each.servedUntil === Number.POSITIVE_INFINITY ? { ...each, servedUntil: until } : each)
    .filter((each) => each.servedUntil === undefined || state.now < each.servedUntil)
  return next({ ...state, role: { ...state.role, progress } })
}

/** Whoever waits for the change hears that nothing of it is left to do. */
const complete = (state: State): Next => {
  if (!isLeader(state) || state.role.change === undefined || !isSettled(state)) return next(state)
  const { change, request } = state.role.change
  const { promoting } = Log.membership(state.log)
  const awaited = change._tag === "AddVoter" ? change.member.id : change._tag === "Promote" ? change.id : undefined
  if (awaited !== undefined && promoting.includes(awaited)) return next(state)
  const index = Log.membershipIndex(state.log)
  const done = { ...state, role: { ...state.role, change: undefined } }
  return next(done, { _tag: "ChangeDone", request, index })
}

/** A leader that is no voter has led until this was committed, and not counted itself; now it steps down (§4.2.2). */
export const retire = (state: State): Next => {
  if (!isLeader(state) || !isSettled(state)) return next(state)
  return Membership.isVoter(Log.membership(state.log), state.id) ? next(state) : Roles.stepDown(state)
}
