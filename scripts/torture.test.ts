import { assert, describe, it } from "@effect/vitest"
import { globSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as Torture from "./torture.ts"

const root = fileURLToPath(new URL("../", import.meta.url))
const [walks] = Torture.tortures
const turn = { torture: walks ?? assert.fail("there is nothing to run"), seed: 7 }

const report = (status: string, message = "") =>
  JSON.stringify({
    testResults: [{ message, assertionResults: [{ status, fullName: "a walk", failureMessages: ["seed 9, step 3"] }] }]
  })

describe("torture", () => {
  it("runs tests that are there", () => {
    for (const { files } of Torture.tortures) {
      for (const file of files) assert.deepStrictEqual(globSync(file, { cwd: root }).length, 1, file)
    }
  })

  it("goes on from a seed in one way, and not in circles", () => {
    const take = (first: number): ReadonlyArray<number> => {
      const seeds = Torture.seedsFrom(first)
      return Array.from({ length: 5000 }, () => seeds.next().value)
    }

    assert.deepStrictEqual(take(42), take(42))
    assert.strictEqual(new Set(take(42)).size, 5000)
    assert.isTrue(take(42).every((seed) => Number.isSafeInteger(seed) && seed >= 0 && seed < 1_000_003))
  })

  it("says what failed, why, and how to see it again", () => {
    assert.deepStrictEqual(Torture.failuresOf(turn, 0, report("passed")), [])
    assert.deepStrictEqual(Torture.failuresOf(turn, 1, report("failed")), [
      { ...turn, test: "a walk", why: "seed 9, step 3" }
    ])
    assert.strictEqual(Torture.commandOf(turn), "SEED=7 pnpm test packages/raft/test/engine/walk.test.ts")
    const model = { name: "model", files: [] }
    assert.match(Torture.commandOf({ torture: model, seed: 7 }), /^pnpm model --states 100007 [a-z-]+$/)
    const nodes = { name: "whole nodes", files: [] }
    assert.strictEqual(Torture.commandOf({ torture: nodes, seed: 7 }), "pnpm simulate --seeds 20 --from 7")
  })

  it("takes for a failure whatever ends badly", () => {
    assert.strictEqual(Torture.failuresOf(turn, 1, report("passed", "no such module"))[0]?.why, "no such module")
    assert.strictEqual(Torture.failuresOf(turn, 1, report("passed")).length, 1)
  })
})
