import { assert, describe, it } from "@effect/vitest"
import { type Output, type State } from "effect-raft/engine"
import { accepted, append, flushed, hear, leading, node, step, told } from "../Nodes.ts"

const propose = (state: State.State, count: number, bytes?: number) =>
  step(state, { _tag: "Propose", now: state.now, batch: 8, count, ...(bytes !== undefined && { bytes }) })

const leads = (settings: NonNullable<Parameters<typeof leading>[0]>["settings"]): State.State => {
  const leader = leading({ settings: settings ?? {} })
  return hear(hear(leader, accepted("n2", 1, 1))[0], accepted("n3", 1, 1))[0]
}

const toN2 = (outputs: ReadonlyArray<Output.Output>): ReadonlyArray<string> =>
  told(outputs).filter((line) => line.startsWith("→ n2")).map((line) => line.replace(/ commit.*/, ""))

describe("what is under way to a follower", () => {
  const megabyte = 1_000_000
  const narrow = leads({ maxBytesInFlight: 3 * megabyte })

  it("is no more bytes than the window holds, and goes on as they arrive", () => {
    const [sent, outputs] = propose(narrow, 10, 10 * megabyte)
    const [, more] = hear(sent, accepted("n2", 1, 3))

    assert.deepStrictEqual(toN2(outputs), ["→ n2 AppendEntries previous=1@1 entries=2-4@1"])
    assert.deepStrictEqual(toN2(more), ["→ n2 AppendEntries previous=4@1 entries=5-6@1"])
  })

  it("is one entry if that is larger than the window", () => {
    const [, outputs] = propose(narrow, 2, 20 * megabyte)

    assert.deepStrictEqual(toN2(outputs), ["→ n2 AppendEntries previous=1@1 entries=2@1"])
  })

  it("is no more entries than their number allows, however small", () => {
    const [sent, outputs] = propose(leads({ maxEntriesInFlight: 4, maxEntriesPerMessage: 3 }), 10, 10)
    const [, more] = hear(sent, accepted("n2", 1, 2))

    assert.deepStrictEqual(toN2(outputs), [
      "→ n2 AppendEntries previous=1@1 entries=2-4@1",
      "→ n2 AppendEntries previous=4@1 entries=5@1"
    ])
    assert.deepStrictEqual(toN2(more), ["→ n2 AppendEntries previous=5@1 entries=6@1"])
  })

  it("counts as nothing where nobody said how large it is", () => {
    const [, outputs] = propose(narrow, 10)

    assert.deepStrictEqual(toN2(outputs), ["→ n2 AppendEntries previous=1@1 entries=2-11@1"])
  })
})

describe("a leader that is busy", () => {
  it("refuses more bytes than may be accepted and not applied, and takes them when they are", () => {
    const narrow = leads({ maxBytesOutstanding: 1000 })
    const [full, outputs] = propose(step(narrow, { _tag: "Applied", now: narrow.now, index: 1 })[0], 2, 900)
    const [committed] = hear(flushed(full)[0], accepted("n2", 1, 3))
    const [free] = step(committed, { _tag: "Applied", now: committed.now, index: 3 })

    assert.include(told(outputs), "accepted #8 as 2-3@1")
    assert.deepStrictEqual(told(propose(full, 1, 101)[1]), ["refused #8: Busy"])
    assert.include(told(propose(full, 1, 100)[1]), "accepted #8 as 4@1")
    assert.deepStrictEqual(told(propose(committed, 1, 101)[1]), ["refused #8: Busy"])
    assert.include(told(propose(free, 1, 101)[1]), "accepted #8 as 4@1")
  })

  it("takes one batch whatever its size, when nothing else is under way", () => {
    const narrow = leads({ maxBytesOutstanding: 1000 })
    const [full, outputs] = propose(narrow, 1, 1_000_000)

    assert.include(told(outputs), "accepted #8 as 2@1")
    assert.deepStrictEqual(told(propose(full, 1, 1)[1]), ["refused #8: Busy"])
  })

  it("refuses more entries than may be accepted and not applied", () => {
    const narrow = leads({ maxEntriesOutstanding: 3 })

    assert.include(told(propose(narrow, 2)[1]), "accepted #8 as 2-3@1")
    assert.deepStrictEqual(told(propose(narrow, 3)[1]), ["refused #8: Busy"])
  })
})

describe("the sizes of what a follower receives", () => {
  it("are known to it: should it lead, its window holds as much", () => {
    const message = append("n2", 1, [0, 0], [1, 1, 1, 1])
    const [whole] = step(node(), { _tag: "Receive", now: 0, message, batch: 1, bytes: 80_000 })

    assert.deepStrictEqual(whole.log.sizes, [{ index: 0, bytes: 0 }, { index: 4, bytes: 80_000 }])
  })

  it("count only what is new in a message", () => {
    const message = append("n2", 1, [0, 0], [1, 1, 1, 1])
    const [part] = step(node({ terms: [1] }), { _tag: "Receive", now: 0, message, batch: 1, bytes: 80_000 })

    assert.deepStrictEqual(part.log.sizes, [{ index: 1, bytes: 0 }, { index: 4, bytes: 60_000 }])
  })
})
