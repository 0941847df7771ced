/**
 * Consecutive log entries with their payloads: one buffer, and where each entry ends in it.
 *
 * This is the form in which entries go from the caller to the disk, to the wire and to the state machine,
 * so that none of them is copied or encoded twice. The first byte of an entry is its kind; the rest is its
 * payload. The engine never sees these; it knows entries by their places and terms.
 *
 * @since 0.1.0
 */
import { type MembershipEntry, type Run, sliceRuns } from "./engine/Log.ts"
import type { Index, Term } from "./engine/LogPosition.ts"
import type { Membership } from "./engine/Membership.ts"
import * as MembershipCodec from "./MembershipCodec.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Entries {
  /** The index of the first entry. */
  readonly first: Index
  /** The terms, from `first` on: strictly increasing in start and term. */
  readonly runs: ReadonlyArray<Run>
  /** The entries, one after the other. */
  readonly bytes: Uint8Array
  /** For each entry, where it ends in `bytes`. */
  readonly ends: ReadonlyArray<number>
}

/**
 * What an entry is for: to open a leader's term, to change the state machine, to change the membership. On a witness it
 * is only known that there was a command.
 *
 * @category models
 * @since 0.1.0
 */
export const Kind = { noop: 0, command: 1, membership: 2, withheld: 3 } as const

/**
 * The entry with which a leader opens its term.
 *
 * @category constructors
 * @since 0.1.0
 */
export const noop = (index: Index, term: Term): Entries => ({
  first: index,
  runs: [{ start: index, term }],
  bytes: Uint8Array.of(Kind.noop),
  ends: [1]
})

/**
 * The entry that puts a membership in force.
 *
 * @category constructors
 * @since 0.1.0
 */
export const membership = (index: Index, term: Term, membership: Membership): Entries => {
  const payload = MembershipCodec.encode(membership)
  const bytes = new Uint8Array(payload.length + 1)
  bytes[0] = Kind.membership
  bytes.set(payload, 1)
  return { first: index, runs: [{ start: index, term }], bytes, ends: [bytes.length] }
}

/**
 * Commands of one term, in order. Their bytes are copied, once.
 *
 * @category constructors
 * @since 0.1.0
 */
export const commands = (first: Index, term: Term, payloads: ReadonlyArray<Uint8Array>): Entries => {
  const size = payloads.reduce((sum, payload) => sum + payload.length + 1, 0)
  const bytes = new Uint8Array(size)
  const ends: Array<number> = []
  let offset = 0
  for (const payload of payloads) {
    bytes[offset] = Kind.command
    bytes.set(payload, offset + 1)
    offset += payload.length + 1
    ends.push(offset)
  }
  return { first, runs: [{ start: first, term }], bytes, ends }
}

/**
 * The index of the last entry; one less than the first when there is none.
 *
 * @category getters
 * @since 0.1.0
 */
export const last = (entries: Entries): Index => entries.first + entries.ends.length - 1

const startOf = (entries: Entries, place: number): number => (place === 0 ? 0 : entries.ends[place - 1] ?? 0)

/**
 * The term of the entry at `index`, which must be among the entries.
 *
 * @category getters
 * @since 0.1.0
 */
export const termAt = (entries: Entries, index: Index): Term =>
  entries.runs.findLast((run) => run.start <= index)?.term ?? 0

/**
 * The kind of the entry at `index`, as a number of `Kind`.
 *
 * @category getters
 * @since 0.1.0
 */
export const kindAt = (entries: Entries, index: Index): number =>
  entries.bytes[startOf(entries, index - entries.first)] ?? Kind.noop

/**
 * The payload of the entry at `index`: a view, not a copy.
 *
 * @category getters
 * @since 0.1.0
 */
export const payloadAt = (entries: Entries, index: Index): Uint8Array => {
  const place = index - entries.first
  return entries.bytes.subarray(startOf(entries, place) + 1, entries.ends[place])
}

/**
 * The memberships among the entries, or undefined if an entry says that it is one and is not.
 *
 * @category getters
 * @since 0.1.0
 */
