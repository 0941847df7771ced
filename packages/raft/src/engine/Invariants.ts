/**
 * What must hold of every state, and of every step between two.
 *
 * The sentence is the name: it is what a failure says. These run after every step, in tests and in
 * production; when one does not hold the engine throws, and the node stops before it tells anyone.
 */
import * as Durability from "./Durability.ts"
import type { Input } from "./Input.ts"
import * as Log from "./Log.ts"
import * as LogPosition from "./LogPosition.ts"
import { epochOf } from "./LogPosition.ts"
import * as Membership from "./Membership.ts"
import { halt, type Next } from "./Next.ts"
import type { Output } from "./Output.ts"
import * as Quorum from "./Quorum.ts"
import * as Repair from "./Repair.ts"
import * as Replication from "./Replication.ts"
import * as Roles from "./Roles.ts"
import { isLeader, type State, type Waiter } from "./State.ts"

/** One step: where it began, what came, and where it ended. */
export interface Step {
  readonly before: State
  readonly inputs: ReadonlyArray<Input>
  readonly after: State
  readonly outputs: ReadonlyArray<Output>
}

const isWellFormed = ({ boundary, last, runs }: Log.Log): boolean => {
  let { index: start, term } = boundary
  for (const [place, run] of runs.entries()) {
    const follows = run.start > start && (place === 0 ? run.term >= term : run.term > term)
    if (!follows) return false
    start = run.start
    term = run.term
  }
  return start <= last && (runs.length === 0 ? last === boundary.index : runs[0]?.start === boundary.index + 1)
}

export const ofState: Readonly<Record<string, (state: State) => boolean>> = {
  "the log holds no term beyond the current one": (state) => Log.lastTerm(state.log) <= state.term,
  "what is committed is in the log": ({ commit, log }) => log.boundary.index <= commit && commit <= log.last,
  "what is durable is in the log": ({ durability, log }) => durability.durable <= log.last,
  "what was handed over is committed, and durable or in a snapshot; and what is applied was handed over": (state) =>
    state.applied <= state.handed && state.handed <= state.commit
    && state.handed <= Math.max(state.durability.durable, state.snapshot.index),
  "a snapshot covers what the log no longer holds, and nothing that is not committed": ({ commit, log, snapshot }) =>
    log.boundary.index <= snapshot.index && snapshot.index <= commit,
  "no more of a snapshot is received than there is": ({ receiving }) =>
    receiving === undefined || receiving.received <= receiving.snapshot.size,
  "a candidate or leader voted for itself": ({ id, role, votedFor }) =>
    (role._tag !== "Candidate" && role._tag !== "Leader") || votedFor === id,
  "a node knows itself as leader exactly when it leads": ({ id, leader, role }) =>
    (leader === id) === (role._tag === "Leader"),
  "who may not vote does not campaign": (state) =>
    state.role._tag === "Follower" || state.role._tag === "Leader" || Roles.mayStand(state),
  "memberships stand in order, in the log": ({ log }) =>
    log.memberships.every(({ index }, place) =>
      index > (log.memberships[place - 1]?.index ?? log.boundary.index) && index <= log.last
    ),
  "a leader's log ends in its own term": (state) => !isLeader(state) || Log.lastTerm(state.log) === state.term,
  "a leader counts no more of another's log than its own holds, and sends on after that": (state) =>
    !isLeader(state) ||
    state.role.progress.every(({ match, next }) =>
      match <= state.log.last && match < next && next <= state.log.last + 1
    ),
  "of a snapshot no more has arrived than was sent, and no more is stored than has arrived": (state) =>
    !isLeader(state) ||
    state.role.progress.every(({ mode, sending }) =>
      (mode === "snapshot") === (sending !== undefined)
      && (sending === undefined || (sending.stored <= sending.received && sending.received <= sending.next))
    ),
  "nobody takes part in elections of an epoch of which its log holds nothing": (state) =>
    state.role._tag === "Follower" || !Roles.isFenced(state),
  "a node under repair does not stand": (state) =>
    !Repair.isUnderway(state) || (state.role._tag !== "PreCandidate" && state.role._tag !== "Candidate"),
  "a read waits for a round that has begun, and for the leader's own term": (state) =>
    !isLeader(state) ||
    state.role.reads.every(({ index, sequence }) =>
      state.role._tag === "Leader" && sequence <= state.role.sequence && index >= state.role.since
    ),
  "a proposal waits only while nothing is committed in its place": (state) =>
    state.waiters.every((waiter) => waiter.from > state.commit && waiter.from <= waiter.to),
  "writes complete in order": ({ durability: { hardStateWrite, issued, pending, persisted } }) =>
    persisted <= issued && hardStateWrite <= issued && pending.length === issued - persisted
    && pending.every((each, place) => each.write === persisted + place + 1)
}

