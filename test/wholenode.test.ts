/**
 * Whole nodes in virtual time: the driver, the storage in files and the wire as they are, on machines that lose power,
 * stall and drift. `pnpm simulate` runs more of the same.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Plan from "./wholenode/Plan.ts"
import { type Report, run } from "./wholenode/Run.ts"
import { shrink } from "./wholenode/Shrink.ts"

/** The first seed; those after it follow. See the guide on testing. */
const first = Number(process.env["SEED"] ?? 1)

/** So many seeds, by twenties. */
const groups = (count: number): ReadonlyArray<ReadonlyArray<number>> =>
  Array.from({ length: count / 20 }, (_, group) => Array.from({ length: 20 }, (_, place) => first + group * 20 + place))

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
