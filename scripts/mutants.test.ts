import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { mutants } from "./mutants/all.ts"
import { applyTo } from "./mutants/Mutant.ts"

const root = new URL("../", import.meta.url)

describe("the mutants", () => {
  it.each(mutants.map((mutant) => [mutant.name, mutant] as const))("%s finds the one place it changes", (_, mutant) => {
    const text = readFileSync(new URL(mutant.file, root), "utf8")
    assert.notStrictEqual(applyTo(text, mutant), text)
  })

  it("have names of their own", () => {
    assert.strictEqual(new Set(mutants.map(({ name }) => name)).size, mutants.length)
  })
})
