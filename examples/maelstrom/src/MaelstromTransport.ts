/**
 * `Transport` over Maelstrom's network: two kinds of messages of our own, beside those of the workload.
 *
 * `raft_hello` makes nodes known to each other and says again and again that they are there, see `Circle`. `raft` carries
 * one message of Raft between two that are connected, see `EnvelopeCodec`. What is written and what can be lost on the way
 * is Maelstrom's affair; nothing here waits for it.
 */
import { Clock, Effect, Layer, Random } from "effect"
import {
  AddressInUse,
  type Connection,
  type Envelope,
  type Self,
  Transport,
  TransportError
} from "effect-raft/Transport"
import { Circle } from "./Circle.ts"
import * as EnvelopeCodec from "./EnvelopeCodec.ts"
import type { Message } from "./Message.ts"
import { Network } from "./Network.ts"

/** All times are milliseconds. */
export interface Options {
  /** How often a node greets those that it lists. */
  readonly greetingInterval: number
  /** How long a node is taken to be there after its last hello: several greetings, for any one may be lost. */
  readonly maxSilence: number
}

export const defaults: Options = { greetingInterval: 500, maxSilence: 2500 }

/** Later sessions of a node differ from earlier ones, even where chance is seeded. */
const drawSession = Effect.map(
  Effect.all([Clock.currentTimeMillis, Random.nextIntBetween(0, 1023)]),
  ([now, chance]) => now * 1024 + chance
)

export const make = (network: Network["Service"], options: Options = defaults): Transport["Service"] => {
  let isTaken = false
  /** A place in the network has one name, and so room for one node at a time. */
  const take = ({ node }: Self) =>
    Effect.acquireRelease(
      Effect.suspend(() => {
        if (isTaken) return Effect.fail(new TransportError({ reason: new AddressInUse({ address: node }) }))
        isTaken = true
        return Effect.void
      }),
      () =>
        Effect.sync(() => {
          isTaken = false
        })
    )
  const join = Effect.fnUntraced(function*(self: Self, receive: (envelope: Envelope, incarnation: number) => void) {
    yield* take(self)
    const clock = yield* Clock.Clock
    const circle = new Circle(self, {
      session: yield* drawSession,
      now: () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n),
      maxSilence: options.maxSilence
    })
    const seat = new Seat(network, self.node, circle)
    yield* Effect.acquireRelease(Effect.void, () => Effect.sync(() => seat.leave()))
    yield* network.listen("raft_hello", (message) => seat.onHello(message))
    yield* network.listen("raft", (message) => seat.onRaft(message, receive))
    const greeting = Effect.andThen(Effect.sleep(options.greetingInterval), Effect.sync(() => seat.greet()))
    yield* Effect.forkScoped(Effect.forever(greeting))
    const connection: Connection = {
      send: (to, envelope) => seat.send(to, envelope),
      setMembers: (members) => Effect.sync(() => seat.list(members.map(({ id }) => id))),
      peers: Effect.sync(() => circle.peers)
    }
    return connection
  })
  return Transport.of({ join })
}

export const layer: Layer.Layer<Transport, never, Network> = Layer.effect(
  Transport,
  Effect.map(Network, (network) => make(network))
)

/** One stay of a node in the network. */
class Seat {
  readonly #network: Network["Service"]
  readonly #name: string
  readonly #circle: Circle
  #listed: ReadonlySet<string> = new Set()
  #hasLeft = false

  constructor(network: Network["Service"], name: string, circle: Circle) {
    this.#network = network
    this.#name = name
    this.#circle = circle
  }

  leave(): void {
    this.#hasLeft = true
  }

  /** Greets whoever was not listed before at once; all are greeted again and again. */
  list(ids: ReadonlyArray<string>): void {
    const before = this.#listed
    this.#listed = new Set(ids.filter((id) => id !== this.#name))
    for (const id of this.#listed) if (!before.has(id)) this.#sendHello(id, this.#circle.hello(id, true))
  }

  greet(): void {
    for (const id of this.#listed) this.#sendHello(id, this.#circle.hello(id, true))
  }

  onHello({ body, src }: Message): void {
    const answer = this.#circle.meet(src, body)
    if (answer !== undefined) this.#sendHello(src, answer)
  }

  onRaft({ body, src }: Message, receive: (envelope: Envelope, incarnation: number) => void): void {
    const incarnation = this.#circle.hears(src, body)
    if (incarnation === undefined) return
    const envelope = EnvelopeCodec.decode(body)
    if (envelope !== undefined && envelope.message.from === src) receive(envelope, incarnation)
  }

  send(to: string, envelope: Envelope): boolean {
    const address = this.#hasLeft ? undefined : this.#circle.addressOf(to)
    if (address === undefined) return false
    const body = { type: "raft", ...address, ...EnvelopeCodec.encode(envelope) }
    return this.#network.send({ src: this.#name, dest: to, body })
  }

  #sendHello(to: string, hello: Message["body"]): void {
    if (!this.#hasLeft) this.#network.send({ src: this.#name, dest: to, body: { type: "raft_hello", ...hello } })
  }
}
