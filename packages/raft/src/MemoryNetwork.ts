/**
 * A network in one process, with the faults of a real one, chosen by a seed: the in-memory twin of `Transport`.
 *
 * Messages are lost, doubled, delayed and overtaken as `Faults` say, and nodes are cut off from each other at
 * will. The seed and the order in which messages are sent decide everything; time is Effect's `Clock`. So a run
 * under a simulated clock and scheduler can be repeated to the last message.
 *
 * A message is never delivered while `send` runs, nor while its receiver is still busy with an earlier one: each
 * node has one fiber that delivers to it, and that ends with the node's scope, along with all that was on its way.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { draw, type Seed } from "./engine/Chance.ts"
import type { NodeId } from "./engine/LogPosition.ts"
import {
  AddressInUse,
  type Connection,
  type Envelope,
  type Peer,
  type Self,
  Transport,
  TransportError
} from "./Transport.ts"

/**
 * What happens to messages on their way. Probabilities are from 0 to 1, times are milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Faults {
  /** How likely a message is lost. */
  readonly loss: number
  /** How likely a message arrives twice. */
  readonly duplication: number
  /** How likely a message waits for up to twice the longest delay, and at least a few ms, so that others overtake it. */
  readonly reorder: number
  /** The shortest and the longest time on the way, drawn anew for each message. */
  readonly delay: readonly [shortest: number, longest: number]
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options extends Faults {
  /** Where chance begins; any 32-bit integer. */
  readonly seed: Seed
  /** How many messages may be on their way from one node to another; beyond that, `send` answers `false`. */
  readonly maxInFlight: number
}

/**
 * A perfect network.
 *
 * @category models
 * @since 0.1.0
 */
export const defaults: Options = { seed: 1, loss: 0, duplication: 0, reorder: 0, delay: [0, 0], maxInFlight: 4096 }

/**
 * The network: where nodes join, and the hands that disturb it. What is cut now is lost from now on, messages on
 * their way included; `send` still answers `true`, for a real sender would not notice either.
 *
 * **Gotchas**
 *
 * Two nodes are connected while both take part under the same cluster's name and at least one of them lists the
 * other. To become connected, they must be able to reach each other both ways; to stay so, they need not.
 *
 * @category services
 * @since 0.1.0
 */
export class MemoryNetwork extends Context.Service<MemoryNetwork, {
  /** As `Transport.join`. Fails with `AddressInUse` while another node of that cluster goes by that name. */
  readonly join: Transport["Service"]["join"]
  /** Changes some of the faults, for messages that are sent from now on. */
  readonly change: (faults: Partial<Faults>) => Effect.Effect<void>
  /**
   * Only nodes of one group reach each other; nodes that are named in no group form one more. Replaces the groups
   * of an earlier call.
   */
  readonly partition: (groups: ReadonlyArray<ReadonlyArray<NodeId>>) => Effect.Effect<void>
  /** The node is gone from one moment to the next, as when its process is killed; it may join again. */
  readonly kill: (node: NodeId) => Effect.Effect<void>
  /** Nobody reaches the node, and it reaches nobody. */
  readonly isolate: (node: NodeId) => Effect.Effect<void>
  /** What `from` sends no longer reaches `to`. The other direction is left alone. */
  readonly cut: (from: NodeId, to: NodeId) => Effect.Effect<void>
  /** Takes back every `partition`, `isolate` and `cut`. */
  readonly heal: Effect.Effect<void>
}>()("effect-raft/MemoryNetwork") {}

/**
 * A network of its own.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Partial<Options> = {}): MemoryNetwork["Service"] => {
  const network = new Network({ ...defaults, ...options })
  return MemoryNetwork.of({
    join: (self, receive) => join(network, self, receive),
    change: (faults) =>
      Effect.sync(() => {
        network.options = { ...network.options, ...faults }
      }),
    partition: (groups) => Effect.sync(() => network.partition(groups)),
    kill: (node) => Effect.sync(() => network.kill(node)),
    isolate: (node) => Effect.sync(() => void network.isolated.add(node)),
    cut: (from, to) => Effect.sync(() => void network.cuts.add(pair(from, to))),
    heal: Effect.sync(() => network.heal())
  })
}

/**
 * The network, for nodes that take part by way of `layerTransport`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Partial<Options> = {}): Layer.Layer<MemoryNetwork> =>
  Layer.sync(MemoryNetwork, () => make(options))

/**
 * `Transport` over the network. Nodes that are to reach each other need the same network: build them together, or
 * provide each with `Layer.succeed(MemoryNetwork, network)`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTransport: Layer.Layer<Transport, never, MemoryNetwork> = Layer.effect(
  Transport,
  Effect.map(MemoryNetwork, ({ join }) => Transport.of({ join }))
)

const join = Effect.fnUntraced(function*(
  network: Network,
  self: Self,
  receive: (envelope: Envelope, incarnation: number) => void
): Effect.fn.Return<Connection, TransportError, Scope.Scope> {
  const inbox = yield* Queue.unbounded<Arrival>()
  const later = yield* FiberSet.makeRuntime<never, void, never>()
  const node = new Node(self, inbox, later)
  yield* Effect.acquireRelease(
    Effect.suspend(() => network.enter(node) ? Effect.void : Effect.fail(nameTaken(self))),
    () => Effect.sync(() => network.leave(node))
  )
  const deliver = (arrivals: ReadonlyArray<Arrival>) => {
    for (const { envelope, from, incarnation } of arrivals) {
      node.arrived(from)
      if (node.present && network.passes(from, self.node)) receive(envelope, incarnation)
    }
  }
  yield* Effect.forkScoped(Effect.forever(Effect.map(Queue.takeAll(inbox), deliver)))
  return {
    send: (to, envelope) => network.send(node, to, envelope),
    setMembers: (members) =>
      Effect.sync(() => {
        node.members = new Set(members.map(({ id }) => id))
        network.connect()
      }),
    peers: Effect.sync(() => [...node.met.values()])
  }
})

const nameTaken = ({ cluster, node }: Self) =>
  new TransportError({ reason: new AddressInUse({ address: `${cluster}/${node}` }) })

/** A message that has come as far as its receiver's door. */
interface Arrival {
  readonly from: NodeId
  readonly incarnation: number
  readonly envelope: Envelope
}

