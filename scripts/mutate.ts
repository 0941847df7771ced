/**
 * Takes one rule out of the program at a time and looks which layer of tests notices.
 *
 *     pnpm mutate [name…]        until one notices; all mutants, or those with these names
 *       --all                    goes on to the other layers
 *       --layers walks,model     only these, of those that say something about the mutant
 *       --survivors              only mutants that nothing has noticed yet
 *       --json file              where results are kept; without it docs/scoreboard/mutants.json, and docs/mutants.md is
 *                                printed anew
 *       --print                  runs nothing
 *
 * Everything happens in a copy of the project. Results of earlier runs stay until their mutant is run again.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as Evidence from "./evidence.ts"
import * as Findings from "./findings.ts"
import { mutants } from "./mutants/all.ts"
import { applyTo, areaOf, type Mutant } from "./mutants/Mutant.ts"
import * as Scratch from "./scratch.ts"

const root = fileURLToPath(new URL("../", import.meta.url))
const kept = join(root, "docs/scoreboard/mutants.json")
const printed = join(root, "docs/mutants.md")

/** A copy of the project, and how long its layers take when nothing is wrong. */
export interface Bench {
  readonly root: string
  /** Seconds, by layer. */
  readonly usual: Map<string, number>
}

export const makeBench = (): Bench => ({ root: Scratch.make(root), usual: new Map() })

const timed = async <A>(run: () => Promise<A>): Promise<readonly [A, seconds: number]> => {
  const start = performance.now()
  const result = await run()
  return [result, Math.ceil((performance.now() - start) / 1000)]
}

/** How long a layer takes. One that fails without a mutant could say nothing about any. */
const usualOf = async ({ root, usual }: Bench, layer: Evidence.Layer): Promise<number> => {
  const known = usual.get(layer.name)
  if (known !== undefined) return known
  const [failure, seconds] = await timed(() => Evidence.ask(root, Evidence.filesOf(root, layer), 900))
  if (failure !== undefined) throw new Error(`${layer.name} fails as things are: ${failure}`)
  usual.set(layer.name, seconds)
  return seconds
}

/** Asks the layers about one mutant. */
export const examine = async (
  bench: Bench,
  mutant: Mutant,
  layers: ReadonlyArray<Evidence.Layer>,
  isThorough: boolean
): Promise<Findings.Row> => {
  const findings: Record<string, Findings.Finding> = {}
  const path = join(bench.root, mutant.file)
  const original = readFileSync(path, "utf8")
  for (const layer of layers) {
    const files = Evidence.filesOf(bench.root, layer, mutant.file)
    if (files.length === 0) continue
    const limit = Math.max(90, 4 * await usualOf(bench, layer))
    writeFileSync(path, applyTo(original, mutant))
    const [failure, seconds] = await timed(() => Evidence.ask(bench.root, files, limit))
    writeFileSync(path, original)
    findings[layer.name] = { test: failure ?? null, seconds }
    if (failure !== undefined && !isThorough) break
  }
  return { name: mutant.name, digest: Findings.digestOf(mutant), findings }
}

/** The layers that say something about the mutant, of those that are wanted. */
export const layersFor = ({ file }: Mutant, wanted?: ReadonlyArray<string>): ReadonlyArray<Evidence.Layer> =>
  Evidence.layers.filter(({ areas, name }) => areas.includes(areaOf(file)) && (wanted?.includes(name) ?? true))

const chosen = (names: ReadonlyArray<string>, known: Findings.Findings, onlySurvivors: boolean) => {
  const unknown = names.find((name) => !mutants.some((mutant) => mutant.name === name))
  if (unknown !== undefined) throw new Error(`there is no mutant ${unknown}`)
  const isCaught = (name: string) => known.mutants.some((row) => row.name === name && Findings.caughtBy(row).length > 0)
  return mutants.filter(({ name }) =>
    (names.length === 0 || names.includes(name)) && !(onlySurvivors && isCaught(name))
  )
}

const main = async (): Promise<void> => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      all: { type: "boolean", default: false },
      layers: { type: "string" },
      survivors: { type: "boolean", default: false },
      json: { type: "string" },
      print: { type: "boolean", default: false }
    }
  })
  const path = values.json ?? kept
  let findings = Findings.merge(Findings.read(path), [], mutants)
  const asked = values.print ? [] : chosen(positionals, findings, values.survivors)
  const bench = asked.length === 0 ? undefined : makeBench()
  for (const mutant of asked) {
    if (bench === undefined) break
    const row = await examine(bench, mutant, layersFor(mutant, values.layers?.split(",")), values.all)
    findings = Findings.merge(findings, [row], mutants)
    // After each, so that whoever loses patience loses nothing.
    Findings.write(path, findings)
    const caught = Findings.caughtBy(row)
    const by = caught.map(([layer, { test }]) => `${layer} (${test})`).join(", ")
    console.log(`${caught.length > 0 ? "✓" : "✗"} ${mutant.name}: ${by || `survives ${Object.keys(row.findings)}`}`)
  }
  if (values.json === undefined) writeFileSync(printed, Findings.page(findings, mutants))
  const survivors = findings.mutants.filter((row) => Findings.caughtBy(row).length === 0)
  console.log(`${findings.mutants.length - survivors.length} noticed, ${survivors.length} not`)
}

if (import.meta.main) {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130))
  await main()
}
