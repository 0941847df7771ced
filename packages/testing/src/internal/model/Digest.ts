/**
 * Many small numbers made into one of 53 bits, so that a million states can be told apart in little room.
 *
 * Two states that differ have the same digest with a probability of about one in 2⁵³; among ten million states that is
 * one chance in two hundred that any two are taken for one.
 */

/** Two lanes of 32 bits. Mutable: states have some hundred numbers, and there are many states. */
export interface Digest {
  high: number
  low: number
}

export const make = (): Digest => ({ high: 0x2545f491, low: 0x6b43a9b5 })

/** Takes in a whole number; the order in which numbers come matters. */
export const put = (digest: Digest, value: number): void => {
  const high = Math.imul(digest.high ^ value, 0x9e3779b1)
  digest.high = high ^ (high >>> 15)
  const low = Math.imul((digest.low + value) | 0, 0x85ebca6b)
  digest.low = ((low << 13) | (low >>> 19)) ^ (digest.high >>> 7)
}

/** Takes in another digest as one of several whose order does not matter. Begin with `nothing`. */
export const gather = (sum: Digest, { high, low }: Digest): void => {
  sum.high = (sum.high + Math.imul(high ^ (high >>> 16), 0xc2b2ae35)) | 0
  sum.low = (sum.low + Math.imul(low ^ (low >>> 15), 0x27d4eb2f)) | 0
}

export const nothing = (): Digest => ({ high: 0, low: 0 })

/** Takes in all of another digest. */
export const putAll = (digest: Digest, { high, low }: Digest): void => {
  put(digest, high)
  put(digest, low)
}

/** A whole number in [0, 2⁵³). */
export const toNumber = ({ high, low }: Digest): number => {
  const mixed = Math.imul(high ^ (high >>> 16), 0x7feb352d) ^ low
  return (mixed >>> 0) * 0x20_0000 + (Math.imul(low ^ (high >>> 11) ^ (low >>> 15), 0x846ca68b) >>> 11)
}