export const memberships = (entries: Entries): ReadonlyArray<MembershipEntry> | undefined => {
  let found: Array<MembershipEntry> | undefined
  for (let place = 0; place < entries.ends.length; place++) {
    if (entries.bytes[startOf(entries, place)] !== Kind.membership) continue
    const index = entries.first + place
    const membership = MembershipCodec.decode(payloadAt(entries, index))
    if (membership === undefined) return undefined
    found ??= []
    found.push({ index, membership })
  }
  return found ?? none
}

const none: ReadonlyArray<MembershipEntry> = []

/**
 * The entries `from` to `to`, both included and both among the entries: a view, not a copy.
 *
 * @category combinators
 * @since 0.1.0
 */
export const slice = (entries: Entries, from: Index, to: Index): Entries => {
  if (from === entries.first && to === last(entries)) return entries
  const base = startOf(entries, from - entries.first)
  const ends = entries.ends.slice(from - entries.first, to - entries.first + 1)
  return {
    first: from,
    runs: sliceRuns(entries.runs, from, to),
    bytes: entries.bytes.subarray(base, ends[ends.length - 1] ?? base),
    ends: base === 0 ? ends : ends.map((end) => end - base)
  }
}

/**
 * As many of the first entries as fit into `maxBytes`, and one in any case.
 *
 * @category combinators
 * @since 0.1.0
 */
export const within = (entries: Entries, maxBytes: number): Entries => {
  if (entries.bytes.length <= maxBytes || entries.ends.length <= 1) return entries
  const fitting = entries.ends.findIndex((end) => end > maxBytes)
  return slice(entries, entries.first, entries.first + Math.max(0, fitting - 1))
}

/**
 * The same entries without their commands, for a witness: it counts them, and learns of memberships.
 *
 * @category combinators
 * @since 0.1.0
 */
export const withhold = (entries: Entries): Entries => {
  const ends: Array<number> = []
  const pieces: Array<Uint8Array> = []
  let offset = 0
  for (let index = entries.first; index <= last(entries); index++) {
    const place = index - entries.first
    const isCommand = kindAt(entries, index) === Kind.command
    const piece = isCommand ? withheld : entries.bytes.subarray(startOf(entries, place), entries.ends[place])
    pieces.push(piece)
    offset += piece.length
    ends.push(offset)
  }
  const bytes = new Uint8Array(offset)
  pieces.forEach((piece, place) => bytes.set(piece, place === 0 ? 0 : ends[place - 1] ?? 0))
  return { first: entries.first, runs: entries.runs, bytes, ends }
}

const withheld = Uint8Array.of(Kind.withheld)

/**
 * Joins pieces that follow each other without gaps. At least one piece.
 *
 * @category combinators
 * @since 0.1.0
 */
export const concat = (pieces: readonly [Entries, ...ReadonlyArray<Entries>]): Entries => {
  if (pieces.length === 1) return pieces[0]
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.bytes.length, 0))
  const ends: Array<number> = []
  const runs: Array<Run> = []
  let offset = 0
  for (const piece of pieces) {
    bytes.set(piece.bytes, offset)
    for (const end of piece.ends) ends.push(offset + end)
    for (const run of piece.runs) if (run.term !== runs[runs.length - 1]?.term) runs.push(run)
    offset += piece.bytes.length
  }
  return { first: pieces[0].first, runs, bytes, ends }
}

/**
 * Whether the parts fit together: ends rise within the bytes and no entry is empty, runs begin at the first
 * entry and rise. What was decoded from a disk or a socket is not believed before this holds.
 *
 * @category guards
 * @since 0.1.0
 */
export const isWellFormed = (entries: Entries): boolean => {
  let end = 0
  for (const each of entries.ends) {
    if (!(each > end)) return false
    end = each
  }
  if (end !== entries.bytes.length || (entries.runs[0]?.start ?? entries.first) !== entries.first) return false
  if ((entries.runs.length === 0) !== (entries.ends.length === 0)) return false
  return entries.runs.every((run, place) => {
    const before = entries.runs[place - 1]
    return run.start <= last(entries) && (before === undefined || (before.start < run.start && before.term < run.term))
  })
}