type Tag = Output["_tag"]
type Of<T extends Tag> = Extract<Output, { readonly _tag: T }>

const isOf = <T extends Tag>(tag: T) => (output: Output): output is Of<T> => output._tag === tag

/** Which proposal a decision is about: one that waited before, or was accepted in this step. */
const proposal = (step: Step, batch: number, index: number): Waiter | undefined =>
  [...step.before.waiters, ...step.outputs.filter(isOf("Accepted"))].find((each) =>
    each.batch === batch && each.from <= index && index <= each.to
  )

const count = (ranges: ReadonlyArray<{ readonly from: number; readonly to: number }>): number =>
  ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0)

/** From one set of voters to itself, into both, or from both into the new one (§4.3); or to the first that is known. */
const follows = (before: Membership.Membership, after: Membership.Membership): boolean => {
  if (before.members.length === 0) return true
  if (Membership.isJoint(before)) return !Membership.isJoint(after) && Membership.isSameSet(before.voters, after.voters)
  return Membership.isSameSet(before.voters, Membership.isJoint(after) ? after.outgoing : after.voters)
}

/** Whether the entry at `index` is the first of an epoch. */
const isForced = (log: Log.Log, index: number): boolean => {
  const [before, term] = [Log.termAt(log, index - 1), Log.termAt(log, index)]
  return typeof before === "number" && typeof term === "number" && epochOf(before) < epochOf(term)
}

const changedHardState = ({ after, before }: Step): boolean =>
  before.term !== after.term || before.votedFor !== after.votedFor

/** What a message says that a crash of this node could make untrue, until this write is done. */
const promisedBy = (durability: Durability.Durability, { message }: Of<"Send">): Durability.WriteId => {
  const log = message._tag === "AppendReply" && message.accepted
    ? Durability.writeCovering(durability, message.match)
    : 0
  return Math.max(log, durability.hardStateWrite)
}

/** A message waits for what was written before it; what the same step wrote later says nothing about it. */
const promisesWait = ({ after, before, outputs }: Step): boolean => {
  let { durability } = before
  let last = before.log.last
  for (const output of outputs) {
    if (output._tag === "Write") {
      const { append, boundary, hardState, truncateAfter } = output
      last = Math.max(append?.to ?? truncateAfter ?? last, boundary?.index ?? 0)
      const keeps = truncateAfter ?? Durability.everything
      durability = Durability.issue(durability, { last, keeps, hardState: hardState !== undefined })
    }
    if (output._tag === "Send") {
      const needed = promisedBy(durability, output)
      if (needed > after.durability.persisted && output.after < needed) return false
    }
  }
  return true
}

/** Whether the candidate that was granted a vote holds all that this node does, by the terms first (§3.6.1). */
const deserves = ({ before, inputs }: Step, candidate: string): boolean =>
  inputs.some((input) =>
    input._tag === "Receive" && input.message._tag === "RequestVote"
    && input.message.from === candidate && LogPosition.isUpToDate(input.message.last, Log.lastPosition(before.log))
  )

