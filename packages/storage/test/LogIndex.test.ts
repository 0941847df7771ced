import { assert, describe, it } from "@effect/vitest"
import { LogIndex, type Row } from "../src/internal/LogIndex.ts"

const row = (first: number, last: number): Row => ({ segment: 1, offset: first * 100, size: 50, first, last })

/** Three entries in each of so many records. */
const filled = (records: number) => {
  const index = new LogIndex()
  for (let place = 0; place < records; place++) index.add(row(place * 3 + 1, place * 3 + 3), 30)
  return index
}

describe("the index of a log", () => {
  it("finds the record of every entry, however many there are", () => {
    const index = filled(2000)
    for (let entry = 1; entry <= 6000; entry++) {
      const first = entry - (entry - 1) % 3
      assert.deepStrictEqual(index.between(entry, entry, 0), [row(first, first + 2)])
    }
  })

  it("shows of a record that was cut short what is left of it", () => {
    const index = filled(3)
    index.truncateAfter(5)
    assert.deepStrictEqual(index.between(1, 5, 1000), [row(1, 3), { ...row(4, 6), last: 5 }])

    index.add({ ...row(6, 7), offset: 999 }, 20)
    assert.deepStrictEqual(index.between(5, 7, 1000), [{ ...row(4, 6), last: 5 }, { ...row(6, 7), offset: 999 }])
  })

  it("keeps no record that holds nothing past the boundary", () => {
    const index = filled(4)
    index.dropThrough(7)
    assert.deepStrictEqual(index.between(1, 12, 1000), [row(7, 9), row(10, 12)])

    index.dropThrough(20)
    assert.deepStrictEqual(index.between(1, 12, 1000), [])
    index.add(row(21, 23), 30)
    assert.deepStrictEqual(index.between(21, 23, 1000), [row(21, 23)])
  })

  it("stays as it was for whoever has asked", () => {
    const index = filled(3)
    const rows = index.between(1, 9, 1000)
    index.truncateAfter(1)
    assert.deepStrictEqual(rows, [row(1, 3), row(4, 6), row(7, 9)])
  })

  it("knows files whose sequences have more than 32 bits, also once it has grown", () => {
    const index = filled(1000)
    const late = { ...row(3001, 3002), segment: 2 ** 32 + 7 }
    index.add(late, 30)
    assert.deepStrictEqual(index.between(3001, 3002, 0), [late])

    index.dropThrough(3000)
    assert.strictEqual(index.oldestSegment, 2 ** 32 + 7)
    for (let place = 0; place < 1000; place++) index.add({ ...late, first: 3003 + place, last: 3003 + place }, 30)
    assert.deepStrictEqual(index.between(3001, 3001, 0), [late])
  })
})
