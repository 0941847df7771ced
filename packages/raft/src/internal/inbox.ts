/**
 * Where everything waits for the loop: messages of others, and what the node's own fibers have done.
 *
 * Messages are bounded, in number and in bytes, and lost beyond that, as on a network. What the writer, the applier and the
 * sender report is cumulative, so one number each is enough and none of it can ever be refused; and there is one snapshot
 * at a time.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type { WriteId } from "../engine/Durability.ts"
import type { Input } from "../engine/Input.ts"
import type { Index, NodeId } from "../engine/LogPosition.ts"
import type { Handle } from "../engine/State.ts"
import type { Entries } from "../Entries.ts"
import type { SnapshotTaken } from "../Storage.ts"
import type { Envelope } from "../Transport.ts"

/** A message and whose it is. */
interface Arrival {
  readonly envelope: Envelope
  readonly incarnation: number
}

const sizeOf = ({ chunk, entries }: Envelope): number => (entries?.bytes.length ?? 0) + (chunk?.length ?? 0)

export const make = (maxMessages: number, maxBytes: number): Effect.Effect<Inbox> =>
  Effect.map(Queue.dropping<true>(1), (signal) => new Inbox(maxMessages, maxBytes, signal))

export class Inbox {
  private readonly maxMessages: number
  private readonly maxBytes: number
  private readonly signal: Queue.Queue<true>
  private messages: Array<Arrival> = []
  private bytes = 0
  /** What the last `drain` took: its payloads are asked for while its turn lasts. */
  private carried: ReadonlyArray<Arrival> = []
  private newestWrite: WriteId = 0
  private newestApplied: Index = 0
  private taken: (SnapshotTaken & { readonly index: Index }) | undefined
  private readonly entriesUnsent = new Map<NodeId, Index>()
  private readonly chunksUnsent = new Map<NodeId, number>()

  constructor(maxMessages: number, maxBytes: number, signal: Queue.Queue<true>) {
    this.maxMessages = maxMessages
    this.maxBytes = maxBytes
    this.signal = signal
  }

  /** Makes the loop turn although nothing has come in here. */
  readonly wake = (): void => {
    Queue.offerUnsafe(this.signal, true)
  }

  /** Succeeds when there is something to do. */
  get arrival(): Effect.Effect<void> {
    return Effect.asVoid(Queue.take(this.signal))
  }

  /** Takes a message, or loses it. `incarnation` names the disk of whoever sent it. */
  message(envelope: Envelope, incarnation: number): void {
    const size = sizeOf(envelope)
    if (this.messages.length >= this.maxMessages || (this.bytes > 0 && this.bytes + size > this.maxBytes)) return
    this.messages.push({ envelope, incarnation })
    this.bytes += size
    this.wake()
  }

  readonly persisted = (write: WriteId): void => {
    this.newestWrite = write
    this.wake()
  }

  readonly applied = (index: Index): void => {
    this.newestApplied = index
    this.wake()
  }

  /** Entries for `to` from `from` on were not sent. */
  readonly unsent = (to: NodeId, from: Index): void => {
    this.entriesUnsent.set(to, Math.min(from, this.entriesUnsent.get(to) ?? from))
    this.wake()
  }

  /** The chunk for `to` at `offset` was not sent, nor what was to follow it. */
  readonly chunkUnsent = (to: NodeId, offset: number): void => {
    this.chunksUnsent.set(to, Math.min(offset, this.chunksUnsent.get(to) ?? offset))
    this.wake()
  }

  readonly snapshotTaken = (index: Index, { checksum, size }: SnapshotTaken): void => {
    this.taken = { index, size, checksum }
    this.wake()
  }

  /** Everything that has come, in the order in which it must be heard. */
  drain(now: number): Array<Input> {
    const inputs: Array<Input> = []
    if (this.newestWrite > 0) inputs.push({ _tag: "Persisted", now, write: this.newestWrite })
    if (this.newestApplied > 0) inputs.push({ _tag: "Applied", now, index: this.newestApplied })
    for (const [to, from] of this.entriesUnsent) inputs.push({ _tag: "Unsent", now, to, from })
    for (const [to, offset] of this.chunksUnsent) inputs.push({ _tag: "ChunkUnsent", now, to, offset })
    if (this.taken !== undefined) inputs.push({ _tag: "SnapshotTaken", now, ...this.taken })
    this.messages.forEach((arrival, place) => inputs.push(received(arrival, -1 - place, now)))
    this.carried = this.messages
    this.newestWrite = 0
    this.newestApplied = 0
    this.taken = undefined
    this.messages = []
    this.bytes = 0
    this.entriesUnsent.clear()
    this.chunksUnsent.clear()
    return inputs
  }

  /** The entries that came with a message of the last `drain`. Their handles are negative: none of a proposal's is. */
  entries(handle: Handle): Entries | undefined {
    return this.carried[-1 - handle]?.envelope.entries
  }

  /** The same for a chunk of a snapshot. */
  chunk(handle: Handle): Uint8Array | undefined {
    return this.carried[-1 - handle]?.envelope.chunk
  }
}

const received = ({ envelope, incarnation }: Arrival, handle: Handle, now: number): Input => {
  const { chunk, entries, message } = envelope
  const batch = entries === undefined && chunk === undefined ? undefined : handle
  return { _tag: "Receive", now, message, batch, bytes: sizeOf(envelope), incarnation }
}
