import { assert, describe, it } from "@effect/vitest"
import type { Clock } from "effect"
import { Effect } from "effect"
import { Time } from "../src/internal/time.ts"

/** A platform's two clocks, each set by hand. */
const platform = () => {
  let monotonic = 1000
  let wall = 1_000_000
  let aside = 0
  const clock: Clock.Clock = {
    sleep: () => Effect.never,
    currentTimeMillisUnsafe: () => {
      const seen = wall
      wall += aside
      monotonic += aside
      aside = 0
      return seen
    },
    currentTimeMillis: Effect.sync(() => wall),
    currentTimeNanosUnsafe: () => BigInt(wall) * 1_000_000n,
    currentTimeNanos: Effect.sync(() => BigInt(wall) * 1_000_000n),
    monotonicTimeNanosUnsafe: () => BigInt(monotonic) * 1_000_000n,
    monotonicTimeNanos: Effect.sync(() => BigInt(monotonic) * 1_000_000n)
  }
  return {
    clock,
    /** The process is put aside right after its next look at the wall clock. */
    putAside: (millis: number) => {
      aside = millis
    },
    pass: (millis: { readonly monotonic: number; readonly wall: number }) => {
      monotonic += millis.monotonic
      wall += millis.wall
    }
  }
}

describe("the clock of the engine's inputs", () => {
  it("goes with the monotonic one", () => {
    const { clock, pass } = platform()
    const time = new Time(clock)
    pass({ monotonic: 70, wall: 71 })
    assert.strictEqual(time.now(), 1070)
  })

  it("counts the time for which the machine slept, and the monotonic one stood still", () => {
    const { clock, pass } = platform()
    const time = new Time(clock)
    pass({ monotonic: 10, wall: 60_010 })
    assert.strictEqual(time.now(), 61_010)
    pass({ monotonic: 5, wall: 5 })
    assert.strictEqual(time.now(), 61_015)
  })

  it("counts time once for which the process was put aside while it looked", () => {
    const { clock, pass, putAside } = platform()
    const time = new Time(clock)
    pass({ monotonic: 10, wall: 10 })
    putAside(5000)
    assert.strictEqual(time.now(), 6010)
    pass({ monotonic: 10, wall: 10 })
    assert.strictEqual(time.now(), 6020)
  })

  it("never runs backwards, whatever is done to the wall clock", () => {
    const { clock, pass } = platform()
    const time = new Time(clock)
    pass({ monotonic: 10, wall: -3_600_000 })
    assert.strictEqual(time.now(), 1010)
    pass({ monotonic: 10, wall: 10 })
    assert.strictEqual(time.now(), 1020)
  })
})
