/**
 * What must hold while the membership changes, whoever leads and whatever is lost (chapter 4).
 *
 * Majorities are counted here once more and in another way than the engine counts them, by trying every set of
 * voters: a mistake in the engine's own counting must not hide itself.
 */
import { type Input, Log, LogPosition, Membership, type Output, type State } from "effect-raft/engine"
import * as Disk from "./Disk.ts"
import { hold } from "./Sentence.ts"

/** What an operator asked for, of whom. */
export type Request = (Input.ChangeMembership | Input.TransferLeadership | Input.ForceMembership) & {
  readonly of: LogPosition.NodeId
}

/** What was asked and not answered, and what was found out about majorities. */
export interface Changes {
  readonly open: Map<State.Handle, Request>
  /** Answers that were given, by what they were. */
  readonly answers: Map<Output.Output["_tag"], number>
  readonly meeting: Map<string, boolean>
  /** Disks that came in the place of others, which had promised something. */
  readonly forgetful: Set<number>
}

export const make = (): Changes => ({ open: new Map(), answers: new Map(), meeting: new Map(), forgetful: new Set() })

/** The same, to go on in another way. What was found out about majorities stays true. */
export const copy = ({ answers, forgetful, meeting, open }: Changes): Changes => ({
  open: new Map(open),
  answers: new Map(answers),
  meeting,
  forgetful: new Set(forgetful)
})

const isMost = (voters: ReadonlyArray<LogPosition.NodeId>, ids: ReadonlyArray<LogPosition.NodeId>): boolean =>
  2 * voters.filter((id) => ids.includes(id)).length > voters.length

/** Whether these nodes can decide: most of the voters, and of the outgoing ones too if there are any. */
export const canDecide = (
  { outgoing, voters }: Membership.Membership,
  ids: ReadonlyArray<LogPosition.NodeId>
): boolean => isMost(voters, ids) && (outgoing.length === 0 || isMost(outgoing, ids))

/** Whether no two groups without a common node can decide, one under each membership. */
const mustMeet = (before: Membership.Membership, after: Membership.Membership): boolean => {
  const all = [...new Set([before, after].flatMap(({ outgoing, voters }) => [...voters, ...outgoing]))]
  for (let choice = 0; choice < 2 ** all.length; choice++) {
    const ids = all.filter((_, place) => (choice & (1 << place)) !== 0)
    if (canDecide(before, ids) && canDecide(after, all.filter((id) => !ids.includes(id)))) return false
  }
  return true
}

const votersOf = ({ outgoing, voters }: Membership.Membership): string => `${outgoing.join(",")}&${voters.join(",")}`

/** A node's log with contents, its own picture of it, and how far anything is committed anywhere. */
export interface Held {
  readonly id: LogPosition.NodeId
  readonly state: State.State
  readonly entries: ReadonlyArray<Disk.Entry>
  readonly founding: Membership.Membership
}

/** Whether nobody agreed to the entry but an operator. */
const isForced = (entries: ReadonlyArray<Disk.Entry>, index: LogPosition.Index): boolean =>
  LogPosition.epochOf(entries[index - 2]?.term ?? 0) < LogPosition.epochOf(entries[index - 1]?.term ?? 0)

/** The memberships in a node's log: the ones it believes in, few uncommitted, and each follows from the one before. */
export const checkLog = ({ meeting }: Changes, { entries, founding, id, state }: Held, committed: number): void => {
  const held = Disk.memberships(entries)
  const believed = state.log.memberships
  // What lies below is in a snapshot.
  const above = held.filter(({ index }) => index > state.log.boundary.index)
  const isSame = above.length === believed.length
    && above.every(({ index, membership }, place) =>
      believed[place]?.index === index && believed[place].membership === membership
    )
  hold("the membership of a node is the last in its log", isSame, () => id)
  const open = held.filter(({ index }) => index > committed)
  hold("one change of membership is under way at a time", open.length <= 1, () => `${id} has ${open.length}`)
  for (const [place, { index, membership }] of held.entries()) {
    const before = held[place - 1]?.membership ?? founding
    if (before.voters.length === 0 || isForced(entries, index)) continue
    const key = `${votersOf(before)}→${votersOf(membership)}`
    const meets = meeting.get(key) ?? mustMeet(before, membership)
    meeting.set(key, meets)
    hold("majorities of a membership and the next have a node in common", meets, () => `${key} at ${index} on ${id}`)
  }
}

