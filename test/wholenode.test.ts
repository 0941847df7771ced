/**
 * Whole nodes in virtual time: the driver, the storage in files and the wire as they are, on machines that lose power,
 * stall and drift. `pnpm simulate` runs more of the same.
 */
import { assert, describe, it } from "@effect/vitest"
import { broken, grounds } from "./wholenode/Broken.ts"
import * as Plan from "./wholenode/Plan.ts"
import { type Report, run } from "./wholenode/Run.ts"
import { shrink } from "./wholenode/Shrink.ts"
import { sound, type Variant } from "./wholenode/Variant.ts"

/** The first seed; those after it follow. See the guide on testing. */
const first = Number(process.env["SEED"] ?? 1)

/** So many seeds, by twenties. */
const groups = (count: number): ReadonlyArray<ReadonlyArray<number>> =>
  Array.from({ length: count / 20 }, (_, group) => Array.from({ length: 20 }, (_, place) => first + group * 20 + place))

/** A plan for nodes with a certain mistake: one that is drawn, or one that is made for it. */
const planFor = (name: string, seed: number): Plan.Plan => {
  const lines = grounds[name]
  if (lines === undefined) return Plan.draw(seed)
  const usual =
    "nodes 3 spares 0 clients 3 until 9000 latency 0 segment 20000 snapshots 1000 kept 30 chunk 1000 request 2000"
  return Plan.parse([`seed ${seed} ${usual}`, ...lines].join("\n"))
}

/** The first seed, of those that are run here, with which nodes of this kind are caught. */
const caught = (name: string, variant: Variant): number | undefined => {
  for (let seed = 1; seed <= 20; seed++) {
    if (run(planFor(name, seed), variant).verdict !== "good") return seed
  }
  return undefined
}

/** What a failing seed shows: what happened, and as little as makes it happen, to be run again. */
const told = (report: Report): string => {
  const smallest = shrink(report, 40)
  return `${report.why}\n\nthe same from less, for pnpm simulate --plan:\n\n${
    Plan.print(smallest.plan)
  }\n\n${smallest.why}`
}

describe("whole nodes on machines that fail", () => {
  it.each(groups(60))("keep every promise, and recover, seeds %i to …", (...group) => {
    for (const seed of group) {
      const report = run(Plan.draw(seed))
      assert.strictEqual(report.verdict, "good", report.verdict === "good" ? "" : `seed ${seed}: ${told(report)}`)
    }
  }, 240_000)

  it("do the same again, to the last byte, from the seed and from the plan that it draws", () => {
    for (const seed of [first + 1, first + 2]) {
      const report = run(Plan.draw(seed))
      const again = run(Plan.parse(Plan.print(report.plan)))
      assert.isAbove(report.trace.length, 10)
      assert.strictEqual(again.trace.join("\n"), report.trace.join("\n"))
      assert.strictEqual(again.fingerprint, report.fingerprint)
    }
    assert.notStrictEqual(run(Plan.draw(first + 1)).fingerprint, run(Plan.draw(first + 2)).fingerprint)
  }, 120_000)
})

describe("nodes as they should not be", () => {
  it.each(Object.entries(broken))("are caught: %s", (name, variant) => {
    const seed = caught(name, variant)
    if (seed === undefined) return assert.fail("no seed has brought it to light")
    // Whatever was found is the fault of the mistake.
    assert.strictEqual(run(planFor(name, seed), sound).verdict, "good")
  }, 120_000)
})
