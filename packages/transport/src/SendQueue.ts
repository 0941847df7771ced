/**
 * What waits for one socket: written in one go per turn, and never more than allowed.
 *
 * Messages of one turn of the event loop are handed to the socket together, as one gather write. While the socket
 * has not finished with a batch, nothing more is given to it: what is sent meanwhile makes up the next batch, so a
 * slow network makes larger writes and not longer queues inside the socket. Both count against the limits.
 *
 * Entries and chunks of snapshots are bulk: they fill the queue, and then the rest is refused, to be sent again. Messages
 * without payloads (heartbeats, votes, answers) are what Raft cannot do without for long, so bulk leaves room for them:
 * a quarter of the messages, and a reserve of bytes beyond the limit. What has been taken leaves in the order in which
 * it came all the same. A heartbeat tests the log that the messages before it extend, so one that overtook them would
 * be refused; and what it stands behind is a sign of life as well.
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

/**
 * How many bytes of messages without payloads may wait although the limit is reached.
 *
 * @category limits
 * @since 0.1.0
 */
export const reserveBytes = 64 * 1024

/** How many of the messages may be bulk. Of a single one nothing can be kept back. */
const bulkShare = 0.75

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
  /** Messages and bytes that wait, or are with the socket; `#light` are the bytes that are not bulk. */
  #messages = 0
  #bytes = 0
  #light = 0
  /** A flush is due in this turn, or a batch is with the socket. */
  #busy = false
  #ending = false

  constructor(socket: Socket, limits: Limits) {
    this.#socket = socket
    this.#limits = limits
  }

  /** Whether a message may be taken, if it is small; `isBulk` says that it carries payloads. */
  hasRoom(isBulk: boolean): boolean {
    return this.#messages === 0 || !this.#isFull(0, isBulk)
  }

  /** Takes a message, or not: a full queue takes none, and one that is ending takes none. */
  offer(pieces: ReadonlyArray<Uint8Array>, isBulk = false): boolean {
    let size = 0
    for (const piece of pieces) size += piece.length
    if (this.#ending || (this.#messages > 0 && this.#isFull(size, isBulk))) return false
    this.#waiting.push(...pieces)
    this.#messages++
    this.#bytes += size
    if (!isBulk) this.#light += size
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
    const isBeyond = this.#bytes + size > maxQueueBytes
    if (isBulk) return isBeyond || this.#messages >= Math.max(1, Math.floor(maxQueueMessages * bulkShare))
    return this.#messages >= maxQueueMessages || (isBeyond && this.#light + size > reserveBytes)
  }

  /** Runs when nothing is with the socket: all that is counted waits. */
  readonly #flush = (): void => {
    const pieces = this.#waiting
    const last = pieces.pop()
    if (last === undefined || this.#socket.destroyed) {
      this.#busy = false
      if (this.#ending) this.#socket.end()
      return
    }
    this.#waiting = []
    const [messages, bytes, light] = [this.#messages, this.#bytes, this.#light]
    this.#socket.cork()
    for (const piece of pieces) this.#socket.write(piece)
    this.#socket.write(last, () => {
      this.#messages -= messages
      this.#bytes -= bytes
      this.#light -= light
      this.#flush()
    })
    this.#socket.uncork()
  }
}
