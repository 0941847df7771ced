/**
 * A clock that stands still until someone moves it: Effect's `Clock`, with timers in a heap and no real time anywhere.
 *
 * Whoever sleeps leaves a timer. The simulation takes the earliest out when nothing else is left to do, and it is that
 * time then. Time is in whole milliseconds: a sleep is rounded up, as with real timers, and one of nothing only lets
 * others run. Computing takes no time at all; no one may conclude from this clock that a program is fast.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/**
 * Someone who sleeps. `fire` wakes them; the owner is whoever the maker of the clock named.
 *
 * @category models
 * @since 0.1.0
 */
export interface Timer<Owner> {
  readonly at: number
  /** The smaller of two timers at one time was set first. */
  readonly sequence: number
  readonly owner: Owner
  readonly fire: () => void
  isCancelled: boolean
}

/**
 * @category models
 * @since 0.1.0
 */
export class SimulatedTime<Owner> {
  #now: number
  #sequence = 0
  readonly #timers: Array<Timer<Owner>> = []

  /** It is `start` milliseconds since 1970. */
  constructor(start: number) {
    this.#now = start
  }

  /** Milliseconds since 1970. */
  get now(): number {
    return this.#now
  }

  /** Moves to the earliest timer and takes out all that are due then; none if nobody sleeps. */
  advance(isWanted: (timer: Timer<Owner>) => boolean): ReadonlyArray<Timer<Owner>> {
    const due: Array<Timer<Owner>> = []
    while (true) {
      const first = this.#timers[0]
      if (first === undefined || (due[0] !== undefined && first.at > due[0].at)) return due
      this.#removeFirst()
      if (first.isCancelled || !isWanted(first)) continue
      this.#now = first.at
      due.push(first)
    }
  }

  /** This time as seen by `owner`, to whom the timers set through it belong. */
  clockOf(owner: Owner): Clock.Clock {
    const nanoseconds = () => BigInt(this.#now) * 1_000_000n
    const sleep = (duration: Duration.Duration): Effect.Effect<void> => {
      const milliseconds = Math.ceil(Duration.toMillis(duration))
      if (milliseconds <= 0) return Effect.yieldNow
      if (!Number.isFinite(milliseconds)) return Effect.never
      return Effect.callback((resume) => {
        const timer = this.#add(this.#now + milliseconds, owner, () => resume(Effect.void))
        return Effect.sync(() => {
          timer.isCancelled = true
        })
      })
    }
    return {
      currentTimeMillisUnsafe: () => this.#now,
      currentTimeMillis: Effect.sync(() => this.#now),
      currentTimeNanosUnsafe: nanoseconds,
      currentTimeNanos: Effect.sync(nanoseconds),
      monotonicTimeNanosUnsafe: nanoseconds,
      monotonicTimeNanos: Effect.sync(nanoseconds),
      sleep
    }
  }

  #add(at: number, owner: Owner, fire: () => void): Timer<Owner> {
    const timer: Timer<Owner> = { at, sequence: this.#sequence++, owner, fire, isCancelled: false }
    const heap = this.#timers
    let place = heap.length
    heap.push(timer)
    while (place > 0) {
      const above = (place - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || isEarlier(parent, timer)) break
      heap[place] = parent
      place = above
    }
    heap[place] = timer
    return timer
  }

  /** Takes the first out of the heap and lets the last sink into its place. */
  #removeFirst(): void {
    const heap = this.#timers
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let place = 0
    while (true) {
      const left = heap[2 * place + 1]
      const right = heap[2 * place + 2]
      if (left === undefined) break
      const isRight = right !== undefined && isEarlier(right, left)
      const child = isRight ? right : left
      if (isEarlier(last, child)) break
      heap[place] = child
      place = 2 * place + (isRight ? 2 : 1)
    }
    heap[place] = last
  }
}

const isEarlier = (one: Timer<unknown>, other: Timer<unknown>): boolean =>
  one.at < other.at || (one.at === other.at && one.sequence < other.sequence)