/** An operator asks. */
export const asked = ({ open }: Changes, of: LogPosition.NodeId, input: Input.Input): void => {
  const isRequest = input._tag === "ChangeMembership" || input._tag === "TransferLeadership"
    || input._tag === "ForceMembership"
  if (isRequest) open.set(input.request, { ...input, of })
}

/** Nobody waits any longer for what a dead node was asked. */
export const died = ({ open }: Changes, of: LogPosition.NodeId): void => {
  for (const [request, each] of open) if (each.of === of) open.delete(request)
}

/** Whether the membership is one that the change leads to. */
const isAchieved = (change: Membership.Change, { members, outgoing, voters }: Membership.Membership): boolean => {
  const isMember = (id: string) => members.some((member) => member.id === id)
  if (outgoing.length > 0) return false
  switch (change._tag) {
    case "AddVoter":
      return voters.includes(change.member.id)
    case "AddLearner":
      return isMember(change.member.id)
    case "Promote":
      return voters.includes(change.id)
    case "Demote":
      return isMember(change.id) && !voters.includes(change.id)
    case "Remove":
      return !isMember(change.id)
    case "Replace":
      return [...change.voters].sort().join() === voters.join()
  }
}

type Answer = Exclude<Extract<Output.Output, { readonly request: State.Handle }>, Output.SnapshotDone>

/** Whoever acts for nobody has nobody to answer to: a leader that evades its own disk asks itself. */
const nobody = 0

/** An operator is answered: once, and truthfully. */
export const answered = (
  changes: Changes,
  answer: Answer,
  committed: ReadonlyArray<Disk.Entry>,
  leader: LogPosition.NodeId | undefined
): void => {
  if (answer.request === nobody) return
  const request = changes.open.get(answer.request)
  hold("a request has one answer", changes.open.delete(answer.request), () => `#${answer.request}`)
  changes.answers.set(answer._tag, (changes.answers.get(answer._tag) ?? 0) + 1)
  if (answer._tag === "ChangeDone" && request?._tag === "ChangeMembership") {
    const membership = committed[answer.index - 1]?.membership
    const isTrue = membership !== undefined && isAchieved(request.change, membership)
    hold("a change that is done is committed, and nothing of it is left to do", isTrue, () => `#${answer.request}`)
  }
  if (answer._tag === "TransferDone") {
    hold("whom a transfer names leads", leader === answer.leader, () => `${answer.leader}, and ${leader} leads`)
  }
}

/** What a node has been told by another, and counts. */
const creditOf = ({ role }: State.State, id: LogPosition.NodeId): string => {
  if (role._tag === "Follower") return ""
  if (role._tag !== "Leader") return `${role.granted.includes(id)}`
  const progress = role.progress.find((each) => each.id === id)
  return `${progress?.match} ${progress?.acknowledged} ${progress?.heardAt}`
}

/** A disk that has forgotten what it promised counts for nothing with whoever knows which disk is meant. */
export const checkStrangers = (
  { forgetful }: Changes,
  before: State.State,
  inputs: ReadonlyArray<Input.Input>,
  after: State.State
): void => {
  for (const input of inputs) {
    if (input._tag !== "Receive" || input.incarnation === undefined || !forgetful.has(input.incarnation)) continue
    const { from } = input.message
    const known = Membership.find(Log.membership(before.log), from)?.incarnation
    const isOne = inputs.every((each) =>
      each === input || each._tag !== "Receive" || each.message.from !== from || each.incarnation === input.incarnation
    )
    const isSameRole = before.role._tag === after.role._tag && before.term === after.term
      && Log.membershipIndex(before.log) === Log.membershipIndex(after.log)
    if (known === undefined || known === input.incarnation || !isOne || !isSameRole) continue
    const counts = creditOf(before, from) !== creditOf(after, from)
    hold("a disk that has forgotten counts for nothing", !counts, () => `${from} on ${after.id}`)
  }
}
