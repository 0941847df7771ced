/**
 * Typed replicated services: a state, the commands that change it and the queries that look at it.
 *
 * Schemas say what these are, plain functions say what they do, and a client with types comes out. Codecs for the
 * log and for snapshots are derived. The functions get everything they may depend on as arguments, so every node
 * computes the same: time, chance and ids arrive in the payload.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Index, LogPosition } from "./engine/LogPosition.ts"
import * as Codecs from "./internal/codecs.ts"
import * as Machine from "./internal/machine.ts"
import * as Raft from "./Raft.ts"
import type { Busy, Fatal, MembershipError, NotLeader, Unknown } from "./RaftError.ts"
import * as StateMachine from "./StateMachine.ts"
import type { Storage, StorageError } from "./Storage.ts"
import type { Transport, TransportError } from "./Transport.ts"

type Codec = Schema.Codec<unknown, unknown>
type Fields = Schema.Struct.Fields

/** What a command or query takes and answers. */
interface Operation<Payload extends Codec, Success extends Codec> {
  readonly payload: Payload
  readonly success: Success
}

/**
 * Something that changes the state.
 *
 * @category models
 * @since 0.1.0
 */
export interface Command<out Payload extends Codec = Codec, out Success extends Codec = Codec>
  extends Operation<Payload, Success>
{
  readonly _tag: "Command"
}

/**
 * Something that looks at the state.
 *
 * @category models
 * @since 0.1.0
 */
export interface Query<out Payload extends Codec = Codec, out Success extends Codec = Codec>
  extends Operation<Payload, Success>
{
  readonly _tag: "Query"
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const command = <const F extends Fields, S extends Codec>(options: {
  readonly payload: F
  readonly success: S
}): { readonly _tag: "Command"; readonly payload: Schema.Struct<F>; readonly success: S } => ({
  _tag: "Command",
  payload: Schema.Struct(options.payload),
  success: options.success
})

/**
 * @category constructors
 * @since 0.1.0
 */
export const query = <S extends Codec, const F extends Fields = {}>(options: {
  readonly payload?: F
  readonly success: S
}): { readonly _tag: "Query"; readonly payload: Schema.Struct<F>; readonly success: S } => ({
  _tag: "Query",
  // Without a payload, F is what it is by default: no fields.
  payload: Schema.Struct(options.payload ?? ({} as F)),
  success: options.success
})

/**
 * What a service is made of.
 *
 * @category models
 * @since 0.1.0
 */
export interface Definition {
  readonly state: Codec
  readonly commands: Readonly<Record<string, Command>>
  readonly queries: Readonly<Record<string, Query>>
}

type PayloadOf<O extends Command | Query> = O["payload"]["Type"]
type ReplyOf<O extends Command | Query> = O["success"]["Type"]

/** Why a command or query has no answer; each says what the caller may conclude. */
export type RequestError = NotLeader | Busy | Unknown | Fatal

/** How a query is to be answered. */
export type QueryOptions = Raft.ReadOptions

/**
 * The service as its users see it: one function for each command and query. A payload without fields may be left
 * out.
 *
 * @category models
 * @since 0.1.0
 */
export type Client<D extends Definition> =
  & {
    readonly [T in keyof D["commands"]]: {} extends PayloadOf<D["commands"][T]>
      ? (payload?: PayloadOf<D["commands"][T]>) => Effect.Effect<ReplyOf<D["commands"][T]>, RequestError>
      : (payload: PayloadOf<D["commands"][T]>) => Effect.Effect<ReplyOf<D["commands"][T]>, RequestError>
  }
  & {
    readonly [T in keyof D["queries"]]: {} extends PayloadOf<D["queries"][T]> ? (
        payload?: PayloadOf<D["queries"][T]>,
        options?: QueryOptions
      ) => Effect.Effect<ReplyOf<D["queries"][T]>, RequestError>
      : (
        payload: PayloadOf<D["queries"][T]>,
        options?: QueryOptions
      ) => Effect.Effect<ReplyOf<D["queries"][T]>, RequestError>
  }

/**
 * What commands and queries do. A command's function gives the state after it and the reply; it is also told where
 * in the log the command stands. A query's function is told up to where the log has been applied.
 *
 * @category models
 * @since 0.1.0
 */
export type Handlers<D extends Definition> =
  & {
    readonly [T in keyof D["commands"]]: (
      state: D["state"]["Type"],
      payload: PayloadOf<D["commands"][T]>,
      at: LogPosition
    ) => readonly [state: D["state"]["Type"], reply: ReplyOf<D["commands"][T]>]
  }
  & {
    readonly [T in keyof D["queries"]]: (
      state: D["state"]["Type"],
      payload: PayloadOf<D["queries"][T]>,
      applied: Index
    ) => ReplyOf<D["queries"][T]>
  }

/**
 * A node that runs the service, once it is told who it is.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeLayer<Self> {
  (
    options: Raft.Options
  ): Layer.Layer<Self | Raft.Raft, StorageError | TransportError | MembershipError, Storage | Transport>
  /** The state machine that each of these nodes has, made anew each time: for tests of it alone. */
  readonly machine: Effect.Effect<StateMachine.StateMachine["Service"]>
}

