/**
 * The state machine of a typed service: a value, and the functions that give the next one.
 */
import type { Index, LogPosition } from "../engine/LogPosition.ts"
import * as StateMachine from "../StateMachine.ts"
import type { Codecs } from "./codecs.ts"

type Apply = (state: unknown, payload: unknown, at: LogPosition) => readonly [state: unknown, reply: unknown]
type Look = (state: unknown, payload: unknown, applied: Index) => unknown

/** What a client asks this state machine, in the process they share. */
interface Question {
  readonly tag: string
  readonly payload: unknown
}

const isQuestion = (query: unknown): query is Question =>
  typeof query === "object" && query !== null && "tag" in query && typeof query.tag === "string" && "payload" in query

export const make = (codecs: Codecs, initial: unknown, handlers: object): StateMachine.StateMachine["Service"] => {
  const byTag = new Map<string, unknown>(Object.entries(handlers))
  const handler = (tag: string): unknown => {
    const found = byTag.get(tag)
    if (typeof found !== "function") throw new Error(`nothing says what ${tag} does`)
    return found
  }
  let state = initial
  return StateMachine.make({
    apply: ({ payload: bytes, position }) => {
      const [tag, payload] = codecs.decodeCommand(bytes)
      // The payload was decoded by the schema that the function's own type was made from.
      const [after, reply] = (handler(tag) as Apply)(state, payload, position)
      state = after
      return reply
    },
    read: (query, applied) => {
      if (!isQuestion(query)) throw new Error("this is no query of the service")
      return (handler(query.tag) as Look)(state, query.payload, applied)
    },
    snapshot: () => codecs.encodeState(state),
    restore: (snapshot) => {
      state = codecs.decodeState(snapshot)
    }
  })
}
