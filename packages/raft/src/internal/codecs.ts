/**
 * The bytes of a typed service: commands in the log, the state in a snapshot.
 *
 * JSON by the schemas' own codecs: readable in a log that has to be looked at, and stable while the library
 * changes. A command is `[tag, payload]`. What is read from the log is checked like anything else that comes from
 * outside; a command that this program does not know is a defect, for to skip it would be to differ from the others.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Text from "../Text.ts"
import * as JsonPieces from "./jsonPieces.ts"

type Codec = Schema.Codec<unknown, unknown>

interface Operation {
  readonly payload: Codec
  readonly success: Codec
}

interface Definition {
  readonly state: Codec
  readonly commands: Readonly<Record<string, Operation>>
  readonly queries: Readonly<Record<string, Operation>>
}

export interface Codecs {
  readonly encodeCommand: (tag: string, payload: unknown) => Uint8Array
  readonly decodeCommand: (bytes: Uint8Array) => readonly [tag: string, payload: unknown]
  /** In pieces, each made when it is asked for. */
  readonly encodeState: (state: unknown) => Iterable<Uint8Array>
  readonly decodeState: (bytes: Uint8Array) => unknown
  /** Checks a reply against the schema of the command or query it belongs to. */
  readonly reply: (tag: string) => (reply: unknown) => Effect.Effect<unknown>
}

const Named = Schema.fromJsonString(Schema.Tuple([Schema.String, Schema.Unknown]))

const operationOf = (operations: ReadonlyMap<string, Operation>, tag: string): Operation => {
  const operation = operations.get(tag)
  if (operation === undefined) throw new Error(`nothing is known of ${JSON.stringify(tag)}`)
  return operation
}

export const make = ({ commands, queries, state }: Definition): Codecs => {
  const operations = new Map(Object.entries({ ...commands, ...queries }))
  const encoders = new Map<string, (payload: unknown) => unknown>()
  const decoders = new Map<string, (json: unknown) => unknown>()
  for (const [tag, { payload }] of Object.entries(commands)) {
    const codec = Schema.toCodecJson(payload)
    encoders.set(tag, Schema.encodeUnknownSync(codec))
    decoders.set(tag, Schema.decodeUnknownSync(codec))
  }
  const stateCodec = Schema.toCodecJson(state)
  const encodeState = Schema.encodeUnknownSync(stateCodec)
  const decodeState = Schema.decodeUnknownSync(Schema.fromJsonString(stateCodec))
  const decodeNamed = Schema.decodeUnknownSync(Named)
  return {
    encodeCommand: (tag, payload) => Text.encode(JSON.stringify([tag, encoders.get(tag)?.(payload)])),
    decodeCommand: (bytes) => {
      const [tag, json] = decodeNamed(Text.decode(bytes))
      const decode = decoders.get(tag)
      if (decode === undefined) throw new Error(`the log holds a command that this program does not know: ${tag}`)
      return [tag, decode(json)]
    },
    encodeState: (value) => JsonPieces.encode(() => encodeState(value)),
    decodeState: (bytes) => decodeState(Text.decode(bytes)),
    reply: (tag) => {
      const isReply = Schema.is(operationOf(operations, tag).success)
      return (reply) =>
        isReply(reply)
          ? Effect.succeed(reply)
          : Effect.die(new Error(`${tag} answered with something else than it says`))
    }
  }
}
