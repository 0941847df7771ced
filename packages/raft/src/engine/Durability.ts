/**
 * What a crash could not take away any more.
 *
 * Writes leave in one order and become durable in that order, so a completion speaks for everything
 * before it. The one trap is a truncation that is still on its way to the disk: what an earlier write
 * completed may be about to go, so nothing past the place it keeps counts as durable. With that minimum
 * no completion ever needs a term beside it, and none is ever thrown away.
 */
import type { Index } from "./LogPosition.ts"

/** Names one write; each is one higher than the one before. */
export type WriteId = number

/** A write that was issued and is not known to be durable. */
export interface PendingWrite {
  readonly write: WriteId
  /** Where the log ends once it is done. */
  readonly last: Index
  /** What it truncates to; `everything` when it only adds. */
  readonly keeps: Index
}

export interface Durability {
  /** The newest write. */
  readonly issued: WriteId
  /** The newest write that carried a term or a vote: nothing may leave that was said in a term a crash could undo. */
  readonly hardStateWrite: WriteId
  /** Everything up to this write is durable. */
  readonly persisted: WriteId
  readonly pending: ReadonlyArray<PendingWrite>
  /** The log as accepted is durable up to here. */
  readonly durable: Index
}

export const everything: Index = Number.MAX_SAFE_INTEGER

/** After a restart, what was read back is durable. */
export const recovered = (last: Index): Durability => ({
  issued: 0,
  hardStateWrite: 0,
  persisted: 0,
  pending: [],
  durable: last
})

/** Takes note of a write that leaves now. */
export const issue = (
  durability: Durability,
  write: { readonly last: Index; readonly keeps: Index; readonly hardState: boolean }
): Durability => {
  const id = durability.issued + 1
  return {
    issued: id,
    hardStateWrite: write.hardState ? id : durability.hardStateWrite,
    persisted: durability.persisted,
    pending: [...durability.pending, { write: id, last: write.last, keeps: write.keeps }],
    durable: Math.min(durability.durable, write.keeps)
  }
}

/** How far the log is durable once everything up to `write` is, given what is still on its way. */
const durableAfter = (pending: ReadonlyArray<PendingWrite>, write: WriteId): Index => {
  let last = 0
  let kept = everything
  for (const each of pending) {
    if (each.write <= write) last = each.last
    else kept = Math.min(kept, each.keeps)
  }
  return Math.min(last, kept)
}

/** Takes note that everything up to `write` is durable. */
export const persist = (durability: Durability, write: WriteId): Durability => ({
  issued: durability.issued,
  hardStateWrite: durability.hardStateWrite,
  persisted: write,
  pending: durability.pending.filter((each) => each.write > write),
  durable: Math.max(durability.durable, durableAfter(durability.pending, write))
})

/** The write to wait for before saying that the log is durable up to `index`; 0 when it is by now. */
export const writeCovering = (durability: Durability, index: Index): WriteId => {
  if (index <= durability.durable) return 0
  for (const each of durability.pending) {
    if (durableAfter(durability.pending, each.write) >= index) return each.write
  }
  return durability.issued
}
