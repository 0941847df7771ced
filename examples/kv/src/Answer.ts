/**
 * What the store says over HTTP: a status, headers, and JSON.
 *
 * Every answer is made here, so that this file is the table of what can be said. Whatever is not a success has a
 * `_tag`, named by what the caller may conclude; `ofError` is the one place where errors of Raft become answers.
 */
import { Data, type Stream } from "effect"
import type { MembershipError, TransferError } from "effect-raft/RaftError"
import type { RequestError } from "effect-raft/Replicated"

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** The whole body, or one that is made while it is sent. */
  readonly body: string | Stream.Stream<string>
}

/** A request that is answered before anyone is asked. */
export class Refusal extends Data.TaggedError("Refusal")<{ readonly answer: Answer }> {}

/** Another node, as clients reach it. */
export interface Place {
  readonly id: string
  readonly http: string
}

export const anyOrigin = { "Access-Control-Allow-Origin": "*" }

const jsonHeaders = { "Content-Type": "application/json" }

const text = (status: number, body: Answer["body"], headers: Answer["headers"] = {}): Answer => ({
  status,
  headers: { ...jsonHeaders, ...headers },
  body
})

const tagged = (status: number, _tag: string, rest: object = {}, headers: Answer["headers"] = {}): Answer =>
  text(status, JSON.stringify({ _tag, ...rest }), headers)

/** 200 with a body that is JSON already. */
export const ok = (body: Answer["body"], headers: Answer["headers"] = {}): Answer => text(200, body, headers)

export const json = (value: object, headers: Answer["headers"] = {}): Answer => ok(JSON.stringify(value), headers)

export const keyNotFound = tagged(404, "KeyNotFound")

export const casMismatch = (actual: string | null): Answer => tagged(409, "CasMismatch", { actual })

export const memberNotFound = tagged(404, "MemberNotFound")

/** A leader is not known, or the node has stopped itself. */
export const unhealthy = (detail: string): Answer => tagged(503, "Unhealthy", { detail })

export const badRequest = (detail: string): Answer => tagged(400, "BadRequest", { detail })

export const tooLarge = (what: string, maxBytes: number): Answer =>
  tagged(413, "TooLarge", { detail: `${what} has more than ${maxBytes} bytes`, maxBytes })

export const tooSlow = tagged(408, "TooSlow", { detail: "the request did not come in time" })

export const notFound = tagged(404, "NotFound", { detail: "there is nothing at this path" })

export const methodNotAllowed = (allowed: ReadonlyArray<string>): Answer =>
  tagged(405, "MethodNotAllowed", { allowed }, { Allow: allowed.join(", ") })

/** It did not happen: a bound was reached. HTTP counts in seconds, and less than one is too soon for most clients. */
export const busy = (retryAfterMillis: number): Answer =>
  tagged(503, "Busy", {}, { "Retry-After": String(Math.max(1, Math.ceil(retryAfterMillis / 1000))) })

/** A mistake in this program. */
export const defect = tagged(500, "Defect")

const unknown = tagged(504, "Unknown")

const fatal = tagged(500, "Fatal")

const ofMembership = ({ detail, reason }: MembershipError): Answer =>
  tagged(reason === "Invalid" ? 400 : 409, "MembershipError", { reason, detail })

const transferStatus = { NotVoter: 400, Pending: 409, Superseded: 409, Aborted: 409, Timeout: 504 } as const

const ofTransfer = ({ reason }: TransferError): Answer => tagged(transferStatus[reason], "TransferError", { reason })

/** `placeOf` says where a node's clients go, if that is known. */
export const ofError = (
  error: RequestError | MembershipError | TransferError | Refusal,
  placeOf: (id: string) => Place | undefined
): Answer => {
  switch (error._tag) {
    case "Refusal":
      return error.answer
    case "NotLeader":
      return tagged(421, "NotLeader", { leader: error.leader === undefined ? null : placeOf(error.leader) ?? null })
    case "Busy":
      return busy(error.retryAfter)
    case "Unknown":
      return unknown
    case "MembershipError":
      return ofMembership(error)
    case "TransferError":
      return ofTransfer(error)
    case "Fatal":
      return fatal
  }
}
