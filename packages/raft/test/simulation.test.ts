import * as Linearizability from "@effect-raft/testing/Linearizability"
import * as Models from "@effect-raft/testing/Models"
import * as Simulation from "@effect-raft/testing/Simulation"
import { assert, describe, it } from "@effect/vitest"
import { Exit } from "effect"
import * as SimulatedChanges from "./SimulatedChanges.ts"
import * as SimulatedCluster from "./SimulatedCluster.ts"

const options = (seed: number) => ({ seed, maxSteps: 5_000_000 })

const run = (seed: number) => Simulation.run(SimulatedCluster.scenario, options(seed))

/** The first seed; those after it follow. See the guide on testing. */
const first = Number(process.env["SEED"] ?? 1)

/** So many seeds, by twenties. */
const groups = (count: number): ReadonlyArray<ReadonlyArray<number>> =>
  Array.from({ length: count / 20 }, (_, group) => Array.from({ length: 20 }, (_, place) => first + group * 20 + place))

/** What a failing seed shows: enough to find it again, and how it ended. */
const report = (seed: number, found: ReturnType<typeof run>): string =>
  `seed ${seed}, after ${found.steps} steps\n${found.trace.slice(-40).join("\n")}`

/** Nothing that was acknowledged is missing, and what was seen has an order. */
const holdsUp = (seed: number, found: ReturnType<typeof run>): void => {
  if (found.ending._tag !== "Done" || Exit.isFailure(found.ending.exit)) {
    return assert.fail(`${JSON.stringify(found.ending)}\n${report(seed, found)}`)
  }
  const { after, before, kept, operations } = found.ending.exit.value
  assert.isAtLeast(kept, 40, report(seed, found))
  assert.deepStrictEqual([before, after], [[], []], report(seed, found))
  const verdict = Linearizability.check(operations, Models.keyValue<string>(""))
  const why = verdict._tag === "NotLinearizable" ? verdict.picture : verdict._tag
  assert.strictEqual(verdict._tag, "Linearizable", `${why}\n${report(seed, found)}`)
}

describe("three nodes whose leader is killed ten times", () => {
  it.each(groups(200))("lose nothing and stay linearizable, seeds %i to …", (...group) => {
    for (const seed of group) holdsUp(seed, run(seed))
  }, 120_000)

  it("do the same, to the last byte of the trace, when the seed is the same", () => {
    for (const seed of [1, 2, 3]) {
      const first = run(seed)
      const second = run(seed)
      assert.isAbove(first.trace.length, 100)
      assert.strictEqual(second.trace.join("\n"), first.trace.join("\n"))
      assert.strictEqual(second.fingerprint, first.fingerprint)
    }
    assert.notStrictEqual(run(1).fingerprint, run(2).fingerprint)
  }, 120_000)
})

describe("nodes that come and go while the leader changes and is killed", () => {
  it.each(groups(40))("lose nothing and stay linearizable, seeds %i to …", (...group) => {
    const done: Array<string> = []
    for (const seed of group) {
      const found = Simulation.run(SimulatedChanges.scenario, options(seed))
      holdsUp(seed, found)
      if (found.ending._tag === "Done" && Exit.isSuccess(found.ending.exit)) done.push(...found.ending.exit.value.done)
    }
    // What the seeds of every day reach is known; others may be less lucky.
    if (process.env["SEED"] !== undefined) return
    for (const kind of ["AddVoter", "AddLearner", "Promote", "Demote", "Remove", "Replace", "Transfer"]) {
      assert.isAtLeast(done.filter((each) => each === kind).length, 1, kind)
    }
  }, 120_000)
})
