/**
 * What waits for one socket: written in one go per turn, and never more than allowed.
 *
 * Messages of one turn of the event loop are handed to the socket together, as one gather write. While the socket
 * has not finished with a batch, nothing more is given to it: what is sent meanwhile makes up the next batch, so a
 * slow network makes larger writes and not longer queues inside the socket. Both count against the limits.
 *
 * What carries payloads leaves room: a quarter of the messages, and a reserve of bytes beyond the limit, are for those
 * that carry none. So entries and snapshots that wait never keep a heartbeat or a vote from being sent.
 *
 * @since 0.1.0
 */
import type { Socket } from "node:net"
import process from "node:process"

/**
 * @category models
 * @since 0.1.0
 */
export interface Limits {
  readonly maxQueueBytes: number
  readonly maxQueueMessages: number
}

/** How much of the messages may carry payloads. */
const bulkShare = 0.75

/** Room for messages without payloads when the limit of bytes is reached. */
const reserveBytes = 64 * 1024

/**
 * The queue of one socket.
 *
 * @category models
 * @since 0.1.0
 */
export class SendQueue {
  readonly #socket: Socket
  readonly #limits: Limits
  #waiting: Array<Uint8Array> = []
  #waitingMessages = 0
  /** Bytes and messages that wait, or are with the socket. */
  #bytes = 0
  #messages = 0
  /** A flush is due in this turn, or a batch is with the socket. */
  #busy = false
  #ending = false

  constructor(socket: Socket, limits: Limits) {
    this.#socket = socket
    this.#limits = limits
  }

  /** Whether a message may be taken, if it is small. `isBulk`: it carries payloads. */
  hasRoom(isBulk: boolean): boolean {
    return this.#messages === 0 || !this.#isFull(0, isBulk)
  }

  /** Takes a message, or not: a full queue takes none, and one that is ending takes none. */
  offer(pieces: ReadonlyArray<Uint8Array>, isBulk = false): boolean {
    let size = 0
    for (const piece of pieces) size += piece.length
    if (this.#ending || (this.#messages > 0 && this.#isFull(size, isBulk))) return false
    this.#waiting.push(...pieces)
    this.#waitingMessages++
    this.#bytes += size
    this.#messages++
    if (!this.#busy) {
      this.#busy = true
      process.nextTick(this.#flush)
    }
    return true
  }

  /** Lets the socket finish with what was taken, then ends it. */
  end(): void {
    this.#ending = true
    if (!this.#busy) this.#socket.end()
  }

  #isFull(size: number, isBulk: boolean): boolean {
    const { maxQueueBytes, maxQueueMessages } = this.#limits
    const messages = isBulk ? Math.max(1, Math.floor(maxQueueMessages * bulkShare)) : maxQueueMessages
    const bytes = isBulk ? maxQueueBytes : maxQueueBytes + reserveBytes
    return this.#messages >= messages || this.#bytes + size > bytes
  }

  readonly #flush = (): void => {
    const pieces = this.#waiting
    const messages = this.#waitingMessages
    const last = pieces.pop()
    if (last === undefined || this.#socket.destroyed) {
      this.#busy = false
      if (this.#ending) this.#socket.end()
      return
    }
    this.#waiting = []
    this.#waitingMessages = 0
    let size = last.length
    this.#socket.cork()
    for (const piece of pieces) {
      size += piece.length
      this.#socket.write(piece)
    }
    this.#socket.write(last, () => {
      this.#bytes -= size
      this.#messages -= messages
      this.#flush()
    })
    this.#socket.uncork()
  }
}
