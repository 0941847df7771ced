/**
 * What a node must not forget: its term and vote, its log, and the snapshot that stands for the log's beginning.
 *
 * Raft is safe only if `Storage` keeps its promises, so each is stated on the method that makes it, and
 * each has a case in `StorageTest` of `@effect-raft/testing`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { Boundary, Snapshot } from "./engine/Log.ts"
import type { Index, NodeId, Term } from "./engine/LogPosition.ts"
import type { HardState, Recovered } from "./engine/State.ts"
import type { Entries } from "./Entries.ts"

/**
 * What is stored contradicts itself where no crash can have torn it, and how much is lost nobody can tell. Nothing is
 * repaired by guessing: to cut the log there could take away what is committed.
 *
 * @category errors
 * @since 0.1.0
 */
export class Corrupt extends Schema.TaggedError<Corrupt>()("Corrupt", {
  path: Schema.String,
  /** Where in the file, in bytes. */
  offset: Schema.Int,
  detail: Schema.String
}) {
  override get message() {
    return `${this.path} is damaged at byte ${this.offset}: ${this.detail}`
  }
}

/**
 * Another process, or another node of this one, has the storage open.
 *
 * @category errors
 * @since 0.1.0
 */
export class Locked extends Schema.TaggedError<Locked>()("Locked", { path: Schema.String }) {
  override get message() {
    return `${this.path} is in use by another process`
  }
}

/**
 * The storage belongs to another node or another cluster.
 *
 * @category errors
 * @since 0.1.0
 */
export class Foreign extends Schema.TaggedError<Foreign>()("Foreign", {
  path: Schema.String,
  expected: Schema.String,
  found: Schema.String
}) {
  override get message() {
    return `${this.path} belongs to ${this.found}, not to ${this.expected}`
  }
}

/**
 * The storage was written in a format that this version does not read.
 *
 * @category errors
 * @since 0.1.0
 */
export class UnsupportedFormat extends Schema.TaggedError<UnsupportedFormat>()("UnsupportedFormat", {
  path: Schema.String,
  version: Schema.Int
}) {
  override get message() {
    return `${this.path} has format ${this.version}, which this version does not read`
  }
}

/**
 * The disk, or whatever stands for it, refused. After a failed write nothing is known of what it left
 * behind: it is never tried again, the node stops.
 *
 * @category errors
 * @since 0.1.0
 */
export class Failed extends Schema.TaggedError<Failed>()("Failed", {
  operation: Schema.String,
  path: Schema.String,
  cause: Schema.Defect()
}) {
  override get message() {
    return `${this.operation} failed on ${this.path}: ${
      this.cause instanceof Error ? this.cause.message : String(this.cause)
    }`
  }
}

/**
 * Why a storage could not do what it was asked; `reason` says which way.
 *
 * @category errors
 * @since 0.1.0
 */
export class StorageError extends Schema.TaggedError<StorageError>()("StorageError", {
  reason: Schema.Union([Corrupt, Locked, Foreign, UnsupportedFormat, Failed])
}) {
  override get message() {
    return this.reason.message
  }
}

/**
 * Whose storage it is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Identity {
  readonly cluster: string
  readonly node: NodeId
  /** Names this disk for as long as it lives. A new storage keeps it; an old one has its own. */
  readonly incarnation: number
}

/**
 * What a storage held when it was opened.
 *
 * @category models
 * @since 0.1.0
 */
export interface Loaded extends Recovered {
  /**
   * Some of what was durable is lost: `log` ends before it, and is sound. Every `open` says so until a write
   * `isRepaired`; nothing is changed on the disk before the first write.
   */
  readonly damaged?: Damaged | undefined
  /** The incarnation under which this storage was first opened. */
  readonly incarnation: number
}

/**
 * How far a node had come whose storage has lost a part of its log. Others may count on what it had acknowledged up to
 * there, and on a vote in `term` that it does not remember. `hardState` of what was loaded is in a later term.
 *
 * @category models
 * @since 0.1.0
 */
export interface Damaged {
  /** The last entry that was durable. */
  readonly last: Index
  readonly lastTerm: Term
  readonly term: Term
  /** What is wrong, and where. */
  readonly found: Corrupt
}

