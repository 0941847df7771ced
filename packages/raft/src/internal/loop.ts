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
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Engine from "../engine/Engine.ts"
import type { Input } from "../engine/Input.ts"
import type { Output, Write } from "../engine/Output.ts"
import type { State } from "../engine/State.ts"
import * as Entries from "../Entries.ts"
import { Fatal } from "../RaftError.ts"
import type { Applier } from "./applier.ts"
import type { Inbox } from "./inbox.ts"
import type { Proposals } from "./proposals.ts"
import type { Reads } from "./reads.ts"
import type { Sender } from "./sender.ts"
import type { Tail } from "./tail.ts"
import * as Timer from "./timer.ts"
import type { Writer } from "./writer.ts"

export interface Options {
  readonly clock: Clock.Clock
  readonly inbox: Inbox
  readonly proposals: Proposals
  readonly reads: Reads
  readonly tail: Tail
  readonly writer: Writer
  readonly sender: Sender
  readonly applier: Applier
  readonly timer: Timer.Timer
  /** Told after each turn, with the state before it. */
  readonly onTurn: (before: State, after: State) => Effect.Effect<void> | undefined
}

export interface Loop {
  readonly state: () => State
  readonly run: Effect.Effect<never, Fatal>
}

export const make = (start: State, first: ReadonlyArray<Output>, options: Options): Loop => {
  const { applier, clock, inbox, onTurn, proposals, reads, sender, tail, timer, writer } = options
  let state = start

  /** The payloads of entries to write: a caller's, another node's, or none. */
  const entriesOf = ({ append }: Write): Entries.Entries | undefined => {
    if (append === undefined) return undefined
    const { batch, from, runs, to } = append
    const term = runs[0]?.term ?? 0
    if (batch === undefined) return Entries.noop(from, term)
    const received = inbox.entries(batch)
    return received === undefined
      ? Entries.commands(from, term, proposals.payloads(batch))
      : Entries.slice(received, from, to)
  }

  const write = (output: Write): void => {
    const entries = entriesOf(output)
    if (entries !== undefined) tail.append(entries)
    const { boundary, hardState, truncateAfter } = output
    writer.push(output.write, { boundary, hardState, truncateAfter, entries })
  }

  const perform = (output: Output): void => {
    switch (output._tag) {
      case "Write":
        return write(output)
      case "Send":
        return sender.send(output)
      case "Apply":
        return applier.handOver(output.to)
      case "Accepted":
        return proposals.accepted(output)
      case "Refused":
        return proposals.refused(output, state.leader)
      case "Resolved":
        return proposals.resolved(output)
      case "Superseded":
        return proposals.superseded(output, state.leader)
      case "ReadReady":
        return reads.ready(output)
      case "ReadFailed":
        return reads.failed(output, state.leader)
    }
  }

  const turn = Effect.sync(() => {
    const now = Timer.now(clock)
    const inputs: Array<Input> = inbox.drain(now)
    for (const input of proposals.collect(now)) inputs.push(input)
    for (const input of reads.collect(now)) inputs.push(input)
    // Last, so that whoever was late in waking hears what others said meanwhile before it acts on their silence.
    if (now >= Engine.deadline(state)) inputs.push({ _tag: "Timer", now })
    const before = state
    const [after, outputs] = Engine.stepAll(before, inputs)
    state = after
    if (after.durability.durable !== before.durability.durable) tail.release(after.durability.durable)
    for (const output of outputs) perform(output)
    proposals.expire(now)
    reads.expire(now)
    timer.set(Math.min(Engine.deadline(after), proposals.expiry(), reads.expiry()))
    return onTurn(before, after)
  })

  const begin = Effect.sync(() => {
    for (const output of first) perform(output)
    timer.set(Engine.deadline(start))
  })

  const run = Effect.gen(function*() {
    yield* begin
    while (true) {
      yield* inbox.arrival
      const told = yield* turn
      if (told !== undefined) yield* told
    }
  })

  return {
    state: () => state,
    // What the engine throws is a broken invariant: nothing that it asked for was carried out.
    run: Effect.catchDefect(run, (cause) => Effect.fail(new Fatal({ reason: "Invariant", cause })))
  }
}
