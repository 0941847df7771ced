/**
 * What can happen to a node. Each input carries the time at which it happened, on a clock that never
 * runs backwards; the engine has none of its own.
 */
import type { WriteId } from "./Durability.ts"
import type { Index, LogPosition, NodeId, Term } from "./LogPosition.ts"
import type { Change, Membership } from "./Membership.ts"
import type { Message } from "./Message.ts"
import type { Handle } from "./State.ts"

interface At {
  /** Milliseconds, never less than in the input before. */
  readonly now: number
}

/** Time has passed. May come early, late, or for nothing: the deadlines in the state decide. */
export interface Timer extends At {
  readonly _tag: "Timer"
}

/** A message has come. `batch` is the handle of the payloads that came with it, if any did. */
export interface Receive extends At {
  readonly _tag: "Receive"
  readonly message: Message
  readonly batch: Handle | undefined
  /** How many bytes the payloads are; 0 if it is not said. */
  readonly bytes?: number
  /** Names the disk that the sender runs on, if it is known. */
  readonly incarnation?: number
}

/** Commands to add to the log: one input, however many they are. */
export interface Propose extends At {
  readonly _tag: "Propose"
  readonly batch: Handle
  readonly count: number
  /** How many bytes they are; 0 if it is not said. */
  readonly bytes?: number
}

/** Someone wants to read what is committed by now, or later (§6.4). */
export interface Read extends At {
  readonly _tag: "Read"
  readonly read: Handle
  /** The leader's lease is enough: clocks that run at nearly the same pace are trusted, and nobody is asked (§6.4.1). */
  readonly isLease: boolean
}

/** Everything up to `write` is durable. Cumulative: one may stand for many. */
export interface Persisted extends At {
  readonly _tag: "Persisted"
  readonly write: WriteId
}

/** The state machine has applied everything up to `index`. Cumulative. */
export interface Applied extends At {
  readonly _tag: "Applied"
  readonly index: Index
}

/** Entries from `from` on could not be sent to `to`: its queue was full, it was not connected, or they could not be read. */
export interface Unsent extends At {
  readonly _tag: "Unsent"
  readonly to: NodeId
  readonly from: Index
}

/** The chunk of a snapshot at `offset` could not be sent to `to`, nor what was to follow it. */
export interface ChunkUnsent extends At {
  readonly _tag: "ChunkUnsent"
  readonly to: NodeId
  readonly offset: number
}

/** Someone wants a snapshot of what is applied by now, or later (§5.1). */
export interface RequestSnapshot extends At {
  readonly _tag: "RequestSnapshot"
  readonly request: Handle
}

/** The snapshot at `index` is on the disk, whole. */
export interface SnapshotTaken extends At {
  readonly _tag: "SnapshotTaken"
  readonly index: Index
  readonly size: number
  readonly checksum: number
}

/** An operator wants another membership (§4.1). */
export interface ChangeMembership extends At {
  readonly _tag: "ChangeMembership"
  readonly request: Handle
  readonly change: Change
  /** Only if the membership in force is still the one from this entry; two operators cannot overwrite each other. */
  readonly expected: Index | undefined
}

/** An operator wants another leader (§3.10), by `deadline` at the latest. */
export interface TransferLeadership extends At {
  readonly _tag: "TransferLeadership"
  readonly request: Handle
  readonly to: NodeId
  readonly deadline: number
}

/** The operator has thought better of it. */
export interface AbortTransfer extends At {
  readonly _tag: "AbortTransfer"
}

/**
 * An operator puts a membership in force that nobody agreed to, because those who would have to are lost for good. `term`
 * begins the epoch after that of every survivor.
 */
export interface ForceMembership extends At {
  readonly _tag: "ForceMembership"
  readonly request: Handle
  readonly term: Term
  readonly membership: Membership
  /** Where the log of this node ended when the survivors were compared: it must still. */
  readonly last: LogPosition
}

/** The disk has been busy with one write for too long, or is no longer. */
export interface DiskStalled extends At {
  readonly _tag: "DiskStalled"
  readonly isStalled: boolean
}

export type Input =
  | Timer
  | Receive
  | Propose
  | Read
  | Persisted
  | Applied
  | Unsent
  | ChunkUnsent
  | RequestSnapshot
  | SnapshotTaken
  | ChangeMembership
  | ForceMembership
  | TransferLeadership
  | AbortTransfer
  | DiskStalled
