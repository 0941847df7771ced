/**
 * Chance as a number that is carried along: the same seed, the same elections.
 *
 * A generator in the state instead of a call to the runtime makes every run of the engine
 * repeatable (mulberry32: 32 bits of state, good enough to spread timeouts and to name rounds).
 */

/** The state of the generator; any 32-bit integer. */
export type Seed = number

/** A number in [0, 2³²), and the seed to draw the next one from. */
export const draw = (seed: Seed): readonly [value: number, next: Seed] => {
  const next = (seed + 0x6d2b79f5) | 0
  const mixed = Math.imul(next ^ (next >>> 15), 1 | next)
  const spread = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return [(spread ^ (spread >>> 14)) >>> 0, next]
}

/** A whole number in [low, high). */
export const between = (seed: Seed, low: number, high: number): readonly [value: number, next: Seed] => {
  const [value, next] = draw(seed)
  return [low + Math.floor((value / 0x1_0000_0000) * (high - low)), next]
}