export const ofStep: Readonly<Record<string, (step: Step) => boolean>> = {
  "term, commit, and what was handed over and applied never fall": ({ after, before }) =>
    before.term <= after.term && before.commit <= after.commit
    && before.handed <= after.handed && before.applied <= after.applied,
  "within a term, a vote is cast once": ({ after, before }) =>
    before.term < after.term || before.votedFor === undefined || before.votedFor === after.votedFor,
  "within a term, the leader stays the same": ({ after, before }) =>
    before.term < after.term || before.leader === undefined || after.leader === undefined ||
    before.leader === after.leader,
  "within a term, a leader only appends": ({ after, before }) =>
    before.role._tag !== "Leader" || before.term < after.term || Log.holds(after.log, Log.lastPosition(before.log)),
  "what is committed stays, or is in the snapshot": ({ after, before }) =>
    Log.termAt(after.log, before.commit) === Log.termAt(before.log, before.commit)
    || after.snapshot.index > before.commit,
  "the log is whole, and its terms rise": ({ after, before }) => after.log === before.log || isWellFormed(after.log),
  "a leader changes the membership only when the last change is committed, and an entry of its own term": (step) => {
    const { after, before } = step
    if (!isLeader(before) || before.term < after.term) return true
    const added = after.log.memberships.length - before.log.memberships.length
    return added <= 0 || (added === 1 && Log.membershipIndex(before.log) <= after.commit
      && before.role.since <= after.commit)
  },
  "no two memberships follow each other whose majorities need not meet, unless one was forced": ({ after, before }) =>
    after.log === before.log ||
    after.log.memberships.every(({ index, membership }, place) =>
      isForced(after.log, index)
      || follows(after.log.memberships[place - 1]?.membership ?? after.log.boundary.membership, membership)
    ),
  "a truncation takes back one membership at most": ({ after, before }) =>
    before.log.memberships.filter((entry) =>
      entry.index > after.log.boundary.index && !after.log.memberships.includes(entry)
    ).length <= 1,
  "nothing is proposed to a leader that has asked another to stand": ({ after, before, outputs }) =>
    before.transfer?.isAsked !== true || after.transfer !== before.transfer
    || !outputs.some((output) => output._tag === "Accepted"),
  "a changed term or vote is persisted as it now stands": (step) => {
    if (!changedHardState(step)) return true
    const saved = step.outputs.filter(isOf("Write")).findLast((write) => write.hardState !== undefined)?.hardState
    return saved !== undefined && saved.term === step.after.term && saved.votedFor === step.after.votedFor
  },
  "a changed log is written as it now stands": ({ after, before, outputs }) => {
    if (after.log === before.log) return true
    const writes = outputs.filter(isOf("Write"))
    const added = writes.findLast((write) => write.append !== undefined)?.append
    return writes.some((write) => write.boundary !== undefined) || (added !== undefined && added.to === after.log.last)
  },
  "nothing is truncated that is committed": ({ before, outputs }) =>
    outputs.filter(isOf("Write")).every((write) =>
      write.truncateAfter === undefined || write.truncateAfter >= before.commit
    ),
  "what promises waits for the disk": promisesWait,
  "a vote goes to a log that holds all this one does": (step) =>
    step.outputs.filter(isOf("Send")).every(({ message, to }) =>
      message._tag !== "VoteReply" || !message.granted || deserves(step, to)
    ),
  "a leader commits by counting only what a majority has on disk, in its own term": ({ after, before }) => {
    if (!isLeader(after) || after.commit === before.commit) return true
    const { durability, id, log, role } = after
    // What the same step put in force came after the counting, or asks more of it.
    const held = Quorum.reached(
      Log.membership(before.log),
      (voter) => voter === id ? durability.durable : role.progress.find((each) => each.id === voter)?.match ?? 0
    )
    return before.term < after.term || (held >= after.commit && Log.termAt(log, after.commit) === after.term)
  },
  "entries are handed over in order, without gaps but for what a snapshot brings": ({ after, before, outputs }) => {
    let handed = before.handed
    for (const output of outputs) {
      if (output._tag === "RestoreSnapshot") {
        if (output.snapshot.index <= handed) return false
        handed = output.snapshot.index
      }
      if (output._tag !== "Apply") continue
      if (output.from !== handed + 1 || output.to < output.from) return false
      handed = output.to
    }
    return handed === after.handed
  },
  "a snapshot never goes back, and is installed only above what is committed": ({ after, before, outputs }) =>
    before.snapshot.index <= after.snapshot.index
    && outputs.filter(isOf("RestoreSnapshot")).every(({ snapshot }) => snapshot.index > before.commit),
  "the log and the snapshot that stands for its beginning change in one write": ({ after, before, outputs }) =>
    after.log.boundary.index === before.log.boundary.index
    || outputs.filter(isOf("Write")).some(({ boundary, snapshot }) =>
      boundary?.index === after.log.boundary.index && snapshot?.index === after.snapshot.index
    ),
  "a chunk is kept only where the one before it ended": ({ before, outputs }) => {
    let { receiving } = before
    for (const { chunk } of outputs.filter(isOf("Write"))) {
      if (chunk === undefined) continue
      const isSame = receiving !== undefined && Log.isSameSnapshot(receiving.snapshot, chunk.snapshot)
      if (chunk.offset !== (isSame ? receiving?.received ?? 0 : 0)) return false
      receiving = { snapshot: chunk.snapshot, received: chunk.offset + chunk.length, writes: [] }
    }
    return true
  },
  "a node under repair votes for nobody": ({ after, outputs }) =>
    !Repair.isUnderway(after) ||
    outputs.filter(isOf("Send")).every(({ message }) =>
      (message._tag !== "VoteReply" && message._tag !== "PreVoteReply") || !message.granted
    ),
  "a repair ends only with a log that is as up to date as it was, and that is durable": ({ after, before }) => {
    if (before.lost === undefined || after.lost !== undefined) return true
    const { durability: { durable }, log } = after
    const term = Log.termAt(log, durable)
    return typeof term === "number" && LogPosition.isUpToDate({ term, index: durable }, before.lost)
  },
  "what is resolved is committed at its index and term": (step) =>
    step.outputs.filter(isOf("Resolved")).every(({ batch, from, to }) =>
      to <= step.after.commit && Log.termAt(step.after.log, to) === proposal(step, batch, from)?.term
      && Log.termAt(step.after.log, from) === proposal(step, batch, from)?.term
    ),
  "what is superseded has something else committed in its place": (step) =>
    step.outputs.filter(isOf("Superseded")).every(({ batch, from }) =>
      from <= step.after.commit && Log.termAt(step.after.log, from) !== proposal(step, batch, from)?.term
    ),
  "every accepted proposal has one outcome, or waits for it": ({ after, before, outputs }) =>
    count(before.waiters) + count(outputs.filter(isOf("Accepted")))
      === count(after.waiters) + count(outputs.filter(isOf("Resolved"))) + count(outputs.filter(isOf("Superseded")))
        + count(outputs.filter(isOf("Indeterminate"))),
  "a lease is no longer than what a majority has promised, and none while leadership is handed over": (step) => {
    const { after, before, outputs } = step
    return !isLeader(after) ||
      outputs.filter(isOf("ReadReady")).every(({ validUntil }) =>
        validUntil === Number.POSITIVE_INFINITY
        || (validUntil <= Replication.quorumDeadline(after) && before.transfer === undefined)
      )
  },
  "a read is answered at or above what was committed when it came, by a leader or with what a leader said": (step) => {
    const { after, before, inputs, outputs } = step
    // A leader that has voted itself out may answer with its last step.
    const leader = isLeader(after) ? after : before
    const isTold = (read: number, index: number) =>
      inputs.some((input) =>
        input._tag === "Receive" && input.message._tag === "ReadReply"
        && input.message.read === read && input.message.index === index
      )
    return outputs.filter(isOf("ReadReady")).every(({ index, read }) =>
      isTold(read, index) || (isLeader(leader) && index <= after.commit && index >= leader.role.since)
    )
  }
}

/** Throws, naming the first sentence that does not hold. */
export const check = (before: State, inputs: ReadonlyArray<Input>, [after, outputs]: Next): void => {
  for (const sentence in ofState) {
    if (ofState[sentence]?.(after) === false) halt(`${after.id}: not so: ${sentence}`)
  }
  const step: Step = { before, inputs, after, outputs }
  for (const sentence in ofStep) {
    if (ofStep[sentence]?.(step) === false) halt(`${after.id}: not so: ${sentence}`)
  }
}
