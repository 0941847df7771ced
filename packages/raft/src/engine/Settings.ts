/**
 * The bounds and times that the rules need. All times are milliseconds.
 */
export interface Settings {
  /** How long a follower waits for a leader at least; the actual wait is drawn from [this, twice this) (§3.4). */
  readonly electionTimeout: number
  /** How often a leader speaks when it has nothing to say. Well below the election timeout. */
  readonly heartbeatInterval: number
  /**
   * How much faster one node's clock may run than another's, in percent. A lease is shorter than the election timeout by
   * as much; reads by lease are right only while it holds.
   */
  readonly maxClockDrift: number
  /** How many entries one message carries at most. */
  readonly maxEntriesPerMessage: number
  /** How many entries may be on their way to one follower without an answer. */
  readonly maxEntriesInFlight: number
  /** How many bytes of entries may be on their way to one follower without an answer, unless one entry is larger. */
  readonly maxBytesInFlight: number
  /** How many entries may be accepted and not applied; beyond that, proposals are refused as busy. */
  readonly maxEntriesOutstanding: number
  /** How many bytes of entries may be, unless it is one batch alone. */
  readonly maxBytesOutstanding: number
  /** How many entries may be with the state machine at a time. */
  readonly maxEntriesApplying: number
  /** After how many entries a snapshot is taken: at the multiples of this, so that nodes take the same ones. */
  readonly snapshotEntries: number
  /** After how many bytes of entries a snapshot is taken, if that comes first. */
  readonly snapshotBytes: number
  /** How many entries before a snapshot stay in the log, for followers that are not far behind. */
  readonly entriesKept: number
  /** How many bytes of a snapshot one message carries. */
  readonly snapshotChunkBytes: number
  /** How many chunks may be on their way to one follower without an answer. */
  readonly maxChunksInFlight: number
}

export const defaults: Settings = {
  electionTimeout: 500,
  heartbeatInterval: 75,
  maxClockDrift: 10,
  maxEntriesPerMessage: 1024,
  maxEntriesInFlight: 8192,
  maxBytesInFlight: 32 * 1024 * 1024,
  maxEntriesOutstanding: 16384,
  maxBytesOutstanding: 64 * 1024 * 1024,
  maxEntriesApplying: 4096,
  snapshotEntries: 50_000,
  snapshotBytes: 128 * 1024 * 1024,
  entriesKept: 10_000,
  snapshotChunkBytes: 256 * 1024,
  maxChunksInFlight: 8
}
