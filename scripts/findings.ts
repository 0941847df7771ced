/**
 * What became of each mutant, as it is kept between runs, and the page that is printed from it.
 */
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { layers } from "./evidence.ts"
import { type Area, areaOf, type Mutant } from "./mutants/Mutant.ts"

/** What one layer said of one mutant. */
export interface Finding {
  /** The first test that failed; null when none did. */
  readonly test: string | null
  readonly seconds: number
}

export interface Row {
  readonly name: string
  /** Of what is replaced, and by what: a mutant that has changed since is another one. */
  readonly digest: string
  readonly findings: Readonly<Record<string, Finding>>
}

export interface Findings {
  readonly command: string
  readonly mutants: ReadonlyArray<Row>
}

export const digestOf = ({ file, find, replace }: Mutant): string =>
  createHash("sha256").update(JSON.stringify([file, find, replace])).digest("hex").slice(0, 12)

const none: Findings = { command: "pnpm mutate", mutants: [] }

export const read = (path: string): Findings => existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : none

/** Adds what was found now to what is known of the same mutants, in the order of `mutants`; others are forgotten. */
export const merge = (before: Findings, now: ReadonlyArray<Row>, mutants: ReadonlyArray<Mutant>): Findings => {
  const rows = mutants.flatMap((mutant): ReadonlyArray<Row> => {
    const digest = digestOf(mutant)
    const isSame = (row: Row) => row.name === mutant.name && row.digest === digest
    const [old, found] = [before.mutants.find(isSame), now.find(isSame)]
    if (old === undefined && found === undefined) return []
    return [{ name: mutant.name, digest, findings: inOrder({ ...old?.findings, ...found?.findings }) }]
  })
  return { command: "pnpm mutate", mutants: rows }
}

const inOrder = (findings: Readonly<Record<string, Finding>>): Record<string, Finding> =>
  Object.fromEntries(layers.flatMap(({ name }) => {
    const finding = findings[name]
    return finding === undefined ? [] : [[name, finding]]
  }))

export const write = (path: string, findings: Findings): void => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${JSON.stringify(findings, undefined, 2)}\n`)
}

/** The layers that noticed, in order. */
export const caughtBy = ({ findings }: Row): ReadonlyArray<readonly [layer: string, finding: Finding]> =>
  Object.entries(findings).filter(([, { test }]) => test !== null)

// ---- the page ----

const areas: ReadonlyArray<readonly [area: Area, title: string]> = [
  ["engine", "The engine"],
  ["driver", "The driver"],
  ["storage", "Files"],
  ["transport", "The wire"]
]

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ")

const outcome = (mutant: Mutant, row: Row | undefined): string => {
  if (row === undefined) return "not run"
  const [first, ...others] = caughtBy(row)
  if (first !== undefined) {
    const [layer, { test }] = first
    const also = others.length === 0 ? "" : `; also ${others.map(([name]) => name).join(", ")}`
    return `**${layer}**: ${cell(test ?? "")}${also}`
  }
  const asked = Object.keys(row.findings).join(", ")
  return `**survives** (${asked}): ${cell(mutant.survives ?? "nobody has said why")}`
}

const secondsOf = (row: Row | undefined): string => {
  const [first] = row === undefined ? [] : caughtBy(row)
  return first === undefined ? "" : `${first[1].seconds}`
}

const table = (area: Area, mutants: ReadonlyArray<Mutant>, rows: ReadonlyMap<string, Row>): string =>
  [
    "| mutant | file | the program no longer | caught by | s |",
    "| --- | --- | --- | --- | --- |",
    ...mutants.filter(({ file }) => areaOf(file) === area).map((mutant) => {
      const row = rows.get(mutant.name)
      const file = mutant.file.replace(/^packages\//, "").replace("/src/", "/")
      return `| ${mutant.name} | \`${file}\` | ${cell(mutant.removes)} | ${outcome(mutant, row)} | ${secondsOf(row)} |`
    })
  ].join("\n")

/** How many each layer was asked about, noticed, and noticed first. */
export const tally = ({ mutants }: Findings) =>
  layers.map(({ meaning, name }) => {
    const asked = mutants.filter(({ findings }) => findings[name] !== undefined)
    return {
      name,
      meaning,
      asked: asked.length,
      caught: asked.filter(({ findings }) => findings[name]?.test !== null).length,
      first: mutants.filter((row) => caughtBy(row)[0]?.[0] === name).length
    }
  })

export const page = (all: Findings, mutants: ReadonlyArray<Mutant>): string => {
  // Of a mutant that has changed since it was run, nothing is known.
  const findings = merge(all, [], mutants)
  const rows = new Map(findings.mutants.map((row) => [row.name, row]))
  const killed = findings.mutants.filter((row) => caughtBy(row).length > 0).length
  return `<!-- Printed by scripts/mutate.ts from docs/scoreboard/mutants.json. Do not edit. -->

# Who would notice

Each mutant is the program without one rule. \`pnpm mutate\` takes them out one by one, in a copy, and asks the tests in
layers, from cheap to dear, until one fails. The types are not asked, and neither is the test file that is named after the
module: it says the same thing a second time. \`pnpm mutate --all\` asks the other layers as well.

**${killed} of ${findings.mutants.length}** that were run are noticed; there are ${mutants.length}.

| layer | what it is | asked | noticed | first to notice |
| --- | --- | --- | --- | --- |
${
    tally(findings).map(({ asked, caught, first, meaning, name }) =>
      `| ${name} | ${meaning} | ${asked} | ${caught} | ${first} |`
    )
      .join("\n")
  }

A layer is asked only about what those before it have not noticed, unless \`--all\` was given: the figures say who is needed,
not who is best.
${areas.map(([area, title]) => `\n## ${title}\n\n${table(area, mutants, rows)}\n`).join("")}`
}
