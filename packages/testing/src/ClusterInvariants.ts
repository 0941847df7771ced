/**
 * What must hold between nodes, whatever happens to them: the properties of figure 3.2, and what is promised
 * to clients.
 *
 * The engine's own invariants see one node and believe its picture of the disk. These see all nodes, the
 * contents of entries, and what the disks really hold; and they remember, because "every later leader" and
 * "acknowledged before" are sentences about history. Whoever runs a cluster (a script, a simulation, a model
 * checker) tells them what happened; the first sentence that does not hold is thrown.
 */
import type { Input, Membership, Message, Output, State } from "effect-raft/engine"
import { Log, LogPosition } from "effect-raft/engine"
import type { History } from "./ClusterHistory.ts"
import { type Entry, isSame as same, type Stored, withheld } from "./Disk.ts"
import * as MembershipInvariants from "./MembershipInvariants.ts"
import { hold } from "./Sentence.ts"
import * as SnapshotInvariants from "./SnapshotInvariants.ts"

export { copy, type History, make } from "./ClusterHistory.ts"

/** One node, seen from outside. */
export interface Observed {
  readonly id: LogPosition.NodeId
  readonly isUp: boolean
  readonly state: State.State
  /** The log as the node accepted it, with contents. */
  readonly entries: ReadonlyArray<Entry>
  /** What a crash would leave. */
  readonly stored: Stored
  /** What the state machine holds, where that is known. */
  readonly contents?: ReadonlyArray<Entry> | undefined
}

/** The name of a proposed command: its batch and its place in it. */
export const contentOf = (batch: State.Handle, place: number): string => `#${batch}.${place}`

const epochOf = ({ state: { log } }: Observed): number => LogPosition.epochOf(Log.lastTerm(log))

/** A log reaches a new epoch: what is committed from now on goes on from there, whatever else had been. */
const turnPage = (history: History, node: Observed): void => {
  const epoch = epochOf(node)
  if (epoch <= history.epoch) return
  const { committed, counted } = history
  history.past.push({ epoch: history.epoch, committed, counted })
  const parting = committed.findIndex((entry, place) => !same(entry, node.entries[place]))
  history.epoch = epoch
  const kept = parting === -1 ? committed.length : parting
  history.committed = committed.slice(0, kept)
  history.committedIn = history.committedIn.slice(0, kept)
  history.counted = undefined
}

/** What a node may take for committed: what was, in the epoch that its log reaches. */
const committedFor = ({ committed, epoch, past }: History, node: Observed): Array<Entry> =>
  epochOf(node) === epoch ? committed : past.find((chapter) => chapter.epoch === epochOf(node))?.committed ?? committed

/** A position names one entry and, through the term before it, the whole log up to it (§3.5). */
const checkMatching = (history: History, { entries, id, state }: Observed): void => {
  hold("a node's picture of its log is its log", entries.length === state.log.last, () => id)
  for (const [place, { content, term }] of entries.entries()) {
    const position = `${place + 1}@${term}`
    const termBefore = entries[place - 1]?.term ?? 0
    const known = history.places.get(position)
    if (known === undefined || known.content === withheld) history.places.set(position, { content, termBefore })
    if (known !== undefined) {
      const matches = same({ term, content: known.content }, { term, content }) && known.termBefore === termBefore
      hold("logs that share a position share everything up to it", matches, () => `${position} on ${id}`)
    }
    // What a snapshot stands for is no longer in the picture.
    const seen = Log.termAt(state.log, place + 1)
    const isSeen = seen === term || (seen === "compacted" && place + 1 < state.log.boundary.index)
    hold("a node's picture of its log is its log", isSeen, () => `${position} on ${id}`)
  }
}

/** What a crash could take back must not be believed. */
const checkDurable = ({ entries, id, state, stored }: Observed): void => {
  for (let index = 1; index <= state.durability.durable; index++) {
    const held = same(entries[index - 1], stored.entries[index - 1])
    hold("what a node believes durable is on its disk", held, () => `${index} on ${id}`)
  }
}

const checkReign = (history: History, { entries, id, state }: Observed): void => {
  if (state.role._tag !== "Leader") return
  const reign = history.reigns.get(state.term)
  hold("a term has one leader", reign === undefined || reign.id === id, () => `${id} and ${reign?.id} in ${state.term}`)
  if (reign !== undefined) return
  history.reigns.set(state.term, { id, entries })
  if (LogPosition.epochOf(state.term) < history.epoch) return
  for (const [place, entry] of history.committed.entries()) {
    // A candidate whose votes were long under way may come to lead after a later leader has committed something: it
    // leads in name only, and need not hold that.
    const held = (history.committedIn[place] ?? 0) >= state.term || same(entries[place], entry)
    hold("a leader holds everything that was committed before", held, () => `${id} lacks ${place + 1}@${entry.term}`)
  }
}

