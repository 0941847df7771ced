/**
 * The end of the log, in memory: what followers who keep up and the state machine need next.
 *
 * It holds what was accepted last, durable or not, in the pieces in which it came. What is on disk may be
 * dropped from the front, oldest first, once there is more than the bound; what is not must stay, for nobody
 * else has it. How much that can be is bounded by who lets entries in: see `isFull`.
 */
import type { Index } from "../engine/LogPosition.ts"
import * as Entries from "../Entries.ts"

/** What a piece takes in memory, roughly: its bytes and what describes them. */
const cost = (piece: Entries.Entries): number => piece.bytes.length + 256

export class Tail {
  private readonly maxBytes: number
  private pieces: Array<Entries.Entries> = []
  /** Pieces before this place are dropped; the array is cut only now and then, to keep that cheap. */
  private head = 0
  private bytes = 0
  private durable: Index = 0

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  /** Whether more is waiting for the disk than the bound allows. */
  get isFull(): boolean {
    return this.bytes > this.maxBytes
  }

  /** Adds entries right after the last, dropping whatever stood from their first index on. */
  append(entries: Entries.Entries): void {
    this.truncateFrom(entries.first)
    this.durable = Math.min(this.durable, entries.first - 1)
    this.pieces.push(entries)
    this.bytes += cost(entries)
    this.evict()
  }

  /** Everything up to `index` is on disk, and may be dropped. */
  release(index: Index): void {
    this.durable = index
    this.evict()
  }

  /**
   * The entries `from` to `to`, or as many of the first of them as fit into `maxBytes`; undefined when `from` is
   * no longer here, and must be read from the disk.
   */
  read(from: Index, to: Index, maxBytes: number): Entries.Entries | undefined {
    const place = this.find(from)
    const first = this.pieces[place]
    if (place < this.head || first === undefined || Entries.last(first) < from) return undefined
    const found: [Entries.Entries, ...Array<Entries.Entries>] = [
      Entries.slice(first, from, Math.min(to, Entries.last(first)))
    ]
    let size = found[0].bytes.length
    for (let next = place + 1; next < this.pieces.length && size < maxBytes; next++) {
      const piece = this.pieces[next]
      if (piece === undefined || piece.first > to) break
      found.push(Entries.slice(piece, piece.first, Math.min(to, Entries.last(piece))))
      size += piece.bytes.length
    }
    return Entries.within(Entries.concat(found), maxBytes)
  }

  /** The place of the piece that holds `index`; below `head` when that was dropped. */
  private find(index: Index): number {
    let low = this.head
    let high = this.pieces.length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const piece = this.pieces[middle]
      if (piece !== undefined && piece.first <= index) low = middle + 1
      else high = middle - 1
    }
    return high
  }

  private truncateFrom(index: Index): void {
    while (this.pieces.length > this.head) {
      const piece = this.pieces.at(-1)
      if (piece === undefined || Entries.last(piece) < index) return
      this.pieces.pop()
      this.bytes -= cost(piece)
      if (piece.first >= index) continue
      const kept = Entries.slice(piece, piece.first, index - 1)
      this.pieces.push(kept)
      this.bytes += cost(kept)
    }
  }

  private evict(): void {
    for (let piece = this.pieces[this.head]; piece !== undefined && this.isFull; piece = this.pieces[this.head]) {
      if (Entries.last(piece) > this.durable) break
      this.bytes -= cost(piece)
      this.head++
    }
    if (this.head > 1024 && this.head > this.pieces.length / 2) {
      this.pieces = this.pieces.slice(this.head)
      this.head = 0
    }
  }
}
