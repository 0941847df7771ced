/**
 * How many bytes the entries of a log take, roughly, without knowing the entries.
 *
 * Windows and the wish for a snapshot are about bytes, and the engine holds none. So whoever hands it entries says how
 * many bytes they are, and a few marks remember where the log had grown by how much; between two marks the bytes are
 * taken to lie evenly. There are never more than `maxMarks`: old ones are thinned out, so a log of any length costs the
 * same. Where nothing was said (after a restart) entries count as empty, and the windows by number hold alone.
 */
import type { Index } from "./LogPosition.ts"

/** All bytes up to and with the entry at `index`, since the log began to be counted. */
export interface Mark {
  readonly index: Index
  readonly bytes: number
}

/** Strictly increasing in index. The first one is where counting begins. */
export type Sizes = ReadonlyArray<Mark>

const maxMarks = 64

/** Closer than this, in bytes, two marks would tell nothing that one does not. */
const grain = 16 * 1024

export const none: Sizes = []

/** All bytes up to and with `index`. */
export const upTo = (sizes: Sizes, index: Index): number => {
  let place = sizes.length - 1
  for (let mark = sizes[place]; mark !== undefined && mark.index > index; mark = sizes[place]) place--
  const before = sizes[place]
  if (before === undefined) return sizes[0]?.bytes ?? 0
  const after = sizes[place + 1]
  if (after === undefined) return before.bytes
  return before.bytes + (after.bytes - before.bytes) * (index - before.index) / (after.index - before.index)
}

/** The bytes of the entries after `from`, up to and with `to`. */
export const between = (sizes: Sizes, from: Index, to: Index): number => upTo(sizes, to) - upTo(sizes, from)

/** The last index up to `limit` such that no more than `bytes` lie after `from`; at least one entry is. */
export const within = (sizes: Sizes, from: Index, limit: Index, bytes: number): Index => {
  if (limit <= from + 1 || between(sizes, from, limit) <= bytes) return limit
  let low = from + 1
  let high = limit
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (between(sizes, from, middle) <= bytes) low = middle
    else high = middle
  }
  return low
}

/** Entries of that many bytes were added after `last`, up to and with `to`. */
export const add = (sizes: Sizes, last: Index, to: Index, bytes: number): Sizes => {
  if (bytes === 0) return sizes
  const base: Sizes = sizes.length === 0 ? [{ index: last, bytes: 0 }] : sizes
  const newest = base[base.length - 1]
  const before = base[base.length - 2]
  const total = upTo(base, last) + bytes
  const mark = { index: to, bytes: total }
  const isClose = newest !== undefined && before !== undefined && total - before.bytes < grain && newest.index <= last
  if (isClose) return [...base.slice(0, -1), mark]
  // Entries without bytes may lie in between; the new ones must not be spread over them.
  const start: Sizes = newest !== undefined && newest.index < last ? [{ index: last, bytes: newest.bytes }] : []
  return thin([...base, ...start, mark])
}

/** Every other one of the older half goes, once there are too many. */
const thin = (sizes: Sizes): Sizes =>
  sizes.length <= maxMarks
    ? sizes
    : sizes.filter((_, place) => place === 0 || place >= sizes.length / 2 || place % 2 === 0)

/** What lies past `index` is gone. */
export const truncateAfter = (sizes: Sizes, index: Index): Sizes => {
  const newest = sizes[sizes.length - 1]
  if (newest === undefined || newest.index <= index) return sizes
  const kept = sizes.filter((mark) => mark.index < index)
  return [...kept, { index, bytes: upTo(sizes, index) }]
}

/** What lies up to `index` is gone. */
export const dropUpTo = (sizes: Sizes, index: Index): Sizes => {
  const oldest = sizes[0]
  if (oldest === undefined || oldest.index >= index) return sizes
  return [{ index, bytes: upTo(sizes, index) }, ...sizes.filter((mark) => mark.index > index)]
}
