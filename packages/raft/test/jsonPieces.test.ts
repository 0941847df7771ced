import { assert, describe, it } from "@effect/vitest"
import * as JsonPieces from "../src/internal/jsonPieces.ts"

const text = (pieces: Iterable<Uint8Array>): string =>
  [...pieces].map((piece) => new TextDecoder().decode(piece)).join("")

const values: ReadonlyArray<unknown> = [
  null,
  3,
  "text with \"quotes\" and \u{1F600}",
  [],
  {},
  [[1], {}],
  { "": [] },
  { a: 1, b: [null, "x"] },
  ["__proto__"]
]

describe("JSON in pieces", () => {
  it.each(values)("is together what JSON.stringify gives: %j", (value) => {
    assert.strictEqual(text(JsonPieces.encode(() => value)), JSON.stringify(value))
  })

  it("has pieces of bounded size, made one after the other", () => {
    let asked = 0
    const many = Array.from({ length: 100_000 }, (_, place) => [`key ${place}`, "value"])

    const pieces = JsonPieces.encode(() => {
      asked++
      return many
    })

    assert.strictEqual(asked, 0)
    const all = [...pieces]
    assert.isAbove(all.length, 10)
    assert.isTrue(all.every((piece) => piece.length < 100_000))
    assert.strictEqual(text(all), JSON.stringify(many))
  })
})
