/**
 * Where each entry of the log lies: one row per record that holds entries, in columns of numbers.
 *
 * A record that a later one has cut short keeps its row; what counts of it ends where the next row begins. So rows
 * only ever go from the end (truncation) or from the front (a new boundary), and 36 bytes per record is all it takes.
 */
import type { LogPosition } from "effect-raft/engine"
import * as Entries from "effect-raft/Entries"
import type { StorageWrite } from "effect-raft/Storage"

type Index = LogPosition.Index

/** A record, and which of its entries belong to the log. */
export interface Row {
  /** The sequence of the file: its name, in the order in which they were made. */
  readonly segment: number
  readonly offset: number
  readonly size: number
  readonly first: Index
  readonly last: Index
}

export class LogIndex {
  #firsts = new Float64Array(256)
  #offsets = new Float64Array(256)
  /** Files are named by sequences, which outgrow 32 bits. */
  #segments = new Float64Array(256)
  #sizes = new Uint32Array(256)
  /** How many bytes of entries the record holds; 0 once it was cut short, for nobody knows. */
  #payloads = new Float64Array(256)
  #count = 0
  #last: Index = 0

  /** Takes note of where a write's entries lie: in the record of `size` bytes at `offset`. */
  follow({ boundary, entries, truncateAfter }: StorageWrite, segment: number, offset: number, size: number): void {
    if (truncateAfter !== undefined) this.truncateAfter(truncateAfter)
    if (entries !== undefined && entries.ends.length > 0) {
      this.add({ segment, offset, size, first: entries.first, last: Entries.last(entries) }, entries.bytes.length)
    }
    if (boundary !== undefined) this.dropThrough(boundary.index)
  }

  /** A record with the entries `first` to `last`, right after those that are there. */
  add(row: Row, payload: number): void {
    if (this.#count === this.#firsts.length) this.#grow()
    this.#firsts[this.#count] = row.first
    this.#offsets[this.#count] = row.offset
    this.#segments[this.#count] = row.segment
    this.#sizes[this.#count] = row.size
    this.#payloads[this.#count] = payload
    this.#count++
    this.#last = row.last
  }

  /** Forgets every entry past `index`. */
  truncateAfter(index: Index): void {
    if (index >= this.#last) return
    while (this.#count > 0 && this.#firstAt(this.#count - 1) > index) this.#count--
    if (this.#count > 0) this.#payloads[this.#count - 1] = 0
    this.#last = index
  }

  /** Forgets the records that hold nothing past `index`. */
  dropThrough(index: Index): void {
    let gone = 0
    while (gone < this.#count && this.#lastAt(gone) <= index) gone++
    if (gone === 0) return
    for (const column of [this.#firsts, this.#offsets, this.#segments, this.#sizes, this.#payloads]) {
      column.copyWithin(0, gone, this.#count)
    }
    this.#count -= gone
  }

  /**
   * The records that hold the entries `from` to `to`, all of which are there, or the first of them: enough to fill
   * `maxBytes`. A copy, which stays as it is whatever happens to the log.
   */
  between(from: Index, to: Index, maxBytes: number): ReadonlyArray<Row> {
    const rows: Array<Row> = []
    const start = this.#rowOf(from)
    // How much of the first record comes before `from` is not known, so it does not count.
    for (let at = start, bytes = 0; at < this.#count && this.#firstAt(at) <= to && bytes <= maxBytes; at++) {
      rows.push({
        segment: this.#segments[at] ?? 0,
        offset: this.#offsets[at] ?? 0,
        size: this.#sizes[at] ?? 0,
        first: this.#firstAt(at),
        last: this.#lastAt(at)
      })
      if (at > start) bytes += this.#payloads[at] ?? 0
    }
    return rows
  }

  /** The file of the oldest row; undefined without rows. */
  get oldestSegment(): number | undefined {
    return this.#count === 0 ? undefined : this.#segments[0]
  }

  /** The first entry that has a row; infinity without rows. */
  get first(): Index {
    return this.#count === 0 ? Number.POSITIVE_INFINITY : this.#firstAt(0)
  }

  #firstAt(at: number): Index {
    return this.#firsts[at] ?? 0
  }

  #lastAt(at: number): Index {
    return at + 1 < this.#count ? this.#firstAt(at + 1) - 1 : this.#last
  }

  #rowOf(index: Index): number {
    let low = 0
    let high = this.#count
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (this.#firstAt(middle) <= index) low = middle
      else high = middle
    }
    return low
  }

  #grow(): void {
    const grown = (column: Float64Array): Float64Array<ArrayBuffer> => {
      const wider = new Float64Array(column.length * 2)
      wider.set(column)
      return wider
    }
    this.#firsts = grown(this.#firsts)
    this.#offsets = grown(this.#offsets)
    this.#payloads = grown(this.#payloads)
    this.#segments = grown(this.#segments)
    const sizes = new Uint32Array(this.#sizes.length * 2)
    sizes.set(this.#sizes)
    this.#sizes = sizes
  }
}
