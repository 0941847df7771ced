/**
 * What must hold between nodes, whatever happens to them: the properties of figure 3.2, and what is promised
 * to clients.
 *
 * The engine's own invariants see one node and believe its picture of the disk. These see all nodes, the
 * contents of entries, and what the disks really hold; and they remember, because "every later leader" and
 * "acknowledged before" are sentences about history. Whoever runs a cluster (a script, a simulation, a model
 * checker) tells them what happened; the first sentence that does not hold is thrown.
 */
import type { Input, LogPosition, Membership, Message, Output, State } from "effect-raft/engine"
import { Log } from "effect-raft/engine"
import type { Entry, Stored } from "./Disk.ts"
import * as MembershipInvariants from "./MembershipInvariants.ts"

/** One node, seen from outside. */
export interface Observed {
  readonly id: LogPosition.NodeId
  readonly isUp: boolean
  readonly state: State.State
  /** The log as the node accepted it, with contents. */
  readonly entries: ReadonlyArray<Entry>
  /** What a crash would leave. */
  readonly stored: Stored
}

interface Place {
  readonly content: string
  readonly termBefore: LogPosition.Term
}

/** A leader and its log when it was elected. */
interface Reign {
  readonly id: LogPosition.NodeId
  readonly entries: ReadonlyArray<Entry>
}

/** The highest index that a leader committed by counting, and who was asked. */
interface Counted {
  readonly index: LogPosition.Index
  readonly membership: Membership.Membership
}

/** Everything that later steps are held against. */
export interface History {
  readonly reigns: Map<LogPosition.Term, Reign>
  /** What stands at a position, wherever it was seen. */
  readonly places: Map<string, Place>
  readonly committed: Array<Entry>
  counted: Counted | undefined
  readonly changes: MembershipInvariants.Changes
  readonly accepted: Map<State.Handle, Output.Accepted>
  readonly outcomes: Map<string, "resolved" | "superseded" | "refused">
  /** For each open read, what was committed when it was asked. */
  readonly reads: Map<State.Handle, LogPosition.Index>
  /** The newest term and vote that each disk held. */
  readonly hardStates: Map<LogPosition.NodeId, State.HardState>
}

export const make = (): History => ({
  reigns: new Map(),
  places: new Map(),
  committed: [],
  counted: undefined,
  changes: MembershipInvariants.make(),
  accepted: new Map(),
  outcomes: new Map(),
  reads: new Map(),
  hardStates: new Map()
})

const hold = (sentence: string, isTrue: boolean, detail: () => string): void => {
  if (!isTrue) throw new Error(`not so: ${sentence} (${detail()})`)
}

/** The name of a proposed command: its batch and its place in it. */
export const contentOf = (batch: State.Handle, place: number): string => `#${batch}.${place}`

const same = (left: Entry | undefined, right: Entry | undefined): boolean =>
  left !== undefined && right !== undefined && left.content === right.content && left.term === right.term

