/**
 * Bytes as they come, cut into lines.
 *
 * A line may be long, for it can carry many entries of a log; one that is longer than allowed is left out, up to its end.
 */
import { Buffer } from "node:buffer"

/** In bytes: several times the largest command, which base64 makes a third longer. */
export const maxLineBytes = 64 * 1024 * 1024

const newline = 10

export class Lines {
  readonly #maxBytes: number
  /** The beginning of a line whose end has not come yet. */
  #pieces: Array<Uint8Array> = []
  #size = 0

  constructor(maxBytes = maxLineBytes) {
    this.#maxBytes = maxBytes
  }

  /** Takes the next bytes, and gives `each` every line that they complete. */
  push(chunk: Uint8Array, each: (line: string) => void): void {
    let start = 0
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      this.#keep(chunk.subarray(start, end))
      start = end + 1
      const line = Buffer.concat(this.#pieces).toString("utf8").trim()
      this.#pieces = []
      this.#size = 0
      if (line !== "") each(line)
    }
    this.#keep(chunk.subarray(start))
  }

  #keep(piece: Uint8Array): void {
    if (piece.length === 0) return
    this.#size += piece.length
    // Once it is too long, nothing of it is kept.
    if (this.#size <= this.#maxBytes) this.#pieces.push(piece)
    else this.#pieces = []
  }
}
