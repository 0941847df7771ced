/**
 * Nodes as pure functions, joined by simulated disks and a network that does what it is told.
 *
 * Nothing happens by itself: whoever holds the cluster says which message arrives, which timer fires, which
 * write completes and who dies. So a script can tell one story exactly, and a walk can try thousands. After
 * every step the cluster's invariants are checked, and what was done is told to `observe`.
 */
import { Engine, type Input, type LogPosition, type Next, type Output, Settings, type State } from "effect-raft/engine"
import * as ClusterInvariants from "./ClusterInvariants.ts"
import * as Disk from "./Disk.ts"
import * as EngineNode from "./EngineNode.ts"
import * as Machine from "./Machine.ts"
import * as MembershipInvariants from "./MembershipInvariants.ts"

export type { Birth, Flight, Node } from "./EngineNode.ts"

type Flight = EngineNode.Flight
type Node = EngineNode.Node

/** What a node did, for whoever wants to print it. */
export type Event =
  | {
    readonly _tag: "Moved"
    readonly node: Node
    readonly before: State.State
    readonly inputs: ReadonlyArray<Input.Input>
    readonly outputs: ReadonlyArray<Output.Output>
  }
  | {
    readonly _tag: "Sent"
    readonly node: Node
    readonly flight: Flight
    readonly isLate: boolean
    readonly isLost: boolean
  }
  | { readonly _tag: "Halted"; readonly node: Node; readonly sentence: string }

/** What a node does with all that has arrived. */
export type Reduce = (state: State.State, inputs: ReadonlyArray<Input.Input>) => Next.Next

export interface Cluster {
  now: number
  /** How many proposals, reads, changes of membership and transfers there were. */
  handles: number
  /** How many messages with entries arrived; counted apart, so that what a script proposes is #1, #2, and so on. */
  arrivals: number
  settings: Settings.Settings
  /** How many disks there were; undefined where they have no names. */
  disks: number | undefined
  readonly nodes: Map<LogPosition.NodeId, Node>
  flights: ReadonlyArray<Flight>
  /** Links, as `n1→n2`, that lose what is sent over them. */
  readonly cut: Set<string>
  /** Links that say so when they do not send. */
  readonly blocked: Set<string>
  readonly history: ClusterInvariants.History
  readonly observe: (event: Event) => void
  /** The engine, unless a test wants to see what comes of another one. */
  readonly reduce: Reduce
}

export const make = (observe: (event: Event) => void = () => {}, reduce: Reduce = Engine.stepAll): Cluster => ({
  now: 0,
  handles: 0,
  arrivals: 1_000_000,
  settings: Settings.defaults,
  disks: undefined,
  nodes: new Map(),
  flights: [],
  cut: new Set(),
  blocked: new Set(),
  history: ClusterInvariants.make(),
  observe,
  reduce
})

/** A cluster that may go on in another way. Only `moving` may move in it, or every node if that is left out. */
export const copy = (cluster: Cluster, moving?: LogPosition.NodeId, observe = cluster.observe): Cluster => {
  const nodes = new Map(cluster.nodes)
  for (const [id, node] of cluster.nodes) {
    if (moving !== undefined && id !== moving) continue
    nodes.set(id, { ...node, payloads: new Map(node.payloads), covered: new Map(node.covered) })
  }
  const history = ClusterInvariants.copy(cluster.history)
  return { ...cluster, nodes, cut: new Set(cluster.cut), blocked: new Set(cluster.blocked), history, observe }
}

export const link = (from: string, to: string): string => `${from}→${to}`

export const nodeOf = (cluster: Cluster, id: LogPosition.NodeId): Node => {
  const node = cluster.nodes.get(id)
  if (node === undefined) throw new Error(`there is no node ${id}`)
  return node
}

/** The same id draws the same chances in every run, and no two ids the same. */
const seedOf = (id: LogPosition.NodeId): number =>
  [...id].reduce((sum, char) => Math.imul(sum, 31) + char.charCodeAt(0), 7)

const begin = (
  cluster: Cluster,
  node: Pick<Node, "id" | "incarnation">,
  seed: number,
  stored: Disk.Stored
): Next.Next => {
  const { now, settings } = cluster
  const { id, incarnation } = node
  const named = incarnation === undefined ? {} : { incarnation }
  return Engine.start({ id, settings, seed, now, recovered: Disk.recover(stored), ...named })
}

const nameDisk = (cluster: Cluster): number | undefined => {
  if (cluster.disks === undefined) return undefined
  cluster.disks++
  return cluster.disks
}

