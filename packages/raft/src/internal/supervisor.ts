/**
 * Keeps a node's fibers together: when one ends, all do, and the node says why.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Fatal } from "../RaftError.ts"
import { StorageError } from "../Storage.ts"

type Failure = Fatal | StorageError

export interface Supervisor {
  /** Why the node has stopped; undefined while it works. */
  readonly reason: () => Fatal | undefined
  /** Waits for that. */
  readonly stopped: Effect.Effect<Fatal>
}

const reasonOf = (exit: Exit.Exit<unknown, Failure>): Fatal => {
  if (Exit.isSuccess(exit)) return new Fatal({ reason: "Stopped", cause: new Error("its work has ended") })
  const error = Cause.squash(exit.cause)
  if (error instanceof Fatal) return error
  if (error instanceof StorageError) return new Fatal({ reason: "Storage", cause: error })
  if (!Cause.hasInterruptsOnly(exit.cause)) return new Fatal({ reason: "Invariant", cause: error })
  return new Fatal({ reason: "Stopped", cause: new Error("its scope was closed") })
}

/** Runs the fibers until the scope closes or one of them fails; then does what is left to do, once. */
export const supervise = Effect.fnUntraced(function*(
  fibers: ReadonlyArray<Effect.Effect<never, Failure>>,
  onStop: (reason: Fatal) => Effect.Effect<void>
) {
  const stopped = yield* Deferred.make<Fatal>()
  let reason: Fatal | undefined
  const stop = Effect.fnUntraced(function*(exit: Exit.Exit<unknown, Failure>) {
    const fatal = reasonOf(exit)
    reason = fatal
    yield* onStop(fatal)
    if (fatal.reason !== "Stopped") yield* Effect.logError(fatal.message, fatal)
    yield* Deferred.succeed(stopped, fatal)
  })
  yield* Effect.all(fibers, { concurrency: "unbounded", discard: true }).pipe(
    Effect.onExit(stop),
    Effect.ignoreCause,
    Effect.forkScoped({ startImmediately: true })
  )
  const supervisor: Supervisor = { reason: () => reason, stopped: Deferred.await(stopped) }
  return supervisor
})
