/** Seeded chance for tests that try many things: the same seed, the same things. */
import { Chance as Engine } from "effect-raft/engine"

export class Chance {
  #seed: number

  constructor(seed: number) {
    this.#seed = seed
  }

  /** A whole number in [low, high). */
  between(low: number, high: number): number {
    const [value, next] = Engine.between(this.#seed, low, high)
    this.#seed = next
    return value
  }

  happens(): boolean {
    return this.between(0, 2) === 0
  }

  /** Mostly small, sometimes at the edges of what can be sent. */
  number(): number {
    const edges = [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]
    return this.between(0, 4) > 0 ? this.between(0, 1000) : this.pick(edges)
  }

  pick<A>(choices: ReadonlyArray<A>): A {
    const choice = choices[this.between(0, choices.length)]
    if (choice === undefined) throw new Error("nothing to choose from")
    return choice
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.between(0, 256))
  }
}