/** Adds a node. */
export const add = (cluster: Cluster, birth: EngineNode.Birth, seed = seedOf(birth.id)): Node => {
  const { commit, entries, id } = birth
  const stored = EngineNode.born(birth)
  const incarnation = nameDisk(cluster)
  const [started] = begin(cluster, { id, incarnation }, seed, stored)
  const state = { ...started, commit, handed: commit, applied: commit }
  const disk = Disk.make(stored)
  const machine = Machine.make(entries.slice(0, commit))
  const calm = { isUp: true, isDiskSlow: false, isApplySlow: false, isSnapshotSlow: false, dialect: 0, held: [] }
  const made = { machine, contents: machine.contents, payloads: new Map(), covered: new Map() }
  const node: Node = { id, incarnation, state, entries, stored, disk, seed, ...calm, ...made }
  cluster.nodes.set(id, node)
  if (cluster.history.snapshots.founding === undefined && birth.membership.voters.length > 0) {
    cluster.history.snapshots.founding = birth.membership
  }
  ClusterInvariants.stored(cluster.history, node)
  ClusterInvariants.stepped(cluster.history, cluster.nodes, node, [])
  return node
}

const store = (cluster: Cluster, node: Node, disk: Disk.Disk): void => {
  node.disk = disk
  node.stored = disk.stored
  ClusterInvariants.stored(cluster.history, node)
}

/** What a node must be told when the network refused a message. */
const unsent = (cluster: Cluster, { message, to }: Flight): ReadonlyArray<Input.Input> => {
  const { now } = cluster
  if (message._tag === "AppendEntries" && message.last > message.previous.index) {
    return [{ _tag: "Unsent", now, to, from: message.previous.index + 1 }]
  }
  return message._tag === "InstallSnapshot" && message.length > 0
    ? [{ _tag: "ChunkUnsent", now, to, offset: message.offset }]
    : []
}

/** Puts a message on the network. Answers with what the node must be told, if the network refused. */
const release = (cluster: Cluster, node: Node, flight: Flight, isLate: boolean): ReadonlyArray<Input.Input> => {
  const { message, to } = flight
  ClusterInvariants.released(cluster.history, node, message, cluster.nodes.get(to))
  if (message._tag === "VoteReply") ClusterInvariants.granted(node, message, to)
  const way = link(node.id, to)
  const isLost = cluster.cut.has(way) || cluster.blocked.has(way)
  if (!isLost) cluster.flights = [...cluster.flights, flight]
  cluster.observe({ _tag: "Sent", node, flight, isLate, isLost })
  return cluster.blocked.has(way) ? unsent(cluster, flight) : []
}

const onSend = (cluster: Cluster, node: Node, output: Output.Send): ReadonlyArray<Input.Input> => {
  const flight = EngineNode.flightOf(node, output)
  if (output.after === 0) return release(cluster, node, flight, false)
  node.held = [...node.held, { ...flight, after: output.after }]
  return []
}

/** The state machine goes on, as far as it may, and says what it has done. */
const work = (cluster: Cluster, node: Node, upTo: LogPosition.Index): ReadonlyArray<Input.Input> => {
  const { now } = cluster
  const before = node.contents.length
  node.machine = Machine.run(node.machine, upTo, node.state.durability.persisted, EngineNode.restorable(node))
  node.contents = node.machine.contents
  const applied: ReadonlyArray<Input.Input> = node.contents.length > before
    ? [{ _tag: "Applied", now, index: node.contents.length }]
    : []
  return node.isSnapshotSlow ? applied : [...applied, ...writeDown(cluster, node)]
}

/** The state that was to be written down is on the disk. */
const writeDown = (cluster: Cluster, node: Node): ReadonlyArray<Input.Input> => {
  if (node.machine.taking === undefined) return []
  const taken = Machine.writeDown(node.machine.taking, node.dialect)
  node.machine = { ...node.machine, taking: undefined }
  store(cluster, node, Disk.keep(node.disk, taken))
  const { checksum, index, size } = taken
  return [{ _tag: "SnapshotTaken", now: cluster.now, index, size, checksum }]
}

/** Carries out what one step asked for; answers with what comes of it at once. */
const perform = (cluster: Cluster, node: Node, outputs: ReadonlyArray<Output.Output>): ReadonlyArray<Input.Input> => {
  const refused = outputs.flatMap((output): ReadonlyArray<Input.Input> => {
    if (output._tag === "Write") EngineNode.submit(node, output)
    if (output._tag === "Send") return onSend(cluster, node, output)
    const task = EngineNode.taskOf(node, output)
    if (task !== undefined) node.machine = Machine.enqueue(node.machine, task)
    return []
  })
  return node.isApplySlow ? refused : [...refused, ...work(cluster, node, node.state.handed)]
}

/** Completes the writes up to `write` and lets go what waited for them. */
const complete = (cluster: Cluster, node: Node, write: number): ReadonlyArray<Input.Input> => {
  store(cluster, node, Disk.persist(node.disk, write))
  const ready = node.held.filter((held) => held.after <= write)
  node.held = node.held.filter((held) => held.after > write)
  const refused = ready.flatMap((held) => release(cluster, node, held, node.isDiskSlow))
  return [{ _tag: "Persisted", now: cluster.now, write }, ...refused]
}

/** A node that throws has stopped itself: it takes and says nothing more. */
const tryStep = (
  cluster: Cluster,
  node: Node,
  inputs: ReadonlyArray<Input.Input>
): ReadonlyArray<Output.Output> | undefined => {
  try {
    const [after, outputs] = cluster.reduce(node.state, inputs)
    node.state = after
    return outputs
  } catch (error) {
    node.isUp = false
    node.held = []
    store(cluster, node, Disk.crash(node.disk, 0))
    ClusterInvariants.died(cluster.history, node.id)
    cluster.observe({ _tag: "Halted", node, sentence: error instanceof Error ? error.message : String(error) })
    return undefined
  }
}

