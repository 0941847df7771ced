/**
 * Snapshots between the state machine and the storage: written down in the background, and read back.
 *
 * Neither direction ever holds a whole snapshot, unless the state machine does. There is one at a time to take: when
 * another is begun, the engine no longer waits for the one before, and it is given up.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Snapshot } from "../engine/Log.ts"
import type { Index } from "../engine/LogPosition.ts"
import { Fatal } from "../RaftError.ts"
import type { StateMachine } from "../StateMachine.ts"
import type { SnapshotTaken, Storage, StorageError } from "../Storage.ts"

export interface Snapshots {
  /** Begins to keep the state as it is now, right after `index`. Succeeds as soon as the state machine may go on. */
  readonly take: (index: Index) => Effect.Effect<void, Fatal>
  /**
   * Makes the state that of the snapshot. `false` when it could not be read any more and is not `isWanted` either: a
   * newer one has taken its place.
   */
  readonly restore: (snapshot: Snapshot, isWanted: () => boolean) => Effect.Effect<boolean, Fatal | StorageError>
  /** Fails when a snapshot could not be kept. */
  readonly run: Effect.Effect<never, Fatal | StorageError>
}

export interface Options {
  readonly machine: StateMachine["Service"]
  readonly storage: Storage["Service"]
  /** There is nothing to restore from it. */
  readonly isWithoutState: (snapshot: Snapshot) => boolean
  readonly onTaken: (index: Index, taken: SnapshotTaken) => void
}

/** How many bytes are read from the disk at a time. */
const pieceBytes = 256 * 1024

const broken = (cause: unknown) => new Fatal({ reason: "StateMachine", cause })

export const make = Effect.fnUntraced(function*({ isWithoutState, machine, onTaken, storage }: Options) {
  const writing = yield* FiberHandle.make<void, never>()
  const failure = yield* Deferred.make<never, Fatal | StorageError>()

  const keep = (index: Index, bytes: Stream.Stream<Uint8Array>) =>
    storage.takeSnapshot(index, bytes).pipe(
      Effect.map((taken) => onTaken(index, taken)),
      Effect.catchDefect((defect) => Effect.fail(broken(defect))),
      Effect.catch((error) => Effect.asVoid(Deferred.fail(failure, error)))
    )

  const read = (snapshot: Snapshot) =>
    Stream.paginate(0, (offset) => {
      const length = Math.min(pieceBytes, snapshot.size - offset)
      const end = offset + length
      return Effect.map(
        storage.readSnapshot(snapshot, offset, length),
        (bytes) => [[bytes], end < snapshot.size ? Option.some(end) : Option.none()] as const
      )
    })

  const snapshots: Snapshots = {
    take: Effect.fnUntraced(function*(index) {
      const bytes = yield* Effect.catchDefect(machine.snapshot, (defect) => Effect.fail(broken(defect)))
      yield* FiberHandle.clear(writing)
      yield* FiberHandle.run(writing, keep(index, bytes))
    }),
    restore: (snapshot, isWanted) => {
      if (isWithoutState(snapshot)) return Effect.succeed(true)
      return machine.restore(read(snapshot)).pipe(
        Effect.as(true),
        Effect.catch((error) => isWanted() ? Effect.fail(error) : Effect.succeed(false)),
        Effect.catchDefect((defect) => Effect.fail(broken(defect)))
      )
    },
    run: Deferred.await(failure)
  }
  return snapshots
})
