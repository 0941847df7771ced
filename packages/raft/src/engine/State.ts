/**
 * Everything a node knows (Figure 3.1), as one value.
 *
 * What only a leader or a candidate needs lives in its role, so it cannot outlive the role. The leader a
 * node follows is a field of its own: whom it voted for says nothing about who won. Times are those that
 * inputs carried; `deadline` says when the node wants to be woken.
 */
import type { Seed } from "./Chance.ts"
import type { Durability, WriteId } from "./Durability.ts"
import type { Log, Snapshot } from "./Log.ts"
import type { Index, LogPosition, NodeId, Term } from "./LogPosition.ts"
import type { Change } from "./Membership.ts"
import type { Progress } from "./Progress.ts"
import type { Settings } from "./Settings.ts"

/** Listens to a leader, or waits for one. */
export interface Follower {
  readonly _tag: "Follower"
}

/** Asks whether it could win before it changes anything (§9.6). */
export interface PreCandidate {
  readonly _tag: "PreCandidate"
  readonly round: number
  readonly granted: ReadonlyArray<NodeId>
  readonly refused: ReadonlyArray<Refusal>
}

/** Someone said no; kept for whoever asks why. */
export interface Refusal {
  readonly from: NodeId
  readonly at: number
}

/** Stands for election in its term (§3.4). Its own vote counts once it is durable. */
export interface Candidate {
  readonly _tag: "Candidate"
  readonly granted: ReadonlyArray<NodeId>
  readonly refused: ReadonlyArray<Refusal>
}

/** Reads that wait for a majority to confirm that this node still leads (§6.4). */
export interface PendingRead {
  readonly read: number
  /** Who was asked to read and did not lead; undefined for this node. */
  readonly asker: Asker | undefined
  /** The round that must be confirmed: one that began after the read arrived. */
  readonly sequence: number
  /** What must be applied before the read is answered. */
  readonly index: Index
}

/** A node that wants to answer a read itself, and what it calls this one. */
export interface Asker {
  readonly id: NodeId
  readonly round: number
}

/** A read of which this node has asked the leader (§6.4). It outlives the leader: the next one is asked again. */
export interface ForwardedRead {
  readonly read: Handle
  readonly round: number
  readonly isLease: boolean
  /** Who was asked last, in which term and when; undefined when nobody could be. */
  readonly asked: { readonly leader: NodeId; readonly term: Term; readonly at: number } | undefined
}

/** A round of asking, and when it began: nothing of it was sent before. */
export interface Round {
  readonly sequence: number
  readonly at: number
}

/**
 * What a lease needs besides time (§6.4.1). The round: one that began after the membership last changed. The entry: one
 * that was added after a successor was last asked to stand, for until it is committed that one could still win.
 */
export interface Lease {
  readonly sequence: number
  readonly index: Index
}

/** Leads its term: the only node that adds to the log of others. */
export interface Leader {
  readonly _tag: "Leader"
  /** Where the entries of its own term start; nothing before is committed by counting (§3.6.2). */
  readonly since: Index
  /** One per other member, and one for each that was removed and is still served. */
  readonly progress: ReadonlyArray<Progress>
  /** The newest round of asking. */
  readonly sequence: number
  readonly reads: ReadonlyArray<PendingRead>
  /** When each round began that a majority has not confirmed, and the newest one that it has; oldest first. */
  readonly rounds: ReadonlyArray<Round>
  readonly lease: Lease
  readonly heartbeatDeadline: number
  /** A change of membership that someone waits for. */
  readonly change: PendingChange | undefined
  readonly wanted: WantedChange | undefined
}

/** A change of membership that is under way (§4.3). */
export interface PendingChange {
  readonly request: Handle
  readonly change: Change
}

/** A change that begins once what this leader saw of its members is committed. */
export interface WantedChange extends PendingChange {
  readonly expected: Index | undefined
}

/** A snapshot that the state machine is writing down, and who waits for it. */
export interface Snapshotting {
  readonly index: Index
  readonly requests: ReadonlyArray<Handle>
  /** The write with which it comes to count; undefined until all of it is there. */
  readonly write: WriteId | undefined
}

