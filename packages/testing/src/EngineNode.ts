/**
 * A node as a pure function with what belongs to it: a simulated disk, a state machine, and the payloads it holds.
 *
 * Payloads are names here. They travel as they would: from the caller or a message to the log, and from the log of a
 * leader into a message. What a node does by itself stands here; when it does it is for the cluster to say.
 */
import {
  Describe,
  type Input,
  Log,
  type LogPosition,
  Membership,
  type Message,
  type Output,
  type State
} from "effect-raft/engine"
import type * as ClusterInvariants from "./ClusterInvariants.ts"
import * as Disk from "./Disk.ts"
import * as Machine from "./Machine.ts"

/** A message under way, with the entries that it speaks of, or the bytes of a snapshot. */
export interface Flight {
  readonly to: LogPosition.NodeId
  readonly message: Message.Message
  readonly entries: ReadonlyArray<Disk.Entry>
  /** Names the sender's disk, where disks have names. */
  readonly incarnation?: number | undefined
  /** What a snapshot without bytes stands for. */
  readonly covered?: ReadonlyArray<Disk.Entry>
}

/** A message that waits for the disk. */
export interface Held extends Flight {
  readonly after: number
}

/** Where the contents of a batch begin; a proposal begins wherever the leader puts it. */
export interface Payload {
  readonly first: LogPosition.Index | undefined
  readonly contents: ReadonlyArray<Omit<Disk.Entry, "term">>
}

export interface Node extends ClusterInvariants.Observed {
  isUp: boolean
  state: State.State
  entries: ReadonlyArray<Disk.Entry>
  stored: Disk.Stored
  contents: ReadonlyArray<Disk.Entry>
  /** Names its disk, where disks have names. */
  incarnation: number | undefined
  disk: Disk.Disk
  machine: Machine.Machine
  isDiskSlow: boolean
  isApplySlow: boolean
  isSnapshotSlow: boolean
  /** Machines that differ in this write the same state down differently. */
  dialect: number
  held: ReadonlyArray<Held>
  /** What the snapshots stand for that it was told of, by where they end. */
  readonly covered: Map<string, ReadonlyArray<Disk.Entry>>
  readonly payloads: Map<State.Handle, Payload>
  readonly seed: number
}

/** How a node comes into the world: as if it had been running, with what it is given on its disk. */
export interface Birth {
  readonly id: LogPosition.NodeId
  /** The membership that the cluster was founded with; none for a node that joins it. */
  readonly membership: Membership.Membership
  readonly hardState: State.HardState
  readonly entries: ReadonlyArray<Disk.Entry>
  readonly commit: LogPosition.Index
  /** A snapshot of its first entries, if it has one, and the first that its log still has. */
  readonly snapshot?: LogPosition.Index
  readonly first?: LogPosition.Index
}

/** The membership in force at an index of a log that has everything. */
const membershipAt = (founding: Membership.Membership, entries: ReadonlyArray<Disk.Entry>, index: number) =>
  entries.slice(0, index).findLast(({ membership }) => membership !== undefined)?.membership ?? founding

/** What is on the disk of a node at its birth. */
export const born = ({ entries, first = 1, hardState, membership, snapshot = 0 }: Birth): Disk.Stored => {
  if (snapshot === 0) return { hardState, membership, entries }
  const at = (index: number) => ({
    index,
    term: entries[index - 1]?.term ?? 0,
    membership: membershipAt(membership, entries, index)
  })
  const { bytes, checksum, size } = Machine.writeDown(entries.slice(0, snapshot), 0)
  const kept: Disk.StoredSnapshot = { ...at(snapshot), size, checksum, bytes }
  const { index, membership: founding, term } = at(first - 1)
  return { hardState, membership: founding, entries, snapshot: kept, ...(index > 0 && { boundary: { index, term } }) }
}

/** What a leader makes itself: the entry that opens its term, or a membership. */
const ownContent = (node: Node, term: number, membership: Membership.Membership | undefined): Disk.Entry =>
  membership === undefined
    ? { term, content: `noop ${node.id}@${term}` }
    : { term, content: `members ${Describe.members(membership)}`, membership }

/** What others sent is taken from the payload, memberships too: a disk knows nothing of the engine's picture. */
export const contentsOf = (node: Node, append: Output.Append): ReadonlyArray<Disk.Entry> => {
  const { batch, from, memberships, runs, to } = append
  const payload = batch === undefined ? undefined : node.payloads.get(batch)
  return Array.from({ length: to - from + 1 }, (_, place) => {
    const index = from + place
    const term = runs.findLast((run) => run.start <= index)?.term ?? 0
    if (batch === undefined) {
      return ownContent(
        node,
        term,
        memberships.find((entry) => entry.index === index)?.membership
      )
    }
    const content = payload?.contents[payload.first === undefined ? place : index - payload.first]
    if (content === undefined) throw new Error(`${node.id} appends ${index}, of which no payload came`)
    return { ...content, term }
  })
}

