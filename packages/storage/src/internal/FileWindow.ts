/**
 * A file seen through a window that moves forward, so that a log of any size is read in little memory.
 *
 * What is in the window is had at once, without waiting; only to move it costs a call. What it shows is a view, good
 * until the window moves.
 */
import type { StorageError } from "effect-raft/Storage"
import * as Effect from "effect/Effect"
import { type File, readAll } from "./Disk.ts"

export class FileWindow {
  readonly file: File
  /** How long the file was when it was opened. */
  readonly size: number
  readonly #width: number
  #bytes: Buffer = Buffer.alloc(0)
  #start = 0

  constructor(file: File, size: number, width: number) {
    this.file = file
    this.size = size
    this.#width = width
  }

  /** The `length` bytes at `offset`, if the window shows them all. */
  peek(offset: number, length: number): Buffer | undefined {
    const from = offset - this.#start
    if (from < 0 || from + length > this.#bytes.length) return undefined
    return this.#bytes.subarray(from, from + length)
  }

  /** The `length` bytes at `offset`, or as many as the file has. */
  at(offset: number, length: number): Effect.Effect<Buffer, StorageError> {
    const there = Math.max(0, Math.min(length, this.size - offset))
    const seen = this.peek(offset, there)
    return seen === undefined ? this.#move(offset, there) : Effect.succeed(seen)
  }

  /** What the window shows from `offset` on, which is `length` bytes or more unless the file ends. */
  from(offset: number, length: number): Effect.Effect<Buffer, StorageError> {
    const end = this.#start + this.#bytes.length
    return this.at(offset, Math.max(length, offset >= this.#start && offset < end ? end - offset : this.#width))
  }

  #move(offset: number, length: number): Effect.Effect<Buffer, StorageError> {
    const bytes = Buffer.allocUnsafe(Math.min(Math.max(length, this.#width), this.size - offset))
    return Effect.map(readAll(this.file, bytes, offset), (count) => {
      this.#bytes = bytes.subarray(0, count)
      this.#start = offset
      return this.#bytes.subarray(0, length)
    })
  }
}
