import { assert, describe, it } from "@effect/vitest"
import { Chance } from "effect-raft/engine"

const numbers = (seed: number, count: number): ReadonlyArray<number> => {
  const found: Array<number> = []
  let next = seed
  for (let each = 0; each < count; each++) {
    const [value, after] = Chance.between(next, 10, 20)
    found.push(value)
    next = after
  }
  return found
}

describe("chance", () => {
  it("is the same for the same seed, and differs for neighbours", () => {
    assert.deepStrictEqual(numbers(1, 50), numbers(1, 50))
    assert.notDeepEqual(numbers(1, 50), numbers(2, 50))
  })

  it("stays within its bounds and spreads over all of them", () => {
    const counts = new Map<number, number>()
    for (const value of numbers(3, 10_000)) counts.set(value, (counts.get(value) ?? 0) + 1)

    assert.deepStrictEqual([...counts.keys()].sort(), [10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
    assert.isTrue([...counts.values()].every((count) => count > 850 && count < 1150))
  })
})
