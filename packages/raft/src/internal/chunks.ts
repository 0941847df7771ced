/**
 * Sends the chunks of snapshots, read from the disk one after the other for each member.
 *
 * They leave in the order in which the engine named them, and so do the empty ones between them, which ask the member
 * how much it has: one that came earlier would show a gap where there is none. When one cannot be read or sent, what
 * waits behind it is not sent either, and the engine is told. How many wait is bounded by the engine's window.
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type { NodeId } from "../engine/LogPosition.ts"
import type { InstallSnapshot } from "../engine/Message.ts"
import type { Storage, StorageError } from "../Storage.ts"
import type { Connection } from "../Transport.ts"

export interface Chunks {
  readonly send: (to: NodeId, message: InstallSnapshot) => void
}

export interface Options {
  readonly storage: Storage["Service"]
  readonly connection: Connection
  readonly unsent: (to: NodeId, offset: number) => void
}

export const make = Effect.fnUntraced(function*({ connection, storage, unsent }: Options) {
  const fork = yield* FiberSet.makeRuntime<never, void, never>()
  /** What waits to be read, by member; a member is in it while someone reads for it. */
  const waiting = new Map<NodeId, Array<InstallSnapshot>>()

  const read = ({ length, offset, snapshot }: InstallSnapshot): Effect.Effect<Uint8Array | undefined, StorageError> =>
    length === 0 ? Effect.succeed(undefined) : storage.readSnapshot(snapshot, offset, length)

  /** Whether it was sent. What cannot be read was replaced; if the disk is broken, the writer will say so. */
  const sendOne = (to: NodeId, message: InstallSnapshot): Effect.Effect<boolean> =>
    read(message).pipe(
      Effect.map((chunk) => connection.send(to, { message, entries: undefined, chunk })),
      Effect.catch(() => Effect.succeed(false))
    )

  const sendAll = Effect.fnUntraced(function*(to: NodeId, queue: Array<InstallSnapshot>) {
    for (let message = queue.shift(); message !== undefined; message = queue.shift()) {
      if (yield* sendOne(to, message)) continue
      queue.length = 0
      if (message.length > 0) unsent(to, message.offset)
    }
  })

  const chunks: Chunks = {
    send: (to, message) => {
      const queue = waiting.get(to)
      if (queue !== undefined) return void queue.push(message)
      if (message.length === 0) return void connection.send(to, { message, entries: undefined })
      const begun = [message]
      waiting.set(to, begun)
      fork(Effect.ensuring(sendAll(to, begun), Effect.sync(() => waiting.delete(to))))
    }
  }
  return chunks
})