/** A position names one entry and, through the term before it, the whole log up to it (§3.5). */
const checkMatching = (history: History, { entries, id, state }: Observed): void => {
  hold("a node's picture of its log is its log", entries.length === state.log.last, () => id)
  for (const [place, { content, term }] of entries.entries()) {
    const position = `${place + 1}@${term}`
    const termBefore = entries[place - 1]?.term ?? 0
    const known = history.places.get(position)
    if (known === undefined) history.places.set(position, { content, termBefore })
    else {
      const matches = known.content === content && known.termBefore === termBefore
      hold("logs that share a position share everything up to it", matches, () => `${position} on ${id}`)
    }
    hold(
      "a node's picture of its log is its log",
      Log.termAt(state.log, place + 1) === term,
      () => `${position} on ${id}`
    )
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
  for (const [place, entry] of history.committed.entries()) {
    const held = same(entries[place], entry)
    hold("a leader holds everything that was committed before", held, () => `${id} lacks ${place + 1}@${entry.term}`)
  }
}

const checkCommitted = (history: History, { entries, id, state }: Observed): void => {
  for (let index = 1; index <= state.commit; index++) {
    const entry = entries[index - 1]
    if (entry === undefined) throw new Error(`${id} committed ${index}, past its log`)
    const known = history.committed[index - 1]
    if (known !== undefined) {
      hold("nodes commit the same entry at an index", same(known, entry), () => `${index}: ${id} has ${entry.content}`)
      continue
    }
    history.committed.push(entry)
    const outcome = history.outcomes.get(entry.content)
    const mayCommit = outcome === undefined || outcome === "resolved"
    hold("what was refused or superseded is never committed", mayCommit, () => `${entry.content} at ${index}`)
    for (const [term, reign] of history.reigns) {
      const holds = term <= state.term || same(reign.entries[index - 1], entry)
      hold("every later leader holds what is committed", holds, () => `${reign.id} lacks ${index}@${entry.term}`)
    }
  }
}

/** Who was asked when a leader counted: what it put into its log in the same step came after, or is stricter. */
const askedBy = ({ state: { log } }: Observed, outputs: ReadonlyArray<Output.Output>): Membership.Membership => {
  const added = outputs.flatMap((output) => output._tag === "Write" ? output.append?.memberships ?? [] : [])
  return log.memberships.findLast((entry) => !added.includes(entry))?.membership ?? log.boundary.membership
}

/** Once committed by counting, an entry is on the disks of a majority for good; of both, if two decided together. */
const checkQuorum = (
  history: History,
  nodes: ReadonlyMap<LogPosition.NodeId, Observed>,
  of: Observed,
  outputs: ReadonlyArray<Output.Output>
): void => {
  if (of.state.role._tag === "Leader" && of.state.commit > (history.counted?.index ?? 0)) {
    history.counted = { index: of.state.commit, membership: askedBy(of, outputs) }
  }
  if (history.counted === undefined) return
  const { index, membership } = history.counted
  const entry = history.committed[index - 1]
  const voters = [...new Set([...membership.voters, ...membership.outgoing])]
  if (entry === undefined || !voters.every((id) => nodes.has(id))) return
  const holders = voters.filter((id) => same(nodes.get(id)?.stored.entries[index - 1], entry))
  const isSafe = MembershipInvariants.canDecide(membership, holders)
  hold("what is committed is on the disks of a majority", isSafe, () => `${index} is on ${holders.join(",")}`)
}

const settleProposal = (history: History, { _tag, batch, from, to }: Output.Resolved | Output.Superseded): void => {
  const first = history.accepted.get(batch)?.from ?? from
  for (let index = from; index <= to; index++) {
    const content = contentOf(batch, index - first)
    hold("a proposal has one outcome", !history.outcomes.has(content), () => content)
    history.outcomes.set(content, _tag === "Resolved" ? "resolved" : "superseded")
    const isCommitted = history.committed[index - 1]?.content === content
    if (_tag === "Resolved") hold("what is resolved is committed", isCommitted, () => `${content} at ${index}`)
    else {
      const happened = history.committed.some((entry) => entry.content === content)
      hold("what is superseded did not happen", !happened, () => `${content} at ${index}`)
    }
  }
}

const checkOutput = (history: History, { entries, id, state, stored }: Observed, output: Output.Output): void => {
  switch (output._tag) {
    case "ChangeDone":
    case "ChangeRefused":
    case "ChangeUnknown":
    case "TransferDone":
    case "TransferFailed":
      return MembershipInvariants.answered(
        history.changes,
        output,
        history.committed,
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
      return settleProposal(history, output)
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
        const isSafe = same(history.committed[index - 1], entries[index - 1])
        hold("state machines apply what is committed, and the same", isSafe, () => `${index} on ${id}`)
        hold(
          "what is applied is on the node's own disk",
          same(entries[index - 1], stored.entries[index - 1]),
          () => `${index} on ${id}`
        )
      }
      break
    case "Write":
    case "Send":
  }
}

/** Someone asks a node; the answer must not be older than the question. */
export const asked = (history: History, of: LogPosition.NodeId, input: Input.Input): void => {
  if (input._tag === "Read") history.reads.set(input.read, history.committed.length)
  MembershipInvariants.asked(history.changes, of, input)
}

/** A node has died, and whoever waited for its answers knows it. */
export const died = (history: History, of: LogPosition.NodeId): void => MembershipInvariants.died(history.changes, of)

/** A node has taken a step, or has come into being: `outputs` is what it asked for. */
export const stepped = (
  history: History,
  nodes: ReadonlyMap<LogPosition.NodeId, Observed>,
  node: Observed,
  outputs: ReadonlyArray<Output.Output>
): void => {
  checkMatching(history, node)
  checkDurable(node)
  checkReign(history, node)
  checkCommitted(history, node)
  MembershipInvariants.checkLog(
    history.changes,
    { ...node, founding: node.stored.membership },
    history.committed.length
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
  { id, stored: { entries, hardState } }: Observed,
  message: Message.Message
): void => {
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
      const place = history.places.get(`${index}@${entries[index - 1]?.term}`)
      hold(
        "what is acknowledged is on the disk",
        place?.content === entries[index - 1]?.content,
        () => `${index} on ${id}`
      )
    }
  }
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
