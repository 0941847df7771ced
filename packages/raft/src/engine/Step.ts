/**
 * The protocol on one page: what each message and each input does in each role.
 *
 * The term rule (§3.3) is applied here, once: an older term is not heard, and its sender is told; a newer
 * one is adopted before it is heard. Two things stand outside it. Pre-vote is a question about a term that
 * nobody is in yet. And a candidate is not heard, however new its term, while the leader is (§4.2.3).
 */
import * as Commit from "./Commit.ts"
import * as Compaction from "./Compaction.ts"
import * as Durability from "./Durability.ts"
import * as Election from "./Election.ts"
import type { Applied, DiskStalled, Input, Persisted, Receive, RequestSnapshot, SnapshotTaken } from "./Input.ts"
import * as LastResort from "./LastResort.ts"
import * as Log from "./Log.ts"
import { epochOf, type NodeId } from "./LogPosition.ts"
import * as Membership from "./Membership.ts"
import { type Disowned, isConsistent, type Message } from "./Message.ts"
import { flow, halt, type Next, next, send } from "./Next.ts"
import * as Outcome from "./Outcome.ts"
import * as Read from "./Read.ts"
import * as Reconfiguration from "./Reconfiguration.ts"
import * as Repair from "./Repair.ts"
import * as Replication from "./Replication.ts"
import * as Roles from "./Roles.ts"
import * as SnapshotReceiving from "./SnapshotReceiving.ts"
import * as SnapshotSending from "./SnapshotSending.ts"
import { isLeader, type Role, type State } from "./State.ts"
import * as Transfer from "./Transfer.ts"

type Tagged<U extends { readonly _tag: string }, T extends U["_tag"]> = Extract<U, { readonly _tag: T }>

type OnMessage<R extends Role, M extends Message> = (state: State<R>, message: M, receive: Receive) => Next
type OnInput<R extends Role, I extends Input> = (state: State<R>, input: I) => Next

export type MessageTable = {
  readonly [M in Message["_tag"]]: {
    readonly [R in Role["_tag"]]: OnMessage<Tagged<Role, R>, Tagged<Message, M>>
  }
}
/** The inputs that mean something else in each role; the rest is alike in all. */
type RoleInput = Exclude<Input, Receive | Persisted | Applied | DiskStalled | RequestSnapshot | SnapshotTaken>
export type InputTable = {
  readonly [I in RoleInput["_tag"]]: {
    readonly [R in Role["_tag"]]: OnInput<Tagged<Role, R>, Tagged<Input, I>>
  }
}

/** Heard too late to matter: what it answers is no longer being asked. */
const ignore = (state: State): Next => next(state)

const impossible = (sentence: string) => (): Next => halt(sentence)

/**
 * There is no place for this node any more. Under the name of another disk it must stop: what that one had promised is
 * forgotten here. Given up in an earlier epoch it has learnt the term by now, and takes part in nothing (`LastResort`).
 */
const onDisowned = (state: State, { from, incarnation, reason }: Disowned): Next => {
  const isMeant = reason === "Incarnation" && incarnation !== undefined && incarnation === state.incarnation
  return isMeant
    ? halt(`${from} knows ${state.id} by another disk, which is lost here with all it had promised: use another id`)
    : next(state)
}

