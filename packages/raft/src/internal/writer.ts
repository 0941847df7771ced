/**
 * Carries writes to the disk, in order; all that wait go together.
 *
 * While one batch is being made durable, the next one gathers: group commit without a timer. A write is never
 * interrupted and never tried again. When the node closes, what was issued is still written.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type { WriteId } from "../engine/Durability.ts"
import type { Storage, StorageError, StorageWrite } from "../Storage.ts"
import type { Time } from "./time.ts"

export interface Writer {
  readonly push: (write: WriteId, change: StorageWrite) => void
  /** Since when the disk has been busy with one batch; undefined while it rests. */
  readonly busySince: () => number | undefined
  readonly run: Effect.Effect<never, StorageError>
}

export const make = Effect.fnUntraced(function*(
  storage: Storage["Service"],
  time: Time,
  onPersisted: (write: WriteId) => void
) {
  const signal = yield* Queue.dropping<true>(1)
  let waiting: Array<StorageWrite> = []
  let newest: WriteId = 0
  // After a failure it stays so: the disk has not said that anything was done, and is not asked again.
  let busySince: number | undefined

  const writeAll = Effect.suspend(() => {
    if (waiting.length === 0 || busySince !== undefined) return Effect.void
    const changes = waiting
    const write = newest
    waiting = []
    busySince = time.now()
    return Effect.map(storage.write(changes), () => {
      busySince = undefined
      onPersisted(write)
    })
  })

  const writer: Writer = {
    push: (write, change) => {
      newest = write
      waiting.push(change)
      Queue.offerUnsafe(signal, true)
    },
    busySince: () => busySince,
    run: Queue.take(signal).pipe(
      Effect.andThen(Effect.uninterruptible(writeAll)),
      Effect.forever({ disableYield: true }),
      Effect.onInterrupt(() => Effect.ignore(writeAll))
    )
  }
  return writer
})
