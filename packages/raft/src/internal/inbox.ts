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

export interface Inbox {
  /** Takes a message, or loses it. `incarnation` names the disk of whoever sent it. */
  readonly message: (envelope: Envelope, incarnation: number) => void
  readonly persisted: (write: WriteId) => void
  readonly applied: (index: Index) => void
  /** Entries for `to` from `from` on were not sent. */
  readonly unsent: (to: NodeId, from: Index) => void
  /** The chunk for `to` at `offset` was not sent, nor what was to follow it. */
  readonly chunkUnsent: (to: NodeId, offset: number) => void
  readonly snapshotTaken: (index: Index, taken: SnapshotTaken) => void
  /** Makes the loop turn although nothing has come in here. */
  readonly wake: () => void
  /** Succeeds when there is something to do. */
  readonly arrival: Effect.Effect<void>
  /** Everything that has come, in the order in which it must be heard. */
  readonly drain: (now: number) => Array<Input>
  /** The entries that came with a message of the last `drain`. Their handles are negative: none of a proposal's is. */
  readonly entries: (handle: Handle) => Entries | undefined
  /** The same for a chunk of a snapshot. */
  readonly chunk: (handle: Handle) => Uint8Array | undefined
}

/** A message and whose it is. */
interface Arrival {
  readonly envelope: Envelope
  readonly incarnation: number
}

const sizeOf = ({ chunk, entries }: Envelope): number => (entries?.bytes.length ?? 0) + (chunk?.length ?? 0)

export const make = Effect.fnUntraced(function*(maxMessages: number, maxBytes: number) {
  const signal = yield* Queue.dropping<true>(1)
  let messages: Array<Arrival> = []
  let bytes = 0
  let carried: ReadonlyArray<Arrival> = []
  let persisted: WriteId = 0
  let applied: Index = 0
  let taken: (SnapshotTaken & { readonly index: Index }) | undefined
  const unsent = new Map<NodeId, Index>()
  const chunksUnsent = new Map<NodeId, number>()
  const wake = () => {
    Queue.offerUnsafe(signal, true)
  }
  const drain = (now: number): Array<Input> => {
    const inputs: Array<Input> = []
    if (persisted > 0) inputs.push({ _tag: "Persisted", now, write: persisted })
    if (applied > 0) inputs.push({ _tag: "Applied", now, index: applied })
    for (const [to, from] of unsent) inputs.push({ _tag: "Unsent", now, to, from })
    for (const [to, offset] of chunksUnsent) inputs.push({ _tag: "ChunkUnsent", now, to, offset })
    if (taken !== undefined) inputs.push({ _tag: "SnapshotTaken", now, ...taken })
    carried = messages
    messages.forEach(({ envelope, incarnation }, place) => {
      const { chunk, entries, message } = envelope
      const batch = entries === undefined && chunk === undefined ? undefined : -1 - place
      inputs.push({ _tag: "Receive", now, message, batch, bytes: sizeOf(envelope), incarnation })
    })
    persisted = 0
    applied = 0
    taken = undefined
    messages = []
    bytes = 0
    unsent.clear()
    chunksUnsent.clear()
    return inputs
  }
  const inbox: Inbox = {
    message: (envelope, incarnation) => {
      const size = sizeOf(envelope)
      if (messages.length >= maxMessages || (bytes > 0 && bytes + size > maxBytes)) return
      messages.push({ envelope, incarnation })
      bytes += size
      wake()
    },
    persisted: (write) => {
      persisted = write
      wake()
    },
    applied: (index) => {
      applied = index
      wake()
    },
    unsent: (to, from) => {
      unsent.set(to, Math.min(from, unsent.get(to) ?? from))
      wake()
    },
    chunkUnsent: (to, offset) => {
      chunksUnsent.set(to, Math.min(offset, chunksUnsent.get(to) ?? offset))
      wake()
    },
    snapshotTaken: (index, { checksum, size }) => {
      taken = { index, size, checksum }
      wake()
    },
    wake,
    arrival: Effect.asVoid(Queue.take(signal)),
    drain,
    entries: (handle) => carried[-1 - handle]?.envelope.entries,
    chunk: (handle) => carried[-1 - handle]?.envelope.chunk
  }
  return inbox
})
