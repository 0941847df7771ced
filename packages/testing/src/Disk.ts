/**
 * A disk as the engine's contract describes it: one queue of writes, each kept whole or not at all.
 *
 * What is stored is what a crash leaves behind, whatever the node believes. Between the queue and the store
 * nothing is reordered, so a crash leaves the writes up to some point: a prefix, never a selection. Values,
 * not objects with methods: a disk can be copied, compared and put back, which a model checker needs.
 *
 * A snapshot's bytes are the entries that it stands for, one byte for each, so that whoever compares states compares
 * those. What the log gave up for a snapshot stays in `entries` all the same: no node reads it, but oracles do.
 */
import { type Durability, type Log, LogPosition, Membership, type Output, type State } from "effect-raft/engine"

/** One entry with its payload, or rather a name for it: two entries are the same if their contents are. */
export interface Entry {
  readonly term: LogPosition.Term
  readonly content: string
  /** The membership that the entry puts in force, if it does. */
  readonly membership?: Membership.Membership
  /** How many bytes it is, if that was said. */
  readonly bytes?: number
}

/** What a witness keeps of an entry. */
export const withheld = "(withheld)"

/** The entry without its payload, as a witness is sent it; it learns of memberships all the same. */
export const withhold = (entry: Entry): Entry =>
  entry.membership === undefined ? { term: entry.term, content: withheld } : entry

/** Whether they are one entry, as far as both tell. */
export const isSame = (left: Entry | undefined, right: Entry | undefined): boolean =>
  left !== undefined && right !== undefined && left.term === right.term
  && (left.content === right.content || left.content === withheld || right.content === withheld)

/** What a state machine has written down: whole, and not counting before a write says so. */
export interface Taken {
  readonly index: LogPosition.Index
  readonly size: number
  readonly checksum: number
  readonly bytes: ReadonlyArray<Entry>
}

/** A snapshot that counts. */
export interface StoredSnapshot extends Log.Snapshot {
  readonly bytes: ReadonlyArray<Entry>
}

/** What has come of another node's snapshot. */
export interface Received {
  readonly snapshot: Log.Snapshot
  readonly bytes: ReadonlyArray<Entry>
}

/** What a restart finds. `entries[0]` is the entry with index 1. */
export interface Stored {
  readonly hardState: State.HardState
  /** The one that the cluster was founded with, or that was in force where the log begins; later ones are in entries. */
  readonly membership: Membership.Membership
  readonly entries: ReadonlyArray<Entry>
  /** The entry before the first that the log still has; absent at the very start. */
  readonly boundary?: LogPosition.LogPosition
  readonly snapshot?: StoredSnapshot
  readonly taken?: Taken
  readonly received?: Received
  /** The last entry of the log before a part of it was lost. */
  readonly damaged?: { readonly last: LogPosition.Index; readonly lastTerm: LogPosition.Term }
}

/** A write on its way to the store, with the contents that the engine does not know. */
export interface Waiting {
  readonly write: Output.Write
  readonly entries: ReadonlyArray<Entry>
  /** Of the chunk that it keeps. */
  readonly bytes?: ReadonlyArray<Entry>
  /** What an empty snapshot stands for: a witness is not told, but terms have to be known to compare them. */
  readonly covered?: ReadonlyArray<Entry>
}

export interface Disk {
  readonly stored: Stored
  readonly waiting: ReadonlyArray<Waiting>
}

/** A new one. */
export const empty: Stored = { hardState: { term: 0, votedFor: undefined }, membership: Membership.none, entries: [] }

export const make = (stored: Stored): Disk => ({ stored, waiting: [] })

/** Adds a write to the end of the queue. */
export const submit = (disk: Disk, waiting: Waiting): Disk => ({ ...disk, waiting: [...disk.waiting, waiting] })

/** A state machine has written its state down, beside the queue. There is room for one that does not count yet. */
export const keep = (disk: Disk, taken: Taken): Disk => ({ ...disk, stored: { ...disk.stored, taken } })

const isOne = (left: Log.Snapshot, right: Log.Snapshot): boolean =>
  left.index === right.index && left.term === right.term && left.size === right.size && left.checksum === right.checksum

/** Chunks stand one after the other, from the beginning of one snapshot. */
const receive = ({ received }: Stored, { bytes = [], write: { chunk, write } }: Waiting): Received | undefined => {
  if (chunk === undefined) return received
  const before = received !== undefined && isOne(received.snapshot, chunk.snapshot) ? received.bytes : []
  if (chunk.offset !== (chunk.offset === 0 ? 0 : before.length) || chunk.length !== bytes.length) {
    throw new Error(`write ${write} keeps a chunk at ${chunk.offset}, and what is there ends at ${before.length}`)
  }
  return { snapshot: chunk.snapshot, bytes: chunk.offset === 0 ? bytes : [...before, ...bytes] }
}

