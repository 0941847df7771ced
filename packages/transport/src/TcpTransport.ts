/**
 * `Transport` over TCP: one connection for each pair of nodes, for as long as one of them lists the other.
 *
 *     setMembers ──► a fiber per member: dial, talk until it ends, wait, dial again ─┐
 *     listen     ──► a fiber per connection of others ───────────────────────────────┴─► Conversation ─► receive
 *
 * Who dials is simple: each node dials whom it lists and is not connected to. `Neighbours` says which of two
 * connections stays. A node that another one no longer lists stays connected while it lists the other, so that a
 * removed node can still hear of its removal.
 *
 * Nothing here is encrypted and nobody is who he says he is by proof: the network must be trusted.
 *
 * @since 0.1.0
 */
import type { LogPosition, Membership } from "effect-raft/engine"
import { type Connection, type Envelope, type Self, Transport, type TransportError } from "effect-raft/Transport"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { Conversation, type House } from "./Conversation.ts"
import { dial } from "./Dialling.ts"
import * as Handshake from "./Handshake.ts"
import { listen, makeServer } from "./Listening.ts"
import { Logbook } from "./Logbook.ts"
import { encode } from "./MessageCodec.ts"
import { Neighbours } from "./Neighbours.ts"
import * as TcpOptions from "./TcpOptions.ts"

/**
 * Where to listen, and limits that differ from the defaults.
 *
 * @category models
 * @since 0.1.0
 */
export type Options = Pick<TcpOptions.TcpOptions, "listen"> & Partial<TcpOptions.TcpOptions>

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<Transport["Service"], TcpOptions.TcpOptionsError> =>
  Effect.map(
    TcpOptions.make(options),
    (complete) => Transport.of({ join: (self, receive) => join(complete, self, receive) })
  )

/**
 * A transport that listens on `listen` once a node joins. That what others dial leads there is up to the members'
 * addresses.
 *
 * **Gotchas**
 *
 * - `join` fails with `AddressInUse` and `AddressInvalid`. A name of a node or cluster that cannot be sent (empty, or
 *   more than 255 bytes) and attributes of more than 4 KiB are mistakes in the program, and defects.
 * - `send` throws when the entries, or the chunk, are not those that the message speaks of. Their bytes are not copied,
 *   so they must not change afterwards.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Transport, TcpOptions.TcpOptionsError> =>
  Layer.effect(Transport, make(options))

const orDefault = (field: (typeof TcpOptions.limits)[number]) =>
  Config.Int(field).pipe(Config.withDefault(TcpOptions.defaults[field]))

/**
 * Reads the options from the program's configuration, by their names under `RAFT_TCP` (for instance
 * `RAFT_TCP_listen` in the environment).
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: Layer.Layer<Transport, TcpOptions.TcpOptionsError | Config.ConfigError> = Layer.effect(
  Transport,
  Config.all({
    listen: Config.String("listen"),
    maxFrameBytes: orDefault("maxFrameBytes"),
    maxQueueBytes: orDefault("maxQueueBytes"),
    maxQueueMessages: orDefault("maxQueueMessages"),
    maxConnections: orDefault("maxConnections"),
    handshakeTimeout: orDefault("handshakeTimeout"),
    idleTimeout: orDefault("idleTimeout"),
    backoffMin: orDefault("backoffMin"),
    backoffMax: orDefault("backoffMax")
  }).pipe(Config.nested("TCP"), Config.nested("RAFT"), (config) => Effect.flatMap(config, make))
)

const join = Effect.fnUntraced(function*(
  options: TcpOptions.TcpOptions,
  self: Self,
  receive: (envelope: Envelope, incarnation: number) => void
): Effect.fn.Return<Connection, TransportError, Scope.Scope> {
  const fault = Handshake.fault(self)
  if (fault !== undefined) return yield* Effect.die(new RangeError(fault))
  const server = yield* makeServer(options.maxConnections)
  const run = yield* FiberSet.makeRuntime<never, void, never>()
  const dials = yield* FiberMap.make<LogPosition.NodeId, void>()
  const logbook = new Logbook(self, run)
  const neighbours = new Neighbours(self.node)
  const house: House = {
    self,
    session: yield* drawSession,
    options,
    receive,
    admit: (conversation) => {
      const refusal = neighbours.admit(conversation)
      if (refusal === undefined) logbook.connected(conversation)
      return refusal
    },
    dismiss: (conversation) => neighbours.dismiss(conversation)
  }
  server.on("connection", (socket) => {
    const conversation = new Conversation(house, socket, undefined)
    run(Effect.map(conversation.attend, (ending) => logbook.ended(conversation, ending)))
  })
  yield* listen(server, options.listen)
  return {
    send: (to, envelope) => send(neighbours, options, logbook, to, envelope),
    setMembers: setMembers(dials, self, (member) => dial(house, neighbours, logbook, member)),
    peers: Effect.sync(() => neighbours.met)
  }
})

/** Later sessions of a node differ from earlier ones, even where chance is seeded. */
const drawSession = Effect.map(
  Effect.all([Clock.currentTimeMillis, Random.nextIntBetween(0, 1023)]),
  ([now, chance]) => now * 1024 + chance
)

const send = (
  neighbours: Neighbours,
  { maxFrameBytes }: TcpOptions.TcpOptions,
  logbook: Logbook,
  to: LogPosition.NodeId,
  envelope: Envelope
): boolean => {
  const conversation = neighbours.get(to)
  if (conversation === undefined || !conversation.hasRoom(isBulk(envelope))) return false
  const pieces = encode(envelope)
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0)
  if (size <= maxFrameBytes) return conversation.send(pieces, isBulk(envelope))
  logbook.oversized(to, size, maxFrameBytes)
  return false
}

/** Whether it carries payloads, and so leaves room for messages that do not (`SendQueue`). */
const isBulk = ({ chunk, entries }: Envelope): boolean => chunk !== undefined || entries !== undefined

/** Dials who is new or has moved, leaves the others alone, and no longer dials who is gone. */
const setMembers = (
  dials: FiberMap.FiberMap<LogPosition.NodeId, void>,
  self: Self,
  keepDialling: (member: Membership.Member) => Effect.Effect<void>
) => {
  const book = new Map<LogPosition.NodeId, string>()
  return Effect.fnUntraced(function*(members: ReadonlyArray<Membership.Member>) {
    const listed = new Map(members.map(({ address, id }) => [id, address]))
    listed.delete(self.node)
    for (const id of [...book.keys()].filter((id) => !listed.has(id))) {
      book.delete(id)
      yield* FiberMap.remove(dials, id)
    }
    for (const [id, address] of listed) {
      if (book.get(id) === address) continue
      book.set(id, address)
      yield* FiberMap.run(dials, id, keepDialling({ id, address }))
    }
  })
}
