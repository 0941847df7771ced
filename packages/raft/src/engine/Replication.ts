/**
 * Bringing the logs of others in line with the leader's (§3.5).
 */
import * as Commit from "./Commit.ts"
import * as Durability from "./Durability.ts"
import type { Propose, Receive, Unsent } from "./Input.ts"
import * as Log from "./Log.ts"
import type { Index, NodeId } from "./LogPosition.ts"
import * as Membership from "./Membership.ts"
import type { AppendEntries, AppendReply, InstallSnapshot } from "./Message.ts"
import { halt, type Next, next, send, write } from "./Next.ts"
import type { Output } from "./Output.ts"
import * as Progress from "./Progress.ts"
import * as Quorum from "./Quorum.ts"
import * as Roles from "./Roles.ts"
import * as Sizes from "./Sizes.ts"
import * as SnapshotSending from "./SnapshotSending.ts"
import { isLeader, type Leader, type State } from "./State.ts"

// ---- the follower's side ----

type Answer = Pick<AppendReply, "accepted" | "match" | "last" | "runs">

const answer = (
  state: State,
  { from, sequence }: AppendEntries | InstallSnapshot,
  reply: Answer,
  after: Durability.WriteId = 0
): Output => send(state, from, { _tag: "AppendReply", from: state.id, term: state.term, sequence, ...reply }, after)

/** Says that the logs agree up to `match`, once that is durable. */
export const accept = (state: State, message: AppendEntries | InstallSnapshot, match: Index): Output => {
  const reply: Answer = { accepted: true, match, last: match, runs: [] }
  return answer(state, message, reply, Durability.writeCovering(state.durability, match))
}

/** Refuses entries that have nothing to stand on, and shows where to look instead. */
const refuseEntries = (state: State, message: AppendEntries): Next => {
  const { index } = message.previous
  if (index <= state.commit) halt(`the leader of term ${message.term} contradicts what is committed at ${index}`)
  return next(state, answer(state, message, { accepted: false, match: index, ...Log.hint(state.log, index) }))
}

/**
 * The leader of this term speaks. Its entries are taken if they continue what this node holds (§3.5); what
 * contradicts them goes, and nothing else: a message that was overtaken by a longer one takes nothing away.
 */
export const onAppendEntries = (state: State, message: AppendEntries, received: Receive): Next => {
  const following = hear(Roles.follow(state, message.from), message)
  const { boundary } = following.log
  // What the boundary covers is committed, and so agrees: only what is above it needs a look.
  const fits = message.previous.index < boundary.index || Log.holds(following.log, message.previous)
  if (!fits) return refuseEntries(following, message)
  const agreed = Math.max(message.last, boundary.index)
  const first = Log.divergence(following.log, boundary.index, message.last, message.runs)
  if (first > message.last) return acknowledge(Commit.learn(following, message.commit, agreed), message, agreed)
  const [appended, written] = overwrite(following, message, first, received)
  const [after, replies] = acknowledge(Commit.learn(appended, message.commit, agreed), message, agreed)
  return next(after, written, ...replies)
}

/** What the leader says is committed counts for how fresh this node is, once it has applied that. */
const hear = (state: State, { commit, term }: AppendEntries): State =>
  state.applied < state.tidings.commit ? state : { ...state, tidings: { term, commit, at: state.now } }

/**
 * Says how far the logs agree once that is durable. A heartbeat is answered at once, with what is durable
 * already: it asks whether this node still follows, and a slow disk must not delay that.
 */
const acknowledge = (state: State, message: AppendEntries, agreed: Index): Next => {
  const isHeartbeat = message.last === message.previous.index
  const match = isHeartbeat ? Math.min(agreed, state.durability.durable) : agreed
  return next(state, accept(state, message, match))
}

/** Puts the leader's entries from `first` on in the place of whatever stands there. */
const overwrite = (state: State, message: AppendEntries, first: Index, { batch, bytes = 0 }: Receive) => {
  if (first <= state.commit) halt(`the leader of term ${message.term} contradicts what is committed at ${first}`)
  const conflicts = first <= state.log.last
  const kept = conflicts ? Log.truncateAfter(state.log, first - 1) : state.log
  const runs = Log.sliceRuns(message.runs, first, message.last)
  const memberships = message.memberships.filter(({ index }) => index >= first)
  const share = bytes * (message.last - first + 1) / (message.last - message.previous.index)
  const extended = { ...state, log: Log.append(kept, runs, message.last, memberships, share) }
  const append = { from: first, to: message.last, runs, batch, memberships }
  return write(extended, conflicts ? { truncateAfter: first - 1, append } : { append })
}