export const onMessage: MessageTable = {
  RequestPreVote: {
    Follower: Election.onRequestPreVote,
    PreCandidate: Election.onRequestPreVote,
    Candidate: Election.onRequestPreVote,
    Leader: Election.onRequestPreVote // A refusal, since this node hears the leader: it is the leader.
  },
  PreVoteReply: {
    Follower: ignore,
    PreCandidate: Election.onPreVoteReply,
    Candidate: ignore,
    Leader: ignore
  },
  RequestVote: {
    Follower: Election.onRequestVote,
    PreCandidate: Election.onRequestVote,
    Candidate: Election.onRequestVote,
    Leader: Election.onRequestVote
  },
  VoteReply: {
    Follower: ignore,
    PreCandidate: ignore,
    Candidate: Election.onVoteReply,
    Leader: ignore
  },
  AppendEntries: {
    Follower: Replication.onAppendEntries,
    PreCandidate: Replication.onAppendEntries, // There is a leader after all.
    Candidate: Replication.onAppendEntries, // It lost: the sender leads this term.
    Leader: impossible("two leaders in one term (§3.4)")
  },
  AppendReply: {
    Follower: ignore,
    PreCandidate: ignore,
    Candidate: ignore,
    Leader: Replication.onAppendReply
  },
  InstallSnapshot: {
    Follower: SnapshotReceiving.onInstallSnapshot,
    PreCandidate: SnapshotReceiving.onInstallSnapshot,
    Candidate: SnapshotReceiving.onInstallSnapshot, // As with entries: the sender leads this term.
    Leader: impossible("two leaders in one term (§3.4)")
  },
  SnapshotReply: {
    Follower: ignore,
    PreCandidate: ignore,
    Candidate: ignore,
    Leader: SnapshotSending.onSnapshotReply
  },
  TimeoutNow: {
    Follower: Election.onTimeoutNow,
    PreCandidate: Election.onTimeoutNow,
    Candidate: ignore, // It stands already.
    Leader: ignore // It leads already.
  },
  RequestRead: {
    Follower: ignore, // Whoever asks finds out who leads, and asks again.
    PreCandidate: ignore,
    Candidate: ignore,
    Leader: Read.onRequestRead
  },
  ReadReply: {
    Follower: Read.onReadReply,
    PreCandidate: Read.onReadReply, // The sender led when it answered, and the read was there before.
    Candidate: Read.onReadReply,
    Leader: ignore // It has asked the others itself.
  },
  Disowned: {
    Follower: onDisowned,
    PreCandidate: onDisowned,
    Candidate: onDisowned,
    Leader: onDisowned
  }
}

export const onInput: InputTable = {
  Timer: {
    Follower: Election.onTimer,
    PreCandidate: Election.onTimer,
    Candidate: Election.onTimer, // Asks first again, rather than raise the term once more.
    Leader: Replication.onTimer
  },
  Propose: {
    Follower: Replication.refuseProposal,
    PreCandidate: Replication.refuseProposal,
    Candidate: Replication.refuseProposal,
    Leader: Replication.onPropose
  },
  Read: {
    Follower: Read.forward,
    PreCandidate: Read.forward,
    Candidate: Read.forward,
    Leader: Read.onRead
  },
  Unsent: {
    Follower: ignore,
    PreCandidate: ignore,
    Candidate: ignore,
    Leader: Replication.onUnsent
  },
  ChunkUnsent: {
    Follower: ignore,
    PreCandidate: ignore,
    Candidate: ignore,
    Leader: SnapshotSending.onChunkUnsent
  },
  ChangeMembership: {
    Follower: Reconfiguration.refuse,
    PreCandidate: Reconfiguration.refuse,
    Candidate: Reconfiguration.refuse,
    Leader: Reconfiguration.onChangeMembership
  },
  TransferLeadership: {
    Follower: Transfer.refuse,
    PreCandidate: Transfer.refuse,
    Candidate: Transfer.refuse,
    Leader: Transfer.onTransferLeadership
  },
  AbortTransfer: {
    Follower: Transfer.abort,
    PreCandidate: Transfer.abort,
    Candidate: Transfer.abort,
    Leader: Transfer.abort
  },
  ForceMembership: {
    Follower: LastResort.onForceMembership,
    PreCandidate: LastResort.onForceMembership,
    Candidate: LastResort.onForceMembership,
    Leader: LastResort.onForceMembership // A refusal: it hears a majority, or is about to step down.
  }
}

// The types of the tables prove that each handler fits its cell; looking a cell up by two tags at once is
// more than the checker can follow, so the pair is joined here, and nowhere else.
const dispatch = (state: State, message: Message, receive: Receive): Next => {
  const handle = onMessage[message._tag][state.role._tag] as OnMessage<Role, Message>
  return handle(state, message, receive)
}

const dispatchInput = (state: State, input: RoleInput): Next => {
  const handle = onInput[input._tag][state.role._tag] as OnInput<Role, RoleInput>
  return handle(state, input)
}

/** Tells the sender of an older term which term it is, so that it need not go on in vain. */
const tellTerm = (state: State, message: Message): Next => {
  const header = { from: state.id, term: state.term }
  if (message._tag === "RequestVote") {
    return next(state, send(state, message.from, { _tag: "VoteReply", ...header, granted: false }))
  }
  const isLeaders = message._tag === "AppendEntries" || message._tag === "InstallSnapshot"
  if (!isLeaders) return next(state)
  const match = message._tag === "AppendEntries" ? message.previous.index : message.snapshot.index
  const refusal = { _tag: "AppendReply", ...header, sequence: message.sequence, accepted: false, match } as const
  return next(state, send(state, message.from, { ...refusal, last: 0, runs: [] }))
}