const checkCommitted = (history: History, node: Observed): void => {
  const { entries, id, state } = node
  const committed = committedFor(history, node)
  for (let index = 1; index <= state.commit; index++) {
    const entry = entries[index - 1]
    if (entry === undefined) throw new Error(`${id} committed ${index}, past its log`)
    const known = committed[index - 1]
    if (known !== undefined) {
      hold("nodes commit the same entry at an index", same(known, entry), () => `${index}: ${id} has ${entry.content}`)
      continue
    }
    committed.push(entry)
    if (committed === history.committed) history.committedIn.push(state.term)
    const outcome = history.outcomes.get(entry.content)
    const mayCommit = outcome === undefined || outcome === "resolved" || outcome === "indeterminate"
    hold("what was refused or superseded is never committed", mayCommit, () => `${entry.content} at ${index}`)
    for (const [term, reign] of history.reigns) {
      const isEarlier = term <= state.term || LogPosition.epochOf(term) > epochOf(node)
      const holds = isEarlier || same(reign.entries[index - 1], entry)
      hold("every later leader holds what is committed", holds, () => `${reign.id} lacks ${index}@${entry.term}`)
    }
  }
}

/** Who was asked when a leader counted: what it put into its log in the same step came after, or is stricter. */
const askedBy = ({ state: { log } }: Observed, outputs: ReadonlyArray<Output.Output>): Membership.Membership => {
  const added = outputs.flatMap((output) => output._tag === "Write" ? output.append?.memberships ?? [] : [])
  return log.memberships.findLast((entry) => !added.includes(entry))?.membership ?? log.boundary.membership
}

/**
 * Once committed by counting, an entry is on the disks of a majority for good; of both, if two decided together. Whoever has
 * lost it and knows that its log had gone as far counts as one of them: it lets nobody lead who lacks it.
 */
const checkQuorum = (
  history: History,
  nodes: ReadonlyMap<LogPosition.NodeId, Observed>,
  of: Observed,
  outputs: ReadonlyArray<Output.Output>
): void => {
  if (epochOf(of) < history.epoch) return
  if (of.state.role._tag === "Leader" && of.state.commit > (history.counted?.index ?? 0)) {
    history.counted = { index: of.state.commit, membership: askedBy(of, outputs) }
  }
  if (history.counted === undefined) return
  const { index, membership } = history.counted
  const entry = history.committed[index - 1]
  const voters = [...new Set([...membership.voters, ...membership.outgoing])]
  if (entry === undefined || !voters.every((id) => nodes.has(id))) return
  const isHolder = (id: string) => {
    const { damaged, entries = [] } = nodes.get(id)?.stored ?? {}
    return history.wiped.has(id) || same(entries[index - 1], entry) || (damaged !== undefined && damaged.last >= index)
  }
  const holders = voters.filter(isHolder)
  const isSafe = MembershipInvariants.canDecide(membership, holders)
  hold("what is committed is on the disks of a majority", isSafe, () => `${index} is on ${holders.join(",")}`)
}

const outcomeOf = { Resolved: "resolved", Superseded: "superseded", Indeterminate: "indeterminate" } as const

const settleProposal = (
  history: History,
  committed: ReadonlyArray<Entry>,
  { _tag, batch, from, to }: Output.Resolved | Output.Superseded | Output.Indeterminate
): void => {
  const first = history.accepted.get(batch)?.from ?? from
  for (let index = from; index <= to; index++) {
    const content = contentOf(batch, index - first)
    hold("a proposal has one outcome", !history.outcomes.has(content), () => content)
    history.outcomes.set(content, outcomeOf[_tag])
    if (_tag === "Indeterminate") continue
    const isCommitted = committed[index - 1]?.content === content
    if (_tag === "Resolved") hold("what is resolved is committed", isCommitted, () => `${content} at ${index}`)
    else {
      const happened = committed.some((entry) => entry.content === content)
      hold("what is superseded did not happen", !happened, () => `${content} at ${index}`)
    }
  }
}

const checkOutput = (history: History, node: Observed, output: Output.Output): void => {
  const { entries, id, state, stored } = node
  switch (output._tag) {
    case "ChangeDone":
    case "ChangeRefused":
    case "ChangeUnknown":
    case "TransferDone":
    case "TransferFailed":
      return MembershipInvariants.answered(
        history.changes,
        output,
        committedFor(history, node),
        history.reigns.get(state.term)?.id
      )
    case "Accepted":
      history.accepted.set(output.batch, output)
      return
    case "Refused":
      history.outcomes.set(contentOf(output.batch, 0), "refused")
      return
    case "Resolved":
    case "Superseded":
    case "Indeterminate":
      return settleProposal(history, committedFor(history, node), output)
    case "ReadReady": {
      const floor = history.reads.get(output.read) ?? 0
      hold(
        "a read sees everything committed before it was asked",
        output.index >= floor,
        () => `#${output.read} on ${id}`
      )
      history.reads.delete(output.read)
      return
    }
    case "ReadFailed":
      hold("a read has one outcome", history.reads.delete(output.read), () => `#${output.read} on ${id}`)
      return
    case "Apply":
      for (let index = output.from; index <= output.to; index++) {
        const isSafe = same(committedFor(history, node)[index - 1], entries[index - 1])
        hold("state machines apply what is committed, and the same", isSafe, () => `${index} on ${id}`)
        hold(
          "what is applied is on the node's own disk",
          same(entries[index - 1], stored.entries[index - 1]),
          () => `${index} on ${id}`
        )
      }
      return
    case "SnapshotDone":
      return SnapshotInvariants.checkDone(history.snapshots, node, output)
  }
}