/**
 * A replicated service: its key, and how to make nodes that run it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceClass<Self, Id extends string, D extends Definition>
  extends Context.ServiceClass<Self, Id, Client<D>>
{
  /** Nodes that begin with `initial` and do what `handlers` say. Both must be the same on every node, always. */
  readonly toLayer: (initial: D["state"]["Type"], handlers: Handlers<D>) => NodeLayer<Self>
  /** The bytes of a command as they are in the log: for tests, and for whoever reads a log. */
  readonly encodeCommand: <T extends keyof D["commands"] & string>(
    tag: T,
    payload: PayloadOf<D["commands"][T]>
  ) => Uint8Array
}

/**
 * Declares a replicated service.
 *
 * **Example** (A counter every node agrees on)
 *
 * ```ts
 * class Counter extends Replicated.Service<Counter>()("app/Counter", {
 *   state: Schema.Int,
 *   commands: { Add: Replicated.command({ payload: { amount: Schema.Int }, success: Schema.Int }) },
 *   queries: { Total: Replicated.query({ success: Schema.Int }) }
 * }) {
 *   static readonly layer = Counter.toLayer(0, {
 *     Add: (total, { amount }) => [total + amount, total + amount],
 *     Total: (total) => total
 *   })
 * }
 * ```
 *
 * **Gotchas**
 *
 * - A function that throws on a command stops every node that applies it, one after the other: refuse by a reply.
 * - A command is kept as JSON, in which a text can take six times its length. One that is larger than
 *   `maxCommandBytes` then is a mistake in the program, and a defect of the caller.
 *
 * @category constructors
 * @since 0.1.0
 */
export const Service = <Self>() =>
<const Id extends string, const D extends Definition>(
  id: Id,
  definition: D
): ServiceClass<Self, Id, D> => {
  const codecs = Codecs.make(definition)
  const key = Context.Service<Self, Client<D>>()(id)
  const toLayer = (initial: D["state"]["Type"], handlers: Handlers<D>): NodeLayer<Self> => {
    const machine = Effect.sync(() => Machine.make(codecs, initial, handlers))
    const node = (options: Raft.Options) => {
      const client = Layer.effect(key, Effect.map(Raft.Raft, (raft) => makeClient<D>(definition, codecs, raft)))
      // One state machine for each node, also when several nodes are built together.
      const own = Layer.effect(StateMachine.StateMachine, machine)
      return client.pipe(Layer.provideMerge(Raft.layer(options)), Layer.provide(own))
    }
    return Object.assign(node, { machine })
  }
  return Object.assign(key, { toLayer, encodeCommand: codecs.encodeCommand })
}

type Operate = (payload?: unknown, options?: QueryOptions) => Effect.Effect<unknown, RequestError>

const makeClient = <D extends Definition>(
  { commands, queries }: D,
  codecs: Codecs.Codecs,
  raft: Raft.Raft["Service"]
): Client<D> => {
  const client: Record<string, Operate> = {}
  for (const tag of Object.keys(commands)) {
    const reply = codecs.reply(tag)
    client[tag] = (payload = {}) =>
      Effect.flatMap(Effect.suspend(() => raft.propose(codecs.encodeCommand(tag, payload))), reply)
  }
  for (const tag of Object.keys(queries)) {
    const reply = codecs.reply(tag)
    client[tag] = (payload = {}, options) => Effect.flatMap(raft.read({ tag, payload }, options), reply)
  }
  // One function per tag, each checked against the tag's own schemas: that is what the type says.
  return client as Client<D>
}
