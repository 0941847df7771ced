import { assert, describe, it } from "@effect/vitest"
import { Progress } from "effect-raft/engine"

const timeout = 500

/** Reached entry 5 in a round that began at 1000, and was heard at 1400. */
const runner: Progress.Progress = {
  ...Progress.begin("n4", 5, 1000),
  match: 5,
  next: 6,
  heardAt: 1400,
  round: { goal: 5, since: 1000 }
}

describe("a round of catching up", () => {
  it("counts when it took less than an election timeout", () => {
    assert.isTrue(Progress.hasCaughtUp(runner, 1499, timeout))
    assert.isFalse(Progress.hasCaughtUp(runner, 1500, timeout))
  })

  it("counts when its goal is reached, and when there is one", () => {
    assert.isFalse(Progress.hasCaughtUp({ ...runner, match: 4 }, 1400, timeout))
    assert.isFalse(Progress.hasCaughtUp({ ...runner, round: undefined }, 1400, timeout))
  })

  it("counts only for someone who was heard lately", () => {
    const fresh = { ...runner, round: { goal: 5, since: 2000 } }

    assert.isFalse(Progress.hasCaughtUp(fresh, 2000, timeout))
    assert.isTrue(Progress.hasCaughtUp({ ...fresh, heardAt: 1501 }, 2000, timeout))
  })

  it("is followed by another one when it took too long, as far as the log goes by then", () => {
    const late = Progress.advanceRound(runner, 9, 1500, timeout)

    assert.deepStrictEqual(late.round, { goal: 9, since: 1500 })
    assert.strictEqual(Progress.advanceRound(runner, 9, 1499, timeout), runner)
    assert.strictEqual(Progress.advanceRound({ ...runner, match: 4 }, 9, 9999, timeout).round?.goal, 5)
  })

  it("begins when there is none", () => {
    assert.deepStrictEqual(Progress.advanceRound({ ...runner, round: undefined }, 9, 1200, timeout).round, {
      goal: 9,
      since: 1200
    })
  })
})
