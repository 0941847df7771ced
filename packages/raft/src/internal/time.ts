/**
 * The clock of the engine's inputs: milliseconds that never run backwards, and do run while the machine sleeps.
 *
 * A platform's monotonic clock may stand still while the machine is suspended; then a leader would wake up and take its
 * lease for fresh. The wall clock shows it: when that has run ahead of the other, the difference is time that has passed.
 * Should somebody only have set the wall clock, a leader steps down once for nothing. Set back, it changes nothing.
 *
 * What a node has promised for a time must not end for that reason: `slept` says how much of the time is doubtful.
 */
import type * as Clock from "effect/Clock"

/** Less than this, in milliseconds, is that clocks are read one after the other. */
const tolerance = 20

export class Time {
  private readonly clock: Clock.Clock
  /** By how much the wall clock was ahead of the monotonic one when last looked at. */
  private ahead: number
  private asleep = 0

  constructor(clock: Clock.Clock) {
    this.clock = clock
    this.ahead = clock.currentTimeMillisUnsafe() - this.monotonic()
  }

  now(): number {
    const before = this.clock.currentTimeMillisUnsafe()
    const monotonic = this.monotonic()
    const wall = this.clock.currentTimeMillisUnsafe()
    // A process that was put aside between two looks knows nothing of how the clocks stand to each other.
    if (wall - before <= tolerance) {
      const ahead = wall - monotonic
      if (ahead - this.ahead > 2 * tolerance) this.asleep += ahead - this.ahead
      this.ahead = ahead
    }
    return monotonic + this.asleep
  }

  /** How much of all the time until the last look passed by the wall clock only. Never less than before. */
  get slept(): number {
    return this.asleep
  }

  private monotonic(): number {
    return Number(this.clock.monotonicTimeNanosUnsafe() / 1000n) / 1000
  }
}
