/**
 * Engines with one mistake each, of the kind that others shipped or that is easily made.
 *
 * Each is the shipped reducer with something done before it or after it. A checker that does not notice them would
 * notice nothing; the configuration named with each is the one in which it must.
 */
import type { Reduce } from "@effect-raft/testing/EngineCluster"
import type { Configuration } from "@effect-raft/testing/ModelCheck"
import * as Configurations from "@effect-raft/testing/ModelConfigurations"
import { Engine, type Input, Log, Membership, type Message, Next, type Output, Quorum, State } from "effect-raft/engine"

type Inputs = ReadonlyArray<Input.Input>

export interface Broken {
  readonly mistake: string
  readonly reduce: Reduce
  /** Where it shows. */
  readonly where: Configuration
  /** What the checker says. */
  readonly sentence: RegExp
}

type Tagged<U extends { readonly _tag: string }, T extends U["_tag"]> = Extract<U, { readonly _tag: T }>

/** What arrived of this kind, if anything did. */
const heard = <T extends Message.Message["_tag"]>(inputs: Inputs, tag: T): Tagged<Message.Message, T> | undefined => {
  const isOne = (message: Message.Message): message is Tagged<Message.Message, T> => message._tag === tag
  return inputs.flatMap((input) => input._tag === "Receive" && isOne(input.message) ? [input.message] : [])[0]
}

/** The inputs, with messages changed before the engine hears them. */
const rewritten = (inputs: Inputs, change: (message: Message.Message) => Message.Message): Inputs =>
  inputs.map((input) => input._tag === "Receive" ? { ...input, message: change(input.message) } : input)

/** What the engine asks for, changed. */
const asking = (change: (output: Output.Output, state: State.State) => Output.Output): Reduce => (state, inputs) => {
  const [after, outputs] = Engine.stepAll(state, inputs)
  return [after, outputs.map((output) => change(output, after))]
}

const votesTwice: Reduce = (state, inputs) => {
  const request = heard(inputs, "RequestVote")
  const forgets = request?.term === state.term && state.role._tag === "Follower"
  return Engine.stepAll(forgets ? { ...state, votedFor: undefined, leader: undefined } : state, inputs)
}

/** The write that carries a vote is made without it. */
const forgetsVotes = asking((output) =>
  output._tag === "Write" && output.hardState?.votedFor !== undefined && output.append === undefined
    ? { ...output, hardState: { ...output.hardState, votedFor: undefined } }
    : output
)

const answersBeforeTheDisk = asking((output) =>
  output._tag === "Send" && output.message._tag === "AppendReply" ? { ...output, after: 0 } : output
)

const votesBeforeTheDisk = asking((output) =>
  output._tag === "Send" && output.message._tag === "VoteReply" ? { ...output, after: 0 } : output
)

const longerLogWins: Reduce = (state, inputs) =>
  Engine.stepAll(
    state,
    rewritten(inputs, (message) => {
      if (message._tag !== "RequestVote" && message._tag !== "RequestPreVote") return message
      const own = Log.lastPosition(state.log)
      const term = message.last.index >= own.index ? Math.max(own.term, message.last.term) : 0
      return { ...message, last: { index: message.last.index, term } }
    })
  )

const countsOldVotes: Reduce = (state, inputs) =>
  Engine.stepAll(
    state,
    rewritten(inputs, (message) =>
      message._tag === "VoteReply" && state.role._tag === "Candidate" && message.term < state.term
        ? { ...message, term: state.term }
        : message)
  )

/** What a leader takes for committed, by another rule. */
const committing = (rule: (state: State.State<State.Leader>) => number): Reduce => (state, inputs) => {
  const next = Engine.stepAll(state, inputs)
  const [after, outputs] = next
  if (!State.isLeader(after)) return next
  const commit = rule(after)
  return commit > after.commit ? [{ ...after, commit }, outputs] : next
}

const matchOf = (progress: { readonly match: number } | undefined): number => progress?.match ?? 0

const commitsAlone = committing(({ durability }) => durability.durable)

const commitsOlderTerms = committing((state) => Quorum.reachedByOthers(state, state.durability.durable, matchOf))

const countsWhatIsNotDurable = committing((state) => {
  const held = Quorum.reachedByOthers(state, state.log.last, matchOf)
  return held >= state.role.since ? held : 0
})

/** A follower takes for committed what its leader says, whether or not their logs agree that far. */
const commitsBeyondAgreement: Reduce = (state, inputs) => {
  const [after, outputs] = Engine.stepAll(state, inputs)
  const message = heard(inputs, "AppendEntries")
  if (message === undefined || State.isLeader(after) || message.term !== after.term) return [after, outputs]
  const commit = Math.max(after.commit, Math.min(message.commit, after.log.last))
  return commit === after.commit ? [after, outputs] : [{ ...after, commit }, outputs]
}

const answersForItsWholeLog = asking((output, { durability: { durable } }) =>
  output._tag === "Send" && output.message._tag === "AppendReply" && output.message.accepted
    ? { ...output, message: { ...output.message, match: Math.max(output.message.match, durable) } }
    : output
)