/** Hands inputs to a node, all at once, and then whatever its quick disk and state machine answer. */
export const take = (cluster: Cluster, node: Node, inputs: ReadonlyArray<Input.Input>): void => {
  const before = node.state
  const told: Array<Output.Output> = []
  let waiting = inputs
  while (waiting.length > 0 && node.isUp) {
    for (const input of waiting) ClusterInvariants.asked(cluster.history, node.id, input)
    const standing = node.state
    const outputs = tryStep(cluster, node, waiting)
    if (outputs === undefined) break
    MembershipInvariants.checkStrangers(cluster.history.changes, standing, waiting, node.state)
    told.push(...outputs)
    waiting = perform(cluster, node, outputs)
    ClusterInvariants.stepped(cluster.history, cluster.nodes, node, outputs)
    if (!node.isDiskSlow && node.disk.waiting.length > 0) {
      waiting = [...waiting, ...complete(cluster, node, node.state.durability.issued)]
    }
  }
  cluster.observe({ _tag: "Moved", node, before, inputs, outputs: told })
}

/** What a message is to the node it reaches. */
export const received = (cluster: Cluster, node: Node, flight: Flight): Input.Input =>
  EngineNode.received(node, flight, cluster.now, ++cluster.arrivals)

/** Takes messages off the network and brings them to their node, all at once. They are lost on one that is down. */
export const deliver = (cluster: Cluster, to: LogPosition.NodeId, flights: ReadonlyArray<Flight>): void => {
  cluster.flights = cluster.flights.filter((flight) => !flights.includes(flight))
  const node = cluster.nodes.get(to)
  if (node?.isUp === true) take(cluster, node, flights.map((flight) => received(cluster, node, flight)))
}

export const timer = (cluster: Cluster, node: Node): void => take(cluster, node, [{ _tag: "Timer", now: cluster.now }])

/** The disk of a slow node gets as far as `write`. */
export const persist = (cluster: Cluster, node: Node, write: number): void => {
  if (write > node.state.durability.persisted) take(cluster, node, complete(cluster, node, write))
}

/** The state machine of a slow node gets as far as entry `index`. */
export const applied = (cluster: Cluster, node: Node, index: LogPosition.Index): void => {
  const inputs = work(cluster, node, index)
  if (inputs.length > 0) take(cluster, node, inputs)
}

/** The state that a slow node was writing down is on its disk. */
export const taken = (cluster: Cluster, node: Node): void => {
  const inputs = writeDown(cluster, node)
  if (inputs.length > 0) take(cluster, node, inputs)
}

/** The node dies once `keeping` of its waiting writes are durable. */
export const crash = (cluster: Cluster, node: Node, keeping: number): void => {
  node.isUp = false
  node.held = []
  store(cluster, node, Disk.crash(node.disk, keeping))
  ClusterInvariants.died(cluster.history, node.id)
}

/** Everything that is said arrives, and what is said to that, for so many rounds. Answers whether they came to an end. */
export const settle = (cluster: Cluster, rounds: number): boolean => {
  for (let round = 0; round < rounds && cluster.flights.length > 0; round++) deliverRound(cluster)
  return cluster.flights.length === 0
}

/** Delivers what is on its way now, one by one. */
export const deliverRound = (cluster: Cluster): void => {
  for (const flight of cluster.flights) deliver(cluster, flight.to, [flight])
}

/** The disk of a node that is down loses the entries from `from` on. */
export const damage = (cluster: Cluster, node: Node, from: LogPosition.Index): void =>
  store(cluster, node, Disk.damage(node.disk, from))

/** The node comes back with what its disk kept. Open reads were lost with it, and what its state machine held. */
export const restart = (cluster: Cluster, node: Node): void => {
  // Far from every other seed: who draws what another has drawn takes an answer to that one for its own.
  const seed = Math.imul(node.seed, 0x9e3779b1) + Math.ceil(cluster.now * 1000)
  const [state, outputs] = begin(cluster, node, seed, node.stored)
  node.isUp = true
  node.entries = node.stored.entries
  node.payloads.clear()
  node.covered.clear()
  node.machine = Machine.make()
  node.contents = []
  node.state = state
  ClusterInvariants.stepped(cluster.history, cluster.nodes, node, [])
  const inputs = perform(cluster, node, outputs)
  cluster.observe({ _tag: "Moved", node, before: state, inputs: [], outputs })
  if (inputs.length > 0) take(cluster, node, inputs)
}

/** The node comes back with nothing on its disk, or rather with another one. */
export const wipe = (cluster: Cluster, node: Node): void => {
  node.held = []
  node.incarnation = nameDisk(cluster)
  ClusterInvariants.wiped(cluster.history, node.id, node.incarnation)
  store(cluster, node, Disk.make(Disk.empty))
  restart(cluster, node)
}
