/**
 * What became of proposals.
 *
 * Only what is committed decides. That an entry was truncated here says nothing: another node may still
 * hold it and commit it under a later leader. So a proposal waits under its index and term, and is
 * superseded only when something else is committed at that index. Where a snapshot has taken the place of the
 * entries, nobody can tell any more.
 */
import * as Log from "./Log.ts"
import type { Index } from "./LogPosition.ts"
import { type Next, next } from "./Next.ts"
import type { Output } from "./Output.ts"
import type { State, Waiter } from "./State.ts"

export const resolve = (state: State): Next => {
  const { commit, log, waiters } = state
  if (waiters.length === 0 || !waiters.some((waiter) => waiter.from <= commit)) return next(state)
  const outputs: Array<Output> = []
  const open: Array<Waiter> = []
  for (const waiter of waiters) {
    const { batch, from, term, to } = waiter
    if (from > commit) {
      open.push(waiter)
      continue
    }
    const end = Log.termAt(log, from) === term ? Math.min(to, commit, Log.runEnd(log, from)) : from - 1
    if (end >= from) outputs.push({ _tag: "Resolved", batch, from, to: end })
    if (end === to) continue
    // Past the end of the run another term is committed, and so nothing of this batch is, from there on.
    if (end < commit) outputs.push({ _tag: "Superseded", batch, from: end + 1, to })
    else open.push({ batch, from: end + 1, to, term })
  }
  return next({ ...state, waiters: open }, ...outputs)
}

/** A snapshot takes the place of everything up to `index`: what became of proposals there is not to be seen any more. */
export const cover = (state: State, index: Index): Next => {
  const covered = state.waiters.filter((waiter) => waiter.from <= index)
  if (covered.length === 0) return next(state)
  const outputs = covered.map(({ batch, from, to }): Output => ({
    _tag: "Indeterminate",
    batch,
    from,
    to: Math.min(to, index)
  }))
  const waiters = state.waiters
    .filter((waiter) => waiter.to > index)
    .map((waiter) => ({ ...waiter, from: Math.max(waiter.from, index + 1) }))
  return next({ ...state, waiters }, ...outputs)
}
