/**
 * What has happened to a cluster, as far as later steps are held against it.
 */
import type { LogPosition, Membership, Output, State } from "effect-raft/engine"
import type { Entry } from "./Disk.ts"
import * as MembershipInvariants from "./MembershipInvariants.ts"
import * as SnapshotInvariants from "./SnapshotInvariants.ts"

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

/** What was committed before a membership was forced: those who have not heard of that still go by it. */
interface Chapter {
  readonly epoch: number
  readonly committed: Array<Entry>
  readonly counted: Counted | undefined
}

/** Everything that later steps are held against. */
export interface History {
  readonly reigns: Map<LogPosition.Term, Reign>
  /** What stands at a position, wherever it was seen. */
  readonly places: Map<string, Place>
  /** How often a membership was forced; what is committed belongs to the newest epoch. */
  epoch: number
  committed: Array<Entry>
  /** In which term each of these was: every leader of a later one holds it. */
  committedIn: Array<LogPosition.Term>
  counted: Counted | undefined
  readonly past: Array<Chapter>
  /** Who lost a disk: what it had acknowledged was there once. */
  readonly wiped: Set<LogPosition.NodeId>
  readonly snapshots: SnapshotInvariants.Snapshots
  readonly changes: MembershipInvariants.Changes
  readonly accepted: Map<State.Handle, Output.Accepted>
  readonly outcomes: Map<string, "resolved" | "superseded" | "refused" | "indeterminate">
  /** For each open read, what was committed when it was asked. */
  readonly reads: Map<State.Handle, LogPosition.Index>
  /** The newest term and vote that each disk held. */
  readonly hardStates: Map<LogPosition.NodeId, State.HardState>
}

export const make = (): History => ({
  reigns: new Map(),
  places: new Map(),
  epoch: 0,
  committed: [],
  committedIn: [],
  counted: undefined,
  past: [],
  wiped: new Set(),
  snapshots: SnapshotInvariants.make(),
  changes: MembershipInvariants.make(),
  accepted: new Map(),
  outcomes: new Map(),
  reads: new Map(),
  hardStates: new Map()
})

/** The same history, which may go on in another way. */
export const copy = (history: History): History => ({
  reigns: new Map(history.reigns),
  places: new Map(history.places),
  epoch: history.epoch,
  committed: [...history.committed],
  committedIn: [...history.committedIn],
  counted: history.counted,
  past: history.past.map((chapter) => ({ ...chapter, committed: [...chapter.committed] })),
  wiped: new Set(history.wiped),
  snapshots: SnapshotInvariants.copy(history.snapshots),
  changes: MembershipInvariants.copy(history.changes),
  accepted: new Map(history.accepted),
  outcomes: new Map(history.outcomes),
  reads: new Map(history.reads),
  hardStates: new Map(history.hardStates)
})
