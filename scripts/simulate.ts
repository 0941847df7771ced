/**
 * Whole nodes in virtual time, seed after seed: how many, what went wrong in them on purpose, and what was looked at.
 *
 *     pnpm simulate                                     a hundred seeds
 *     pnpm simulate --seeds 5000 --from 1
 *     pnpm simulate --json docs/scoreboard/simulate.json
 *     pnpm simulate --plan plan.txt                     one run of a written plan, with its trace
 *     pnpm simulate --show 17                           the plan of a seed, and its run
 *
 * A seed that fails is made smaller, and printed as a plan. The exit code is 1 if there was one.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import * as Plan from "../test/wholenode/Plan.ts"
import { type Report, run } from "../test/wholenode/Run.ts"
import { shrink } from "../test/wholenode/Shrink.ts"

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    from: { type: "string", default: "1" },
    json: { type: "string" },
    plan: { type: "string" },
    show: { type: "string" },
    shrink: { type: "string", default: "150" }
  }
})

const whole = (name: "seeds" | "from" | "shrink"): number => {
  const value = Number(values[name])
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} is ${values[name]}, and no whole number`)
  return value
}

const add = (sums: Record<string, number>, counts: Readonly<Record<string, number>>): void => {
  for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count
}

const one = (plan: Plan.Plan): Report => {
  const report = run(plan)
  console.log(report.trace.join("\n"))
  console.log(`\n${Plan.print(plan)}\n\n${report.verdict} ${report.why}`)
  console.log({ steps: report.steps, operations: report.operations, looked: report.looked, print: report.fingerprint })
  return report
}

/** Says what failed, and the smallest plan that does. */
const complain = (seed: number, report: Report): void => {
  console.log(`✗ seed ${seed}: ${report.verdict}\n${report.why}`)
  const smallest = shrink(report, whole("shrink"))
  console.log(`\nthe smallest plan that fails so:\n\n${Plan.print(smallest.plan)}\n\n${smallest.why}\n`)
}

const many = (): boolean => {
  const [from, seeds] = [whole("from"), whole("seeds")]
  const faults: Record<string, number> = {}
  const sums: Record<string, number> = { steps: 0, "virtual seconds": 0, operations: 0 }
  let failed = 0
  for (let seed = from; seed < from + seeds; seed++) {
    const report = run(Plan.draw(seed))
    const { failed: refused, ok, unknown } = report.operations
    add(faults, report.faults)
    add(sums, { steps: report.steps, "virtual seconds": report.duration / 1000, operations: ok + refused + unknown })
    add(sums, { answered: ok, refused, unknown, ...report.looked })
    if (report.verdict === "good") continue
    failed++
    complain(seed, report)
  }
  sums["virtual seconds"] = Math.round(sums["virtual seconds"] ?? 0)
  const command = `pnpm simulate --seeds ${seeds} --from ${from}`
  const sorted = Object.fromEntries(Object.entries(faults).sort(([, left], [, right]) => right - left))
  const figures = { command, seeds, failed, ...sums, faults: sorted }
  console.log(figures)
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(figures, null, 2)}\n`)
  return failed === 0
}

const isGood = values.plan !== undefined
  ? one(Plan.parse(readFileSync(values.plan, "utf8"))).verdict === "good"
  : values.show !== undefined
  ? one(Plan.draw(Number(values.show))).verdict === "good"
  : many()
process.exitCode = isGood ? 0 : 1