/** The sender has another disk than the one that it was known by: it has forgotten what it promised. */
const isStranger = (state: State, { incarnation, message: { from } }: Receive): boolean => {
  const known = Membership.find(Log.membership(state.log), from)?.incarnation ?? seenBy(state, from)
  return incarnation !== undefined && known !== undefined && known !== incarnation
}

/** The disk that a leader has seen, and has not written down yet: what it counts was acknowledged by that one. */
const seenBy = (state: State, id: NodeId): number | undefined =>
  isLeader(state) ? state.role.progress.find((each) => each.id === id)?.incarnation : undefined

/** Nothing of it counts. A leader tells it so. */
const turnAway = (state: State, { incarnation = 0, message: { from } }: Receive): Next => {
  const strangers = [...state.strangers.filter(({ id }) => id !== from), { id: from, incarnation, at: state.now }]
  const noted = { ...state, strangers }
  if (state.role._tag !== "Leader") return next(noted)
  const header = { _tag: "Disowned", from: state.id, term: state.term } as const
  return next(noted, send(state, from, { ...header, reason: "Incarnation", incarnation }))
}

/** A leader hears a node that was given up when its membership was forced, and does not know it yet (`LastResort`). */
const isGivenUp = ({ log, role, term }: State, message: Message): boolean =>
  role._tag === "Leader" && epochOf(message.term) < epochOf(term) && !Membership.find(Log.membership(log), message.from)

const giveUp = (state: State, { from }: Message): Next =>
  next(
    state,
    send(state, from, { _tag: "Disowned", from: state.id, term: state.term, reason: "Epoch", incarnation: undefined })
  )

/** Who is heard at all, the term rule (§3.3), then the table. */
const onReceive = (state: State, receive: Receive): Next => {
  const { message } = receive
  if (message.from === state.id || !isConsistent(message)) return next(state)
  if (isStranger(state, receive)) return turnAway(state, receive)
  if (isGivenUp(state, message)) return giveUp(state, message)
  const current = noteDisk(state, receive)
  if (message._tag === "RequestPreVote") return dispatch(current, message, receive)
  if (message.term > state.term) {
    // Unless the leader itself wants it so.
    const isUncalledFor = message._tag === "RequestVote" && !message.isTransfer && Election.hearsLeader(state)
    if (isUncalledFor) return next(state)
    return flow((each) => Roles.adopt(each, message.term), (each) => dispatch(each, message, receive))(state)
  }
  const isHeard = message.term === state.term || message._tag === "PreVoteReply"
  return isHeard ? dispatch(current, message, receive) : tellTerm(current, message)
}

/** A leader remembers on which disk a member runs, to write it down. */
const noteDisk = (state: State, { incarnation, message: { from } }: Receive): State => {
  if (!isLeader(state) || incarnation === undefined) return state
  const isNew = state.role.progress.some((each) => each.id === from && each.incarnation !== incarnation)
  return isNew ? Roles.updateMember(state, from, (progress) => ({ ...progress, incarnation })) : state
}

const onPersisted = (state: State, { write }: Persisted): Next => {
  const { issued, persisted } = state.durability
  if (write > issued || write < persisted) {
    halt(`write ${write} cannot complete: ${persisted} is done, ${issued} issued`)
  }
  return next({ ...state, durability: Durability.persist(state.durability, write) })
}

const onApplied = (state: State, { index }: Applied): Next => {
  if (index > state.handed || index < state.applied) halt(`entry ${index} cannot be applied: it was not handed over`)
  return next({ ...state, applied: index })
}

/** What one input does by itself. */
export const react = (state: State, input: Input): Next => {
  const current = input.now > state.now ? { ...state, now: input.now } : state
  if (input._tag === "Receive") return onReceive(current, input)
  if (input._tag === "Persisted") return onPersisted(current, input)
  if (input._tag === "Applied") return onApplied(current, input)
  if (input._tag === "DiskStalled") return next({ ...current, isStalled: input.isStalled })
  if (input._tag === "RequestSnapshot") return Compaction.onRequestSnapshot(current, input)
  if (input._tag === "SnapshotTaken") return Compaction.onSnapshotTaken(current, input)
  return dispatchInput(current, input)
}

/** What follows from the state, whatever changed it; done once for all the inputs that came together. */
export const settle: (state: State) => Next = flow(
  Repair.proceed,
  Election.tally,
  Commit.advance,
  Reconfiguration.proceed,
  Outcome.resolve,
  Read.askLeader,
  Read.confirm,
  Read.freshen,
  Transfer.evade,
  Transfer.proceed,
  Replication.flush,
  Commit.handOver,
  Compaction.take,
  Reconfiguration.retire
)
