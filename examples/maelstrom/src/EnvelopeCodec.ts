/**
 * What one node tells another as fields of a body: the message as JSON, the bytes of its entries as base64.
 *
 * The first index and the terms of the entries are those of the message, and are not sent a second time; nor are the
 * memberships among them. What is decoded is held against the message before it is believed: as many entries as it names,
 * which fill their bytes, and a message that agrees with itself.
 */
import { Option, Schema } from "effect"
import { Message } from "effect-raft/engine"
import { type Entries, isWellFormed, memberships } from "effect-raft/Entries"
import * as MembershipCodec from "effect-raft/MembershipCodec"
import type { Envelope } from "effect-raft/Transport"
import type { Body } from "./Message.ts"
import { Count, RaftMessage } from "./RaftMessage.ts"

/** Where each entry ends, and the entries one after the other. */
const Carried = Schema.Struct({ ends: Schema.Array(Count), bytes: Schema.Uint8ArrayFromBase64 })

const Fields = Schema.Struct({
  message: RaftMessage,
  entries: Schema.optionalKey(Carried),
  chunk: Schema.optionalKey(Schema.Uint8ArrayFromBase64)
})

const encodeFields = Schema.encodeSync(Fields)
const decodeFields = Schema.decodeUnknownOption(Fields)

const toFields = (message: Envelope["message"]): RaftMessage => {
  if (message._tag === "Disowned") return { ...message, incarnation: message.incarnation ?? null }
  if (message._tag !== "InstallSnapshot") return message
  const { membership, ...snapshot } = message.snapshot
  return { ...message, snapshot: { ...snapshot, membership: MembershipCodec.encode(membership) } }
}

export const encode = ({ chunk, entries, message }: Envelope): Body =>
  encodeFields({
    message: toFields(message),
    ...(entries && { entries: { ends: entries.ends, bytes: entries.bytes } }),
    ...(chunk && { chunk })
  })

/** The envelope in a body, or undefined when it is not to be believed. */
export const decode = (body: Body): Envelope | undefined => {
  const fields = Option.getOrUndefined(decodeFields(body))
  if (fields === undefined) return undefined
  const { chunk, entries, message } = fields
  if (message._tag === "InstallSnapshot") return entries === undefined ? withChunk(message, chunk) : undefined
  if (chunk !== undefined) return undefined
  if (message._tag === "Disowned" && entries === undefined) {
    return { message: { ...message, incarnation: message.incarnation ?? undefined }, entries: undefined }
  }
  if (message._tag === "AppendEntries") return withEntries(message, entries ?? { ends: [], bytes: new Uint8Array() })
  return entries === undefined && message._tag !== "Disowned" ? { message, entries } : undefined
}

const withChunk = (
  message: Extract<RaftMessage, { readonly _tag: "InstallSnapshot" }>,
  chunk: Uint8Array | undefined
): Envelope | undefined => {
  const membership = MembershipCodec.decode(message.snapshot.membership)
  if (membership === undefined || (chunk?.length ?? 0) !== message.length) return undefined
  const complete = { ...message, snapshot: { ...message.snapshot, membership } }
  return Message.isConsistent(complete) ? { message: complete, entries: undefined, chunk } : undefined
}

const withEntries = (
  message: Extract<RaftMessage, { readonly _tag: "AppendEntries" }>,
  { bytes, ends }: typeof Carried.Type
): Envelope | undefined => {
  const { last, previous, runs } = message
  const entries: Entries = { first: previous.index + 1, runs, bytes, ends }
  if (ends.length !== last - previous.index || !isWellFormed(entries)) return undefined
  const found = memberships(entries)
  if (found === undefined) return undefined
  const complete = { ...message, memberships: found }
  if (!Message.isConsistent(complete)) return undefined
  return { message: complete, entries: ends.length === 0 ? undefined : entries }
}
