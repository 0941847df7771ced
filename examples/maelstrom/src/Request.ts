/**
 * What clients ask of the lin-kv workload, and what they are answered.
 *
 * Inside, keys and values are texts; on the wire they are whatever JSON they stand for. Answers have the fields that the
 * workload names and no others, for Maelstrom refuses what it does not know.
 */
import { Option, Schema } from "effect"
import { Fault } from "./Fault.ts"
import { Text } from "./Json.ts"
import type { Body } from "./Message.ts"

const Read = Schema.Struct({ type: Schema.Literal("read"), key: Text })
const Write = Schema.Struct({ type: Schema.Literal("write"), key: Text, value: Text })
const Cas = Schema.Struct({ type: Schema.Literal("cas"), key: Text, from: Text, to: Text })

const Request = Schema.Union([Read, Write, Cas])
export type Request = typeof Request.Type

const replies = {
  read: Schema.Union([Schema.Struct({ type: Schema.Literal("read_ok"), value: Text }), Fault]),
  write: Schema.Union([Schema.Struct({ type: Schema.Literal("write_ok") }), Fault]),
  cas: Schema.Union([Schema.Struct({ type: Schema.Literal("cas_ok") }), Fault])
} as const satisfies Record<Request["type"], Schema.Top>

const Reply = Schema.Union([replies.read, replies.write, replies.cas])
export type Reply = typeof Reply.Type

/** The kinds of requests there are. */
export const types = ["read", "write", "cas"] as const satisfies ReadonlyArray<Request["type"]>

const decodeRequest = Schema.decodeUnknownOption(Request)
const encodeRequest = Schema.encodeSync(Request)
const encodeReply = Schema.encodeSync(Reply)
const decoders = {
  read: Schema.decodeUnknownOption(replies.read),
  write: Schema.decodeUnknownOption(replies.write),
  cas: Schema.decodeUnknownOption(replies.cas)
}

/** The request in a body, or undefined when it is none. */
export const decode = (body: Body): Request | undefined => Option.getOrUndefined(decodeRequest(body))

export const encode = (request: Request): Body => encodeRequest(request)

/** The answer to such a request in a body, or undefined when it is none. */
export const decodeReplyTo = ({ type }: Request, body: Body): Reply | undefined =>
  Option.getOrUndefined<Reply>(decoders[type](body))

export const encodeAnswer = (reply: Reply): Body => encodeReply(reply)
