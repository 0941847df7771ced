/**
 * A disk as the engine's contract describes it: one queue of writes, each kept whole or not at all.
 *
 * What is stored is what a crash leaves behind, whatever the node believes. Between the queue and the store
 * nothing is reordered, so a crash leaves the writes up to some point: a prefix, never a selection. Values,
 * not objects with methods: a disk can be copied, compared and put back, which a model checker needs.
 */
import type { Durability, Log, LogPosition, Membership, Output, State } from "effect-raft/engine"

/** One entry with its payload, or rather a name for it: two entries are the same if their contents are. */
export interface Entry {
  readonly term: LogPosition.Term
  readonly content: string
  /** The membership that the entry puts in force, if it does. */
  readonly membership?: Membership.Membership
}

/** What a restart finds. `entries[0]` is the entry with index 1. */
export interface Stored {
  readonly hardState: State.HardState
  /** The one that the cluster was founded with; later ones are in entries. */
  readonly membership: Membership.Membership
  readonly entries: ReadonlyArray<Entry>
}

/** A write on its way to the store, with the contents that the engine does not know. */
export interface Waiting {
  readonly write: Output.Write
  readonly entries: ReadonlyArray<Entry>
}

export interface Disk {
  readonly stored: Stored
  readonly waiting: ReadonlyArray<Waiting>
}

export const make = (stored: Stored): Disk => ({ stored, waiting: [] })

/** Adds a write to the end of the queue. */
export const submit = (disk: Disk, waiting: Waiting): Disk => ({ ...disk, waiting: [...disk.waiting, waiting] })

const carryOut = (stored: Stored, { entries, write }: Waiting): Stored => {
  const { append, boundary, hardState, truncateAfter } = write
  const kept = truncateAfter === undefined ? stored.entries : stored.entries.slice(0, truncateAfter)
  if (append !== undefined && (append.from !== kept.length + 1 || append.to !== kept.length + entries.length)) {
    throw new Error(`write ${write.write} appends ${append.from}-${append.to} to a log that ends at ${kept.length}`)
  }
  return {
    hardState: hardState ?? stored.hardState,
    membership: boundary?.membership ?? stored.membership,
    entries: append === undefined ? kept : [...kept, ...entries]
  }
}

/** Makes everything up to `write` durable. */
export const persist = (disk: Disk, write: Durability.WriteId): Disk => ({
  stored: disk.waiting.filter((each) => each.write.write <= write).reduce(carryOut, disk.stored),
  waiting: disk.waiting.filter((each) => each.write.write > write)
})

/** What is left after a crash that came once the first `keeping` of the waiting writes were durable. */
export const crash = (disk: Disk, keeping: number): Disk =>
  make(disk.waiting.slice(0, keeping).reduce(carryOut, disk.stored))

/** The terms of the entries, as the engine keeps them. */
export const runs = (entries: ReadonlyArray<Entry>): ReadonlyArray<Log.Run> =>
  entries.flatMap(({ term }, place) => (entries[place - 1]?.term === term ? [] : [{ start: place + 1, term }]))

/** The memberships that the entries put in force, as the engine keeps them. */
export const memberships = (entries: ReadonlyArray<Entry>, previous = 0): ReadonlyArray<Log.MembershipEntry> =>
  entries.flatMap(({ membership }, place) =>
    membership === undefined ? [] : [{ index: previous + place + 1, membership }]
  )

/** What a node is told of its disk when it starts. */
export const recover = ({ entries, hardState, membership }: Stored): State.Recovered => ({
  hardState,
  log: {
    boundary: { index: 0, term: 0, membership },
    runs: runs(entries),
    memberships: memberships(entries),
    last: entries.length,
    sizes: []
  }
})
