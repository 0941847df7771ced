/**
 * How two nodes find out who they are, before either hears a message of the other.
 *
 * Both say hello: the dialler at once, the other one after it has judged the dialler's. A hello names the cluster,
 * the node, and whom the sender believes it is talking to, so that a mistaken address book, a copied
 * configuration or a port that now belongs to another cluster is found out here and not in the log. Who refuses
 * says why, in a code and a sentence, before it hangs up. Names are taken at their word: to prove them is TLS's task.
 *
 * A node that nobody listed is not refused. A follower that missed a change of membership must hear its new
 * leader (§4.2), and one that is about to join knows nobody at all.
 *
 * @since 0.1.0
 */
import type { LogPosition } from "effect-raft/engine"
import type { Self } from "effect-raft/Transport"
import type * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Buffer } from "node:buffer"
import { type ByteReader, decodeWith } from "./ByteReader.ts"
import { ByteWriter, maxNameBytes, nameSize, textSize } from "./ByteWriter.ts"
import { headerBytes, Kind, seal } from "./Frame.ts"
import { content, type WireError } from "./WireError.ts"

/**
 * What the payloads after the handshake mean. Goes up with every change to them.
 *
 * @category limits
 * @since 0.1.0
 */
export const protocol = 2

/**
 * No frame of a handshake has a larger payload.
 *
 * @category limits
 * @since 0.1.0
 */
export const maxHandshakeBytes = 32 * 1024

const magic = 0x72_61_66_74 // "raft"

const maxAttributeBytes = 4096

const maxRefusalBytes = 2048

/**
 * @category models
 * @since 0.1.0
 */
export interface Hello extends Self {
  readonly protocol: number
  /** Names this stay of the node. Two connections of one session come from the same process. */
  readonly session: number
  /** Whom the sender believes it is talking to. */
  readonly expected: LogPosition.NodeId
}

/**
 * Why two nodes do not talk. The place of a code is its number on the wire.
 *
 * - `Protocol`: one speaks a version that the other does not
 * - `Cluster`: they belong to different clusters
 * - `Self`: the node would talk to itself, or to another one that goes by its name
 * - `Name`: a node other than the one that was dialled
 * - `Duplicate`: they are connected already
 * - `Full`: too many connections
 *
 * @category models
 * @since 0.1.0
 */
export const refusalCodes = ["Protocol", "Cluster", "Self", "Name", "Duplicate", "Full"] as const

/**
 * One node will not talk to another, and says why.
 *
 * @category errors
 * @since 0.1.0
 */
export class Refusal extends Schema.TaggedError<Refusal>()("Refusal", {
  code: Schema.Literals(refusalCodes),
  detail: Schema.String
}) {
  override get message() {
    return this.detail
  }
}

/**
 * Why a node cannot introduce itself, or undefined when it can.
 *
 * @category guards
 * @since 0.1.0
 */
export const fault = (self: Self): string | undefined => {
  for (const [what, name] of [["node", self.node], ["cluster", self.cluster]] as const) {
    const size = nameSize(name) - 1
    if (size === 0 || size > maxNameBytes) return `the name of a ${what} has 1 to ${maxNameBytes} bytes, not ${size}`
    if (!name.isWellFormed()) return `the name of a ${what} is not Unicode`
  }
  if (!Number.isSafeInteger(self.incarnation) || self.incarnation < 0) {
    return `an incarnation is a whole number, not ${self.incarnation}`
  }
  const size = attributesSize(self)
  return size > maxAttributeBytes ? `attributes of ${size} bytes, and at most ${maxAttributeBytes} are told` : undefined
}

const attributesSize = ({ attributes }: Self): number =>
  Object.entries(attributes).reduce((sum, [key, value]) => sum + textSize(key) + textSize(value), 0)

/**
 * @category encoding
 * @since 0.1.0
 */
export const encodeHello = (hello: Hello): ReadonlyArray<Uint8Array> => {
  const names = nameSize(hello.cluster) + nameSize(hello.node) + nameSize(hello.expected)
  const writer = new ByteWriter(headerBytes + 4 + 2 + names + 8 + 8 + 2 + attributesSize(hello), headerBytes)
  writer.u32(magic)
  writer.u16(hello.protocol)
  writer.name(hello.cluster)
  writer.name(hello.node)
  writer.name(hello.expected)
  writer.u53(hello.incarnation)
  writer.u53(hello.session)
  const attributes = Object.entries(hello.attributes)
  writer.u16(attributes.length)
  for (const [key, value] of attributes) {
    writer.text(key)
    writer.text(value)
  }
  return seal(Kind.hello, writer.buffer)
}

/**
 * The hello in a payload, or a refusal when it is in another version, whose other fields we cannot read.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decodeHello = (payload: Buffer): Result.Result<Hello | Refusal, WireError> =>
  decodeWith(payload, (reader) => {
    if (reader.u32() !== magic) throw content("this is no hello")
    const version = reader.u16()
    if (version !== protocol) {
      reader.rest()
      return refuse("Protocol", `protocol ${version} is not spoken here, but ${protocol}`)
    }
    const names = { protocol: version, cluster: reader.name(), node: reader.name(), expected: reader.name() }
    if (names.cluster === "" || names.node === "") throw content("a hello without a name")
    return { ...names, incarnation: reader.u53(), session: reader.u53(), attributes: readAttributes(reader) }
  })

const readAttributes = (reader: ByteReader): Record<string, string> => {
  const count = reader.u16()
  if (reader.remaining > maxAttributeBytes) throw content(`attributes of ${reader.remaining} bytes`)
  const attributes: Array<readonly [string, string]> = []
  for (let place = 0; place < count; place++) {
    attributes.push([reader.text(maxAttributeBytes), reader.text(maxAttributeBytes)])
  }
  return Object.fromEntries(attributes)
}

/**
 * @category encoding
 * @since 0.1.0
 */
export const encodeRefusal = ({ code, detail }: Refusal): ReadonlyArray<Uint8Array> => {
  const writer = new ByteWriter(headerBytes + 1 + textSize(detail), headerBytes)
  writer.u8(refusalCodes.indexOf(code))
  writer.text(detail)
  return seal(Kind.refusal, writer.buffer)
}

/**
 * @category decoding
 * @since 0.1.0
 */
export const decodeRefusal = (payload: Buffer): Result.Result<Refusal, WireError> =>
  decodeWith(payload, (reader) => {
    const number = reader.u8()
    const code = refusalCodes[number]
    if (code === undefined) throw content(`no refusal has code ${number}`)
    return refuse(code, reader.text(maxRefusalBytes))
  })

/**
 * Whether `self` talks to who said `hello`: undefined, or why not. `dialled` is whom we meant to reach; undefined
 * when the other side dialled.
 *
 * @category guards
 * @since 0.1.0
 */
export const judge = (
  self: Self,
  dialled: LogPosition.NodeId | undefined,
  hello: Hello
): Refusal | undefined => {
  if (hello.cluster !== self.cluster) {
    return refuse("Cluster", `${hello.node} is of cluster ${hello.cluster}, ${self.node} of ${self.cluster}`)
  }
  if (hello.node === self.node) return refuse("Self", `both sides go by the name ${self.node}`)
  if (dialled !== undefined && hello.node !== dialled) {
    return refuse("Name", `${dialled} was dialled, and ${hello.node} answered`)
  }
  if (hello.expected !== self.node) {
    return refuse("Name", `${hello.node} dialled ${hello.expected}, this is ${self.node}`)
  }
  return undefined
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const refuse = (code: Refusal["code"], detail: string): Refusal => new Refusal({ code, detail })
