/**
 * The protocol on one page: what each message and each input does in each role.
 *
 * The term rule (§3.3) is applied here, once: an older term is not heard, and its sender is told; a newer
 * one is adopted before it is heard. Two things stand outside it. Pre-vote is a question about a term that
 * nobody is in yet. And a candidate is not heard, however new its term, while the leader is (§4.2.3).
 */
import * as Commit from "./Commit.ts"
import * as Durability from "./Durability.ts"
import * as Election from "./Election.ts"
import type { Applied, DiskStalled, Input, Persisted, Receive } from "./Input.ts"
import { isConsistent, type Message } from "./Message.ts"
import { flow, halt, type Next, next, send } from "./Next.ts"
import * as Outcome from "./Outcome.ts"
import * as Read from "./Read.ts"
import * as Reconfiguration from "./Reconfiguration.ts"
import * as Replication from "./Replication.ts"
import * as Roles from "./Roles.ts"
import type { Role, State } from "./State.ts"
import * as Transfer from "./Transfer.ts"

type Tagged<U extends { readonly _tag: string }, T extends U["_tag"]> = Extract<U, { readonly _tag: T }>

type OnMessage<R extends Role, M extends Message> = (state: State<R>, message: M, batch: number | undefined) => Next
type OnInput<R extends Role, I extends Input> = (state: State<R>, input: I) => Next

export type MessageTable = {
  readonly [M in Message["_tag"]]: {
    readonly [R in Role["_tag"]]: OnMessage<Tagged<Role, R>, Tagged<Message, M>>
  }
}
/** The inputs that mean something else in each role; the rest is alike in all. */
type RoleInput = Exclude<Input, Receive | Persisted | Applied | DiskStalled>
export type InputTable = {
  readonly [I in RoleInput["_tag"]]: {
    readonly [R in Role["_tag"]]: OnInput<Tagged<Role, R>, Tagged<Input, I>>
  }
}

/** Heard too late to matter: what it answers is no longer being asked. */
const ignore = (state: State): Next => next(state)

const impossible = (sentence: string) => (): Next => halt(sentence)

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
  TimeoutNow: {
    Follower: Election.onTimeoutNow,
    PreCandidate: Election.onTimeoutNow,
    Candidate: ignore, // It stands already.
    Leader: ignore // It leads already.
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
    Follower: Read.refuse,
    PreCandidate: Read.refuse,
    Candidate: Read.refuse,
    Leader: Read.onRead
  },
  Unsent: {
    Follower: ignore,
    PreCandidate: ignore,
    Candidate: ignore,
    Leader: Replication.onUnsent
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
  }
}

// The types of the tables prove that each handler fits its cell; looking a cell up by two tags at once is
// more than the checker can follow, so the pair is joined here, and nowhere else.
const dispatch = (state: State, message: Message, batch: number | undefined): Next => {
  const handle = onMessage[message._tag][state.role._tag] as OnMessage<Role, Message>
  return handle(state, message, batch)
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
  if (message._tag !== "AppendEntries") return next(state)
  const { previous, sequence } = message
  const refusal = { _tag: "AppendReply", ...header, sequence, accepted: false, match: previous.index } as const
  return next(state, send(state, message.from, { ...refusal, last: 0, runs: [] }))
}

/** The term rule (§3.3), then the table. */
const onReceive = (state: State, { batch, message }: Receive): Next => {
  if (message.from === state.id || !isConsistent(message)) return next(state)
  if (message._tag === "RequestPreVote") return dispatch(state, message, batch)
  if (message.term > state.term) {
    // Unless the leader itself wants it so.
    const isUncalledFor = message._tag === "RequestVote" && !message.isTransfer && Election.hearsLeader(state)
    if (isUncalledFor) return next(state)
    return flow((current) => Roles.adopt(current, message.term), (current) => dispatch(current, message, batch))(state)
  }
  const isHeard = message.term === state.term || message._tag === "PreVoteReply"
  return isHeard ? dispatch(state, message, batch) : tellTerm(state, message)
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
  return dispatchInput(current, input)
}

/** What follows from the state, whatever changed it; done once for all the inputs that came together. */
export const settle: (state: State) => Next = flow(
  Election.tally,
  Commit.advance,
  Reconfiguration.proceed,
  Outcome.resolve,
  Read.confirm,
  Transfer.evade,
  Transfer.proceed,
  Replication.flush,
  Commit.handOver,
  Reconfiguration.retire
)
