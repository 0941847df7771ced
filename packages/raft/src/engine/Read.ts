/**
 * Linearizable reads without a log entry (§6.4).
 *
 * A leader may have been replaced without knowing it, so before it answers it asks the others, in a
 * round that begins after the read arrived: an answer to anything sent earlier proves nothing. And a new
 * leader does not know what is committed until an entry of its own term is, so a read never goes below
 * that entry.
 */
import type { Read } from "./Input.ts"
import * as Log from "./Log.ts"
import { type Next, next } from "./Next.ts"
import type { Output } from "./Output.ts"
import * as Quorum from "./Quorum.ts"
import { isLeader, type Leader, type PendingRead, type State } from "./State.ts"

/** Begins a round of its own for the read. */
export const onRead = (state: State<Leader>, { read }: Read): Next => {
  const { reads, sequence, since } = state.role
  const pending: PendingRead = { read, sequence: sequence + 1, index: Math.max(state.commit, since) }
  return next({ ...state, role: { ...state.role, sequence: pending.sequence, reads: [...reads, pending] } })
}

/** Who does not lead cannot tell what is committed. */
export const refuse = (state: State, { read }: Read): Next => next(state, { _tag: "ReadFailed", read })

/** Answers the reads whose round a majority has confirmed. */
export const confirm = (state: State): Next => {
  if (!isLeader(state) || state.role.reads.length === 0) return next(state)
  const { progress, reads, sequence } = state.role
  const confirmed = Quorum.reached(
    Log.membership(state.log),
    (id) => id === state.id ? sequence : progress.find((each) => each.id === id)?.acknowledged ?? 0
  )
  const isReady = (each: PendingRead) => each.sequence <= confirmed && each.index <= state.commit
  const ready = reads.filter(isReady)
  if (ready.length === 0) return next(state)
  const outputs = ready.map(({ index, read }): Output => ({ _tag: "ReadReady", read, index }))
  const waiting = reads.filter((each) => !isReady(each))
  return next({ ...state, role: { ...state.role, reads: waiting } }, ...outputs)
}
