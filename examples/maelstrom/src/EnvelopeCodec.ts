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
import type { Envelope } from "effect-raft/Transport"
import type { Body } from "./Message.ts"
import { Count, RaftMessage } from "./RaftMessage.ts"

/** Where each entry ends, and the entries one after the other. */
const Carried = Schema.Struct({ ends: Schema.Array(Count), bytes: Schema.Uint8ArrayFromBase64 })

const Fields = Schema.Struct({ message: RaftMessage, entries: Schema.optionalKey(Carried) })

const encodeFields = Schema.encodeSync(Fields)
const decodeFields = Schema.decodeUnknownOption(Fields)

export const encode = ({ entries, message }: Envelope): Body =>
  encodeFields(
    entries === undefined ? { message } : { message, entries: { ends: entries.ends, bytes: entries.bytes } }
  )

/** The envelope in a body, or undefined when it is not to be believed. */
export const decode = (body: Body): Envelope | undefined => {
  const fields = Option.getOrUndefined(decodeFields(body))
  if (fields === undefined) return undefined
  const { entries, message } = fields
  if (message._tag === "AppendEntries") return withEntries(message, entries ?? { ends: [], bytes: new Uint8Array() })
  return entries === undefined ? { message, entries } : undefined
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
