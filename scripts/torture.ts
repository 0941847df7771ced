/**
 * Everything that takes a seed, from one random seed after another, until the time is over.
 *
 *     pnpm torture                 ten minutes
 *     pnpm torture --minutes 600
 *     pnpm torture --only walks,crashes
 *     pnpm torture --seed 7        the first seed; the others follow from it
 *
 * Each failure is printed with the command that shows it again, and tallied at the end; the exit code is 1 if there was
 * one. What real processes do is up to the machine: their seed only says which run it was.
 */
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

const root = fileURLToPath(new URL("../", import.meta.url))

interface Torture {
  readonly name: string
  readonly files: ReadonlyArray<string>
  /** Beside `SEED`, what makes it try more than it does in CI. */
  readonly more?: Readonly<Record<string, string>>
}

export const tortures: ReadonlyArray<Torture> = [
  { name: "walks", files: ["packages/raft/test/engine/walk.test.ts"] },
  { name: "crashes", files: ["packages/storage/test/Crash.test.ts", "packages/storage/test/Faults.test.ts"] },
  { name: "simulation", files: ["packages/raft/test/simulation.test.ts"] },
  { name: "services", files: ["packages/testing/test/testCluster.test.ts"] },
  { name: "wire", files: ["packages/transport/test/fuzz.test.ts"] },
  { name: "histories", files: ["packages/testing/test/linearizability.test.ts"] },
  { name: "processes", files: ["test/kill.test.ts"] }
]

/** One turn of one of them. */
interface Turn {
  readonly torture: Torture
  readonly seed: number
}

interface Failure extends Turn {
  readonly test: string
  readonly why: string
}

/** Seeds that follow from the first, all below 10⁶: what a test makes of one must stay a whole number. */
export function* seedsFrom(first: number): Generator<number, never> {
  for (let seed = first % 1_000_000;; seed = (seed * 48_271 + 11) % 1_000_003) yield seed
}

/** What to type to see it again. */
export const commandOf = ({ seed, torture: { files, more = {} } }: Turn): string => {
  const settings = Object.entries({ SEED: seed, ...more }).map(([name, value]) => `${name}=${value}`)
  return `${settings.join(" ")} pnpm test ${files.join(" ")}`
}

interface Report {
  readonly testResults: ReadonlyArray<{
    readonly message: string
    readonly assertionResults: ReadonlyArray<{
      readonly status: string
      readonly fullName: string
      readonly failureMessages: ReadonlyArray<string>
    }>
  }>
}

/** Runs the tests once. Undefined when the time was over before they were. */
const run = async (turn: Turn, milliseconds: number): Promise<ReadonlyArray<Failure> | undefined> => {
  const folder = mkdtempSync(join(tmpdir(), "effect-raft-"))
  const results = join(folder, "results.json")
  const vitest = join(root, "node_modules/vitest/vitest.mjs")
  const { files, more } = turn.torture
  const child = spawn(
    process.execPath,
    [vitest, "run", "--reporter=json", `--outputFile.json=${results}`, ...files],
    { cwd: root, env: { ...process.env, ...more, SEED: String(turn.seed) }, stdio: "ignore", detached: true }
  )
  const kill = () => void (child.pid !== undefined && child.exitCode === null && process.kill(-child.pid, "SIGKILL"))
  process.once("exit", kill)
  const isLate = await new Promise<boolean>((resolve) => {
    const late = setTimeout(() => {
      kill()
      resolve(true)
    }, milliseconds)
    child.once("exit", () => {
      clearTimeout(late)
      resolve(false)
    })
  })
  process.off("exit", kill)
  try {
    return isLate ? undefined : failuresOf(turn, child.exitCode ?? 1, readFileSync(results, "utf8"))
  } catch (cause) {
    return [{ ...turn, test: "all", why: `the tests left no report: ${cause}` }]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What a report says of a run that ended with `code`. */
export const failuresOf = (turn: Turn, code: number, report: string): ReadonlyArray<Failure> => {
  const { testResults }: Report = JSON.parse(report)
  const failed = testResults.flatMap(({ assertionResults, message }) => {
    const tests = assertionResults.filter(({ status }) => status === "failed")
    if (tests.length === 0 && message !== "") return [{ ...turn, test: "a file", why: message }]
    return tests.map(({ failureMessages, fullName }) => ({ ...turn, test: fullName, why: failureMessages.join("\n") }))
  })
  return failed.length === 0 && code !== 0 ? [{ ...turn, test: "all", why: "an error outside of any test" }] : failed
}

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "10" },
      only: { type: "string" },
      seed: { type: "string", default: String(Date.now() % 1_000_000) }
    }
  })
  const names = values.only?.split(",")
  const chosen = tortures.filter(({ name }) => names?.includes(name) ?? true)
  if (chosen.length === 0) throw new Error(`there are ${tortures.map(({ name }) => name).join(", ")}`)
  const end = performance.now() + Number(values.minutes) * 60_000
  const turns = new Map<string, number>()
  const failures: Array<Failure> = []
  let round = 0
  for (const seed of seedsFrom(Number(values.seed))) {
    const torture = chosen[round++ % chosen.length]
    const left = end - performance.now()
    if (torture === undefined || !(left > 0)) break
    const turn: Turn = { torture, seed }
    const found = await run(turn, left)
    if (found === undefined) break
    turns.set(torture.name, (turns.get(torture.name) ?? 0) + 1)
    failures.push(...found)
    console.log(`${found.length === 0 ? "✓" : "✗"} ${torture.name}, seed ${seed}`)
    for (const { test, why } of found) console.log(`  ${test}\n  ${why.slice(0, 4000)}\n  again: ${commandOf(turn)}`)
  }
  console.log([...turns].map(([name, count]) => `${count} × ${name}`).join(", ") || "there was no time for anything")
  for (const failure of failures) console.log(`✗ ${failure.test}: ${commandOf(failure)}`)
  console.log(`${failures.length} failed`)
  process.exitCode = failures.length === 0 ? 0 : 1
}

if (import.meta.main) {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130))
  await main()
}
