/**
 * The end of the log, in memory: what followers who keep up and the state machine need next.
 *
 * It holds what was accepted last, durable or not, in the pieces in which it came. What is on disk may be
 * dropped from the front, oldest first, once there is more than the bound; what is not must stay, for nobody
 * else has it. How much that can be is bounded by who lets entries in: see `isFull`.
 */
import type { Index } from "../engine/LogPosition.ts"
import * as Entries from "../Entries.ts"

/** What a piece costs besides its bytes, roughly. */
const overhead = 256

export interface Tail {
  /** Adds entries right after the last, dropping whatever stood from their first index on. */
  readonly append: (entries: Entries.Entries) => void
  /** Everything up to `index` is on disk, and may be dropped. */
  readonly release: (index: Index) => void
  /** Whether more is waiting for the disk than the bound allows. */
  readonly isFull: () => boolean
  /**
   * The entries `from` to `to`, or as many of the first of them as fit into `maxBytes`; undefined when `from` is
   * no longer here, and must be read from the disk.
   */
  readonly read: (from: Index, to: Index, maxBytes: number) => Entries.Entries | undefined
}

export const make = (maxBytes: number): Tail => {
  let pieces: Array<Entries.Entries> = []
  // Pieces before `head` are dropped; the array is cut only now and then, to keep that cheap.
  let head = 0
  let bytes = 0
  let durable: Index = 0
  const cost = (piece: Entries.Entries) => piece.bytes.length + overhead

  /** The place of the piece that holds `index`; `head` - 1 when that was dropped. */
  const find = (index: Index): number => {
    let low = head
    let high = pieces.length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const piece = pieces[middle]
      if (piece !== undefined && piece.first <= index) low = middle + 1
      else high = middle - 1
    }
    return high
  }

  const truncateFrom = (index: Index) => {
    for (let piece = pieces.at(-1); piece !== undefined && pieces.length > head; piece = pieces.at(-1)) {
      if (Entries.last(piece) < index) return
      pieces.pop()
      bytes -= cost(piece)
      if (piece.first < index) {
        const kept = Entries.slice(piece, piece.first, index - 1)
        pieces.push(kept)
        bytes += cost(kept)
      }
    }
  }

  const evict = () => {
    for (let piece = pieces[head]; piece !== undefined && bytes > maxBytes; piece = pieces[head]) {
      if (Entries.last(piece) > durable) break
      bytes -= cost(piece)
      head++
    }
    if (head > 1024 && head > pieces.length / 2) {
      pieces = pieces.slice(head)
      head = 0
    }
  }

  return {
    append: (entries) => {
      truncateFrom(entries.first)
      durable = Math.min(durable, entries.first - 1)
      pieces.push(entries)
      bytes += cost(entries)
      evict()
    },
    release: (index) => {
      durable = index
      evict()
    },
    isFull: () => bytes > maxBytes,
    read: (from, to, limit) => {
      const place = find(from)
      const first = pieces[place]
      if (place < head || first === undefined || Entries.last(first) < from) return undefined
      const found: [Entries.Entries, ...Array<Entries.Entries>] = [
        Entries.slice(first, from, Math.min(to, Entries.last(first)))
      ]
      let size = found[0].bytes.length
      for (let next = place + 1; next < pieces.length && size < limit; next++) {
        const piece = pieces[next]
        if (piece === undefined || piece.first > to) break
        found.push(Entries.slice(piece, piece.first, Math.min(to, Entries.last(piece))))
        size += piece.bytes.length
      }
      return Entries.within(Entries.concat(found), limit)
    }
  }
}
