/**
 * Frames: how a stream of bytes is cut into pieces, and how a damaged piece is told from a good one.
 *
 *     0      4        5     6         8          12
 *     │ size │ layout │ kind │ header │ checksum │ payload …
 *     │ u32  │ u8     │ u8   │ u16    │ u32      │ size bytes
 *
 * `checksum` is the CRC-32 of the payload, `header` the low half of the CRC-32 of the six bytes before it: a
 * damaged size is noticed at once, not after waiting for bytes that never come. `layout` numbers this picture, and
 * nothing else; what the payloads mean is agreed upon in the handshake. The decoder takes memory for a frame only
 * after its size was found to be within the limit, and never more than for one frame.
 *
 * @since 0.1.0
 */
import { Buffer } from "node:buffer"
import { crc32 } from "node:zlib"
import { WireError } from "./WireError.ts"

/**
 * The number of the layout above.
 *
 * @category limits
 * @since 0.1.0
 */
export const layout = 1

/**
 * The size of what stands before the payload.
 *
 * @category limits
 * @since 0.1.0
 */
export const headerBytes = 12

/**
 * What a frame carries. Messages have kinds of their own from `message` on.
 *
 * @category models
 * @since 0.1.0
 */
export const Kind = { hello: 1, refusal: 2, ping: 3, pong: 4, message: 16 } as const

const headerCheck = (frame: Buffer, offset: number): number => crc32(frame.subarray(offset, offset + 6)) & 0xffff

/**
 * Finishes a frame. `head` is the first `headerBytes`, still empty, and the beginning of the payload; `tail`, if
 * any, is the rest of the payload, which is sent as it is and not copied.
 *
 * @category encoding
 * @since 0.1.0
 */
export const seal = (kind: number, head: Buffer, tail?: Uint8Array): ReadonlyArray<Uint8Array> => {
  const start = crc32(head.subarray(headerBytes))
  head.writeUInt32BE(head.length - headerBytes + (tail?.length ?? 0), 0)
  head.writeUInt8(layout, 4)
  head.writeUInt8(kind, 5)
  head.writeUInt16BE(headerCheck(head, 0), 6)
  head.writeUInt32BE(tail === undefined ? start : crc32(tail, start), 8)
  return tail === undefined ? [head] : [head, tail]
}

/**
 * A frame without a payload.
 *
 * @category encoding
 * @since 0.1.0
 */
export const empty = (kind: number): ReadonlyArray<Uint8Array> => seal(kind, Buffer.alloc(headerBytes))

/**
 * Takes a frame, and may say that it is not to be believed. The payload is a view that nobody writes to later.
 *
 * @category models
 * @since 0.1.0
 */
export type OnFrame = (kind: number, payload: Buffer) => WireError | undefined

/**
 * Puts frames together from the pieces in which they come.
 *
 * @category decoding
 * @since 0.1.0
 */
export class FrameDecoder {
  /** The largest payload, in bytes. May be changed between frames. */
  maxBytes: number
  /** A frame that has begun and is not all there: first its header, then all of it. */
  #partial: Buffer | undefined
  #filled = 0

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  /** Passes on the frames that end in `chunk`. After an error it is not to be called again. */
  push(chunk: Buffer, onFrame: OnFrame): WireError | undefined {
    let offset = 0
    while (offset < chunk.length) {
      const taken = this.#partial === undefined
        ? this.#begin(chunk, offset, onFrame)
        : this.#continue(chunk, offset, onFrame)
      if (typeof taken !== "number") return taken
      offset += taken
    }
    return undefined
  }

  /** At the start of a frame: passes it on if it is all there, and keeps what there is if not. */
  #begin(chunk: Buffer, offset: number, onFrame: OnFrame): number | WireError {
    const available = chunk.length - offset
    if (available < headerBytes) return this.#keep(chunk, offset, headerBytes)
    const size = this.#sizeOf(chunk, offset)
    if (typeof size !== "number") return size
    if (available < size) return this.#keep(chunk, offset, size)
    return this.#pass(chunk.subarray(offset, offset + size), onFrame) ?? size
  }

  /** Inside a frame: adds to it, and passes it on once it is all there. */
  #continue(chunk: Buffer, offset: number, onFrame: OnFrame): number | WireError {
    const partial = this.#partial ?? Buffer.alloc(0)
    const taken = chunk.copy(partial, this.#filled, offset)
    this.#filled += taken
    if (this.#filled < partial.length) return taken
    const size = partial.length > headerBytes ? partial.length : this.#sizeOf(partial, 0)
    if (typeof size !== "number") return size
    this.#partial = undefined
    if (size > partial.length) this.#keep(partial, 0, size)
    else return this.#pass(partial, onFrame) ?? taken
    return taken
  }

  /** Takes room for `size` bytes, and puts there what there is. Not from the pool, for a frame may live long. */
  #keep(bytes: Buffer, offset: number, size: number): number {
    this.#partial = Buffer.allocUnsafeSlow(size)
    this.#filled = bytes.copy(this.#partial, 0, offset)
    return this.#filled
  }

  #pass(frame: Buffer, onFrame: OnFrame): WireError | undefined {
    const payload = frame.subarray(headerBytes)
    if (crc32(payload) !== frame.readUInt32BE(8)) {
      return new WireError({ reason: "Checksum", detail: "the checksum of a frame does not match" })
    }
    return onFrame(frame.readUInt8(5), payload)
  }

  /** The size of the frame whose header begins at `offset`, header included. */
  #sizeOf(bytes: Buffer, offset: number): number | WireError {
    const found = bytes.readUInt8(offset + 4)
    if (found !== layout) {
      return new WireError({ reason: "Version", detail: `a frame of layout ${found}, and this is layout ${layout}` })
    }
    if (headerCheck(bytes, offset) !== bytes.readUInt16BE(offset + 6)) {
      return new WireError({ reason: "Header", detail: "the checksum of a frame's header does not match" })
    }
    const size = bytes.readUInt32BE(offset)
    if (size > this.maxBytes) {
      return new WireError({
        reason: "Length",
        detail: `a frame of ${size} bytes, and at most ${this.maxBytes} are allowed`
      })
    }
    return headerBytes + size
  }
}