/** A message that was overtaken by a longer one takes away what that one brought. */
const truncatesWhatIsLonger: Reduce = (state, inputs) => {
  const [after, outputs] = Engine.stepAll(state, inputs)
  const message = heard(inputs, "AppendEntries")
  const takes = message !== undefined && message.term === after.term && message.last > message.previous.index
    && Log.holds(after.log, message.previous) && message.last < after.log.last
  if (!takes) return [after, outputs]
  const shorter = { ...after, log: Log.truncateAfter(after.log, message.last) }
  const [written, write] = Next.write(shorter, { truncateAfter: message.last })
  return [written, [...outputs, write]]
}

/** Answers what clients ask for, before the engine does. */
const answering = (
  isAnswered: (state: State.State<State.Leader>, read: Input.Read) => boolean
): Reduce =>
(state, inputs) => {
  const reads = inputs.filter((input): input is Input.Read => input._tag === "Read")
  if (!State.isLeader(state) || reads.length === 0) return Engine.stepAll(state, inputs)
  const answered = reads.filter((read) => isAnswered(state, read))
  const [after, outputs] = Engine.stepAll(
    state,
    inputs.filter((input) => !answered.some((read) => read === input))
  )
  const answers = answered.map(({ read }): Output.Output => ({
    _tag: "ReadReady",
    read,
    index: state.commit,
    validUntil: Number.POSITIVE_INFINITY
  }))
  return [after, [...outputs, ...answers]]
}

const readsWithoutAsking = answering(() => true)

const leasesForEver = answering((_, { isLease }) => isLease)

/** The lease counts from the answer, not from when was asked. */
const leasesFromTheAnswer = answering((state, { isLease, now }) => {
  const heardAt = Quorum.reachedByOthers(state, now, (progress) => progress?.heardAt ?? Number.NEGATIVE_INFINITY)
  return isLease && state.commit >= state.role.since && state.transfer === undefined
    && now < heardAt + state.settings.electionTimeout * 0.9
})

const leasesDuringTransfers: Reduce = (state, inputs) => {
  const isLease = inputs.some((input) => input._tag === "Read" && input.isLease)
  if (!isLease || !State.isLeader(state) || state.transfer === undefined) return Engine.stepAll(state, inputs)
  const { transfer } = state
  const lease = { ...state.role.lease, index: 0 }
  const [after, outputs] = Engine.stepAll({ ...state, transfer: undefined, role: { ...state.role, lease } }, inputs)
  return [{ ...after, transfer }, outputs]
}

/** The new membership alone is in force, without a time in which both are. */
const changesInOneStep: Reduce = (state, inputs) => {
  const [after, outputs] = Engine.stepAll(state, inputs)
  const begun = outputs.flatMap((output) => output._tag === "Write" ? output.append?.memberships ?? [] : [])
    .find(({ membership }) => Membership.isJoint(membership))
  if (begun === undefined || !State.isLeader(after)) return [after, outputs]
  const alone = { index: begun.index, membership: Membership.leave(begun.membership) }
  const without = (entries: ReadonlyArray<Log.MembershipEntry>) =>
    entries.map((entry) => entry === begun ? alone : entry)
  const changed = outputs.map((output): Output.Output => {
    if (output._tag === "Write" && output.append !== undefined) {
      return { ...output, append: { ...output.append, memberships: without(output.append.memberships) } }
    }
    return output._tag === "Send" && output.message._tag === "AppendEntries"
      ? { ...output, message: { ...output.message, memberships: without(output.message.memberships) } }
      : output
  })
  return [{ ...after, log: { ...after.log, memberships: without(after.log.memberships) } }, changed]
}

/** A snapshot takes the place of a log that holds more, of which some is committed. */
const installsOldSnapshots: Reduce = (state, inputs) => {
  const [after, outputs] = Engine.stepAll(state, inputs)
  const message = heard(inputs, "InstallSnapshot")
  const isWhole = message !== undefined && message.offset + message.length === message.snapshot.size
  if (!isWhole || message.snapshot.index > state.commit || message.term !== after.term) return [after, outputs]
  const { snapshot } = message
  const { index, membership, term } = snapshot
  const boundary = { index, membership, term }
  const log = Log.beginAt(Log.truncateAfter(after.log, index), boundary)
  const reset = { ...after, log, snapshot, commit: index, handed: index, applied: index }
  const [written, write] = Next.write(reset, { truncateAfter: index, boundary })
  return [written, [...outputs, write]]
}

const restoresBeforeTheDisk = asking((output) => output._tag === "RestoreSnapshot" ? { ...output, after: 0 } : output)

const storesBeforeTheDisk = asking((output, { durability: { hardStateWrite, persisted } }) =>
  output._tag === "Send" && output.message._tag === "SnapshotReply"
    ? {
      ...output,
      after: hardStateWrite > persisted ? hardStateWrite : 0,
      message: { ...output.message, stored: output.message.received }
    }
    : output
)

