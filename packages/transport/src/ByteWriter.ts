/**
 * Writes numbers and names into a buffer of known size, big-endian.
 *
 * What it is given comes from this process, so a value that does not fit is a mistake in the program and throws.
 * Numbers go up to 2⁵³ - 1, in eight bytes; names are UTF-8 with their length before them.
 *
 * @since 0.1.0
 */
import { Buffer } from "node:buffer"

/**
 * The largest name, in bytes of UTF-8.
 *
 * @category limits
 * @since 0.1.0
 */
export const maxNameBytes = 255

/**
 * How many bytes `name` takes.
 *
 * @category sizes
 * @since 0.1.0
 */
export const nameSize = (name: string): number => 1 + Buffer.byteLength(name)

/**
 * How many bytes `text` takes.
 *
 * @category sizes
 * @since 0.1.0
 */
export const textSize = (text: string): number => 2 + Buffer.byteLength(text)

/**
 * A buffer and the place where the next value goes.
 *
 * @category models
 * @since 0.1.0
 */
export class ByteWriter {
  readonly buffer: Buffer
  #offset: number

  /** Room for `size` bytes, the first `skip` of which are left for somebody else. */
  constructor(size: number, skip = 0) {
    this.buffer = Buffer.allocUnsafe(size)
    this.#offset = skip
  }

  u8(value: number): void {
    this.#offset = this.buffer.writeUInt8(value, this.#offset)
  }

  u16(value: number): void {
    this.#offset = this.buffer.writeUInt16BE(value, this.#offset)
  }

  u32(value: number): void {
    this.#offset = this.buffer.writeUInt32BE(value, this.#offset)
  }

  /** A whole number from 0 to 2⁵³ - 1. */
  u53(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is no whole number from 0 to 2⁵³ - 1`)
    this.u32(Math.floor(value / 0x1_0000_0000))
    this.u32(value >>> 0)
  }

  bool(value: boolean): void {
    this.u8(value ? 1 : 0)
  }

  /** At most `maxNameBytes`. */
  name(value: string): void {
    const written = this.buffer.write(value, this.#offset + 1)
    if (written > maxNameBytes) throw new RangeError(`a name of ${written} bytes, and at most ${maxNameBytes} are sent`)
    this.u8(written)
    this.#offset += written
  }

  raw(value: Uint8Array): void {
    this.buffer.set(value, this.#offset)
    this.#offset += value.length
  }

  /** At most 65,535 bytes. */
  text(value: string): void {
    const written = this.buffer.write(value, this.#offset + 2)
    this.u16(written)
    this.#offset += written
  }
}
