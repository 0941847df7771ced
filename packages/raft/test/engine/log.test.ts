import { assert, describe, it } from "@effect/vitest"
import { Chance, Describe, Log, Sizes } from "effect-raft/engine"
import { log } from "../Nodes.ts"

const terms = (picture: Log.Log): ReadonlyArray<Log.Run | number | string> =>
  Array.from({ length: picture.last }, (_, place) => Log.termAt(picture, place + 1))

/** Terms that never fall, as every log has them. */
const randomTerms = (seed: Chance.Seed, length: number): readonly [ReadonlyArray<number>, Chance.Seed] => {
  const result: Array<number> = []
  let next = seed
  let term = 1
  for (let index = 0; index < length; index++) {
    const [step, after] = Chance.between(next, 0, 5)
    next = after
    if (step === 0) term++
    result.push(term)
  }
  return [result, next]
}

const runsOf = (held: ReadonlyArray<number>, from: number): ReadonlyArray<Log.Run> =>
  held.slice(from - 1).flatMap((term, place) =>
    place > 0 && held[from + place - 2] === term ? [] : [{ start: from + place, term }]
  )

describe("a log", () => {
  it("is a few runs, however many its entries", () => {
    assert.deepStrictEqual(log([1, 1, 3, 3, 3, 4]).runs, [
      { start: 1, term: 1 },
      { start: 3, term: 3 },
      { start: 6, term: 4 }
    ])
  })

  it("knows no term beyond its end or below its boundary, and takes neither for term 0", () => {
    const compacted: Log.Log = { ...Log.empty(), boundary: { ...Log.empty().boundary, index: 5, term: 2 }, last: 5 }
    const [first] = [Log.append(compacted, [{ start: 6, term: 3 }], 7, [])]

    const found = [4, 5, 6, 7, 8].map((index) => Log.termAt(first, index))
    assert.deepStrictEqual(found, ["compacted", 2, 3, 3, "beyond"])
    assert.strictEqual(Log.termAt(Log.empty(), 0), 0)
  })

  it("ends where its boundary is when it is empty", () => {
    const compacted: Log.Log = { ...Log.empty(), boundary: { ...Log.empty().boundary, index: 5, term: 2 }, last: 5 }

    assert.deepStrictEqual(Log.lastPosition(compacted), { index: 5, term: 2 })
  })

  it("begins a run of its own after the boundary, also when the term is the same", () => {
    const compacted: Log.Log = { ...Log.empty(), boundary: { ...Log.empty().boundary, index: 5, term: 2 }, last: 5 }
    const longer = Log.append(compacted, [{ start: 6, term: 2 }], 6, [])

    assert.deepStrictEqual(longer.runs, [{ start: 6, term: 2 }])
  })

  it("drops entries and the memberships that they carried, and nothing before", () => {
    const membership = Log.empty().boundary.membership
    const entry = (index: number) => ({ index, membership: { ...membership, voters: [`n${index}`] } })
    const written = Log.append(Log.empty(), [{ start: 1, term: 1 }], 4, [entry(2), entry(4)])
    const truncated = Log.truncateAfter(written, 3)

    assert.deepStrictEqual([Log.membership(written).voters, Log.membership(truncated).voters], [["n4"], ["n2"]])
    assert.deepStrictEqual(Log.lastPosition(truncated), { index: 3, term: 1 })
    assert.deepStrictEqual(Log.membership(Log.truncateAfter(written, 1)), membership)
  })

  it("knows the membership in force, where it came from, and the one before", () => {
    const founding = Log.empty().boundary.membership
    const entry = (index: number) => ({ index, membership: { ...founding, voters: [`n${index}`] } })
    const written = Log.append(Log.empty(), [{ start: 1, term: 1 }], 6, [entry(1), entry(3), entry(5)])
    const told = [6, 4, 2, 0].map((last) => {
      const cut = Log.truncateAfter(written, last)
      return [Log.membershipIndex(cut), Log.membership(cut).voters.join(), Log.previousMembership(cut).voters.join()]
    })

    assert.deepStrictEqual(told, [[5, "n5", "n3"], [3, "n3", "n1"], [1, "n1", ""], [0, "", ""]])
    assert.deepStrictEqual(Log.membershipsBetween(written, 2, 5).map(({ index }) => index), [3, 5])
    assert.deepStrictEqual(Log.membershipsBetween(written, 4, 4), [])
  })

  it("shows a follower's newest runs, at most sixteen", () => {
    const many = log(Array.from({ length: 40 }, (_, place) => place + 1))

    const hint = Log.hint(many, 30)
    assert.strictEqual(hint.last, 30)
    assert.deepStrictEqual(hint.runs.map(({ start }) => start), Array.from({ length: 16 }, (_, place) => place + 15))
    assert.deepStrictEqual(Log.hint(Log.empty(), 7), { last: 0, runs: [] })
  })

  it("is what a list of terms is, in 2,000 random pairs", () => {
    let seed = 1
    for (let round = 0; round < 2000; round++) {
      const [length, a] = Chance.between(seed, 1, 30)
      const [otherLength, b] = Chance.between(a, 1, 30)
      const [mine, c] = randomTerms(b, length)
      const [theirs, d] = randomTerms(c, otherLength)
      const [from, e] = Chance.between(d, 1, otherLength + 1)
      seed = e
      const [own, other] = [log(mine), log(theirs)]

      assert.deepStrictEqual(terms(own), mine)
      assert.deepStrictEqual(Log.runsBetween(other, from, otherLength), runsOf(theirs, from))
      // Where contents differ: the first place at which the terms do.
      const parts = theirs.findIndex((term, place) => place + 1 >= from && mine[place] !== term)
      const expected = parts < 0 ? otherLength + 1 : parts + 1
      assert.strictEqual(Log.divergence(own, from - 1, otherLength, runsOf(theirs, from)), expected)
      // The last index with the same term on both sides, as far as the hint shows.
      const { last, runs } = Log.hint(other, otherLength)
      const agreed = Math.max(0, ...mine.map((term, place) => (theirs[place] === term ? place + 1 : 0)))
      const found = Log.agreement(own, last, runs)
      assert.strictEqual(
        found,
        agreed,
        `${Describe.runs(own.runs, length)} and ${Describe.runs(other.runs, otherLength)}`
      )
    }
  })

  it("begins after a place: what is before it is gone, and that place still known", () => {
    const whole = log([1, 1, 2, 2, 3])
    const at = (index: number) => Log.beginAt(whole, Log.boundaryAt(whole, index) ?? whole.boundary)

    assert.deepStrictEqual(at(3).runs, [{ start: 4, term: 2 }, { start: 5, term: 3 }])
    assert.deepStrictEqual(Array.from({ length: 5 }, (_, place) => Log.termAt(at(3), place + 1)), [
      "compacted",
      "compacted",
      2,
      2,
      3
    ])
    assert.deepStrictEqual(Log.lastPosition(at(5)), { index: 5, term: 3 })
    assert.deepStrictEqual([at(5).runs, at(0).runs], [[], whole.runs])
  })

  it("keeps count of the bytes of what stays, and of nothing else", () => {
    const grown = [0, 10, 20].reduce(
      (current, last) => Log.append(current, last === 0 ? [{ start: 1, term: 1 }] : [], last + 10, [], 100_000),
      Log.empty()
    )
    const begun = Log.beginAt(grown, Log.boundaryAt(grown, 15) ?? grown.boundary)
    const cut = Log.truncateAfter(grown, 15)

    assert.strictEqual(Sizes.between(begun.sizes, 15, 30), 150_000)
    assert.strictEqual(Sizes.between(begun.sizes, 0, 15), 0)
    assert.deepStrictEqual([Sizes.between(cut.sizes, 0, 15), Sizes.between(cut.sizes, 15, 30)], [150_000, 0])
  })

  it("is nothing but its boundary when that lies past its end", () => {
    const { boundary } = Log.empty()
    const replaced = Log.beginAt(log([1, 1]), { ...boundary, index: 9, term: 4 })

    assert.deepStrictEqual([replaced.last, replaced.runs, Log.lastPosition(replaced)], [9, [], { index: 9, term: 4 }])
  })

  it("keeps the memberships after its boundary, and has the one before in it", () => {
    const founding = Log.empty().boundary.membership
    const entry = (index: number) => ({ index, membership: { ...founding, voters: [`n${index}`] } })
    const written = Log.append(Log.empty(), [{ start: 1, term: 1 }], 6, [entry(1), entry(3), entry(5)])
    const boundary = Log.boundaryAt(written, 4)
    const begun = Log.beginAt(written, boundary ?? written.boundary)

    assert.deepStrictEqual(boundary, { index: 4, term: 1, membership: entry(3).membership })
    assert.deepStrictEqual(begun.memberships, [entry(5)])
    assert.deepStrictEqual([4, 5, 6].map((index) => Log.membershipAt(begun, index).voters.join()), ["n3", "n5", "n5"])
    assert.deepStrictEqual(Log.previousMembership(begun).voters, ["n3"])
    assert.strictEqual(Log.membershipIndex(Log.truncateAfter(begun, 4)), 4)
  })

  it("cannot begin where it no longer tells, nor where it does not tell yet", () => {
    const whole = log([1, 1, 2])
    const begun = Log.beginAt(whole, Log.boundaryAt(whole, 2) ?? whole.boundary)

    assert.deepStrictEqual([1, 2, 3, 4].map((index) => Log.boundaryAt(begun, index)?.term), [
      undefined,
      1,
      2,
      undefined
    ])
  })

  it("tells the bytes of one snapshot from those of another", () => {
    const one = { ...Log.noSnapshot(), index: 5, term: 2, size: 10, checksum: 7 }

    assert.isTrue(Log.isSameSnapshot(one, structuredClone(one)))
    for (const fields of [{ index: 6 }, { term: 1 }, { size: 11 }, { checksum: 8 }]) {
      assert.isFalse(Log.isSameSnapshot(one, { ...one, ...fields }))
    }
  })

  it("finds where it agrees with another, or that this is further back than it reaches, in 2,000 random pairs", () => {
    let seed = 7
    let below = 0
    for (let round = 0; round < 2000; round++) {
      const [length, a] = Chance.between(seed, 1, 30)
      const [otherLength, b] = Chance.between(a, 1, 30)
      const [mine, c] = randomTerms(b, length)
      const [theirs, d] = randomTerms(c, otherLength)
      const [at, e] = Chance.between(d, 1, length + 1)
      seed = e
      const whole = log(mine)
      const own = Log.beginAt(whole, Log.boundaryAt(whole, at) ?? whole.boundary)
      const { last, runs } = Log.hint(log(theirs), otherLength)
      const agreed = Math.max(0, ...mine.map((term, place) => (theirs[place] === term ? place + 1 : 0)))
      const found = Log.agreement(own, last, runs)

      const pair = `${mine.join("")} from ${at} and ${theirs.join("")}`
      if (agreed >= at) assert.strictEqual(found, agreed, pair)
      else assert.isBelow(found, at, pair)
      if (agreed < at) below++
    }
    assert.isAbove(below, 200)
    assert.isBelow(below, 1800)
  })
})
