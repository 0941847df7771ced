/**
 * Elections: who may lead, and how a node comes to lead (§3.4, §3.6.1, §9.6).
 */
import * as Chance from "./Chance.ts"
import * as Log from "./Log.ts"
import * as LogPosition from "./LogPosition.ts"
import type { NodeId } from "./LogPosition.ts"
import * as Membership from "./Membership.ts"
import type { PreVoteReply, RequestPreVote, RequestVote, TimeoutNow, VoteReply } from "./Message.ts"
import { flow, type Next, next, send, write } from "./Next.ts"
import * as Progress from "./Progress.ts"
import * as Quorum from "./Quorum.ts"
import * as Replication from "./Replication.ts"
import * as Roles from "./Roles.ts"
import type { Candidate, Leader, PreCandidate, State } from "./State.ts"

/** A leader that was heard within the shortest election timeout is not to be disturbed (§4.2.3, §6.4.1). */
export const hearsLeader = (state: State): boolean =>
  state.role._tag === "Leader" || state.now < state.heardLeaderAt + state.settings.electionTimeout

/**
 * Nothing was heard of a leader for too long. Who may not vote may not lead either, and waits on; so does whoever has a
 * disk that does not answer, for it could not lead.
 */
export const onTimer = (state: State): Next => {
  if (state.now < state.electionDeadline) return next(state)
  const waiting = Roles.awaitLeader({ ...state, leader: undefined })
  const stands = Roles.mayStand(waiting) && Membership.mayLead(Log.membership(state.log), state.id) && !state.isStalled
  return stands ? askFirst(waiting) : next(waiting)
}

/** Asks the others whether an election could be won. Its own answer is yes. */
const askFirst = (state: State): Next => {
  const [round, seed] = Chance.draw(state.seed)
  const asking: State<PreCandidate> = {
    ...state,
    seed,
    role: { _tag: "PreCandidate", round, granted: [state.id], refused: [] }
  }
  const last = Log.lastPosition(state.log)
  const questions = Membership.others(Log.membership(state.log), state.id).map((id) =>
    send(asking, id, { _tag: "RequestPreVote", from: state.id, term: state.term, last, round })
  )
  return flow(() => next(asking, ...questions), standIfWelcome)(asking)
}

/** Says what it would do, and remembers nothing: neither the term nor the asker (§9.6). */
export const onRequestPreVote = (state: State, message: RequestPreVote): Next => {
  const granted = !hearsLeader(state) && message.term >= state.term && !Roles.isKeptOut(state)
    && LogPosition.isUpToDate(message.last, Log.lastPosition(state.log))
  const { round } = message
  return next(
    state,
    send(state, message.from, { _tag: "PreVoteReply", from: state.id, term: state.term, round, granted })
  )
}

export const onPreVoteReply = (state: State<PreCandidate>, message: PreVoteReply): Next => {
  if (message.round !== state.role.round || state.role.granted.includes(message.from)) return next(state)
  if (!message.granted) return next(noteRefusal(state, message.from))
  return standIfWelcome({ ...state, role: { ...state.role, granted: [...state.role.granted, message.from] } })
}

/** Changes nothing but what this node can tell of itself. */
const noteRefusal = <R extends PreCandidate | Candidate>(state: State<R>, from: NodeId): State => {
  const refused = [...state.role.refused.filter((each) => each.from !== from), { from, at: state.now }]
  return { ...state, role: { ...state.role, refused } }
}

const standIfWelcome = (state: State): Next =>
  state.role._tag === "PreCandidate" && Quorum.isMajority(Log.membership(state.log), state.role.granted)
    ? stand(state, false)
    : next(state)

/** Stands for election: a new term, a vote for itself, and a question to all (§3.4). */
const stand = (state: State, isTransfer: boolean): Next => {
  const candidate: State<Candidate> = {
    ...state,
    term: state.term + 1,
    votedFor: state.id,
    leader: undefined,
    role: { _tag: "Candidate", granted: [], refused: [] }
  }
  const [voted, written] = write(candidate, { hardState: true })
  const last = Log.lastPosition(state.log)
  const questions = Membership.others(Log.membership(state.log), state.id).map((id) =>
    send(voted, id, { _tag: "RequestVote", from: state.id, term: voted.term, last, isTransfer })
  )
  return next(voted, written, ...questions)
}

/**
 * The leader wants this node to succeed it (§3.10): it stands without asking first, for the others would refuse while
 * they hear the leader. A request that comes late finds another term, or a log that has gone on, and does nothing.
 */
export const onTimeoutNow = (state: State, { last }: TimeoutNow): Next =>
  Membership.isVoter(Log.membership(state.log), state.id) && Roles.mayStand(state)
    && LogPosition.equals(last, Log.lastPosition(state.log))
    ? stand(Roles.awaitLeader(state), true)
    : next(state)

/** A node votes once per term, first come, for a candidate whose log holds all that its own does (§3.6.1). */
export const onRequestVote = (state: State, message: RequestVote): Next => {
  const free = state.votedFor === undefined || state.votedFor === message.from
  const granted = free && state.leader === undefined && !Roles.isKeptOut(state)
    && LogPosition.isUpToDate(message.last, Log.lastPosition(state.log))
  const reply = { _tag: "VoteReply", from: state.id, term: state.term, granted } as const
  if (!granted) return next(state, send(state, message.from, reply))
  if (state.votedFor === message.from) return next(state, send(state, message.from, reply))
  // A granted vote is a promise: it leaves only once a crash cannot make this node forget it. Whoever votes for
  // another no longer asks for itself.
  const voter = Roles.awaitLeader({ ...state, role: Roles.follower, votedFor: message.from })
  const [voted, written] = write(voter, { hardState: true })
  return next(voted, written, send(voted, message.from, reply))
}

export const onVoteReply = (state: State<Candidate>, message: VoteReply): Next => {
  if (state.role.granted.includes(message.from)) return next(state)
  if (!message.granted) return next(noteRefusal(state, message.from))
  return next({ ...state, role: { ...state.role, granted: [...state.role.granted, message.from] } })
}

/** Counts the votes. The candidate's own is one of them from the moment it is durable. */
export const tally = (state: State): Next => {
  if (state.role._tag !== "Candidate") return next(state)
  const isDurable = state.durability.persisted >= state.durability.hardStateWrite
  const granted = isDurable ? [...state.role.granted, state.id] : state.role.granted
  return Quorum.isMajority(Log.membership(state.log), granted) ? win(state) : next(state)
}

/** Leads, says so at once, and commits nothing until an entry of its own term is (§3.4, §3.6.2, §6.4). */
const win = (state: State): Next => {
  const [opened, written] = Replication.append(lead(state), { count: 1 })
  return next(opened, written)
}

/** A leader at the beginning of its term. The next entry is the first of it. */
export const lead = (state: State, membership = Log.membership(state.log)): State<Leader> => {
  const members = Membership.others(membership, state.id)
  return {
    ...state,
    leader: state.id,
    role: {
      _tag: "Leader",
      since: state.log.last + 1,
      progress: members.map((id) => Progress.begin(id, state.log.last, state.now)),
      sequence: 1,
      reads: [],
      rounds: [{ sequence: 1, at: state.now }],
      lease: { sequence: 1, index: 0 },
      change: undefined,
      wanted: undefined,
      heartbeatDeadline: state.now + state.settings.heartbeatInterval
    }
  }
}