/** A snapshot that a leader is sending: so many bytes of it are here without a gap, on the disk or on their way there. */
export interface Receiving {
  readonly snapshot: Snapshot
  readonly received: number
  /** How far each write takes it, oldest first: those on their way, and the newest that is durable. */
  readonly writes: ReadonlyArray<{ readonly write: WriteId; readonly received: number }>
}

/** Someone who came under a member's name with another disk. */
export interface Stranger {
  readonly id: NodeId
  readonly incarnation: number
  readonly at: number
}

/** What the leader of a term last said was committed, and when this node heard it. */
export interface Tidings {
  readonly term: Term
  readonly commit: Index
  readonly at: number
}

/** Leadership on its way to another (§3.10). It outlives the role: only the next leader shows that it has arrived. */
export interface Transfer {
  readonly request: Handle
  /** The term in which it was asked for. */
  readonly term: Term
  readonly to: NodeId
  readonly deadline: number
  /** It has been asked to stand: from then on this node must not answer for the log any more. */
  readonly isAsked: boolean
}

export type Role = Follower | PreCandidate | Candidate | Leader

/** Proposals that were accepted and whose outcome is open, by index and term. The index alone says nothing. */
export interface Waiter {
  /** The handle under which the proposals came. */
  readonly batch: number
  readonly from: Index
  readonly to: Index
  readonly term: Term
}

/** A proposal or read handle, given by the driver and handed back with the outcome. */
export type Handle = number

export interface State<out R extends Role = Role> {
  readonly id: NodeId
  /** Names the disk that this node runs on; undefined where disks have no names. */
  readonly incarnation: number | undefined
  readonly settings: Settings
  readonly term: Term
  readonly votedFor: NodeId | undefined
  /** Who leads the current term, as far as this node knows. */
  readonly leader: NodeId | undefined
  readonly log: Log
  /** The newest snapshot. The log may reach further back, for the sake of others. */
  readonly snapshot: Snapshot
  readonly snapshotting: Snapshotting | undefined
  /** Who wants a snapshot, and will have the next one. */
  readonly snapshotRequests: ReadonlyArray<Handle>
  readonly receiving: Receiving | undefined
  readonly durability: Durability
  readonly commit: Index
  /** What was handed to the state machine. */
  readonly handed: Index
  /** What the state machine says it has applied. */
  readonly applied: Index
  readonly waiters: ReadonlyArray<Waiter>
  readonly forwarded: ReadonlyArray<ForwardedRead>
  readonly transfer: Transfer | undefined
  /** The disk has not finished a write for too long: this node should not lead. */
  readonly isStalled: boolean
  readonly role: R
  readonly seed: Seed
  /** The latest time an input carried. */
  readonly now: number
  /** When a node that does not lead stops waiting for one that does. */
  readonly electionDeadline: number
  /**
   * When this node last heard from the leader of its term; minus infinity if never. A node that starts again has heard
   * from it, as far as it knows: what it promised then was not on its disk.
   */
  readonly heardLeaderAt: number
  readonly tidings: Tidings
  /** When everything was applied that the leader had said was committed; minus infinity before that. */
  readonly freshAt: number
  /** The last entry of the log before a part of it was lost; undefined once it is as up to date as that (`Repair`). */
  readonly lost: LogPosition | undefined
  /** Who was not heard because of its disk: the last of each name. */
  readonly strangers: ReadonlyArray<Stranger>
}

/**
 * What became of the entry at a position, as far as this node knows. `Unknown`: the place is in a snapshot, which no
 * longer tells. Until something is committed at its place, an entry may still be: `InProgress`.
 */
export type Outcome = "InProgress" | "Committed" | "Rejected" | "Unknown"

/** What must survive a crash besides the log. */
export interface HardState {
  readonly term: Term
  readonly votedFor: NodeId | undefined
}

/** What a node finds on its disk when it starts. */
export interface Recovered {
  readonly hardState: HardState
  readonly log: Log
  /** Absent where there is none. */
  readonly snapshot?: Snapshot
}

/** The same, where a part of it may be lost. */
export interface Found extends Recovered {
  /** The last entry that was durable, if not all are there. */
  readonly damaged?: { readonly last: Index; readonly lastTerm: Term } | undefined
}

export const isLeader = (state: State): state is State<Leader> => state.role._tag === "Leader"
