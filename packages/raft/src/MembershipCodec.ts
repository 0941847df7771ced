/**
 * A membership as the payload of a log entry.
 *
 * JSON: it is small and rare, and whoever looks into a log wants to read it. What is read is checked like anything else
 * that comes from a disk or a socket.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Membership } from "./engine/Membership.ts"
import * as Text from "./Text.ts"

const Id = Schema.NonEmptyString
const Ids = Schema.Array(Id)
const Members = Schema.Array(Schema.Struct({
  id: Id,
  address: Schema.String,
  metadata: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  priority: Schema.optionalKey(Schema.Natural),
  isWitness: Schema.optionalKey(Schema.Boolean),
  incarnation: Schema.optionalKey(Schema.Int)
}))

const Payload = Schema.fromJsonString(Schema.Struct({
  members: Members,
  voters: Ids,
  outgoing: Ids,
  departing: Members,
  promoting: Ids
}))

/**
 * Whether the parts name the same nodes: who votes is there, and nobody is there twice. Unless nothing is known of
 * anyone, somebody votes.
 *
 * @category guards
 * @since 0.1.0
 */
export const isSound = ({ departing, members, outgoing, promoting, voters }: Membership): boolean => {
  const isOnce = (ids: ReadonlyArray<string>) => new Set(ids).size === ids.length
  const present = members.map((member) => member.id)
  const reachable = [...present, ...departing.map((member) => member.id)]
  return (voters.length > 0 || reachable.length === 0)
    && isOnce(reachable) && isOnce(voters) && isOnce(outgoing) && isOnce(promoting)
    && voters.every((id) => present.includes(id)) && promoting.every((id) => present.includes(id))
    && outgoing.every((id) => reachable.includes(id))
}

const encodePayload = Schema.encodeSync(Payload)
const decodePayload = Schema.decodeUnknownOption(Payload)

/**
 * @category conversions
 * @since 0.1.0
 */
export const encode = (membership: Membership): Uint8Array => Text.encode(encodePayload(membership))

/**
 * The membership, or undefined if the bytes are none.
 *
 * @category conversions
 * @since 0.1.0
 */
export const decode = (bytes: Uint8Array): Membership | undefined => {
  try {
    const membership = Option.getOrUndefined(decodePayload(Text.decode(bytes)))
    return membership !== undefined && isSound(membership) ? membership : undefined
  } catch {
    return undefined
  }
}
