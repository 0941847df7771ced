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
  /** How many entries may be accepted and not applied; beyond that, proposals are refused as busy. */
  readonly maxEntriesOutstanding: number
  /** How many entries may be with the state machine at a time. */
  readonly maxEntriesApplying: number
}

export const defaults: Settings = {
  electionTimeout: 500,
  heartbeatInterval: 75,
  maxClockDrift: 10,
  maxEntriesPerMessage: 1024,
  maxEntriesInFlight: 8192,
  maxEntriesOutstanding: 16384,
  maxEntriesApplying: 4096
}