const appliesWhatIsNotCommitted: Reduce = (state, inputs) => {
  const [after, outputs] = Engine.stepAll(state, inputs)
  const to = after.durability.durable
  if (to <= after.handed || !State.isLeader(after)) return [after, outputs]
  return [{ ...after, handed: to }, [...outputs, { _tag: "Apply", from: after.handed + 1, to }]]
}

/** Another's entry stands where a proposal was to stand, and it is told that it happened. */
const resolvesByIndexAlone = asking((output) => output._tag === "Superseded" ? { ...output, _tag: "Resolved" } : output)

/** Whoever has voted waits for ever for the one it voted for. */
const waitsForItsFavourite: Reduce = (state, inputs) =>
  Engine.stepAll(
    state,
    inputs.filter(({ _tag }) => _tag !== "Timer" || state.role._tag === "Leader" || state.votedFor === undefined)
  )

/** A leader that is refused does not look for the place where the logs part. */
const ignoresRefusals: Reduce = (state, inputs) =>
  Engine.stepAll(
    state,
    inputs.filter((input) =>
      input._tag !== "Receive" || input.message._tag !== "AppendReply" || input.message.accepted ||
      input.message.term > state.term
    )
  )

export const engines: ReadonlyArray<Broken> = [
  { mistake: "votes twice in a term", reduce: votesTwice, where: Configurations.election, sentence: /vote|one leader/ },
  { mistake: "forgets its vote", reduce: forgetsVotes, where: Configurations.electionWithCrashes, sentence: /vote/ },
  {
    mistake: "votes before its disk has",
    reduce: votesBeforeTheDisk,
    where: Configurations.electionOnSlowDisks,
    sentence: /vote|undo/
  },
  {
    mistake: "counts votes of older terms",
    reduce: countsOldVotes,
    where: Configurations.candidates,
    sentence: /one leader|share a position/
  },
  {
    mistake: "lets the longer log win",
    reduce: longerLogWins,
    where: Configurations.longerLogs,
    sentence: /committed/
  },
  {
    mistake: "acknowledges before its disk has it",
    reduce: answersBeforeTheDisk,
    where: Configurations.pair,
    sentence: /acknowledged/
  },
  { mistake: "commits what it alone has", reduce: commitsAlone, where: Configurations.pair, sentence: /majority/ },
  {
    mistake: "commits entries of older terms by counting",
    reduce: commitsOlderTerms,
    where: Configurations.olderTerms,
    sentence: /committed/
  },
  {
    mistake: "counts what is not on its own disk",
    reduce: countsWhatIsNotDurable,
    where: Configurations.durability,
    sentence: /majority/
  },
  {
    mistake: "commits beyond where the logs agree",
    reduce: commitsBeyondAgreement,
    where: Configurations.divergence,
    sentence: /commit/
  },
  {
    mistake: "acknowledges all of its log",
    reduce: answersForItsWholeLog,
    where: Configurations.divergence,
    sentence: /what the leader has/
  },
  {
    mistake: "truncates what an overtaken message does not have",
    reduce: truncatesWhatIsLonger,
    where: Configurations.replicationInDisorder,
    sentence: /committed|majority/
  },
  {
    mistake: "reads without asking anyone",
    reduce: readsWithoutAsking,
    where: Configurations.reads,
    sentence: /a read sees/
  },
  {
    mistake: "has a lease that never ends",
    reduce: leasesForEver,
    where: Configurations.leases,
    sentence: /a read sees/
  },
  {
    mistake: "has a lease from the answer on",
    reduce: leasesFromTheAnswer,
    where: Configurations.leases,
    sentence: /a read sees/
  },
  {
    mistake: "keeps its lease while it hands over",
    reduce: leasesDuringTransfers,
    where: Configurations.leasesInTransfers,
    sentence: /a read sees/
  },
  {
    mistake: "changes the voters in one step",
    reduce: changesInOneStep,
    where: Configurations.replacement,
    sentence: /have a node in common/
  },
  {
    mistake: "installs a snapshot below what is committed",
    reduce: installsOldSnapshots,
    where: Configurations.snapshotsInDisorder,
    sentence: /set back|committed/
  },
  {
    mistake: "restores a snapshot before its disk has it",
    reduce: restoresBeforeTheDisk,
    where: Configurations.snapshotsOnSlowDisks,
    sentence: /restore/
  },
  {
    mistake: "says that a snapshot is stored before it is",
    reduce: storesBeforeTheDisk,
    where: Configurations.snapshotsOnSlowDisks,
    sentence: /stored/
  },
  {
    mistake: "applies what is not committed",
    reduce: appliesWhatIsNotCommitted,
    where: Configurations.pair,
    sentence: /(apply|hold) what is committed/
  },
  {
    mistake: "answers a proposal for another's entry",
    reduce: resolvesByIndexAlone,
    where: Configurations.replication,
    sentence: /resolved is committed/
  },
  {
    mistake: "waits for whom it voted for",
    reduce: waitsForItsFavourite,
    where: Configurations.election,
    sentence: /after all has healed/
  },
  {
    mistake: "never looks where the logs part",
    reduce: ignoresRefusals,
    where: Configurations.olderTerms,
    sentence: /after all has healed/
  }
]
