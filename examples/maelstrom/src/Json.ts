/**
 * Any JSON value as one text: the same value, the same text.
 *
 * Keys and values of the store may be anything that JSON can say, and have to be compared. So they are kept as text in
 * which the fields of an object stand in order and nothing is left to taste. Numbers are those of JavaScript: whole ones
 * past 2⁵³ are rounded.
 */
import { Effect, Schema, SchemaGetter, SchemaIssue } from "effect"

/** Deeper values are refused: whoever walks them, here or elsewhere, would run out of stack. */
export const maxDepth = 64

/** Longer texts are refused, in characters: whatever is asked must fit into one command. */
export const maxLength = 1024 * 1024

/** The text of a value, or undefined when it is no JSON or too deep. */
export const print = (value: unknown, depth = maxDepth): string | undefined => {
  if (value === null || typeof value === "string" || typeof value === "boolean") return JSON.stringify(value)
  if (typeof value === "number") return Number.isFinite(value) ? JSON.stringify(value) : undefined
  if (typeof value !== "object" || depth === 0) return undefined
  const parts: Array<string> = []
  const isArray = Array.isArray(value)
  const fields = Object.entries(value)
  if (!isArray) fields.sort(([left], [right]) => (left < right ? -1 : 1))
  for (const [name, field] of fields) {
    const text = print(field, depth - 1)
    if (text === undefined) return undefined
    parts.push(isArray ? text : `${JSON.stringify(name)}:${text}`)
  }
  return isArray ? `[${parts.join()}]` : `{${parts.join()}}`
}

/** Any JSON value on the outside, its text on the inside. */
export const Text = Schema.Unknown.pipe(Schema.decodeTo(Schema.String, {
  decode: SchemaGetter.transformEffect((value: unknown, options) => {
    const text = print(value)
    if (text !== undefined && text.length <= maxLength) return Effect.succeed(text)
    const expected = `JSON, at most ${maxDepth} deep and ${maxLength} characters long`
    return Effect.fail(new SchemaIssue.InvalidValue({ expected }, value, options))
  }),
  encode: SchemaGetter.transform((text: string): unknown => JSON.parse(text))
}))
