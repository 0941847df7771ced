/**
 * What must hold of snapshots and of the state machines that are made from them (chapter 5).
 *
 * A snapshot stands for entries, so it is held against them, one by one: on the disk, on its way, and in the state that
 * was restored from it. So is the membership that comes with it, which nobody could look up any more.
 */
import { Log, type LogPosition, Membership, type Message, type Output, type State } from "effect-raft/engine"
import * as Disk from "./Disk.ts"
import { hold } from "./Sentence.ts"

/** What later steps are held against. */
export interface Snapshots {
  /** How far each state machine has come since its node started. */
  readonly applied: Map<LogPosition.NodeId, LogPosition.Index>
  /** The membership that the cluster began with. */
  founding: Membership.Membership | undefined
  /** Who waits for a snapshot, and of whom. */
  readonly open: Map<State.Handle, LogPosition.NodeId>
  /** How many have waited. */
  done: number
  /** What was found to be true, and stays so: it does not change, and what is committed does not either. */
  readonly found: WeakSet<object>
}

export const make = (): Snapshots => ({
  applied: new Map(),
  founding: undefined,
  open: new Map(),
  done: 0,
  found: new WeakSet()
})

/** The same, to go on in another way. What was found to be true was so before the ways part, or is met on one only. */
export const copy = ({ applied, done, founding, found, open }: Snapshots): Snapshots => ({
  applied: new Map(applied),
  founding,
  open: new Map(open),
  done,
  found
})

/** A node, and its state machine if it is known. */
export interface Held {
  readonly id: LogPosition.NodeId
  readonly state: State.State
  readonly entries: ReadonlyArray<Disk.Entry>
  readonly stored: Disk.Stored
  readonly contents?: ReadonlyArray<Disk.Entry> | undefined
}

type Entries = ReadonlyArray<Disk.Entry>

const membershipAt = ({ founding }: Snapshots, entries: Entries, index: LogPosition.Index) =>
  entries.slice(0, index).findLast(({ membership }) => membership !== undefined)?.membership ?? founding

const isSameMembership = (left: Membership.Membership | undefined, right: Membership.Membership): boolean =>
  left !== undefined && JSON.stringify(left) === JSON.stringify(right)

/** The term and the membership are those of the entry at the index, which is committed. */
const checkBoundary = (
  snapshots: Snapshots,
  sentence: string,
  boundary: Log.Boundary,
  committed: Entries,
  detail: () => string
): void => {
  const { index, membership, term } = boundary
  if (index === 0 || snapshots.found.has(boundary)) return
  hold(`${sentence} stands for what is committed`, committed[index - 1]?.term === term, detail)
  // Who joined does not know what was before; it may be asked of whatever stands for more than its own log.
  const isInForce = (sentence === "a boundary" && membership.members.length === 0)
    || isSameMembership(membershipAt(snapshots, committed, index), membership)
  hold(`the membership of ${sentence} is the one in force there`, isInForce, detail)
  snapshots.found.add(boundary)
}

/** What a state machine holds is what was committed, in order, and never less than before. */
const checkContents = ({ applied, found }: Snapshots, { contents, id, state }: Held, committed: Entries): void => {
  if (contents === undefined) return
  const before = applied.get(id) ?? 0
  hold("a state machine is never set back", contents.length >= before, () => `${id}: ${before} to ${contents.length}`)
  hold("what a node takes for applied is in its state machine", contents.length >= state.applied, () => id)
  applied.set(id, contents.length)
  if (found.has(contents)) return
  // Who was removed may have been one.
  const self = Membership.find(Log.membership(state.log), id)
  const mayLack = self === undefined || self.isWitness === true
  for (const [place, entry] of contents.entries()) {
    hold(
      "nobody but a witness lacks payloads",
      mayLack || entry.content !== Disk.withheld,
      () => `${place + 1} on ${id}`
    )
    const isCommitted = Disk.isSame(entry, committed[place])
    hold("state machines hold what is committed, and the same", isCommitted, () => `${place + 1} on ${id}`)
  }
  found.add(contents)
}

/** A node has taken a step. */
export const checkNode = (snapshots: Snapshots, held: Held, committed: Entries): void => {
  const { id, state: { log, snapshot }, stored } = held
  if (stored.boundary === undefined && stored.membership.voters.length > 0) snapshots.founding ??= stored.membership
  checkContents(snapshots, held, committed)
  checkBoundary(snapshots, "a boundary", log.boundary, committed, () => id)
  checkBoundary(snapshots, "a snapshot", snapshot, committed, () => id)
  const { boundary, snapshot: kept } = stored
  const isWhole = (boundary?.index ?? 0) <= (kept?.index ?? 0)
  hold("a disk has a snapshot for what it no longer has of the log", isWhole, () => id)
  if (kept === undefined || kept.size === 0 || snapshots.found.has(kept)) return
  for (let index = 1; index <= kept.index; index++) {
    const isHeld = Disk.isSame(kept.bytes[index - 1], committed[index - 1])
    hold("a snapshot on a disk holds what is committed", isHeld, () => `${index} on ${id}`)
  }
  snapshots.found.add(kept)
}

/** A node has died: its state machine begins anew, unless it keeps its state itself, which this one does not. */
export const died = ({ applied, open }: Snapshots, id: LogPosition.NodeId): void => {
  applied.delete(id)
  for (const [request, of] of open) if (of === id) open.delete(request)
}

/** Whoever waits for a snapshot is told of one that a crash would not take away. */
export const checkDone = (
  snapshots: Snapshots,
  { id, stored }: Held,
  { index, request }: Output.SnapshotDone
): void => {
  hold("whoever waits for a snapshot is told once", snapshots.open.delete(request), () => `#${request} on ${id}`)
  snapshots.done++
  const isKept = (stored.snapshot?.index ?? 0) >= index
  hold("a snapshot that is done is on the disk", isKept, () => `#${request} at ${index} on ${id}`)
}

/** A message leaves that speaks of a snapshot. */
export const released = (
  { id, stored }: Pick<Held, "id" | "stored">,
  message: Message.Message
): void => {
  if (message._tag !== "SnapshotReply" || message.stored === 0) return
  const { received, snapshot } = stored
  // It may have been overtaken by another one, or be in force by now.
  if (received === undefined || received.snapshot.index !== message.index) return
  const isHeld = received.bytes.length >= message.stored || (snapshot?.index ?? 0) >= message.index
  hold("what is said to be stored of a snapshot is on the disk", isHeld, () => `${message.stored} on ${id}`)
}
