/**
 * Looks at all that can happen to small clusters, for as long as one likes.
 *
 *   pnpm model                              every configuration, 100,000 states each
 *   pnpm model --states 1000000 election    one of them, further
 *   pnpm model --json results/model.json    and writes down what came of it
 *   pnpm model --list                       names them
 *
 * Ends with 1, and a script that tells the story, when something is found that must not be. A million states need some
 * gigabytes: `NODE_OPTIONS=--max-old-space-size=8192`.
 */
import * as ModelCheck from "@effect-raft/testing/ModelCheck"
import * as ModelConfigurations from "@effect-raft/testing/ModelConfigurations"
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { parseArgs } from "node:util"

/** What is written down of one configuration. */
interface Line extends Omit<ModelCheck.Report, "counterexample"> {
  readonly seconds: number
  readonly statesPerSecond: number
  readonly violation: string | undefined
}

const options = {
  states: { type: "string", default: "100000" },
  json: { type: "string" },
  list: { type: "boolean", default: false }
} as const

const print = (name: string, ...cells: ReadonlyArray<string | number>): void =>
  console.log(name.padEnd(22), ...cells.map((cell) => cell.toLocaleString("en").padStart(11)))

const chosen = (names: ReadonlyArray<string>): ReadonlyArray<ModelCheck.Configuration> => {
  const { all } = ModelConfigurations
  const unknown = names.find((name) => !all.some((each) => each.name === name))
  if (unknown !== undefined) throw new Error(`there is no configuration ${unknown}: see --list`)
  return names.length === 0 ? all : all.filter(({ name }) => names.includes(name))
}

const explore = (configuration: ModelCheck.Configuration, states: number): Line => {
  const start = performance.now()
  const { counterexample, ...report } = ModelCheck.check(configuration, {
    states,
    observe: (progress) => {
      if (process.stdout.isTTY) {
        process.stdout.write(`${configuration.name} ${progress.states} at depth ${progress.depth}\r`)
      }
    }
  })
  const seconds = (performance.now() - start) / 1000
  const statesPerSecond = Math.round(report.states / seconds)
  const end = counterexample !== undefined ? "BROKEN" : report.isExhausted ? "exhausted" : "bounded"
  print(report.name, report.states, report.steps, report.depth, report.recoveries, statesPerSecond, end)
  if (counterexample !== undefined) console.log(`\n${counterexample.script}`)
  return { ...report, seconds, statesPerSecond, violation: counterexample?.sentence }
}

const main = (): number => {
  const { positionals, values: { json, list, states } } = parseArgs({ options, allowPositionals: true })
  const bound = Number(states)
  if (!Number.isSafeInteger(bound) || bound < 1) throw new Error(`"${states}" is no number of states`)
  if (list) {
    for (const { about, name } of ModelConfigurations.all) console.log(name.padEnd(22), about)
    return 0
  }
  print("configuration", "states", "steps", "depth", "recoveries", "states/s", "")
  const lines = chosen(positionals).map((configuration) => explore(configuration, bound))
  const total = (of: (line: Line) => number) => lines.reduce((sum, line) => sum + of(line), 0)
  print("all", total(({ states }) => states), total(({ steps }) => steps), "", total(({ recoveries }) => recoveries))
  if (json !== undefined) {
    mkdirSync(dirname(json), { recursive: true })
    writeFileSync(json, `${JSON.stringify({ bound, configurations: lines }, undefined, 2)}\n`)
  }
  return lines.some(({ violation }) => violation !== undefined) ? 1 : 0
}

process.exitCode = main()