/** The bytes that came with a message. */
const bytesOf = (node: Node, { batch, length }: Output.Chunk): ReadonlyArray<Disk.Entry> => {
  const bytes = batch === undefined ? [] : node.payloads.get(batch)?.contents ?? []
  if (bytes.length !== length) throw new Error(`${node.id} keeps a chunk of ${length} bytes, and ${bytes.length} came`)
  return bytes.map((byte) => ({ term: 0, ...byte }))
}

/** Takes a write to the disk, and what it changes to the log as the node accepted it. */
export const submit = (node: Node, write: Output.Write): void => {
  const { append, boundary, chunk, snapshot, truncateAfter } = write
  const entries = append === undefined ? [] : contentsOf(node, append)
  const bytes = chunk === undefined ? [] : bytesOf(node, chunk)
  const told = snapshot === undefined ? [] : node.covered.get(Describe.position(snapshot)) ?? []
  const covered = snapshot?.size === 0 ? told.map(Disk.withhold) : told
  node.disk = Disk.submit(node.disk, { write, entries, bytes, covered })
  const left = truncateAfter === undefined ? node.entries : node.entries.slice(0, truncateAfter)
  const kept = Disk.beginAt(left, boundary, covered)
  node.entries = entries.length === 0 ? kept : [...kept, ...entries]
}

/** The bytes of a chunk, read from the disk. */
const chunkOf = (node: Node, { length, offset, snapshot }: Message.InstallSnapshot): ReadonlyArray<Disk.Entry> => {
  if (length === 0) return []
  const { snapshot: kept, taken } = node.disk.stored
  const bytes = [kept, taken].find((each) =>
    each?.index === snapshot.index && each.size === snapshot.size && each.checksum === snapshot.checksum
  )?.bytes
  if (bytes === undefined) throw new Error(`${node.id} sends a snapshot of ${snapshot.index} that it does not have`)
  return bytes.slice(offset, offset + length)
}

/** A message as it leaves, with what it carries. */
export const flightOf = (node: Node, { message, to }: Output.Send): Flight => {
  const flight = { to, message, incarnation: node.incarnation, entries: [] }
  if (message._tag === "InstallSnapshot") {
    return { ...flight, entries: chunkOf(node, message), covered: node.entries.slice(0, message.snapshot.index) }
  }
  if (message._tag !== "AppendEntries") return flight
  const { log } = node.state
  if (message.previous.index < log.boundary.index) throw new Error(`${node.id} sends what its log no longer has`)
  const entries = node.entries.slice(message.previous.index, message.last)
  return { ...flight, entries: Membership.isWitness(Log.membership(log), to) ? entries.map(Disk.withhold) : entries }
}

/** What a state machine finds when it is to become what a snapshot says. A witness has no state but the terms. */
export const restorable = ({ disk: { stored }, entries }: Node) => (index: LogPosition.Index) => {
  const { snapshot } = stored
  if (snapshot?.index !== index) return undefined
  return snapshot.size === 0 ? entries.slice(0, index).map(Disk.withhold) : snapshot.bytes.slice(0, index)
}

/** What the state machine is to do; undefined for anything else. */
export const taskOf = (node: Node, output: Output.Output): Machine.Task | undefined => {
  switch (output._tag) {
    case "Apply":
      return { _tag: "Apply", from: output.from, entries: node.entries.slice(output.from - 1, output.to) }
    case "RestoreSnapshot":
      return { _tag: "Restore", snapshot: output.snapshot, after: output.after }
    case "TakeSnapshot":
      return { _tag: "Take", index: output.index }
    default:
      return undefined
  }
}

/** What a message is to the node it reaches, when it comes under the handle `batch` with whatever it carries. */
export const received = (node: Node, flight: Flight, now: number, batch: State.Handle): Input.Receive => {
  const { covered, entries, incarnation, message } = flight
  const named = incarnation === undefined ? {} : { incarnation }
  if (message._tag === "InstallSnapshot" && covered !== undefined) {
    node.covered.set(Describe.position(message.snapshot), covered)
  }
  if (entries.length === 0) return { _tag: "Receive", now, message, batch: undefined, ...named }
  const first = message._tag === "AppendEntries" ? message.previous.index + 1 : undefined
  node.payloads.set(batch, { first, contents: entries })
  const bytes = entries.reduce((sum, entry) => sum + (entry.bytes ?? 0), 0)
  return { _tag: "Receive", now, message, batch, ...named, ...(bytes > 0 && { bytes }) }
}
