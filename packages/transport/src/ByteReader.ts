/**
 * Reads from bytes what `ByteWriter` wrote, and believes nothing.
 *
 * A value that is not all there, a number past 2⁵³, a name that is not UTF-8: each throws a `WireError`, which
 * `decodeWith` turns into a result at the end of the one place that reads. No length that was read decides how much
 * memory is taken before it has been held against the bytes that are there.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type { Buffer } from "node:buffer"
import { content, WireError } from "./WireError.ts"

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/**
 * Bytes and the place where the next value is read.
 *
 * @category models
 * @since 0.1.0
 */
export class ByteReader {
  readonly bytes: Buffer
  #offset = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  /** How many bytes have not been read. */
  get remaining(): number {
    return this.bytes.length - this.#offset
  }

  u8(): number {
    return this.bytes.readUInt8(this.#take(1))
  }

  u16(): number {
    return this.bytes.readUInt16BE(this.#take(2))
  }

  u32(): number {
    return this.bytes.readUInt32BE(this.#take(4))
  }

  /** A whole number from 0 to 2⁵³ - 1. */
  u53(): number {
    const high = this.u32()
    if (high > 0x1f_ffff) throw content("a number is past 2⁵³")
    return high * 0x1_0000_0000 + this.u32()
  }

  bool(): boolean {
    const value = this.u8()
    if (value > 1) throw content(`${value} stands for neither yes nor no`)
    return value === 1
  }

  name(): string {
    return this.#utf8(this.u8())
  }

  text(maxBytes: number): string {
    const length = this.u16()
    if (length > maxBytes) throw content(`a text of ${length} bytes, and at most ${maxBytes} are allowed`)
    return this.#utf8(length)
  }

  /** The next `length` bytes: a view, not a copy. */
  raw(length: number): Buffer {
    const start = this.#take(length)
    return this.bytes.subarray(start, start + length)
  }

  /** All that has not been read: a view, not a copy. */
  rest(): Buffer {
    return this.bytes.subarray(this.#take(this.remaining))
  }

  /** Throws unless everything has been read. */
  end(): void {
    if (this.remaining > 0) throw content(`${this.remaining} bytes too many`)
  }

  #utf8(length: number): string {
    const start = this.#take(length)
    try {
      return utf8.decode(this.bytes.subarray(start, start + length))
    } catch {
      throw content("a name is not UTF-8")
    }
  }

  #take(count: number): number {
    const start = this.#offset
    if (count > this.remaining) throw content(`${count - this.remaining} bytes too few`)
    this.#offset = start + count
    return start
  }
}

/**
 * Reads all of `bytes`, or says what is wrong with them.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decodeWith = <A>(bytes: Buffer, read: (reader: ByteReader) => A): Result.Result<A, WireError> => {
  const reader = new ByteReader(bytes)
  try {
    const value = read(reader)
    reader.end()
    return Result.succeed(value)
  } catch (error) {
    if (error instanceof WireError) return Result.fail(error)
    throw error
  }
}
