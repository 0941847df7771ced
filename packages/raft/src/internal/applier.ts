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

export const make = (options: Options): Effect.Effect<Applier> =>
  Effect.map(Queue.dropping<true>(1), (signal) => new Applier(options, signal))

export class Applier {
  private readonly options: Options
  private readonly signal: Queue.Queue<true>
  private handed: Index = 0
  private done: Index = 0
  private persisted: WriteId = 0
  private restoring: RestoreSnapshot | undefined
  /** After which entries a snapshot is to be taken, oldest first. */
  private takings: Array<Index> = []
  private questions: Array<Ready> = []

  constructor(options: Options, signal: Queue.Queue<true>) {
    this.options = options
    this.signal = signal
  }

  /** Everything up to `index` may be applied. */
  handOver(index: Index): void {
    this.handed = index
    this.wake()
  }

  /** A snapshot of the state right after `index`, which was handed over last, is wanted. */
  takeSnapshot(index: Index): void {
    this.takings.push(index)
    this.wake()
  }

  /** The state is to be that of a snapshot. What was handed over before and is not applied yet never will be. */
  restore(output: RestoreSnapshot): void {
    this.restoring = output
    this.takings = []
    this.wake()
  }

  /** Everything up to `write` is durable: a snapshot that waited for it may be restored. */
  release(write: WriteId): void {
    this.persisted = write
    if (this.restoring !== undefined) this.wake()
  }

  /** Questions to answer once their index is applied. */
  read(ready: Ready): void {
    this.questions.push(ready)
    this.wake()
  }

  get applied(): Index {
    return this.done
  }

  get run(): Effect.Effect<never, Fatal | StorageError> {
    return Effect.forever(this.turn())
  }

  private wake(): void {
    Queue.offerUnsafe(this.signal, true)
  }

  private readonly turn = Effect.fnUntraced({ self: this }, function*() {
    yield* Queue.take(this.signal)
    yield* this.answerReady()
    for (let work = this.next(); work !== undefined; work = this.next()) {
      yield* work
      if (this.questions.length > 0) yield* this.answerReady()
    }
  })

  /** The next thing to do, or undefined when there is none by now. */
  private next(): Effect.Effect<void, Fatal | StorageError> | undefined {
    const { restoring } = this
    if (restoring !== undefined) return this.persisted >= restoring.after ? this.become(restoring) : undefined
    const stop = this.takings[0]
    if (stop !== undefined && stop <= this.done) {
      this.takings.shift()
      return this.options.snapshots.take(stop)
    }
    const to = Math.min(this.handed, stop ?? this.handed)
    return this.done < to ? this.applyPiece(to) : undefined
  }

  /** Applies the next piece. Only then is anyone told, so that whoever hears of it also sees it. */
  private readonly applyPiece = Effect.fnUntraced({ self: this }, function*(to: Index) {
    const { machine, onApplied, proposals, tail } = this.options
    const entries = tail.read(this.done + 1, to, pieceBytes) ?? (yield* this.readPiece(to))
    if (entries === undefined) return
    const commands = commandsOf(entries)
    const replies = commands.length === 0
      ? []
      : yield* Effect.catchDefect(machine.apply(commands), (defect) => Effect.fail(broken(defect)))
    if (replies.length !== commands.length) {
      return yield* broken(new Error(`${commands.length} commands had ${replies.length} replies`))
    }
    this.done = Entries.last(entries)
    onApplied(this.done)
    commands.forEach(({ position }, place) => proposals.answer(position.index, replies[place]))
  })

  /** Entries from the disk, or undefined when a snapshot has taken their place meanwhile. */
  private readPiece(to: Index): Effect.Effect<Entries.Entries | undefined, StorageError> {
    return Effect.catch(
      this.options.storage.read(this.done + 1, to, pieceBytes),
      (error) => this.restoring === undefined ? Effect.fail(error) : Effect.succeed(undefined)
    )
  }

  /** Becomes what the snapshot says; should a newer one come meanwhile, that one will. */
  private readonly become = Effect.fnUntraced({ self: this }, function*(output: RestoreSnapshot) {
    const { onApplied, proposals, snapshots } = this.options
    const isDone = yield* snapshots.restore(output.snapshot, () => this.restoring === output)
    if (!isDone || this.restoring !== output) return
    this.restoring = undefined
    this.done = output.snapshot.index
    onApplied(this.done)
    proposals.overtaken(this.done)
  })

  /** Answers what may be answered now. A query that throws fails its own caller: it has changed nothing. */
  private readonly answerReady = Effect.fnUntraced({ self: this }, function*() {
    const { machine, reads, time } = this.options
    const ready = this.questions.filter(({ index }) => index <= this.done)
    this.questions = this.questions.filter(({ index }) => index > this.done)
    for (const each of ready) {
      for (const question of each.questions) {
        const exit = yield* Effect.exit(machine.read(question.query, this.done))
        // Now, and not before: between a look at the clock and a look at the state the node may have slept.
        const isLate = each.validUntil < Number.POSITIVE_INFINITY && time.now() >= each.validUntil
        if (isLate) reads.again(question)
        else reads.complete(question, Exit.isFailure(exit) ? Exit.die(Cause.squash(exit.cause)) : exit)
      }
    }
  })
}