/** The snapshot that the write makes count must be there, whole: received, or taken, or without any bytes. */
const adopt = (
  { taken }: Stored,
  received: Received | undefined,
  { write: { snapshot, write } }: Waiting
): StoredSnapshot | undefined => {
  if (snapshot === undefined) return undefined
  const { index, size } = snapshot
  if (received !== undefined && isOne(received.snapshot, snapshot) && received.bytes.length === size) {
    return { ...snapshot, bytes: received.bytes }
  }
  if (size === 0) return { ...snapshot, bytes: [] }
  if (taken?.index === index && taken.size === size) return { ...snapshot, bytes: taken.bytes }
  throw new Error(`write ${write} makes a snapshot of ${index} count that is not there`)
}

/** The entries, once the log begins at the boundary: past their end, they are what the snapshot stands for. */
export const beginAt = (
  entries: ReadonlyArray<Entry>,
  boundary: LogPosition.LogPosition | undefined,
  covered: ReadonlyArray<Entry>
): ReadonlyArray<Entry> =>
  boundary === undefined || boundary.index <= entries.length ? entries : covered.slice(0, boundary.index)

const carryOut = (stored: Stored, waiting: Waiting): Stored => {
  const { covered = [], entries, write } = waiting
  const { append, boundary, hardState, truncateAfter } = write
  const received = receive(stored, waiting)
  const snapshot = adopt(stored, received, waiting)
  const isReceived = snapshot !== undefined && snapshot.bytes === received?.bytes
  const left = truncateAfter === undefined ? stored.entries : stored.entries.slice(0, truncateAfter)
  const kept = beginAt(left, boundary, isReceived ? snapshot.bytes : covered)
  if (append !== undefined && (append.from !== kept.length + 1 || append.to !== kept.length + entries.length)) {
    throw new Error(`write ${write.write} appends ${append.from}-${append.to} to a log that ends at ${kept.length}`)
  }
  const { damaged, received: _, taken, ...others } = stored
  const isAdopted = snapshot !== undefined && snapshot.bytes === taken?.bytes
  return {
    ...others,
    hardState: hardState ?? stored.hardState,
    membership: boundary?.membership ?? stored.membership,
    entries: append === undefined ? kept : [...kept, ...entries],
    ...(boundary !== undefined && { boundary: { index: boundary.index, term: boundary.term } }),
    ...(snapshot !== undefined && { snapshot }),
    ...(damaged !== undefined && write.isRepaired !== true && { damaged }),
    ...(taken !== undefined && !isAdopted && { taken }),
    ...(received !== undefined && !isReceived && { received })
  }
}

/** The entries from `from` on are lost, and with them the vote; how far they went, and the term, are known. */
export const damage = (disk: Disk, from: LogPosition.Index): Disk => {
  const { damaged, entries, hardState: { term } } = disk.stored
  const last = entries.length
  const lastTerm = entries[last - 1]?.term ?? 0
  const isFarther = damaged === undefined
    || LogPosition.isUpToDate({ term: lastTerm, index: last }, { term: damaged.lastTerm, index: damaged.last })
  return make({
    ...disk.stored,
    hardState: { term: term + 1, votedFor: undefined },
    entries: entries.slice(0, from - 1),
    damaged: isFarther ? { last, lastTerm } : damaged
  })
}

/** Makes everything up to `write` durable. */
export const persist = (disk: Disk, write: Durability.WriteId): Disk => ({
  stored: disk.waiting.filter((each) => each.write.write <= write).reduce(carryOut, disk.stored),
  waiting: disk.waiting.filter((each) => each.write.write > write)
})

/** What is left after a crash that came once the first `keeping` of the waiting writes were durable. */
export const crash = (disk: Disk, keeping: number): Disk => {
  const { received: _, taken: __, ...stored } = disk.waiting.slice(0, keeping).reduce(carryOut, disk.stored)
  // What does not count is not looked at again.
  return make(stored)
}

/** The terms of the entries after `previous`, as the engine keeps them. */
export const runs = (entries: ReadonlyArray<Entry>, previous = 0): ReadonlyArray<Log.Run> =>
  entries.flatMap(({ term }, place) => entries[place - 1]?.term === term ? [] : [{ start: previous + place + 1, term }])

/** The memberships that the entries put in force, as the engine keeps them. */
export const memberships = (entries: ReadonlyArray<Entry>, previous = 0): ReadonlyArray<Log.MembershipEntry> =>
  entries.flatMap(({ membership }, place) =>
    membership === undefined ? [] : [{ index: previous + place + 1, membership }]
  )

/** What a node is told of its disk when it starts. */
export const recover = ({ boundary, damaged, entries, hardState, membership, snapshot }: Stored): State.Found => {
  const { index, term } = boundary ?? { index: 0, term: 0 }
  const held = entries.slice(index)
  const log = {
    boundary: { index, term, membership },
    runs: runs(held, index),
    memberships: memberships(held, index),
    last: entries.length,
    sizes: []
  }
  const found = { hardState, log, ...(damaged && { damaged }) }
  if (snapshot === undefined) return found
  const { bytes: _, ...known } = snapshot
  return { ...found, snapshot: known }
}
