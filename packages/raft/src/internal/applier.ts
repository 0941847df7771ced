/**
 * The state machine's lane: committed entries in order, and reads between them.
 *
 * It runs beside the loop, so that a slow state machine delays its own answers and nothing else. How much can
 * be in the lane is bounded by the engine, which hands over no more than it is told has been applied.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import type { Index } from "../engine/LogPosition.ts"
import * as Entries from "../Entries.ts"
import { Fatal } from "../RaftError.ts"
import type { Command, StateMachine } from "../StateMachine.ts"
import type { Storage, StorageError } from "../Storage.ts"
import type { Proposals } from "./proposals.ts"
import type { Reads, Ready } from "./reads.ts"
import type { Tail } from "./tail.ts"
import type { Time } from "./time.ts"

export interface Applier {
  /** Everything up to `index` may be applied. */
  readonly handOver: (index: Index) => void
  /** Questions to answer once their index is applied. */
  readonly read: (ready: Ready) => void
  readonly applied: () => Index
  readonly run: Effect.Effect<never, Fatal | StorageError>
}

export interface Options {
  readonly from: Index
  readonly machine: StateMachine["Service"]
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
  const { machine, onApplied, proposals, reads, storage, tail, time } = options
  const signal = yield* Queue.dropping<true>(1)
  let handed = options.from
  let applied = options.from
  let questions: Array<Ready> = []
  const wake = () => {
    Queue.offerUnsafe(signal, true)
  }

  /** Applies the next piece. Only then is anyone told, so that whoever hears of it also sees it. */
  const applyPiece = Effect.fnUntraced(function*() {
    const here = tail.read(applied + 1, handed, pieceBytes)
    const entries = here ?? (yield* storage.read(applied + 1, handed, pieceBytes))
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

  const turn = Effect.fnUntraced(function*() {
    yield* Queue.take(signal)
    yield* answerReady()
    let isBehind = applied < handed
    while (isBehind) {
      yield* applyPiece()
      if (questions.length > 0) yield* answerReady()
      isBehind = applied < handed
    }
  })

  const applier: Applier = {
    handOver: (index) => {
      handed = index
      wake()
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
