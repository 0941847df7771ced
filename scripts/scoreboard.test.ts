import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import * as Findings from "./findings.ts"
import { mutants } from "./mutants/all.ts"
import * as Scoreboard from "./scoreboard.ts"

const root = new URL("../", import.meta.url)
const findings = Findings.read(new URL("docs/scoreboard/mutants.json", root).pathname)

describe("the scoreboard", () => {
  it("says what the figures say", () => {
    assert.strictEqual(readFileSync(Scoreboard.path, "utf8"), Scoreboard.current())
  })

  it("says of what is missing that it is", () => {
    const nothing = Scoreboard.page({ tests: undefined, mutants: undefined, model: undefined, simulate: undefined })

    assert.strictEqual(nothing.match(/\*Missing:\*/g)?.length, 4)
    assert.notMatch(nothing.replace(/pnpm@12/g, ""), /\d/)
  })

  it("prints whatever a model or a simulation counted", () => {
    const told = Scoreboard.page({
      tests: {
        command: "pnpm scoreboard --measure",
        scripts: { reads: 3, elections: 4 },
        files: { "a.test.ts": { walks: 2 } }
      },
      mutants: undefined,
      model: {
        bound: 2_000_000,
        configurations: [{ name: "three nodes", states: 1_234_567, isExhausted: true, seconds: 12.5 }]
      },
      simulate: { command: "pnpm simulate", seeds: 200, operations: 41_000, faults: { kill: 17 } }
    })

    assert.include(told, "| three nodes | 1,234,567 | true |")
    assert.include(told, "| operations | 41,000 |\n| fault: kill | 17 |")
    assert.include(told, "| golden scripts | 7: 3 reads, 4 elections |\n| `a.test.ts` | 2 walks |")
  })
})

describe("the page of mutants", () => {
  it("says what the last run found", () => {
    assert.strictEqual(readFileSync(new URL("docs/mutants.md", root), "utf8"), Findings.page(findings, mutants))
  })

  it("knows nothing of a mutant that has changed since it was run", () => {
    const changed = mutants.map((mutant) => ({ ...mutant, replace: `${mutant.replace} ` }))

    assert.include(
      Findings.page(findings, changed),
      `**0 of 0** that were run are noticed; there are ${mutants.length}`
    )
  })

  it("has no excuse for one that was noticed", () => {
    const excused = new Set(mutants.filter(({ survives }) => survives !== undefined).map(({ name }) => name))
    const noticed = findings.mutants.filter((row) => Findings.caughtBy(row).length > 0).map(({ name }) => name)

    assert.deepStrictEqual(noticed.filter((name) => excused.has(name)), [])
  })
})