const pair = (from: NodeId, to: NodeId): string => JSON.stringify([from, to])

/** One stay of a node in the network. It comes back as another one. */
class Node {
  readonly self: Self
  readonly inbox: Queue.Queue<Arrival>
  /** Runs what is to happen later, unless the node has left by then. */
  readonly later: (effect: Effect.Effect<void>) => unknown
  /** Those the node lists. */
  members: ReadonlySet<NodeId> = new Set()
  readonly met = new Map<NodeId, Peer>()
  readonly connected = new Map<NodeId, Node>()
  /** How many messages of each sender are on their way here. */
  readonly inFlight = new Map<NodeId, number>()
  present = false

  constructor(self: Self, inbox: Queue.Queue<Arrival>, later: (effect: Effect.Effect<void>) => unknown) {
    this.self = self
    this.inbox = inbox
    this.later = later
  }

  departed(from: NodeId): void {
    this.inFlight.set(from, (this.inFlight.get(from) ?? 0) + 1)
  }

  arrived(from: NodeId): void {
    this.inFlight.set(from, (this.inFlight.get(from) ?? 1) - 1)
  }

  connectTo(other: Node): void {
    const { attributes, incarnation, node: id } = other.self
    this.connected.set(id, other)
    this.met.set(id, { id, incarnation, attributes })
  }
}

/** Who takes part, who reaches whom, and the state of chance. */
class Network {
  options: Options
  readonly nodes = new Map<string, Node>()
  readonly isolated = new Set<NodeId>()
  readonly cuts = new Set<string>()
  readonly groups = new Map<NodeId, number>()
  seed: Seed

  constructor(options: Options) {
    this.options = options
    this.seed = options.seed
  }

  enter(node: Node): boolean {
    const name = pair(node.self.cluster, node.self.node)
    if (this.nodes.has(name)) return false
    this.nodes.set(name, node)
    node.present = true
    this.connect()
    return true
  }

  leave(node: Node): void {
    if (!node.present) return
    node.present = false
    this.nodes.delete(pair(node.self.cluster, node.self.node))
    for (const other of node.connected.values()) other.connected.delete(node.self.node)
    node.connected.clear()
  }

  kill(id: NodeId): void {
    for (const node of this.nodes.values()) if (node.self.node === id) this.leave(node)
  }

  partition(groups: ReadonlyArray<ReadonlyArray<NodeId>>): void {
    this.groups.clear()
    for (const [place, group] of groups.entries()) for (const node of group) this.groups.set(node, place)
    this.connect()
  }

  heal(): void {
    this.groups.clear()
    this.isolated.clear()
    this.cuts.clear()
    this.connect()
  }

  passes(from: NodeId, to: NodeId): boolean {
    if (this.isolated.has(from) || this.isolated.has(to)) return false
    return this.groups.get(from) === this.groups.get(to) && !this.cuts.has(pair(from, to))
  }

  /** Brings the connections in line with who takes part and who lists whom. */
  connect(): void {
    const nodes = [...this.nodes.values()]
    for (const [place, one] of nodes.entries()) {
      for (const other of nodes.slice(place + 1)) this.acquaint(one, other)
    }
  }

  acquaint(one: Node, other: Node): void {
    if (one.self.cluster !== other.self.cluster) return
    const [left, right] = [one.self.node, other.self.node]
    if (!one.members.has(right) && !other.members.has(left)) {
      one.connected.delete(right)
      other.connected.delete(left)
    } else if (!one.connected.has(right) && this.passes(left, right) && this.passes(right, left)) {
      one.connectTo(other)
      other.connectTo(one)
    }
  }

  send(sender: Node, to: NodeId, envelope: Envelope): boolean {
    const receiver = sender.connected.get(to)
    const from = sender.self.node
    if (receiver === undefined || (receiver.inFlight.get(from) ?? 0) >= this.options.maxInFlight) return false
    if (this.happens(this.options.loss) || !this.passes(from, to)) return true
    const copies = this.happens(this.options.duplication) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      this.dispatch(receiver, { from, incarnation: sender.self.incarnation, envelope })
    }
    return true
  }

  /** Sends one copy on its way. */
  dispatch(receiver: Node, arrival: Arrival): void {
    receiver.departed(arrival.from)
    const delay = this.drawDelay()
    const arrive = () => void Queue.offerUnsafe(receiver.inbox, arrival)
    if (delay === 0) return arrive()
    receiver.later(Effect.andThen(Effect.sleep(delay), Effect.sync(arrive)))
  }

  drawDelay(): number {
    const [shortest, longest] = this.options.delay
    const usual = this.between(shortest, longest)
    return this.happens(this.options.reorder) ? usual + this.between(1, Math.max(2 * longest, 10)) : usual
  }

  /** A whole number from `low` to `high`, both included. Draws nothing when there is nothing to choose. */
  between(low: number, high: number): number {
    return high <= low ? low : low + Math.floor(this.chance() * (high - low + 1))
  }

  happens(probability: number): boolean {
    return probability > 0 && this.chance() < probability
  }

  /** A number in [0, 1). */
  chance(): number {
    const [value, next] = draw(this.seed)
    this.seed = next
    return value / 0x1_0000_0000
  }
}