// ---- the leader's side ----

/** What a leader adds to its log: commands, the entry that opens its term, or a membership. */
export interface Addition {
  readonly count: number
  readonly batch?: number
  readonly bytes?: number
  readonly membership?: Membership.Membership
  /** The term and the vote are as new as the entry, and go with it. */
  readonly hardState?: true
}

/** Adds entries of this term to the leader's own log, without waiting for its disk. */
export const append = (
  state: State<Leader>,
  { batch, bytes, count, hardState, membership }: Addition
): readonly [State<Leader>, Output] => {
  const from = state.log.last + 1
  const to = state.log.last + count
  const runs = [{ start: from, term: state.term }]
  const memberships = membership === undefined ? noMemberships : [{ index: from, membership }]
  const extended = { ...state, log: Log.append(state.log, runs, to, memberships, bytes) }
  return write(extended, { append: { from, to, runs, batch, memberships }, ...(hardState && { hardState }) })
}

const noMemberships: ReadonlyArray<Log.MembershipEntry> = []

/** Gives commands a place in the log, unless too many are on their way already. */
export const onPropose = (state: State<Leader>, { batch, bytes = 0, count }: Propose): Next => {
  if (isFull(state, count, bytes) || isHandingOver(state)) {
    return next(state, { _tag: "Refused", batch, reason: "Busy" })
  }
  const [appended, written] = append(state, { count, batch, bytes })
  const waiter = { batch, from: state.log.last + 1, to: appended.log.last, term: state.term }
  return next({ ...appended, waiters: [...state.waiters, waiter] }, { _tag: "Accepted", ...waiter }, written)
}

/** Whether more would be under way than the bounds allow. One batch alone is taken whatever its size. */
const isFull = ({ applied, log, settings }: State, count: number, bytes: number): boolean => {
  const { maxBytesOutstanding, maxEntriesOutstanding } = settings
  if (log.last - applied + count > maxEntriesOutstanding) return true
  const outstanding = Sizes.between(log.sizes, applied, log.last)
  return outstanding > 0 && outstanding + bytes > maxBytesOutstanding
}

/** Once the successor is nearly there, the log must stand still for it to arrive (§3.10). */
const isHandingOver = ({ log, role, settings, transfer }: State<Leader>): boolean => {
  if (transfer === undefined) return false
  const match = role.progress.find((each) => each.id === transfer.to)?.match ?? 0
  return transfer.isAsked || log.last - match <= settings.maxEntriesPerMessage
}

/** Who does not lead takes no commands: they did not happen. */
export const refuseProposal = (state: State, { batch }: Propose): Next =>
  next(state, { _tag: "Refused", batch, reason: "NotLeader" })

/** Any answer of this term shows that the member still follows; what it says of its log may be old. */
export const onAppendReply = (state: State<Leader>, reply: AppendReply): Next => {
  // Neither a log longer than ours nor a round not yet begun can be spoken of truthfully.
  if (reply.sequence > state.role.sequence || (reply.accepted && reply.match > state.log.last)) return next(state)
  return next(Roles.updateMember(state, reply.from, (progress) => {
    const heard = { ...progress, heardAt: state.now, acknowledged: Math.max(progress.acknowledged, reply.sequence) }
    return reply.accepted ? advanceProgress(state, heard, reply.match) : retreat(state, heard, reply)
  }))
}

/** The member's log agrees up to `match`: send on from there, ahead of its answers. */
const advanceProgress = ({ log }: State, progress: Progress.Progress, match: Index): Progress.Progress => {
  const known = { ...progress, match: Math.max(progress.match, match), next: Math.max(progress.next, match + 1) }
  // A member that agrees so far and no further still needs the snapshot.
  if (progress.mode === "snapshot" && match < log.boundary.index) return known
  return { ...known, mode: "replicate", waiting: false, sending: undefined }
}

/** The member lacks what came before: look where its log and ours part. An old refusal changes nothing. */
const retreat = (state: State, progress: Progress.Progress, reply: AppendReply): Progress.Progress => {
  const isOld = progress.mode === "probe" ? reply.match !== progress.next - 1 : reply.match >= progress.next
  if (isOld || reply.match <= progress.match || progress.mode === "snapshot") return progress
  const refused = { index: reply.match, at: state.now }
  return Progress.probe(
    { ...progress, refused },
    Math.max(1, Log.agreement(state.log, Math.min(reply.last, reply.match - 1), reply.runs) + 1)
  )
}

