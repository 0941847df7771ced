/**
 * How much has been tried, on one page: `docs/scoreboard.md`, from the figures in `docs/scoreboard`.
 *
 *     pnpm scoreboard              prints the page anew from the figures as they are
 *     pnpm scoreboard --measure    first runs the tests that count what they try, and counts the scripts
 *
 * Each file of figures was written by the command that it names, and holds nothing that changes from day to day by itself.
 *
 *     tests.json       what tests said in `task.meta.counts`, by file      pnpm scoreboard --measure
 *     mutants.json     who noticed which rule is gone (`findings.ts`)      pnpm mutate
 *     model.json       { bound, configurations: [{ name, states, … }] }    pnpm model --json docs/scoreboard/model.json
 *     simulate.json    { command, seeds, steps, operations, faults: {} }   pnpm simulate --json docs/scoreboard/simulate.json
 */
import { spawnSync } from "node:child_process"
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, relative, sep } from "node:path"
import { fileURLToPath } from "node:url"
import * as Findings from "./findings.ts"

const root = fileURLToPath(new URL("../", import.meta.url))
const figuresFolder = join(root, "docs/scoreboard")

type Counts = Readonly<Record<string, number>>

interface Tests {
  readonly command: string
  /** How many golden scripts there are, by folder. */
  readonly scripts: Counts
  /** What the tests of each file counted together. */
  readonly files: Readonly<Record<string, Counts>>
}

/** Of figures that other commands write, whatever is a number is printed. */
interface Model {
  /** How many states of each configuration were looked at, at most. */
  readonly bound: number
  readonly configurations: ReadonlyArray<Readonly<Record<string, unknown>>>
}

interface Simulated {
  readonly command: string
  readonly faults?: Counts
  readonly [figure: string]: unknown
}

export interface Figures {
  readonly tests: Tests | undefined
  readonly mutants: Findings.Findings | undefined
  readonly model: Model | undefined
  readonly simulate: Simulated | undefined
}

const load = <A>(folder: string, name: string): A | undefined => {
  const path = join(folder, `${name}.json`)
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined
}

export const figuresIn = (folder: string): Figures => ({
  tests: load(folder, "tests"),
  mutants: load(folder, "mutants"),
  model: load(folder, "model"),
  simulate: load(folder, "simulate")
})

// ---- the page ----

const written = (value: unknown): string =>
  typeof value === "number" ? value.toLocaleString("en-US", { maximumFractionDigits: 1 }) : String(value ?? "")

const total = (counts: Counts): number => Object.values(counts).reduce((sum, count) => sum + count, 0)

const list = (counts: Counts): string =>
  Object.entries(counts).map(([what, count]) => `${written(count)} ${what}`).join(", ")

const missing = (name: string, command: string): string =>
  `*Missing:* there is no \`docs/scoreboard/${name}.json\`; \`${command}\` writes it.`

const row = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |`

const aboutTests = (tests: Tests | undefined): string => {
  if (tests === undefined) return missing("tests", "pnpm scoreboard --measure")
  return [
    `From \`${tests.command}\`.`,
    "",
    row(["what", "how much"]),
    row(["---", "---"]),
    row([`golden scripts`, `${total(tests.scripts)}: ${list(tests.scripts)}`]),
    ...Object.entries(tests.files).map(([file, counts]) => row([`\`${file}\``, list(counts)]))
  ].join("\n")
}

/** Figures that say something about the machine, and nothing about what was tried. */
const ofTheMachine = ["seconds", "statesPerSecond"]

const aboutModel = (model: Model | undefined): string => {
  if (model === undefined) return missing("model", "pnpm model --json docs/scoreboard/model.json")
  const found = new Set(["name", ...model.configurations.flatMap((each) => Object.keys(each))])
  const columns = [...found].filter((name) => !ofTheMachine.includes(name))
  const states = model.configurations.reduce((sum, { states }) => sum + Number(states), 0)
  return [
    `From \`pnpm model --states ${model.bound} --json docs/scoreboard/model.json\`: **${written(states)}** states.`,
    "",
    row(columns),
    row(columns.map(() => "---")),
    ...model.configurations.map((each) => row(columns.map((column) => written(each[column]))))
  ].join("\n")
}

