/**
 * Nodes as pure functions, joined by simulated disks and a network that does what it is told.
 *
 * Nothing happens by itself: whoever holds the cluster says which message arrives, which timer fires, which
 * write completes and who dies. So a script can tell one story exactly, and a walk can try thousands. After
 * every step the cluster's invariants are checked, and what was done is told to `observe`.
 *
 * Payloads are names here. They travel as they would: from the caller or a message to the log, and from the
 * log of a leader into a message.
 */
import {
  Describe,
  Engine,
  type Input,
  type LogPosition,
  type Membership,
  type Message,
  type Output,
  Settings,
  type State
} from "effect-raft/engine"
import * as ClusterInvariants from "./ClusterInvariants.ts"
import * as Disk from "./Disk.ts"

/** A message under way, with the entries that it speaks of. */
export interface Flight {
  readonly to: LogPosition.NodeId
  readonly message: Message.Message
  readonly entries: ReadonlyArray<Disk.Entry>
}

/** A message that waits for the disk. */
interface Held extends Flight {
  readonly after: number
}

/** Where the contents of a batch begin; a proposal begins wherever the leader puts it. */
interface Payload {
  readonly first: LogPosition.Index | undefined
  readonly contents: ReadonlyArray<Omit<Disk.Entry, "term">>
}

export interface Node extends ClusterInvariants.Observed {
  isUp: boolean
  state: State.State
  entries: ReadonlyArray<Disk.Entry>
  stored: Disk.Stored
  disk: Disk.Disk
  isDiskSlow: boolean
  isApplySlow: boolean
  held: ReadonlyArray<Held>
  readonly payloads: Map<State.Handle, Payload>
  readonly seed: number
}

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

export interface Cluster {
  now: number
  /** How many proposals, reads, changes of membership and transfers there were. */
  handles: number
  /** How many messages with entries arrived; counted apart, so that what a script proposes is #1, #2, and so on. */
  arrivals: number
  settings: Settings.Settings
  readonly nodes: Map<LogPosition.NodeId, Node>
  flights: ReadonlyArray<Flight>
  /** Links, as `n1→n2`, that lose what is sent over them. */
  readonly cut: Set<string>
  /** Links that say so when they do not send. */
  readonly blocked: Set<string>
  readonly history: ClusterInvariants.History
  readonly observe: (event: Event) => void
}

export const make = (observe: (event: Event) => void = () => {}): Cluster => ({
  now: 0,
  handles: 0,
  arrivals: 1_000_000,
  settings: Settings.defaults,
  nodes: new Map(),
  flights: [],
  cut: new Set(),
  blocked: new Set(),
  history: ClusterInvariants.make(),
  observe
})

export const link = (from: string, to: string): string => `${from}→${to}`

export const nodeOf = (cluster: Cluster, id: LogPosition.NodeId): Node => {
  const node = cluster.nodes.get(id)
  if (node === undefined) throw new Error(`there is no node ${id}`)
  return node
}

/** How a node comes into the world: as if it had been running, with what it is given on its disk. */
export interface Birth {
  readonly id: LogPosition.NodeId
  /** The membership that the cluster was founded with; none for a node that joins it. */
  readonly membership: Membership.Membership
  readonly hardState: State.HardState
  readonly entries: ReadonlyArray<Disk.Entry>
  readonly commit: LogPosition.Index
}

/** The same id draws the same chances in every run, and no two ids the same. */
const seedOf = (id: LogPosition.NodeId): number =>
  [...id].reduce((sum, char) => Math.imul(sum, 31) + char.charCodeAt(0), 7)

const begin = (cluster: Cluster, id: string, seed: number, stored: Disk.Stored): State.State => {
  const { now, settings } = cluster
  return Engine.start({ id, settings, seed, now, recovered: Disk.recover(stored) })[0]
}

/** Adds a node. */
export const add = (cluster: Cluster, birth: Birth, seed = seedOf(birth.id)): Node => {
  const { commit, entries, hardState, id, membership } = birth
  const stored: Disk.Stored = { hardState, membership, entries }
  const state = { ...begin(cluster, id, seed, stored), commit, handed: commit, applied: commit }
  const disk = Disk.make(stored)
  const calm = { isUp: true, isDiskSlow: false, isApplySlow: false, held: [], payloads: new Map() }
  const node: Node = { id, state, entries, stored, disk, seed, ...calm }
  cluster.nodes.set(id, node)
  ClusterInvariants.stored(cluster.history, node)
  ClusterInvariants.stepped(cluster.history, cluster.nodes, node, [])
  return node
}

const store = (cluster: Cluster, node: Node, disk: Disk.Disk): void => {
  node.disk = disk
  node.stored = disk.stored
  ClusterInvariants.stored(cluster.history, node)
}

/** What a leader makes itself: the entry that opens its term, or a membership. */
const ownContent = (node: Node, term: number, membership: Membership.Membership | undefined): Disk.Entry =>
  membership === undefined
    ? { term, content: `noop ${node.id}@${term}` }
    : { term, content: `members ${Describe.members(membership)}`, membership }

/** What others sent is taken from the payload, memberships too: a disk knows nothing of the engine's picture. */
const contentsOf = (node: Node, append: Output.Append): ReadonlyArray<Disk.Entry> => {
  const { batch, from, memberships, runs, to } = append
  const payload = batch === undefined ? undefined : node.payloads.get(batch)
  return Array.from({ length: to - from + 1 }, (_, place) => {
    const index = from + place
    const term = runs.findLast((run) => run.start <= index)?.term ?? 0
    if (batch === undefined) {
      return ownContent(
        node,
        term,
        memberships.find((entry) => entry.index === index)?.membership
      )
    }
    const content = payload?.contents[payload.first === undefined ? place : index - payload.first]
    if (content === undefined) throw new Error(`${node.id} appends ${index}, of which no payload came`)
    return { ...content, term }
  })
}

