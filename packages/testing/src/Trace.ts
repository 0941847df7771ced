/**
 * What happened in a run, line by line, and a fingerprint of it.
 *
 * Lines are for people; the fingerprint also takes in every choice of the scheduler and every jump in time. Two runs
 * with equal fingerprints did the same, also where neither said a word. No line may hold anything that differs between
 * two runs of one seed: no fiber ids, no real time, no stack traces.
 *
 * @since 0.1.0
 */

/**
 * @category models
 * @since 0.1.0
 */
export interface Trace {
  /** All lines so far: the virtual time in milliseconds, who, and what. */
  readonly lines: ReadonlyArray<string>
  /** Adds a line. */
  readonly add: (line: string) => void
  /** Takes a number into the fingerprint without a line: a choice, a time. */
  readonly mix: (value: number) => void
  /** Sixteen hexadecimal digits. */
  readonly fingerprint: () => string
}

/**
 * A trace with nothing in it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Trace => {
  const lines: Array<string> = []
  // Two FNV-1a hashes with different beginnings: one alone has too few bits for many long runs.
  let left = 0x811c9dc5
  let right = 0x1234abcd
  const mix = (value: number) => {
    left = Math.imul(left ^ value, 0x01000193)
    right = Math.imul(right ^ value, 0x01000193) ^ (left >>> 15)
  }
  return {
    lines,
    mix,
    add: (line) => {
      lines.push(line)
      for (let place = 0; place < line.length; place++) mix(line.charCodeAt(place))
      mix(-1)
    },
    fingerprint: () => [left, right].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("")
  }
}