const aboutSimulation = (simulate: Simulated | undefined): string => {
  if (simulate === undefined) return missing("simulate", "pnpm simulate --json docs/scoreboard/simulate.json")
  const { command, faults = {}, ...figures } = simulate
  return [
    `From \`${command}\`.`,
    "",
    row(["what", "how much"]),
    row(["---", "---"]),
    ...Object.entries(figures).map(([what, value]) => row([what, written(value)])),
    ...Object.entries(faults).map(([kind, count]) => row([`fault: ${kind}`, written(count)]))
  ].join("\n")
}

const aboutMutants = (mutants: Findings.Findings | undefined): string => {
  if (mutants === undefined) return missing("mutants", "pnpm mutate")
  const caught = mutants.mutants.filter((each) => Findings.caughtBy(each).length > 0).length
  return [
    `From \`${mutants.command}\`: **${caught} of ${mutants.mutants.length}** rules are missed when they are gone. Each is`,
    "in [mutants.md](mutants.md).",
    "",
    row(["layer", "noticed first", "noticed", "asked"]),
    row(["---", "---", "---", "---"]),
    ...Findings.tally(mutants).map((each) =>
      row([`${each.name}: ${each.meaning}`, `${each.first}`, `${each.caught}`, `${each.asked}`])
    )
  ].join("\n")
}

export const page = ({ model, mutants, simulate, tests }: Figures): string =>
  `<!-- Printed by scripts/scoreboard.ts from docs/scoreboard. Do not edit. -->

# Scoreboard

How much has been tried, as the last runs have written it down. A figure that nobody has written down is not here.

## Rules taken out

${aboutMutants(mutants)}

## States of the model

${aboutModel(model)}

## Whole nodes under a seed

${aboutSimulation(simulate)}

## Tests that count

${aboutTests(tests)}
`

// ---- measuring ----

/** The tests that count what they try. */
const counting = [
  "packages/raft/test/engine/walk.test.ts",
  "packages/storage/test/Crash.test.ts",
  "packages/storage/test/Faults.test.ts"
]

interface Report {
  readonly success: boolean
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly assertionResults: ReadonlyArray<{ readonly meta: { readonly counts?: Counts } }>
  }>
}

const add = (left: Counts, right: Counts): Counts => {
  const sum: Record<string, number> = { ...left }
  for (const [what, count] of Object.entries(right)) sum[what] = (sum[what] ?? 0) + count
  return sum
}

const scriptsByFolder = (): Counts => {
  const folder = join(root, "packages/raft/test/scripts")
  const files = globSync("*/*.txt", { cwd: folder }).map((file) => file.split(sep)[0] ?? "").sort()
  return files.reduce<Counts>((sum, name) => add(sum, { [name]: 1 }), {})
}

const runCounting = (): Report => {
  const folder = mkdtempSync(join(tmpdir(), "effect-raft-"))
  const results = join(folder, "counts.json")
  try {
    const vitest = join(root, "node_modules/vitest/vitest.mjs")
    spawnSync(
      process.execPath,
      [vitest, "run", "--reporter=json", `--outputFile.json=${results}`, ...counting],
      { cwd: root, stdio: "inherit" }
    )
    return JSON.parse(readFileSync(results, "utf8"))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const measure = (): void => {
  const { success, testResults } = runCounting()
  if (!success) throw new Error("tests have failed: they have counted nothing")
  const files = testResults.map(({ assertionResults, name }) => {
    const counts = assertionResults.reduce<Counts>((sum, { meta }) => add(sum, meta.counts ?? {}), {})
    return [relative(root, name).split(sep).join("/"), counts] as const
  })
  const sorted = files.sort(([left], [right]) => left.localeCompare(right))
  const tests: Tests = {
    command: "pnpm scoreboard --measure",
    scripts: scriptsByFolder(),
    files: Object.fromEntries(sorted)
  }
  mkdirSync(figuresFolder, { recursive: true })
  writeFileSync(join(figuresFolder, "tests.json"), `${JSON.stringify(tests, undefined, 2)}\n`)
}

export const path = join(dirname(figuresFolder), "scoreboard.md")
export const current = (): string => page(figuresIn(figuresFolder))

if (import.meta.main) {
  if (process.argv.includes("--measure")) measure()
  writeFileSync(path, current())
}
