/**
 * A platform on which nothing is twice the same: for code that must not ask it.
 *
 * Whatever a program may ask for the time or for chance is replaced while an effect runs. The effect must not wait for
 * anything, for others would meet the same platform.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

interface Platform {
  readonly Date: DateConstructor
  readonly Math: { random: () => number }
  readonly performance?: { now: () => number }
}

declare const globalThis: Platform

/** A number that differs from call to call, and from seed to seed. */
const counter = (seed: number) => {
  let count = 0
  return () => {
    count++
    return seed * 1_000_003 + count * 7919
  }
}

/** A clock that is somewhere else for each seed, and runs. */
export const clock = (seed: number): Clock.Clock => {
  const next = counter(seed)
  const nanos = () => BigInt(next()) * 1_000_000n
  return {
    currentTimeMillisUnsafe: next,
    currentTimeMillis: Effect.sync(next),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep: (duration) => Effect.die(new Error(`a state machine must not wait, for ${Duration.format(duration)}`))
  }
}

/** Runs the effect where `Date.now`, `Math.random` and `performance.now` say something else for each seed. */
export const platform = <A, E>(seed: number, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    const next = counter(seed)
    const watch = globalThis.performance
    const before = { date: globalThis.Date.now, random: globalThis.Math.random, performance: watch?.now }
    globalThis.Date.now = next
    globalThis.Math.random = () => (next() % 10_007) / 10_007
    if (watch !== undefined) watch.now = next
    return Effect.ensuring(
      effect,
      Effect.sync(() => {
        globalThis.Date.now = before.date
        globalThis.Math.random = before.random
        if (watch !== undefined && before.performance !== undefined) watch.now = before.performance
      })
    )
  })