/** Someone asks a node; the answer must not be older than the question. */
export const asked = (history: History, of: LogPosition.NodeId, input: Input.Input): void => {
  if (input._tag === "Read") history.reads.set(input.read, history.committed.length)
  if (input._tag === "RequestSnapshot") history.snapshots.open.set(input.request, of)
  MembershipInvariants.asked(history.changes, of, input)
}

/** A node has died, and whoever waited for its answers knows it. */
export const died = (history: History, of: LogPosition.NodeId): void => {
  MembershipInvariants.died(history.changes, of)
  SnapshotInvariants.died(history.snapshots, of)
}

/** A node has lost its disk, and comes with another: it remembers nothing, and what it had promised is void. */
export const wiped = (history: History, of: LogPosition.NodeId, incarnation: number | undefined): void => {
  died(history, of)
  history.wiped.add(of)
  history.hardStates.delete(of)
  if (incarnation !== undefined) history.changes.forgetful.add(incarnation)
}

/** A node has taken a step, or has come into being: `outputs` is what it asked for. */
export const stepped = (
  history: History,
  nodes: ReadonlyMap<LogPosition.NodeId, Observed>,
  node: Observed,
  outputs: ReadonlyArray<Output.Output>
): void => {
  turnPage(history, node)
  checkMatching(history, node)
  checkDurable(node)
  checkReign(history, node)
  checkCommitted(history, node)
  const committed = committedFor(history, node)
  SnapshotInvariants.checkNode(history.snapshots, node, committed)
  const founding = node.stored.boundary === undefined ? node.stored.membership : history.snapshots.founding
  MembershipInvariants.checkLog(
    history.changes,
    { ...node, founding: founding ?? node.stored.membership },
    committed.length
  )
  checkQuorum(history, nodes, node, outputs)
  for (const output of outputs) checkOutput(history, node, output)
}

/** A disk has changed, or has come back after a crash. */
export const stored = (history: History, { id, stored: { hardState } }: Observed): void => {
  const before = history.hardStates.get(id) ?? { term: 0, votedFor: undefined }
  hold("a disk never forgets a term", hardState.term >= before.term, () => `${id}: ${before.term} to ${hardState.term}`)
  const keepsVote = hardState.term > before.term || before.votedFor === undefined ||
    hardState.votedFor === before.votedFor
  hold("a disk never forgets a vote", keepsVote, () => `${id} in term ${hardState.term}`)
  history.hardStates.set(id, hardState)
}

/** A message leaves: whatever it promises, a crash at this moment must not make it untrue. */
export const released = (
  history: History,
  { id, stored }: Observed,
  message: Message.Message,
  to: Observed | undefined
): void => {
  const { entries, hardState } = stored
  const remembers = hardState.term >= message.term
  hold("nothing is said in a term that a crash could undo", remembers, () => `${id} in term ${message.term}`)
  if (hardState.term > message.term) return
  if (message._tag === "RequestVote") {
    hold("a candidate's own vote is on its disk", hardState.votedFor === id, () => `${id} in term ${message.term}`)
  }
  if (message._tag === "AppendReply" && message.accepted) {
    const isHeld = entries.length >= message.match
    hold("what is acknowledged is on the disk", isHeld, () => `${id} says ${message.match}, has ${entries.length}`)
    for (let index = 1; index <= message.match; index++) {
      const entry = entries[index - 1]
      const place = history.places.get(`${index}@${entry?.term}`)
      const isSame = entry !== undefined && place !== undefined && same({ ...entry, content: place.content }, entry)
      hold("what is acknowledged is on the disk", isSame, () => `${index} on ${id}`)
      // Whatever else stands there: it is the leader's log that the answer is about.
      if (to?.state.role._tag !== "Leader" || to.state.term !== message.term) continue
      const agrees = same(entry, to.entries[index - 1])
      hold("what is acknowledged is what the leader has", agrees, () => `${index} on ${id}, for ${to.id}`)
    }
  }
  SnapshotInvariants.released({ id, stored }, message)
}

/** A granted vote leaves for `to`. */
export const granted = (
  { id, stored: { hardState } }: Observed,
  message: Message.VoteReply,
  to: LogPosition.NodeId
): void => {
  const remembers = hardState.term > message.term || hardState.votedFor === to
  hold("a vote that is told of is on the disk", !message.granted || remembers, () => `${id} for ${to}`)
}
