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
import * as ModelConfigurations from "@effect-raft/testing/ModelConfigurations"
import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { runNode } from "./runNode.ts"

const root = fileURLToPath(new URL("../", import.meta.url))

interface Torture {
  readonly name: string
  /** Tests that take `SEED`. */
  readonly files: ReadonlyArray<string>
}

/** A command of its own in the place of tests: what to type after `pnpm`, for a seed. */
const commands: Readonly<Record<string, (seed: number) => ReadonlyArray<string>>> = {
  // Has no seed: each turn takes one configuration, further than CI does.
  model: (seed) => {
    const { all } = ModelConfigurations
    return ["model", "--states", String(100_000 + seed % 300_000), all[seed % all.length]?.name ?? ""]
  },
  "whole nodes": (seed) => ["simulate", "--seeds", "20", "--from", String(seed)]
}

/** What `pnpm` makes of the first word. */
const scripts: Readonly<Record<string, string>> = { model: "scripts/model-check.ts", simulate: "scripts/simulate.ts" }

export const tortures: ReadonlyArray<Torture> = [
  { name: "walks", files: ["packages/raft/test/engine/walk.test.ts"] },
  { name: "crashes", files: ["packages/storage/test/Crash.test.ts", "packages/storage/test/Faults.test.ts"] },
  { name: "simulation", files: ["packages/raft/test/simulation.test.ts"] },
  { name: "services", files: ["packages/testing/test/testCluster.test.ts"] },
  { name: "wire", files: ["packages/transport/test/fuzz.test.ts"] },
  { name: "histories", files: ["packages/testing/test/linearizability.test.ts"] },
  { name: "whole nodes", files: [] },
  { name: "model", files: [] },
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
export const commandOf = ({ seed, torture: { files, name } }: Turn): string =>
  commands[name] === undefined
    ? `SEED=${seed} pnpm test ${files.join(" ")}`
    : `pnpm ${commands[name](seed).join(" ")}`

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

/** One turn. Undefined when the time was over before it was. */
const run = async (turn: Turn, milliseconds: number): Promise<ReadonlyArray<Failure> | undefined> => {
  const { seed, torture: { files, name } } = turn
  const folder = mkdtempSync(join(tmpdir(), "effect-raft-"))
  const results = join(folder, "results.json")
  const printed = join(folder, "printed")
  const vitest = [
    join(root, "node_modules/vitest/vitest.mjs"),
    "run",
    "--reporter=json",
    `--outputFile.json=${results}`
  ]
  const [script = "", ...rest] = commands[name]?.(seed) ?? []
  const args = script === "" ? [...vitest, ...files] : [join(root, scripts[script] ?? script), ...rest]
  try {
    const out = openSync(printed, "w")
    const env = { ...process.env, SEED: String(seed) }
    const end = await runNode(args, { cwd: root, env, stdio: ["ignore", out, out] }, milliseconds)
    if (end === "late") return undefined
    if (script === "") return failuresOf(turn, end, readFileSync(results, "utf8"))
    return end === 0 ? [] : [{ ...turn, test: script, why: readFileSync(printed, "utf8") }]
  } catch (cause) {
    return [{ ...turn, test: "all", why: `nothing was left to read: ${cause}` }]
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