const onWrite = (node: Node, write: Output.Write): void => {
  const entries = write.append === undefined ? [] : contentsOf(node, write.append)
  const kept = write.truncateAfter === undefined ? node.entries : node.entries.slice(0, write.truncateAfter)
  node.entries = entries.length === 0 ? kept : [...kept, ...entries]
  node.disk = Disk.submit(node.disk, { write, entries })
}

/** Puts a message on the network. Answers with what the node must be told, if the network refused. */
const release = (cluster: Cluster, node: Node, flight: Flight, isLate: boolean): ReadonlyArray<Input.Input> => {
  const { message, to } = flight
  ClusterInvariants.released(cluster.history, node, message)
  if (message._tag === "VoteReply") ClusterInvariants.granted(node, message, to)
  const way = link(node.id, to)
  const isLost = cluster.cut.has(way) || cluster.blocked.has(way)
  if (!isLost) cluster.flights = [...cluster.flights, flight]
  cluster.observe({ _tag: "Sent", node, flight, isLate, isLost })
  const isUnsent = cluster.blocked.has(way) && message._tag === "AppendEntries" && message.last > message.previous.index
  return isUnsent ? [{ _tag: "Unsent", now: cluster.now, to, from: message.previous.index + 1 }] : []
}

const onSend = (cluster: Cluster, node: Node, { after, message, to }: Output.Send): ReadonlyArray<Input.Input> => {
  const isAppend = message._tag === "AppendEntries"
  const entries = isAppend ? node.entries.slice(message.previous.index, message.last) : []
  if (after === 0) return release(cluster, node, { to, message, entries }, false)
  node.held = [...node.held, { to, message, entries, after }]
  return []
}

/** Carries out what one step asked for; answers with what comes of it at once. */
const perform = (cluster: Cluster, node: Node, outputs: ReadonlyArray<Output.Output>): ReadonlyArray<Input.Input> =>
  outputs.flatMap((output): ReadonlyArray<Input.Input> => {
    if (output._tag === "Write") onWrite(node, output)
    if (output._tag === "Send") return onSend(cluster, node, output)
    if (output._tag !== "Apply" || node.isApplySlow) return []
    return [{ _tag: "Applied", now: cluster.now, index: output.to }]
  })

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
    const [after, outputs] = Engine.stepAll(node.state, inputs)
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
    const outputs = tryStep(cluster, node, waiting)
    if (outputs === undefined) break
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
export const received = (cluster: Cluster, node: Node, { entries, message }: Flight): Input.Input => {
  if (message._tag !== "AppendEntries" || entries.length === 0) {
    return { _tag: "Receive", now: cluster.now, message, batch: undefined }
  }
  const batch = ++cluster.arrivals
  node.payloads.set(batch, { first: message.previous.index + 1, contents: entries })
  return { _tag: "Receive", now: cluster.now, message, batch }
}

/** Takes messages off the network and brings them to their node, all at once. They are lost on one that is down. */
export const deliver = (cluster: Cluster, to: LogPosition.NodeId, flights: ReadonlyArray<Flight>): void => {
  cluster.flights = cluster.flights.filter((flight) => !flights.includes(flight))
  const node = cluster.nodes.get(to)
  if (node?.isUp === true) take(cluster, node, flights.map((flight) => received(cluster, node, flight)))
}

export const timer = (cluster: Cluster, node: Node): void => take(cluster, node, [{ _tag: "Timer", now: cluster.now }])

export const proposal = (cluster: Cluster, node: Node, count: number): Input.Input => {
  const batch = ++cluster.handles
  const contents = Array.from({ length: count }, (_, place) => ({ content: ClusterInvariants.contentOf(batch, place) }))
  node.payloads.set(batch, { first: undefined, contents })
  return { _tag: "Propose", now: cluster.now, batch, count }
}

export const read = (cluster: Cluster): Input.Input => ({
  _tag: "Read",
  now: cluster.now,
  isLease: false,
  read: ++cluster.handles
})

export const change = (cluster: Cluster, change: Membership.Change, expected?: LogPosition.Index): Input.Input => ({
  _tag: "ChangeMembership",
  now: cluster.now,
  request: ++cluster.handles,
  change,
  expected
})

export const transfer = (cluster: Cluster, to: LogPosition.NodeId, within: number): Input.Input => ({
  _tag: "TransferLeadership",
  now: cluster.now,
  request: ++cluster.handles,
  to,
  deadline: cluster.now + within
})

/** The disk of a slow node gets as far as `write`. */
export const persist = (cluster: Cluster, node: Node, write: number): void => {
  if (write > node.state.durability.persisted) take(cluster, node, complete(cluster, node, write))
}

export const applied = (cluster: Cluster, node: Node, index: LogPosition.Index): void =>
  take(cluster, node, [{ _tag: "Applied", now: cluster.now, index }])

/** The node dies once `keeping` of its waiting writes are durable. */
export const crash = (cluster: Cluster, node: Node, keeping: number): void => {
  node.isUp = false
  node.held = []
  store(cluster, node, Disk.crash(node.disk, keeping))
  ClusterInvariants.died(cluster.history, node.id)
}

/** The node comes back with what its disk kept. Open reads were lost with it. */
export const restart = (cluster: Cluster, node: Node): void => {
  node.isUp = true
  node.entries = node.stored.entries
  node.payloads.clear()
  node.state = begin(cluster, node.id, node.seed + cluster.now, node.stored)
  ClusterInvariants.stepped(cluster.history, cluster.nodes, node, [])
}