/** What was not sent is not on its way: wait for the next heartbeat, then go on from there. */
export const onUnsent = (state: State<Leader>, { from, to }: Unsent): Next =>
  next(
    Roles.updateMember(state, to, (progress) =>
      from >= progress.next || progress.mode === "snapshot"
        ? progress
        : { ...Progress.probe(progress, from), waiting: true })
  )

/** A leader that has heard from no majority for an election timeout cannot commit and must not be believed (§6.2). */
export const quorumDeadline = (state: State<Leader>): number =>
  state.settings.electionTimeout
  + Quorum.reachedByOthers(state, state.now, (progress) => progress?.heardAt ?? state.now)

/** Begins a round of asking: what answers it was sent no earlier than now. */
export const beginRound = (state: State<Leader>): State<Leader> => {
  const sequence = state.role.sequence + 1
  const rounds = [...state.role.rounds, { sequence, at: state.now }]
  return { ...state, role: { ...state.role, sequence, rounds } }
}

/** Steps down without a majority; otherwise begins a new round when a heartbeat is due. */
export const onTimer = (state: State<Leader>): Next => {
  if (state.now >= quorumDeadline(state)) return Roles.stepDown(state)
  if (state.now < state.role.heartbeatDeadline) return next(state)
  const heartbeatDeadline = state.now + state.settings.heartbeatInterval
  const asking = beginRound(state)
  return next({ ...asking, role: { ...asking.role, heartbeatDeadline } })
}

// ---- what is sent ----

/** Sends each member what it has not been sent: entries within its window, else a newer round or commit index. */
export const flush = (state: State): Next => {
  if (!isLeader(state)) return next(state)
  const outputs: Array<Output> = []
  const progress = state.role.progress.map((each) => advanceMember(state, each, outputs))
  return outputs.length === 0 ? next(state) : next({ ...state, role: { ...state.role, progress } }, ...outputs)
}

/**
 * How far the log goes for a member. Who never stands for election is sent only what is on the disk of a voter who does:
 * it would refuse whoever has less, and nobody might be left who has as much.
 */
const reachOf = (state: State<Leader>, id: NodeId): Index => {
  const { durability, log, role } = state
  const membership = Log.membership(log)
  if (Membership.mayLead(membership, id)) return log.last
  const leading = membership.voters.filter((voter) => Membership.mayLead(membership, voter))
  return Math.max(
    0,
    ...leading.map((voter) =>
      voter === state.id ? durability.durable : role.progress.find((each) => each.id === voter)?.match ?? 0
    )
  )
}

const advanceMember = (
  state: State<Leader>,
  progress: Progress.Progress,
  outputs: Array<Output>
): Progress.Progress => {
  if (SnapshotSending.isNeeded(state, progress)) return SnapshotSending.advance(state, progress, outputs)
  const { maxBytesInFlight, maxEntriesInFlight, maxEntriesPerMessage } = state.settings
  let current = progress
  const { sizes } = state.log
  const last = reachOf(state, current.id)
  const window = Sizes.within(
    sizes,
    current.match,
    Math.min(last, current.match + maxEntriesInFlight),
    maxBytesInFlight
  )
  while (current.next <= window && !current.waiting) {
    current = entries(state, current, Math.min(window, current.next + maxEntriesPerMessage - 1), outputs)
  }
  const news = current.told < state.role.sequence ||
    (!current.waiting && current.toldCommit < Math.min(state.commit, current.next - 1))
  return news ? entries(state, current, current.next - 1, outputs) : current
}

/** One message: the entries from the member's `next` up to `last`, possibly none. */
const entries = (
  state: State<Leader>,
  progress: Progress.Progress,
  last: Index,
  outputs: Array<Output>
): Progress.Progress => {
  const index = progress.next - 1
  const term = Log.termAt(state.log, index)
  if (typeof term !== "number") return halt(`nothing is known of entry ${index}, which ${progress.id} needs`)
  outputs.push(send(state, progress.id, {
    _tag: "AppendEntries",
    from: state.id,
    term: state.term,
    previous: { term, index },
    last,
    runs: Log.runsBetween(state.log, index + 1, last),
    memberships: Log.membershipsBetween(state.log, index + 1, last),
    commit: state.commit,
    sequence: state.role.sequence
  }))
  const probing = progress.mode === "probe"
  return {
    ...progress,
    next: probing ? progress.next : last + 1,
    waiting: probing,
    told: state.role.sequence,
    toldCommit: Math.min(state.commit, last)
  }
}