/**
 * One change. All of it is kept, or none.
 *
 * @category models
 * @since 0.1.0
 */
export interface StorageWrite {
  /** The term and vote from now on. */
  readonly hardState: HardState | undefined
  /** Drop every entry past this index, before adding any. */
  readonly truncateAfter: Index | undefined
  /** Add these right after the end of the log. */
  readonly entries: Entries | undefined
  /** Where the log begins from now on. */
  readonly boundary: Boundary | undefined
  /** Keep this piece of a snapshot that another node sends. It does not count yet. */
  readonly chunk?: SnapshotChunk | undefined
  /**
   * The snapshot that counts from now on, in the place of the one before: all of it was taken (`takeSnapshot`) or came in
   * chunks. One of size 0 needs neither.
   */
  readonly snapshot?: Snapshot | undefined
  /**
   * What damage took is there again, or counts for nothing any more: the next `open` does not speak of it. `hardState`
   * must be in the write too: from now on it may vote.
   */
  readonly isRepaired?: boolean | undefined
}

/**
 * A piece of a snapshot that is being received. At offset 0 a snapshot begins anew, and what was received of another is
 * forgotten; any other follows right after the one before, of the same snapshot. What was received and did not come to
 * count is forgotten when the storage is closed, or the node dies.
 *
 * @category models
 * @since 0.1.0
 */
export interface SnapshotChunk {
  readonly snapshot: Snapshot
  readonly offset: number
  readonly bytes: Uint8Array
}

/**
 * What tells the bytes of a snapshot from others: how many there are, and their CRC-32.
 *
 * @category models
 * @since 0.1.0
 */
export interface SnapshotTaken {
  readonly size: number
  readonly checksum: number
}

/**
 * Keeps what a node must not forget.
 *
 * **Gotchas**
 *
 * - One node per storage: `open` fails with `Locked` while another has it.
 * - After any error of `write`, neither `write` nor `read` is called again.
 *
 * @category services
 * @since 0.1.0
 */
export class Storage extends Context.Service<Storage, {
  /**
   * What earlier writes made durable, all of it and nothing else; called once, before anything else. On a new
   * storage: term 0, no vote, an empty log, and the identity is kept for good. Fails with `Foreign` on the
   * storage of another node or cluster.
   */
  readonly open: (identity: Identity) => Effect.Effect<Loaded, StorageError>
  /**
   * Carries the changes out in order. They are durable before it succeeds. Should the node die meanwhile, what
   * is found later is the changes up to some point, each whole. Never called while another call is under way.
   */
  readonly write: (writes: ReadonlyArray<StorageWrite>) => Effect.Effect<void, StorageError>
  /**
   * The entries `from` to `to`, both included and written before, or as many of the first of them as fit into
   * `maxBytes` (one in any case). May be called while a write is under way; entries that it truncates may then
   * come back in their old or in their new form.
   */
  readonly read: (from: Index, to: Index, maxBytes: number) => Effect.Effect<Entries, StorageError>
  /**
   * Keeps the bytes as a snapshot of everything up to `index`, durable before it succeeds; never all of them in memory
   * at once, unless the stream brings them so. It counts once a write says so; until then, another that is taken takes
   * its place, unless a write that says so is under way, as does one that comes to count and stands for as much, and a
   * node that dies has lost it. Closing the storage gives up one that is being taken. May be called
   * while a write is under way, and the other way round, never while another call is. An interrupted or failed stream
   * leaves nothing.
   */
  readonly takeSnapshot: <E>(
    index: Index,
    bytes: Stream.Stream<Uint8Array, E>
  ) => Effect.Effect<SnapshotTaken, StorageError | E>
  /**
   * The bytes from `offset` on, exactly `length` of them, of the snapshot that counts; fails with `Failed` if that is
   * another one by now. May be called while a write is under way; if that puts another in its place, either is fine.
   */
  readonly readSnapshot: (
    snapshot: Snapshot,
    offset: number,
    length: number
  ) => Effect.Effect<Uint8Array, StorageError>
}>()("effect-raft/Storage") {}
