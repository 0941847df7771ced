/**
 * The only fiber that holds the state.
 *
 *   transport ──┐                          ┌─► writer  ─► Storage, then what waited
 *   timer ──────┼─► inbox ─► loop ─► outputs ─► sender ─► Transport
 *   requests ───┘     ▲                    └─► applier ─► StateMachine, then the callers
 *                     └───── persisted, applied, unsent ─────┘
 *
 * Each turn takes all that has arrived, so that one disk write and one message to each member serve many inputs.
 * The turn itself is synchronous: nobody sees a state between two.
 */
import * as Effect from "effect/Effect"
import * as Engine from "../engine/Engine.ts"
import type { Input } from "../engine/Input.ts"
import type { Next } from "../engine/Next.ts"
import type { State } from "../engine/State.ts"
import { Fatal } from "../RaftError.ts"
import * as Outputs from "./outputs.ts"
import type { Time } from "./time.ts"
import type { Timer } from "./timer.ts"

export interface Options extends Outputs.Parts {
  readonly time: Time
  readonly timer: Timer
  /** How long the disk may be busy with one batch before the node is told, in milliseconds. */
  readonly maxDiskStall: number
  /** Told after each turn, with the state before it. */
  readonly onTurn: (before: State, after: State) => Effect.Effect<void> | undefined
}

export interface Loop {
  readonly state: () => State
  /** The state as it would be if it were asked something now. */
  readonly at: (now: number) => State
  readonly run: Effect.Effect<never, Fatal>
}

/** When the disk will have been busy for too long. */
const stallDeadline = ({ maxDiskStall, writer }: Options): number =>
  (writer.busySince() ?? Number.POSITIVE_INFINITY) + maxDiskStall

/** Everything that has come since the last turn, in the order in which it must be heard. */
const gather = (state: State, now: number, options: Options): ReadonlyArray<Input> => {
  const { inbox, operations, proposals, reads } = options
  const inputs: Array<Input> = inbox.drain(now)
  const isStalled = now >= stallDeadline(options)
  if (isStalled !== state.isStalled) inputs.push({ _tag: "DiskStalled", now, isStalled })
  for (const input of proposals.collect(now)) inputs.push(input)
  for (const input of reads.collect(now)) inputs.push(input)
  for (const input of operations.collect(now)) inputs.push(input)
  // Last, so that whoever was late in waking hears what others said meanwhile before it acts on their silence.
  if (now >= Engine.deadline(state)) inputs.push({ _tag: "Timer", now })
  return inputs
}

export const make = ([start, first]: Next, options: Options): Loop => {
  const { inbox, onTurn, operations, proposals, reads, tail, time, timer } = options
  let state = start
  let slept = time.slept

  const carryOut = ([after, outputs]: Next): void => {
    if (after.durability.durable !== state.durability.durable) tail.release(after.durability.durable)
    state = after
    for (const output of outputs) Outputs.perform(output, options, after.leader)
    // A stall that is known already need not wake the loop again: the end of the write will.
    const stall = after.isStalled ? Number.POSITIVE_INFINITY : stallDeadline(options)
    timer.set(Math.min(Engine.deadline(after), proposals.expiry, reads.expiry, operations.expiry, stall))
  }

  const turn = Effect.sync(() => {
    const now = time.now()
    const before = Engine.sleep(state, time.slept - slept)
    slept = time.slept
    carryOut(Engine.stepAll(before, gather(before, now, options)))
    proposals.expire(now)
    reads.expire(now)
    operations.expire(now)
    return onTurn(before, state)
  })

  const run = Effect.gen(function*() {
    yield* Effect.sync(() => carryOut([start, first]))
    while (true) {
      yield* inbox.arrival
      const told = yield* turn
      if (told !== undefined) yield* told
    }
  })

  return {
    state: () => state,
    at: (now) => ({ ...state, now: Math.max(now, state.now) }),
    // What the engine throws is a broken invariant: nothing that it asked for was carried out.
    run: Effect.catchDefect(run, (cause) => Effect.fail(new Fatal({ reason: "Invariant", cause })))
  }
}
