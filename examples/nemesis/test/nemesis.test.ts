import { assert, describe, it } from "@effect/vitest"
import { investigate } from "../src/Evening.ts"
import { book, bookCarelessly } from "../src/Seats.ts"

describe("the box office", () => {
  it("sells each seat once when one command decides", () => {
    const report = investigate(book, 10)

    assert.strictEqual(report.verdict, "good", report.why)
  }, 60_000)

  it("sells a seat twice when it looks first, and the kit shows whose", () => {
    const report = investigate(bookCarelessly, 100)

    assert.strictEqual(report.verdict, "not linearizable")
    assert.include(report.why, "client")
  }, 60_000)
})
