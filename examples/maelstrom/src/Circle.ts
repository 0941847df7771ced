/**
 * Whom a node knows, and who knows it: the acquaintance that Maelstrom's network does not make by itself.
 *
 * There are no connections here, so nodes greet each other. A hello says which cluster the sender is of, which disk it runs
 * on, and names its stay: a session, which is another one whenever the node comes back. It also says whom the sender
 * believes it is talking to. Two nodes are connected while each knows the other's present session and has got a hello of it
 * lately; so nothing that was said to, or by, a former life of a node is taken for its present one.
 *
 * Whoever is asked answers. Whoever learns something new asks again at once, so that the other learns that, too. Other
 * messages are no sign of life: of two nodes neither of which lists the other, none asks, and they lose each other.
 */
import { Option, Schema } from "effect"
import type { Peer, Self } from "effect-raft/Transport"
import type { Body } from "./Message.ts"
import { Count } from "./RaftMessage.ts"

const Hello = Schema.Struct({
  cluster: Schema.String,
  incarnation: Count,
  attributes: Schema.Record(Schema.String, Schema.String),
  session: Count,
  /** The session of the receiver, as far as the sender knows. */
  knows: Schema.NullOr(Count),
  /** Whether an answer is expected. */
  asks: Schema.Boolean
})

/** Which stay of the sender speaks, and to which stay of the receiver. */
const Address = Schema.Struct({ session: Count, to: Count })

const decodeHello = Schema.decodeUnknownOption(Hello)
const encodeHello = Schema.encodeSync(Hello)
const decodeAddress = Schema.decodeUnknownOption(Address)

/** How many nodes are remembered. A cluster is far smaller; who invents names must not fill the memory. */
const maxKnown = 1024

interface Acquaintance extends Peer {
  readonly session: number
  /** It has said that it knows this stay of ours. */
  readonly knowsUs: boolean
  readonly heardAt: number
}

export interface Options {
  /** Names this stay. */
  readonly session: number
  /** Milliseconds, of a clock that never goes back. */
  readonly now: () => number
  /** How long a node is taken to be there after its last hello, in milliseconds. */
  readonly maxSilence: number
}

export class Circle {
  readonly #self: Self
  readonly #options: Options
  readonly #known = new Map<string, Acquaintance>()

  constructor(self: Self, options: Options) {
    this.#self = self
    this.#options = options
  }

  get peers(): ReadonlyArray<Peer> {
    return [...this.#known].map(([id, { attributes, incarnation }]) => ({ id, incarnation, attributes }))
  }

  /** What this node says of itself to another. */
  hello(to: string, asks: boolean): Body {
    const { attributes, cluster, incarnation } = this.#self
    const knows = this.#known.get(to)?.session ?? null
    return encodeHello({ cluster, incarnation, attributes, session: this.#options.session, knows, asks })
  }

  /** Takes a hello, and gives the one to answer with, if any. */
  meet(from: string, body: Body): Body | undefined {
    const hello = Option.getOrUndefined(decodeHello(body))
    if (hello === undefined || hello.cluster !== this.#self.cluster || from === this.#self.node) return undefined
    const before = this.#known.get(from)
    if (before === undefined && this.#known.size >= maxKnown) return undefined
    const { attributes, incarnation, session } = hello
    const knowsUs = hello.knows === this.#options.session
    this.#known.set(from, { id: from, incarnation, attributes, session, knowsUs, heardAt: this.#options.now() })
    const isNew = before?.session !== session
    return hello.asks || isNew ? this.hello(from, isNew) : undefined
  }

  /** How to address a node that is connected; undefined when it is not. */
  addressOf(to: string): Body | undefined {
    const known = this.#known.get(to)
    const isConnected = known !== undefined && known.knowsUs
      && this.#options.now() - known.heardAt <= this.#options.maxSilence
    return isConnected ? { session: this.#options.session, to: known.session } : undefined
  }

  /** The sender's disk, if a body comes from the present stay of a node that is known, and is meant for ours. */
  hears(from: string, body: Body): number | undefined {
    const address = Option.getOrUndefined(decodeAddress(body))
    const known = this.#known.get(from)
    if (address === undefined || known === undefined) return undefined
    if (address.session !== known.session || address.to !== this.#options.session) return undefined
    this.#known.set(from, { ...known, knowsUs: true })
    return known.incarnation
  }
}
