import * as Walk from "@effect-raft/testing/Walk"
import { assert, describe, it } from "@effect/vitest"

const walk = (seeds: number, steps: number): ReadonlyArray<Walk.Report> =>
  Array.from({ length: seeds }, (_, seed) => Walk.run({ seed, nodes: 3 + (seed % 3), steps }))

const sum = (reports: ReadonlyArray<Walk.Report>, of: keyof Walk.Report): number =>
  reports.reduce((total, report) => total + report[of], 0)

describe("a cluster", () => {
  it("stays safe through loss, repetition, slow disks and crashes, and recovers: 800 short walks", () => {
    const reports = walk(800, 300)

    // Walks that reach nothing prove nothing.
    assert.isAbove(sum(reports, "terms"), 800)
    assert.isAbove(sum(reports, "superseded"), 20)
    assert.isAbove(sum(reports, "crashes"), 1000)
  })

  it("stays safe and recovers through 150 long walks", () => {
    const reports = walk(150, 1500)

    assert.isAbove(sum(reports, "committed"), 1500)
    assert.isAbove(sum(reports, "resolved"), 750)
  })

  it("walks the same way under the same seed", () => {
    assert.deepStrictEqual(Walk.run({ seed: 42, nodes: 3, steps: 500 }), Walk.run({ seed: 42, nodes: 3, steps: 500 }))
  })
})
