/**
 * What is committed, and handing it to the state machine (§3.5, §3.6.2).
 */
import type { Index } from "./LogPosition.ts"
import { type Next, next } from "./Next.ts"
import * as Quorum from "./Quorum.ts"
import { isLeader, type State } from "./State.ts"

/**
 * An entry is committed once a majority holds it durably and it is of the leader's own term; all before
 * it are then committed too. Entries of older terms are never committed by counting: a majority may hold
 * one and a later leader may still replace it (§3.6.2, figure 3.7). The leader counts itself like any
 * other, by what is on its disk.
 */
export const advance = (state: State): Next => {
  if (!isLeader(state)) return next(state)
  const { since } = state.role
  const held = Quorum.reachedByOthers(state, state.durability.durable, (progress) => progress?.match ?? 0)
  return next(held > state.commit && held >= since ? { ...state, commit: held } : state)
}

/** A follower believes its leader, as far as it knows that their logs agree. Never backwards. */
export const learn = (state: State, commit: Index, agreed: Index): State => {
  const known = Math.min(commit, agreed)
  return known > state.commit ? { ...state, commit: known } : state
}

/**
 * Hands over what is committed and on this node's own disk, so that the state machine is never ahead of
 * the log it was built from; no more than the state machine's lane may hold, and up to where a snapshot may be wanted.
 */
export const handOver = (state: State): Next => {
  const { maxEntriesApplying, snapshotEntries } = state.settings
  const room = state.applied + maxEntriesApplying
  const stop = (Math.floor(state.handed / snapshotEntries) + 1) * snapshotEntries
  const to = Math.min(state.commit, state.durability.durable, room, stop)
  if (to <= state.handed) return next(state)
  return next({ ...state, handed: to }, { _tag: "Apply", from: state.handed + 1, to })
}
