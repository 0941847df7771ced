/**
 * Wakes the loop at the deadline that the engine names.
 *
 * Deadlines mostly move away from us, with every message of a leader, so a later one is only noted; the sleep
 * that is under way ends early once and goes on. Only an earlier one interrupts it.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type { Time } from "./time.ts"

export interface Timer {
  /** Milliseconds on the clock of `time`; infinity for never. */
  readonly set: (deadline: number) => void
  readonly run: Effect.Effect<never>
}

/** The longest sleep at a time: timers of the platform overflow at 2³¹ ms. */
const longest = 3_600_000

export const make = Effect.fnUntraced(function*(time: Time, fire: () => void) {
  const signal = yield* Queue.dropping<true>(1)
  let deadline = Number.POSITIVE_INFINITY
  let sleepingUntil = Number.POSITIVE_INFINITY

  const sleep = Effect.suspend(() => {
    if (deadline <= time.now()) {
      deadline = Number.POSITIVE_INFINITY // The loop sets the next one, when it has turned.
      fire()
    }
    sleepingUntil = deadline
    return Effect.timeoutOption(Queue.take(signal), Math.min(longest, Math.ceil(deadline - time.now())))
  })

  const timer: Timer = {
    set: (next) => {
      deadline = next
      if (next < sleepingUntil) Queue.offerUnsafe(signal, true)
    },
    run: Effect.forever(sleep)
  }
  return timer
})
