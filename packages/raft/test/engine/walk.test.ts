import * as Walk from "@effect-raft/testing/Walk"
import { assert, describe, it } from "@effect/vitest"

/** The first seed; those after it follow. See the guide on testing. */
const first = Number(process.env["SEED"] ?? 0)

const walk = (seeds: number, steps: number): ReadonlyArray<Walk.Report> =>
  Array.from({ length: seeds }, (_, place) => {
    const seed = first + place
    return Walk.run({ seed, nodes: 3 + (seed % 3), steps })
  })

/** The same with operators, from one founder to five, and two or three more nodes that come and go. */
const managed = (seeds: number, steps: number): ReadonlyArray<Walk.Report> =>
  Array.from({ length: seeds }, (_, place) => {
    const seed = first + place
    return Walk.run({ seed, nodes: 1 + (seed % 5), joiners: 2 + (seed % 2), steps })
  })

const sum = (reports: ReadonlyArray<Walk.Report>, of: keyof Walk.Report): number =>
  reports.reduce((total, report) => total + report[of], 0)

/** How far all of them came together. */
const countsOf = (reports: ReadonlyArray<Walk.Report>, steps: number): Record<string, number> => ({
  walks: reports.length,
  steps: reports.length * steps,
  terms: sum(reports, "terms"),
  committed: sum(reports, "committed"),
  crashes: sum(reports, "crashes"),
  changes: sum(reports, "changed"),
  transfers: sum(reports, "transferred"),
  snapshots: sum(reports, "taken") + sum(reports, "restored"),
  "disks lost": sum(reports, "wiped")
})

/** What the seeds of every day reach is known; others may be less lucky. */
const reaches = (found: number, least: number): void => {
  if (process.env["SEED"] === undefined) assert.isAbove(found, least)
}

/** Of real time: walks are work, and the machine may have other work. */
const patience = { timeout: 240_000 }

describe("a cluster", patience, () => {
  it("stays safe through loss, repetition, slow disks and crashes, and recovers: 500 short walks", ({ task }) => {
    const reports = walk(500, 300)
    task.meta.counts = countsOf(reports, 300)

    // Walks that reach nothing prove nothing.
    reaches(sum(reports, "terms"), 500)
    reaches(sum(reports, "superseded"), 20)
    reaches(sum(reports, "crashes"), 600)
    reaches(sum(reports, "taken"), 1200)
    reaches(sum(reports, "restored"), 60)
    reaches(sum(reports, "wiped"), 10)
  })

  it("stays safe and recovers through 150 long walks", ({ task }) => {
    const reports = walk(150, 1500)
    task.meta.counts = countsOf(reports, 1500)

    reaches(sum(reports, "committed"), 1500)
    reaches(sum(reports, "resolved"), 750)
  })

  it("walks the same way under the same seed", () => {
    const options = { seed: 42, nodes: 3, joiners: 2, steps: 500 }

    assert.deepStrictEqual(Walk.run(options), Walk.run(options))
  })
})

describe("a cluster whose members change", patience, () => {
  it("stays safe, finishes every change or takes it back, and recovers: 600 short walks", ({ task }) => {
    const reports = managed(600, 300)
    task.meta.counts = countsOf(reports, 300)

    reaches(sum(reports, "changed"), 300)
    reaches(sum(reports, "transferred"), 180)
    reaches(sum(reports, "crashes"), 600)
    reaches(sum(reports, "restored"), 180)
  })

  it("does so through 100 long walks", ({ task }) => {
    const reports = managed(100, 2000)
    task.meta.counts = countsOf(reports, 2000)

    reaches(sum(reports, "changed"), 100)
    reaches(sum(reports, "transferred"), 100)
    reaches(sum(reports, "superseded"), 5)
  })
})
