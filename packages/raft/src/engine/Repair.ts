/**
 * A node whose disk has lost entries that it had acknowledged (§3.6.1).
 *
 * Whoever counted its acknowledgement may have committed them. With its vote someone could lead who lacks them, or it could
 * itself. So until its log is as up to date as it was, it follows, and takes no part in elections. What it acknowledges
 * meanwhile is true, and counts. With damage on a majority nobody can be elected: the cluster waits.
 *
 * Its log is repaired by a leader like that of anyone who was away. It starts in a term in which it has not voted, and in
 * which no leader knows how far its log had gone.
 */
import * as Log from "./Log.ts"
import * as LogPosition from "./LogPosition.ts"
import { type Next, next, write } from "./Next.ts"
import type { State } from "./State.ts"

export const isUnderway = ({ lost }: State): boolean => lost !== undefined

/**
 * Repaired, once the log is durably as up to date as it was. With the same last term it is the log that was there; with a
 * greater one it agrees with that of a leader who had all that could have been committed before its term.
 */
export const proceed = (state: State): Next => {
  const { durability: { durable }, log, lost } = state
  if (lost === undefined) return next(state)
  const term = Log.termAt(log, durable)
  if (typeof term !== "number" || !LogPosition.isUpToDate({ term, index: durable }, lost)) return next(state)
  const [repaired, written] = write({ ...state, lost: undefined }, { hardState: true, isRepaired: true })
  return next(repaired, written)
}
