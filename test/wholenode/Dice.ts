/** Chance for what is no effect: a sequence of its own, so that one draw more elsewhere shifts nothing here. */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** A number in [0, 1). */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return high <= low ? low : low + Math.floor(this.fraction() * (high - low + 1))
  }

  happens(probability: number): boolean {
    return probability > 0 && this.fraction() < probability
  }

  pick<A>(first: A, ...others: ReadonlyArray<A>): A {
    return [first, ...others][this.between(0, others.length)] ?? first
  }

  shuffled<A>(all: ReadonlyArray<A>): ReadonlyArray<A> {
    return all.map((each) => [this.fraction(), each] as const).sort(([left], [right]) => left - right).map(([, each]) =>
      each
    )
  }
}
