/**
 * The state machine's lane: committed entries in order, snapshots where they are due, and reads between them.
 *
 * It runs beside the loop, so that a slow state machine delays its own answers and nothing else. How much can
 * be in the lane is bounded by the engine, which hands over no more than it is told has been applied.
 *
 * A snapshot to restore overtakes all that waits here: those entries are in it, and may be gone from the log by the time
 * they are wanted. One to take is begun right after its entry; the state machine is held up only for as long as it needs
 * to say what its state is.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import type { WriteId } from "../engine/Durability.ts"
import type { Index } from "../engine/LogPosition.ts"
import type { RestoreSnapshot } from "../engine/Output.ts"
import * as Entries from "../Entries.ts"
import { Fatal } from "../RaftError.ts"
import type { Command, StateMachine } from "../StateMachine.ts"
import type { Storage, StorageError } from "../Storage.ts"
import type { Proposals } from "./proposals.ts"
import type { Reads, Ready } from "./reads.ts"
import type { Snapshots } from "./snapshots.ts"
import type { Tail } from "./tail.ts"
import type { Time } from "./time.ts"

export interface Applier {
  /** Everything up to `index` may be applied. */
  readonly handOver: (index: Index) => void
  /** A snapshot of the state right after `index`, which was handed over last, is wanted. */
  readonly takeSnapshot: (index: Index) => void
  /** The state is to be that of a snapshot. What was handed over before and is not applied yet never will be. */
  readonly restore: (output: RestoreSnapshot) => void
  /** Everything up to `write` is durable: a snapshot that waited for it may be restored. */
  readonly release: (write: WriteId) => void
  /** Questions to answer once their index is applied. */
  readonly read: (ready: Ready) => void
  readonly applied: () => Index
  readonly run: Effect.Effect<never, Fatal | StorageError>
}

export interface Options {
  readonly machine: StateMachine["Service"]
  readonly snapshots: Snapshots
  readonly storage: Storage["Service"]
  readonly tail: Tail
  readonly proposals: Proposals
  readonly reads: Reads
  readonly time: Time
  readonly onApplied: (index: Index) => void
}

/** How many bytes of entries are applied before reads get their turn. */
const pieceBytes = 1024 * 1024

const commandsOf = (entries: Entries.Entries): ReadonlyArray<Command> => {
  const commands: Array<Command> = []
  const last = Entries.last(entries)
  for (let index = entries.first; index <= last; index++) {
    if (Entries.kindAt(entries, index) !== Entries.Kind.command) continue
    commands.push({
      position: { term: Entries.termAt(entries, index), index },
      payload: Entries.payloadAt(entries, index)
    })
  }
  return commands
}

const broken = (cause: unknown) => new Fatal({ reason: "StateMachine", cause })

export const make = Effect.fnUntraced(function*(options: Options) {
  const { machine, onApplied, proposals, reads, snapshots, storage, tail, time } = options
  const signal = yield* Queue.dropping<true>(1)
  let handed: Index = 0
  let applied: Index = 0
  let persisted: WriteId = 0
  let restoring: RestoreSnapshot | undefined
  /** After which entries a snapshot is to be taken, oldest first. */
  let takings: Array<Index> = []
  let questions: Array<Ready> = []
  const wake = () => {
    Queue.offerUnsafe(signal, true)
  }

  /** Entries, or undefined when a snapshot has taken their place meanwhile. */
  const read = (to: Index) =>
    Effect.catch(
      storage.read(applied + 1, to, pieceBytes),
      (error) => restoring === undefined ? Effect.fail(error) : Effect.succeed(undefined)
    )

  /** Applies the next piece. Only then is anyone told, so that whoever hears of it also sees it. */
  const applyPiece = Effect.fnUntraced(function*(to: Index) {
    const entries = tail.read(applied + 1, to, pieceBytes) ?? (yield* read(to))
    if (entries === undefined) return
    const commands = commandsOf(entries)
    const replies = commands.length === 0
      ? []
      : yield* Effect.catchDefect(machine.apply(commands), (defect) => Effect.fail(broken(defect)))
    if (replies.length !== commands.length) {
      return yield* broken(new Error(`${commands.length} commands had ${replies.length} replies`))
    }
    applied = Entries.last(entries)
    onApplied(applied)
    commands.forEach(({ position }, place) => proposals.answer(position.index, replies[place]))
  })

  /** Becomes what the snapshot says; should a newer one come meanwhile, that one will. */
  const restore = Effect.fnUntraced(function*(output: RestoreSnapshot) {
    const isDone = yield* snapshots.restore(output.snapshot, () => restoring === output)
    if (!isDone || restoring !== output) return
    restoring = undefined
    applied = output.snapshot.index
    onApplied(applied)
    proposals.overtaken(applied)
  })

  /** Answers what may be answered now. A query that throws fails its own caller: it has changed nothing. */
  const answerReady = Effect.fnUntraced(function*() {
    const ready = questions.filter(({ index }) => index <= applied)
    questions = questions.filter(({ index }) => index > applied)
    for (const each of ready) {
      for (const question of each.questions) {
        const exit = yield* Effect.exit(machine.read(question.query, applied))
        // Now, and not before: between a look at the clock and a look at the state the node may have slept.
        const isLate = each.validUntil < Number.POSITIVE_INFINITY && time.now() >= each.validUntil
        if (isLate) reads.again(question)
        else reads.complete(question, Exit.isFailure(exit) ? Exit.die(Cause.squash(exit.cause)) : exit)
      }
    }
  })

  /** The next thing to do, or undefined when there is none by now. */
  const next = (): Effect.Effect<void, Fatal | StorageError> | undefined => {
    if (restoring !== undefined) return persisted >= restoring.after ? restore(restoring) : undefined
    const stop = takings[0]
    if (stop !== undefined && stop <= applied) {
      takings.shift()
      return snapshots.take(stop)
    }
    const to = Math.min(handed, stop ?? handed)
    return applied < to ? applyPiece(to) : undefined
  }

  const turn = Effect.fnUntraced(function*() {
    yield* Queue.take(signal)
    yield* answerReady()
    for (let work = next(); work !== undefined; work = next()) {
      yield* work
      if (questions.length > 0) yield* answerReady()
    }
  })

  const applier: Applier = {
    handOver: (index) => {
      handed = index
      wake()
    },
    takeSnapshot: (index) => {
      takings.push(index)
      wake()
    },
    restore: (output) => {
      restoring = output
      takings = []
      wake()
    },
    release: (write) => {
      persisted = write
      if (restoring !== undefined) wake()
    },
    read: (ready) => {
      questions.push(ready)
      wake()
    },
    applied: () => applied,
    run: Effect.forever(turn())
  }
  return applier
})
