/**
 * All that a change must pass, in order of speed: format, lint, arrows, taste, types, tests.
 *
 * `pnpm test` runs everything and ends with one line, `N passed, N failed`. Given arguments, it hands them to Vitest
 * and leaves the gates out: `pnpm test election`, `UPDATE=1 pnpm test scripts`.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, readFileSync, rmSync } from "node:fs"
import { dirname } from "node:path"

const gates: ReadonlyArray<readonly [name: string, command: string, ...args: ReadonlyArray<string>]> = [
  ["format", "dprint", "check"],
  ["lint", "oxlint", "--deny-warnings"],
  ["layers", "node", "scripts/layers.ts"],
  ["tidy", "node", "scripts/tidy.ts"],
  ["types", "tsc", "-b"]
]

const results = "node_modules/.cache/vitest.json"

/** The part of Vitest's JSON report that is counted. */
interface Report {
  readonly numPassedTests: number
  readonly testResults: ReadonlyArray<{
    readonly status: string
    readonly assertionResults: ReadonlyArray<{ readonly status: string }>
  }>
}

interface Tally {
  readonly passed: number
  readonly failed: number
}

const succeeds = (command: string, args: ReadonlyArray<string>): boolean => {
  const { error, status } = spawnSync(command, args, { stdio: "inherit", shell: process.platform === "win32" })
  if (error !== undefined) console.error(`${command} did not start: ${error.message}`)
  return status === 0
}

const runGate = ([name, command, ...args]: (typeof gates)[number]): boolean => {
  const start = performance.now()
  const passed = succeeds(command, args)
  console.log(`${passed ? "✓" : "✗"} ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`)
  return passed
}

/** A file that did not load has no failed test, and counts as one all the same. */
const tally = (report: Report): Tally => ({
  passed: report.numPassedTests,
  failed: report.testResults.reduce((sum, file) => {
    const failed = file.assertionResults.filter((test) => test.status === "failed").length
    return sum + (failed === 0 && file.status === "failed" ? 1 : failed)
  }, 0)
})

const runTests = (filters: ReadonlyArray<string>): Tally => {
  // A report of an earlier run must not speak for one that crashed.
  rmSync(results, { force: true })
  mkdirSync(dirname(results), { recursive: true })
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${results}`]
  const succeeded = succeeds("vitest", ["run", ...reporters, ...filters])
  try {
    const report: Report = JSON.parse(readFileSync(results, "utf8"))
    const { failed, passed } = tally(report)
    // Errors outside of any test fail the run without a failed test.
    return { passed, failed: succeeded ? failed : Math.max(failed, 1) }
  } catch (cause) {
    console.error(`Vitest left no report: ${cause}`)
    return { passed: 0, failed: 1 }
  }
}

const filters = process.argv.slice(2)
const gated = filters.length > 0 ? [] : gates.map(runGate)
const tests = runTests(filters)
const passed = tests.passed + gated.filter((ok) => ok).length
const failed = tests.failed + gated.filter((ok) => !ok).length

process.exitCode = failed === 0 ? 0 : 1
console.log(`${passed} passed, ${failed} failed`)
