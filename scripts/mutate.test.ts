import { assert, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Evidence from "./evidence.ts"
import * as Findings from "./findings.ts"
import { mutants } from "./mutants/all.ts"
import { examine, layersFor, makeBench } from "./mutate.ts"

/** One from each storey, by the cheapest layer that notices. */
const sample = [
  ["older-term-commits-by-counting", "scripts"],
  ["quorum-in-any-order", "paper"],
  ["block-checksum-is-not-compared", "damage"],
  ["frame-checksum-is-not-compared", "wire"]
] as const

it("a rule that is gone is noticed, and what is read afterwards is as it was", async () => {
  const bench = makeBench()
  // Other tests see to it that these pass as things are.
  for (const { name } of Evidence.layers) bench.usual.set(name, 30)
  for (const [name, layer] of sample) {
    const mutant = mutants.find((each) => each.name === name) ?? assert.fail(name)
    const before = readFileSync(join(bench.root, mutant.file), "utf8")

    const row = await examine(bench, mutant, layersFor(mutant, [layer]), false)

    assert.deepStrictEqual(Findings.caughtBy(row).map(([by]) => by), [layer], name)
    assert.strictEqual(readFileSync(join(bench.root, mutant.file), "utf8"), before)
  }
}, 300_000)

it("a test that is named after a module is no evidence about it", () => {
  const [damage, suites] = ["damage", "suites"].map((name) => Evidence.layers.find((layer) => layer.name === name))
  const root = join(import.meta.dirname, "..")
  const files = (layer: Evidence.Layer | undefined, file: string) =>
    layer === undefined ? [] : Evidence.filesOf(root, layer, file)

  assert.include(files(damage, "packages/storage/src/internal/Session.ts"), "packages/storage/test/Disk.test.ts")
  assert.notInclude(files(damage, "packages/storage/src/internal/Disk.ts"), "packages/storage/test/Disk.test.ts")
  assert.include(files(suites, "packages/storage/src/FileStorage.ts"), "packages/storage/test/FileStorage.test.ts")
})
