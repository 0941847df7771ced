import * as Linearizability from "@effect-raft/testing/Linearizability"
import * as Models from "@effect-raft/testing/Models"
import * as Simulation from "@effect-raft/testing/Simulation"
import { assert, describe, it } from "@effect/vitest"
import { Exit } from "effect"
import * as SimulatedCluster from "./SimulatedCluster.ts"

const run = (seed: number) => Simulation.run(SimulatedCluster.scenario, { seed, maxSteps: 5_000_000 })

const seeds = Array.from({ length: 200 }, (_, place) => place + 1)
const groups = Array.from({ length: 10 }, (_, place) => seeds.slice(place * 20, place * 20 + 20))

/** What a failing seed shows: enough to find it again, and how it ended. */
const report = (seed: number, found: ReturnType<typeof run>): string =>
  `seed ${seed}, after ${found.steps} steps\n${found.trace.slice(-40).join("\n")}`

describe("three nodes whose leader is killed ten times", () => {
  it.each(groups)("lose nothing and stay linearizable, seeds %i to …", (...group) => {
    for (const seed of group) {
      const found = run(seed)
      if (found.ending._tag !== "Done" || Exit.isFailure(found.ending.exit)) {
        assert.fail(`${JSON.stringify(found.ending)}\n${report(seed, found)}`)
        continue
      }
      const { after, before, kept, operations } = found.ending.exit.value
      assert.isAtLeast(kept, 40, report(seed, found))
      assert.deepStrictEqual([before, after], [[], []], report(seed, found))
      const verdict = Linearizability.check(operations, Models.keyValue<string>(""))
      const why = verdict._tag === "NotLinearizable" ? verdict.picture : verdict._tag
      assert.strictEqual(verdict._tag, "Linearizable", `${why}\n${report(seed, found)}`)
    }
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
