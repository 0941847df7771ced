/**
 * JSON in pieces, for what is too large to be one text: nobody waits while all of it is written down, and there is never
 * more of it in memory than one piece.
 *
 * Only arrays and objects at the top are taken apart, member by member: there the many things are, as a rule. The pieces
 * together are what `JSON.stringify` gives.
 */
import * as Text from "../Text.ts"

/** About how many characters make a piece. */
const pieceLength = 64 * 1024

/** `value` is asked for with the first piece. It must be what JSON can say: no functions, no `undefined`. */
export function* encode(value: () => unknown): Generator<Uint8Array, void> {
  let text = ""
  for (const part of partsOf(value())) {
    text += part
    if (text.length < pieceLength) continue
    yield Text.encode(text)
    text = ""
  }
  if (text !== "") yield Text.encode(text)
}

function* partsOf(value: unknown): Generator<string, void> {
  if (typeof value !== "object" || value === null) return yield JSON.stringify(value)
  const isArray = Array.isArray(value)
  let before = isArray ? "[" : "{"
  if (isArray) {
    for (const item of value) {
      yield `${before}${JSON.stringify(item)}`
      before = ","
    }
  } else {
    for (const [name, item] of Object.entries(value)) {
      yield `${before}${JSON.stringify(name)}:${JSON.stringify(item)}`
      before = ","
    }
  }
  const isEmpty = before !== ","
  yield `${isEmpty ? before : ""}${isArray ? "]" : "}"}`
}
