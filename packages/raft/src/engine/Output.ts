/**
 * What a node asks of the world. The order of durability is part of it: writes form one queue, and what
 * promises something names the write it waits for.
 */
import type { WriteId } from "./Durability.ts"
import type { Boundary, MembershipEntry, Run, Snapshot } from "./Log.ts"
import type { Index, NodeId, Term } from "./LogPosition.ts"
import type { Message } from "./Message.ts"
import type { Handle, HardState } from "./State.ts"

/** Entries to add to the log on disk. */
export interface Append {
  readonly from: Index
  readonly to: Index
  readonly runs: ReadonlyArray<Run>
  /** Where their payloads are; none for an entry that the leader makes itself: it opens a term, or is a membership. */
  readonly batch: Handle | undefined
  /** The memberships among the entries. */
  readonly memberships: ReadonlyArray<MembershipEntry>
}

/** A piece of a snapshot that another node sends: right after the one before, or the first of this snapshot. */
export interface Chunk {
  readonly snapshot: Snapshot
  readonly offset: number
  readonly length: number
  /** Where its bytes are; none if it is empty. */
  readonly batch: Handle | undefined
}

/** One atomic write: all of it survives a crash, or none. Writes are carried out in the order of their numbers. */
export interface Write {
  readonly _tag: "Write"
  readonly write: WriteId
  readonly hardState: HardState | undefined
  /** Drop every entry past this one, before adding any. */
  readonly truncateAfter: Index | undefined
  readonly append: Append | undefined
  /** Where the log begins from now on. */
  readonly boundary: Boundary | undefined
  /** Keep this of a snapshot that is being received. It does not count before all of it is there. */
  readonly chunk: Chunk | undefined
  /** The snapshot that counts from now on: it was taken, or received with the chunks up to this write. */
  readonly snapshot: Snapshot | undefined
  /** Nothing is missing any more of what damage took. */
  readonly isRepaired?: true
}

/**
 * A message to deliver, or to lose. It must not leave before everything up to `after` is durable (0: at
 * once). An `AppendEntries` names its entries; whoever sends it adds the payloads, in several messages if
 * one would be too large.
 */
export interface Send {
  readonly _tag: "Send"
  readonly to: NodeId
  readonly message: Message
  readonly after: WriteId
}

/** Proposals have a place in the log. Not yet a promise. */
export interface Accepted {
  readonly _tag: "Accepted"
  readonly batch: Handle
  readonly from: Index
  readonly to: Index
  readonly term: Term
}

/** Proposals were not taken: they did not and will not happen. */
export interface Refused {
  readonly _tag: "Refused"
  readonly batch: Handle
  readonly reason: "NotLeader" | "Busy"
}

/** Proposals are committed. */
export interface Resolved {
  readonly _tag: "Resolved"
  readonly batch: Handle
  readonly from: Index
  readonly to: Index
}

/** Proposals will never happen: something else is committed in their place. */
export interface Superseded {
  readonly _tag: "Superseded"
  readonly batch: Handle
  readonly from: Index
  readonly to: Index
}

/** What became of proposals is not to be seen any more: a snapshot has taken their place. They may have happened. */
export interface Indeterminate {
  readonly _tag: "Indeterminate"
  readonly batch: Handle
  readonly from: Index
  readonly to: Index
}

/**
 * The read may be answered once `index` is applied, until `validUntil` on the clock of the inputs (infinity: whenever).
 * Whoever answers looks at the clock after it has looked at the state: the node may have been asleep in between.
 */
export interface ReadReady {
  readonly _tag: "ReadReady"
  readonly read: Handle
  readonly index: Index
  readonly validUntil: number
}

/** This node cannot answer the read: it does not lead, or no longer. */
export interface ReadFailed {
  readonly _tag: "ReadFailed"
  readonly read: Handle
}

/** Entries for the state machine, in order, without gaps, each once. */
export interface Apply {
  readonly _tag: "Apply"
  readonly from: Index
  readonly to: Index
}

/**
 * The state machine is to become what the snapshot says, once everything up to `after` is durable (0: at once). What was
 * handed over before and is not applied by then never will be: the snapshot has it, and the log no longer does.
 */
export interface RestoreSnapshot {
  readonly _tag: "RestoreSnapshot"
  readonly snapshot: Snapshot
  readonly after: WriteId
}

/** A snapshot of the state as it is right after `index`, which was the last to be handed over, is to be kept. */
export interface TakeSnapshot {
  readonly _tag: "TakeSnapshot"
  readonly index: Index
}

/** A snapshot that was asked for is there. */
export interface SnapshotDone {
  readonly _tag: "SnapshotDone"
  readonly request: Handle
  readonly index: Index
}

/** A change of membership is committed, and nothing of it is left to do. */
export interface ChangeDone {
  readonly _tag: "ChangeDone"
  readonly request: Handle
  /** The entry that put the membership in force. */
  readonly index: Index
}

/** A change of membership was not begun: it did not and will not happen. */
export interface ChangeRefused {
  readonly _tag: "ChangeRefused"
  readonly request: Handle
  readonly reason: ChangeRefusal
  readonly detail: string
}

/** `Pending`: another one is under way, or this leader's term has only begun. `Stale`: `expected` is not in force. */
export type ChangeRefusal = "NotLeader" | "Pending" | "Stale" | "Invalid"

/** This node no longer sees what becomes of a change: it may or may not happen. */
export interface ChangeUnknown {
  readonly _tag: "ChangeUnknown"
  readonly request: Handle
}

/** Another leads now. */
export interface TransferDone {
  readonly _tag: "TransferDone"
  readonly request: Handle
  readonly leader: NodeId
}

/** Leadership was not handed over; `reason` says why not. */
export interface TransferFailed {
  readonly _tag: "TransferFailed"
  readonly request: Handle
  readonly reason: TransferRefusal
}

/**
 * `Aborted`: by the operator. If the other was asked already, it may still happen.
 * `Pending`: another node has been asked to stand, and it must show what comes of that. `Superseded`: by a later
 * transfer. `Timeout`: not by the deadline; it may still happen if the other was asked.
 */
export type TransferRefusal = "NotLeader" | "NotVoter" | "Pending" | "Superseded" | "Aborted" | "Timeout"

export type Output =
  | Write
  | Send
  | Accepted
  | Refused
  | Resolved
  | Superseded
  | Indeterminate
  | ReadReady
  | ReadFailed
  | Apply
  | RestoreSnapshot
  | TakeSnapshot
  | SnapshotDone
  | ChangeDone
  | ChangeRefused
  | ChangeUnknown
  | TransferDone
  | TransferFailed
