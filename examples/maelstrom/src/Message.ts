/**
 * What Maelstrom carries: one JSON object on each line, from `src` to `dest`.
 *
 * Of a body only its header is looked at here: what kind it is, which number it has, and which number it answers.
 */
import { Option, Schema } from "effect"

export type Body = Readonly<Record<string, unknown>>

export interface Message {
  readonly src: string
  readonly dest: string
  readonly body: Body
}

const Line = Schema.fromJsonString(Schema.Struct({
  src: Schema.NonEmptyString,
  dest: Schema.NonEmptyString,
  body: Schema.Record(Schema.String, Schema.Unknown)
}))

const Header = Schema.Struct({
  type: Schema.String,
  msg_id: Schema.optionalKey(Schema.Int),
  in_reply_to: Schema.optionalKey(Schema.Int)
})
export type Header = typeof Header.Type

const decodeLine = Schema.decodeUnknownOption(Line)
const decodeHeader = Schema.decodeUnknownOption(Header)
const decodeId = Schema.decodeUnknownOption(Schema.Struct({ msg_id: Schema.Int }))

/** The message on a line, or undefined when there is none. */
export const parse = (line: string): Message | undefined => Option.getOrUndefined(decodeLine(line))

export const print = ({ body, dest, src }: Message): string => JSON.stringify({ src, dest, body })

/** What every body says of itself, or undefined when it does not. */
export const headerOf = (body: Body): Header | undefined => Option.getOrUndefined(decodeHeader(body))

/** The number under which an answer is expected. It can be there although all else makes no sense. */
export const idOf = (body: Body): number | undefined => Option.getOrUndefined(decodeId(body))?.msg_id
