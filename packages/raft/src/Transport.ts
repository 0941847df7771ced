/**
 * How nodes reach each other.
 *
 * Raft asks little of it: a message may be lost, repeated, delayed or overtaken. What it must not do is
 * deliver what was not sent, or make the driver wait. Each promise has a case in `TransportTest` of
 * `@effect-raft/testing`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { NodeId } from "./engine/LogPosition.ts"
import type { Member } from "./engine/Membership.ts"
import type { Message } from "./engine/Message.ts"
import type { Entries } from "./Entries.ts"

/**
 * The address to listen on is taken.
 *
 * @category errors
 * @since 0.1.0
 */
export class AddressInUse extends Schema.TaggedError<AddressInUse>()("AddressInUse", { address: Schema.String }) {
  override get message() {
    return `${this.address} is in use`
  }
}

/**
 * The address to listen on is no address, or not one of this machine.
 *
 * @category errors
 * @since 0.1.0
 */
export class AddressInvalid extends Schema.TaggedError<AddressInvalid>()("AddressInvalid", {
  address: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `cannot listen on ${this.address}: ${this.detail}`
  }
}

/**
 * Why a node could not join; `reason` says which way. Once joined, nothing fails: what cannot be delivered is lost.
 *
 * @category errors
 * @since 0.1.0
 */
export class TransportError extends Schema.TaggedError<TransportError>()("TransportError", {
  reason: Schema.Union([AddressInUse, AddressInvalid])
}) {
  override get message() {
    return this.reason.message
  }
}

/**
 * A message, and the payloads that it speaks of.
 *
 * @category models
 * @since 0.1.0
 */
export interface Envelope {
  readonly message: Message
  /** Exactly the entries after `previous` up to `last`, in the terms that `runs` say; none with anything else. */
  readonly entries: Entries | undefined
  /** Exactly the bytes of which an `InstallSnapshot` speaks; none if they are none, and with anything else. */
  readonly chunk?: Uint8Array | undefined
}

/**
 * How a node introduces itself to others.
 *
 * @category models
 * @since 0.1.0
 */
export interface Self {
  readonly cluster: string
  readonly node: NodeId
  /** Names the disk that the node runs on. */
  readonly incarnation: number
  /** What others are told about this node, for instance where its HTTP interface is. At most 4 KiB in all. */
  readonly attributes: Readonly<Record<string, string>>
}

/**
 * Another node, as it introduced itself.
 *
 * @category models
 * @since 0.1.0
 */
export interface Peer {
  readonly id: NodeId
  readonly incarnation: number
  readonly attributes: Readonly<Record<string, string>>
}

/**
 * A node's place in the network.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connection {
  /**
   * Sends, or not: `false` says that it was certainly not sent, because `to` is not connected or too much is
   * waiting for it. `true` promises nothing. Returns at once.
   */
  readonly send: (to: NodeId, envelope: Envelope) => boolean
  /**
   * From now on, these are the members and where they are; those that are on their way out are among them, and this
   * node may be. Told again whenever the membership in the log changes, also back.
   */
  readonly setMembers: (members: ReadonlyArray<Member>) => Effect.Effect<void>
  /** Those who have introduced themselves so far, connected now or not. */
  readonly peers: Effect.Effect<ReadonlyArray<Peer>>
}

/**
 * Carries messages between the nodes of one cluster.
 *
 * @category services
 * @since 0.1.0
 */
export class Transport extends Context.Service<Transport, {
  /**
   * Takes part until the scope closes. `receive` is called with each message that comes, one at a time, and
   * returns at once; `incarnation` is the one that the sender gave when it introduced itself. Messages come only from
   * nodes that named the same cluster, under the name they gave.
   */
  readonly join: (
    self: Self,
    receive: (envelope: Envelope, incarnation: number) => void
  ) => Effect.Effect<Connection, TransportError, Scope.Scope>
}>()("effect-raft/Transport") {}
