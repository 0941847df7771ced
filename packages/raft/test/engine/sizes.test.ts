import { assert, describe, it } from "@effect/vitest"
import { Log, Sizes, type State } from "effect-raft/engine"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { accepted, flushed, hear, leading, step } from "../Nodes.ts"

/** A log as a list of sizes, one for each entry after `first`, and what is remembered of it. */
interface Counted {
  readonly first: number
  readonly last: number
  readonly sizes: Sizes.Sizes
}

const below = (limit: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: limit - 1 }))

/** What can happen to a log; numbers are taken by what is there. */
const Change = Schema.Union([
  Schema.Struct({ _tag: Schema.Literal("Add"), count: below(50), bytes: below(100_000) }),
  Schema.Struct({ _tag: Schema.Literal("Truncate"), share: below(100) }),
  Schema.Struct({ _tag: Schema.Literal("Drop"), share: below(30) })
])

type Change = typeof Change.Type

const change = (log: Counted, what: Change): Counted => {
  const { first, last, sizes } = log
  if (what._tag === "Add") {
    const to = last + what.count + 1
    return { first, last: to, sizes: Sizes.add(sizes, last, to, what.bytes) }
  }
  const at = first + Math.floor((last - first) * what.share / 100)
  return what._tag === "Truncate"
    ? { first, last: at, sizes: Sizes.truncateAfter(sizes, at) }
    : { first: at, last, sizes: Sizes.dropUpTo(sizes, at) }
}

const history = Arbitrary.array(Arbitrary.schema(Change), { maxLength: 200 })

const after = (changes: ReadonlyArray<Change>): Counted => changes.reduce(change, { first: 0, last: 0, sizes: [] })

const fairly = (actual: number, expected: number, what: string) =>
  assert.approximately(actual, expected, 1e-6 * Math.max(1, expected), what)

describe("the sizes of a log", () => {
  it("are exact at the ends of what was added, and lie evenly in between", () => {
    const one = Sizes.add(Sizes.none, 10, 20, 100_000)
    const two = Sizes.add(one, 20, 22, 50_000)

    assert.strictEqual(Sizes.between(two, 10, 22), 150_000)
    assert.strictEqual(Sizes.between(two, 20, 22), 50_000)
    assert.strictEqual(Sizes.between(two, 12, 15), 30_000)
  })

  it("are nothing where nothing was said", () => {
    assert.strictEqual(Sizes.between(Sizes.none, 0, 100), 0)
    const late = Sizes.add(Sizes.none, 100, 101, 5000)
    assert.deepStrictEqual([Sizes.between(late, 0, 100), Sizes.between(late, 0, 500)], [0, 5000])
  })

  it("are not spread over entries without bytes that came in between", () => {
    const sizes = Sizes.add(Sizes.add(Sizes.none, 0, 1, 20_000), 50, 51, 20_000)

    assert.deepStrictEqual([Sizes.between(sizes, 1, 50), Sizes.between(sizes, 50, 51)], [0, 20_000])
  })

  it("are remembered in fewer marks where little was added", () => {
    const many = Array.from({ length: 100 }, (_, place) => place)
      .reduce<Sizes.Sizes>((sizes, last) => Sizes.add(sizes, last, last + 1, 100), Sizes.none)

    assert.strictEqual(Sizes.between(many, 0, 100), 10_000)
    assert.strictEqual(many.length, 2)
  })

  it.prop("never fall, and are never negative", [history], ([changes]) => {
    const { first, last, sizes } = after(changes)
    for (let index = Math.max(0, first - 3); index < last + 3; index++) {
      assert.isAtLeast(Sizes.upTo(sizes, index + 1), Sizes.upTo(sizes, index))
    }
    assert.isAtLeast(Sizes.between(sizes, first, last), 0)
  }, { arbitrary: { runs: 200, seed: 1 } })

  it.prop("are remembered in at most 64 marks, in order", [history], ([changes]) => {
    const { sizes } = after(changes)
    assert.isAtMost(sizes.length, 64)
    sizes.slice(1).forEach((mark, place) => {
      assert.isAbove(mark.index, sizes[place]?.index ?? Number.NaN)
      assert.isAtLeast(mark.bytes, sizes[place]?.bytes ?? Number.NaN)
    })
  }, { arbitrary: { runs: 200, seed: 2 } })

  it.prop("add up, however many marks were thinned out", [history], ([changes]) => {
    const added = changes.filter((each) => each._tag === "Add")
    const { last, sizes } = after(added)
    fairly(Sizes.between(sizes, 0, last), added.reduce((sum, { bytes }) => sum + bytes, 0), "all")
  }, { arbitrary: { runs: 200, seed: 3 } })

  it.prop("of what stays are what they were, when the end or the beginning goes", [
    history,
    Schema.Struct({ keep: below(100), drop: below(100) })
  ], ([changes, { drop, keep }]) => {
    const { first, last, sizes } = after(changes)
    const at = (share: number) => first + Math.floor((last - first) * share / 100)
    const [low, high] = [Math.min(at(drop), at(keep)), Math.max(at(drop), at(keep))]

    fairly(Sizes.between(Sizes.truncateAfter(sizes, high), first, high), Sizes.between(sizes, first, high), "truncated")
    fairly(Sizes.between(Sizes.dropUpTo(sizes, low), low, last), Sizes.between(sizes, low, last), "dropped")
    assert.strictEqual(Sizes.between(Sizes.truncateAfter(sizes, high), high, last), 0)
    assert.strictEqual(Sizes.between(Sizes.dropUpTo(sizes, low), first, low), 0)
  }, { arbitrary: { runs: 200, seed: 4 } })
})

