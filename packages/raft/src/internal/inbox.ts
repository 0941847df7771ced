/**
 * Where everything waits for the loop: messages of others, and what the node's own fibers have done.
 *
 * Messages are bounded, in number and in bytes, and lost beyond that, as on a network. What the writer, the applier and the
 * sender report is cumulative, so one number each is enough and none of it can ever be refused.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type { WriteId } from "../engine/Durability.ts"
import type { Input } from "../engine/Input.ts"
import type { Index, NodeId } from "../engine/LogPosition.ts"
import type { Handle } from "../engine/State.ts"
import type { Entries } from "../Entries.ts"
import type { Envelope } from "../Transport.ts"

export interface Inbox {
  /** Takes a message, or loses it. */
  readonly message: (envelope: Envelope) => void
  readonly persisted: (write: WriteId) => void
  readonly applied: (index: Index) => void
  /** Entries for `to` from `from` on were not sent. */
  readonly unsent: (to: NodeId, from: Index) => void
  /** Makes the loop turn although nothing has come in here. */
  readonly wake: () => void
  /** Succeeds when there is something to do. */
  readonly arrival: Effect.Effect<void>
  /** Everything that has come, in the order in which it must be heard. */
  readonly drain: (now: number) => Array<Input>
  /** The entries that came with a message of the last `drain`. Their handles are negative: none of a proposal's is. */
  readonly entries: (handle: Handle) => Entries | undefined
}

export const make = Effect.fnUntraced(function*(maxMessages: number, maxBytes: number) {
  const signal = yield* Queue.dropping<true>(1)
  let messages: Array<Envelope> = []
  let bytes = 0
  let carried: Array<Entries | undefined> = []
  let persisted: WriteId = 0
  let applied: Index = 0
  const unsent = new Map<NodeId, Index>()
  const wake = () => {
    Queue.offerUnsafe(signal, true)
  }
  const drain = (now: number): Array<Input> => {
    const inputs: Array<Input> = []
    if (persisted > 0) inputs.push({ _tag: "Persisted", now, write: persisted })
    if (applied > 0) inputs.push({ _tag: "Applied", now, index: applied })
    for (const [to, from] of unsent) inputs.push({ _tag: "Unsent", now, to, from })
    carried = messages.map((envelope) => envelope.entries)
    messages.forEach(({ entries, message }, place) => {
      inputs.push({ _tag: "Receive", now, message, batch: entries === undefined ? undefined : -1 - place })
    })
    persisted = 0
    applied = 0
    messages = []
    bytes = 0
    unsent.clear()
    return inputs
  }
  const inbox: Inbox = {
    message: (envelope) => {
      const size = envelope.entries?.bytes.length ?? 0
      if (messages.length >= maxMessages || (bytes > 0 && bytes + size > maxBytes)) return
      messages.push(envelope)
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
    wake,
    arrival: Effect.asVoid(Queue.take(signal)),
    drain,
    entries: (handle) => carried[-1 - handle]
  }
  return inbox
})
