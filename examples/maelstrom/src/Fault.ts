/**
 * Maelstrom's errors, and which of ours is which.
 *
 * A definite error says that the request did not happen and never will. The indefinite ones, `timeout` and `crash`, leave
 * it open; whoever is in doubt answers with one of these. `ofError` is the one place where the errors of Raft become codes.
 */
import { Schema } from "effect"
import type { RequestError } from "effect-raft/Replicated"

export const codes = {
  timeout: 0,
  notSupported: 10,
  temporarilyUnavailable: 11,
  malformedRequest: 12,
  crash: 13,
  abort: 14,
  keyDoesNotExist: 20,
  keyAlreadyExists: 21,
  preconditionFailed: 22
} as const

/** An error as the body of a message. */
export const Fault = Schema.Struct({
  type: Schema.Literal("error"),
  code: Schema.Int,
  text: Schema.optionalKey(Schema.String)
})
export type Fault = typeof Fault.Type

export const make = (code: keyof typeof codes, text: string): Fault => ({ type: "error", code: codes[code], text })

/** What a client is told when a request has no answer. */
export const ofError = (error: RequestError): Fault => {
  switch (error._tag) {
    case "NotLeader":
    case "Busy":
      return make("temporarilyUnavailable", error.message)
    case "Unknown":
      return make("timeout", error.message)
    case "Fatal":
      // What was under way when the node stopped itself may have happened.
      return make("crash", error.message)
  }
}