describe("as many entries as fit into a window", () => {
  it("are all of them where nothing is known of their sizes", () => {
    assert.strictEqual(Sizes.within(Sizes.none, 5, 900, 1), 900)
  })

  it("are one in any case", () => {
    const large = Sizes.add(Sizes.none, 0, 3, 3_000_000)

    assert.deepStrictEqual([Sizes.within(large, 0, 3, 10), Sizes.within(large, 0, 3, 2_000_000)], [1, 2])
    assert.strictEqual(Sizes.within(large, 3, 3, 10), 3)
  })

  it.prop("are as many as fit, and no more", [
    history,
    Schema.Struct({ from: below(100), limit: below(100), bytes: below(500_000) })
  ], ([changes, window]) => {
    const { first, last, sizes } = after(changes)
    const from = first + Math.floor((last - first) * window.from / 100)
    const limit = from + Math.floor((last - from) * window.limit / 100)
    const found = Sizes.within(sizes, from, limit, window.bytes)

    assert.isTrue(from <= found && found <= limit)
    assert.isTrue(found <= from + 1 || Sizes.between(sizes, from, found) <= window.bytes, "no more than fit")
    assert.isTrue(found === limit || Sizes.between(sizes, from, found + 1) > window.bytes, "no fewer than fit")
  }, { arbitrary: { runs: 300, seed: 5 } })
})

describe("what a leader knows", () => {
  const settings = { snapshotEntries: 1_000_000_000, snapshotBytes: 1e15 }
  const batch = 500

  /** Adds commands of 100 bytes until the log has so many entries; all are committed and applied. */
  const grow = (leader: State.State, entries: number): State.State => {
    let state = leader
    while (state.log.last < entries) {
      const bytes = batch * 100
      const [proposed] = step(state, { _tag: "Propose", now: state.now, batch: 1, count: batch, bytes })
      const [committed] = hear(flushed(proposed)[0], accepted("n2", 1, proposed.log.last))
      const [both] = hear(committed, accepted("n3", 1, proposed.log.last))
      state = step(both, { _tag: "Applied", now: both.now, index: both.handed })[0]
    }
    return state
  }

  it("is of the same size, however long its log", () => {
    const counts = [1_000, 10_000, 100_000, 1_000_000]
    const states: Array<State.State> = []
    for (const count of counts) {
      states.push(grow(states.at(-1) ?? hear(leading({ settings }), accepted("n2", 1, 1))[0], count))
    }
    const sizes = states.map((state) => JSON.stringify(state).length)

    process.stdout.write(
      `engine state of a leader: ${
        counts.map((count, place) => `${sizes[place]} bytes with ${count} entries`).join(", ")
      }\n`
    )
    const [million] = states.slice(-1)
    assert.isAtLeast(million?.commit ?? 0, 1_000_000)
    assert.strictEqual(
      million && Sizes.between(million.log.sizes, 1, million.log.last),
      (million?.log.last ?? 0) * 100 - 100
    )
    assert.deepStrictEqual(million && [million.log.runs.length, million.log.memberships.length], [1, 0])
    // Digits, and as many marks of sizes as there may be.
    for (const size of sizes) assert.isAtMost(size, (sizes[0] ?? 0) + 64 * 40)
    assert.isAtMost(Math.max(...sizes), 8 * 1024)
    assert.strictEqual(Log.lastTerm(states[0]?.log ?? Log.empty()), 1)
  })
})
