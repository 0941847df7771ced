/**
 * What the cluster replicates: a state that commands change, the same way on every node.
 *
 * Every node applies the same commands in the same order, so what applying does may depend on nothing else:
 * no clock, no chance, nothing read from outside. Time and ids arrive in the command. `Replicated` derives
 * one of these from schemas and reducers; a hand-written one is one object.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Index, LogPosition } from "./engine/LogPosition.ts"

/**
 * A committed command and where it stands in the log.
 *
 * @category models
 * @since 0.1.0
 */
export interface Command {
  readonly position: LogPosition
  readonly payload: Uint8Array
}

/**
 * Applies, reads, and can be moved elsewhere.
 *
 * **Gotchas**
 *
 * A defect in any of these stops the node with `Fatal`: it can no longer be the same as the others. To refuse a
 * command is a reply like any other.
 *
 * @category services
 * @since 0.1.0
 */
export class StateMachine extends Context.Service<StateMachine, {
  /** Applies committed commands, in order, each once since the start or the last `restore`; one reply for each. */
  readonly apply: (commands: ReadonlyArray<Command>) => Effect.Effect<ReadonlyArray<unknown>>
  /** Looks without changing. `applied` is the index of the last entry that went into the state. */
  readonly read: (query: unknown, applied: Index) => Effect.Effect<unknown>
  /**
   * The whole state as it is now, as bytes that `restore` understands. The stream is read later, while further commands
   * are applied, and must not show them: hold on to a value that does not change, or to a copy.
   */
  readonly snapshot: Effect.Effect<Stream.Stream<Uint8Array>>
  /** Replaces the whole state. An error of the stream is passed on; the node then restores again, or stops. */
  readonly restore: <E>(snapshot: Stream.Stream<Uint8Array, E>) => Effect.Effect<void, E>
}>()("effect-raft/StateMachine") {}

/** All the bytes of a stream in one piece. */
const collect = <E>(stream: Stream.Stream<Uint8Array, E>): Effect.Effect<Uint8Array, E> =>
  Effect.map(Stream.runCollect(stream), (pieces) => {
    const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
    let offset = 0
    for (const piece of pieces) {
      whole.set(piece, offset)
      offset += piece.length
    }
    return whole
  })

/**
 * A state machine from plain functions, one command at a time. What `snapshot` answers is what the state is then: the
 * bytes, or something that gives them piece by piece while further commands are applied, and must not show those. To
 * restore it the whole snapshot is held in memory: for a large state that is too much, and `restore` wants to be a
 * stream.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (machine: {
  readonly apply: (command: Command) => unknown
  readonly read: (query: unknown, applied: Index) => unknown
  readonly snapshot: () => Uint8Array | Iterable<Uint8Array>
  readonly restore: (snapshot: Uint8Array) => void
}): StateMachine["Service"] =>
  StateMachine.of({
    apply: (commands) => Effect.sync(() => commands.map((command) => machine.apply(command))),
    read: (query, applied) => Effect.sync(() => machine.read(query, applied)),
    snapshot: Effect.sync(() => {
      const snapshot = machine.snapshot()
      // One piece at a time, so that others have their turn in between.
      return snapshot instanceof Uint8Array
        ? Stream.succeed(snapshot)
        : Stream.fromIterable(snapshot, { chunkSize: 1 }).pipe(Stream.tap(() => Effect.yieldNow))
    }),
    restore: (snapshot) => Effect.map(collect(snapshot), (bytes) => machine.restore(bytes))
  })
