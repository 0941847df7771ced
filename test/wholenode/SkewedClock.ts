/**
 * The clocks of one machine: its monotonic clock runs at a rate of its own and stands still while the machine is
 * suspended; its wall clock runs on meanwhile, and can be set.
 */
import { type Clock, Duration, Effect } from "effect"

export class SkewedClock {
  /** How fast the machine's clocks run. Set it by `setRate`. */
  #rate = 1
  #base = 0
  #monotonic = 0
  #suspended = 0
  #wall = 0
  /** Whether the wall clock runs on while the machine is suspended. */
  isWallTruthful = true
  /** By how much more than they should the clocks run fast. */
  exaggeration = 1

  /** Reads the true time in milliseconds. */
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  /** The machine's own milliseconds, those included for which it was suspended. */
  #elapsed(): number {
    return this.#monotonic + (this.#now() - this.#base) * this.#rate
  }

  setRate(rate: number): void {
    this.#monotonic = this.#elapsed()
    this.#base = this.#now()
    this.#rate = 1 + (rate - 1) * this.exaggeration
  }

  /** Somebody sets the wall clock. */
  jump(millis: number): void {
    this.#wall += millis
  }

  /** The machine has been suspended for so long. */
  suspended(millis: number): void {
    this.#suspended += millis * this.#rate
    if (!this.isWallTruthful) this.#wall -= millis * this.#rate
  }

  /** The clocks as a process sees them, given the one by which it really sleeps. */
  over(base: Clock.Clock): Clock.Clock {
    const millis = () => this.#elapsed() + this.#wall
    const nanos = (millis: number) => BigInt(Math.floor(millis * 1000)) * 1000n
    const wall = () => nanos(millis())
    const monotonic = () => nanos(this.#elapsed() - this.#suspended)
    return {
      currentTimeMillisUnsafe: () => Math.floor(millis()),
      currentTimeMillis: Effect.sync(() => Math.floor(millis())),
      currentTimeNanosUnsafe: wall,
      currentTimeNanos: Effect.sync(wall),
      monotonicTimeNanosUnsafe: monotonic,
      monotonicTimeNanos: Effect.sync(monotonic),
      sleep: (duration) => {
        const wanted = Duration.toMillis(duration)
        return base.sleep(Duration.millis(Number.isFinite(wanted) ? Math.ceil(wanted / this.#rate) : wanted))
      }
    }
  }
}
