/**
 * A random story about a cluster, and its end.
 *
 * A seed decides everything: what is lost, repeated and overtaken, when timers fire late, which disks are slow,
 * who dies with how much on its disk, what operators want. The cluster's invariants are checked after every step. Then everything
 * heals, and what must come of it is checked: a leader, equal logs, and an answer to whatever was asked.
 */
import { Engine, Membership, type Output, Settings } from "effect-raft/engine"
import * as EngineCluster from "./EngineCluster.ts"
import * as Healing from "./Healing.ts"
import * as Requests from "./Requests.ts"
import * as WalkOperator from "./WalkOperator.ts"

export interface Options {
  readonly seed: number
  /** How many nodes found the cluster; three to five are enough to find most of what can be found. */
  readonly nodes: number
  /** How many more there are that may join it. With any, operators change the membership and hand leadership over. */
  readonly joiners?: number
  /** How many things happen before everything heals. */
  readonly steps: number
  readonly observe?: (event: EngineCluster.Event) => void
}

/** What a walk reached, to see that walks are worth their time. */
export interface Report {
  readonly terms: number
  readonly committed: number
  readonly resolved: number
  readonly superseded: number
  readonly crashes: number
  /** How many changes of membership were carried out, and how many transfers. */
  readonly changed: number
  readonly transferred: number
  /** How many snapshots were taken, how many were received from a leader, and how many disks were lost. */
  readonly taken: number
  readonly restored: number
  readonly wiped: number
}

/** Small, so that bounds are met often. */
const settings: Settings.Settings = {
  ...Settings.defaults,
  maxEntriesPerMessage: 3,
  maxEntriesInFlight: 7,
  maxEntriesOutstanding: 20,
  maxEntriesApplying: 5
}

/** How many messages may be under way; beyond that the oldest are lost. */
const maxFlights = 60

/** How bad it is on this walk. Each differs, for a world in which everything fails at once reaches little. */
interface Weather {
  /** Milliseconds that pass at a time, at most. */
  readonly pace: number
  /** Of a hundred things that happen, how many are deaths, and how many are changes of the network. */
  readonly deaths: number
  readonly changes: number
  /** Of eight changes of the network, how many heal all of it. */
  readonly heals: number
  /** How many messages arrive at a time, at most. */
  readonly bandwidth: number
  /** One message in so many is lost, and one is repeated. */
  readonly loss: number
  /** One message in so many overtakes others. */
  readonly disorder: number
  /** Of two hundred things that happen, how many are an operator's wishes. */
  readonly wishes: number
}

interface Walker extends WalkOperator.Chooser {
  readonly cluster: EngineCluster.Cluster
  readonly members: ReadonlyArray<Membership.Member>
  nodes: ReadonlyArray<EngineCluster.Node>
  readonly isManaged: boolean
  /** Who never leads by itself, if there is such a one. Only one: what is committed is with someone who may. */
  readonly special: string | undefined
  weather: Weather
  crashes: number
  restored: number
}

const { chance, oneOf } = WalkOperator

/** Snapshots every few entries, in chunks of a few bytes, on most walks. */
const settingsOf = (walker: WalkOperator.Chooser): Settings.Settings => {
  const bytes = chance(walker, 3) === 0 ? { maxBytesInFlight: 10 + chance(walker, 30), maxBytesOutstanding: 100 } : {}
  if (chance(walker, 5) === 0) return { ...settings, ...bytes }
  return {
    ...settings,
    ...bytes,
    snapshotEntries: 2 + chance(walker, 8),
    entriesKept: chance(walker, 4),
    snapshotChunkBytes: 1 + chance(walker, 6),
    maxChunksInFlight: 1 + chance(walker, 3)
  }
}

/** Where members change the weather is milder: a cluster that never has a leader changes nothing. */
const forecast = (walker: Walker): Weather => {
  const { isManaged } = walker
  return {
    pace: isManaged ? 20 + chance(walker, 120) : 40 + chance(walker, 250),
    bandwidth: (isManaged ? 6 : 1) + chance(walker, 12),
    deaths: chance(walker, 3),
    changes: 1 + chance(walker, 4),
    heals: (isManaged ? 3 : 1) + chance(walker, 4),
    loss: (isManaged ? 15 : 5) + chance(walker, 60),
    disorder: 2 + chance(walker, 10),
    wishes: isManaged ? 6 + chance(walker, 36) : 0
  }
}

const deliverOne = (walker: Walker): void => {
  const { cluster } = walker
  const { disorder, loss } = walker.weather
  const flight = chance(walker, disorder) === 0 ? oneOf(walker, cluster.flights) : cluster.flights[0]
  if (flight === undefined) return
  const fate = chance(walker, loss)
  if (fate === 0) cluster.flights = cluster.flights.filter((each) => each !== flight)
  else if (fate === 1) cluster.flights = [...cluster.flights, { ...flight }]
  else EngineCluster.deliver(cluster, flight.to, [flight])
}

/** A while in which the network is quicker than anything else. */
const deliverSome = (walker: Walker): void => {
  for (let count = chance(walker, walker.weather.bandwidth); count >= 0; count--) deliverOne(walker)
}

/** How many bytes a command has, where that is said. */
const bytesOf = (walker: Walker): number => chance(walker, 2) * chance(walker, 20)

/** Several messages, a timer and a proposal in one step, as a driver that is behind takes them. */
const deliverMany = (walker: Walker, node: EngineCluster.Node): void => {
  const { cluster } = walker
  const flights = cluster.flights.filter(({ to }) => to === node.id).slice(0, 1 + chance(walker, 5))
  cluster.flights = cluster.flights.filter((flight) => !flights.includes(flight))
  const received = flights.map((flight) => EngineCluster.received(cluster, node, flight))
  const others = [
    Requests.proposal(cluster, node, 1 + chance(walker, 3), bytesOf(walker)),
    Requests.read(cluster, chance(walker, 2) === 0),
    Requests.snapshot(cluster),
    { _tag: "Timer", now: cluster.now } as const
  ]
  EngineCluster.take(cluster, node, [...received, ...others.filter(() => chance(walker, 3) === 0)])
}

const passTime = (walker: Walker): void => {
  const { cluster } = walker
  cluster.now += chance(walker, walker.weather.pace)
  for (const node of walker.nodes) {
    const isDue = node.isUp && Engine.deadline(node.state) <= cluster.now
    if (isDue && chance(walker, 8) > 0) EngineCluster.timer(cluster, node)
  }
}

const useDisk = (walker: Walker, node: EngineCluster.Node): void => {
  const { issued, persisted } = node.state.durability
  if (issued > persisted) {
    EngineCluster.persist(walker.cluster, node, persisted + 1 + chance(walker, issued - persisted))
  } else node.isDiskSlow = chance(walker, 2) === 0
}

const useLane = (walker: Walker, node: EngineCluster.Node): void => {
  const { applied, handed } = node.state
  if (node.machine.taking !== undefined) return EngineCluster.taken(walker.cluster, node)
  if (handed > applied) EngineCluster.applied(walker.cluster, node, applied + 1 + chance(walker, handed - applied))
  else node.isApplySlow = chance(walker, 2) === 0
  node.isSnapshotSlow = chance(walker, 3) === 0
}

/** Whether everyone knows on which disks the others run, so that whoever loses one is known for it. */
const areDisksKnown = ({ nodes }: Walker): boolean =>
  nodes.every(({ stored: { entries, membership } }) => {
    const members = (entries.findLast((entry) => entry.membership !== undefined)?.membership ?? membership).members
    return members.length > 0 && members.every(({ incarnation }) => incarnation !== undefined)
  })

/** One node at most loses its disk, where its members stay the same: the others are a majority. */
const mayWipe = (walker: Walker): boolean =>
  !walker.isManaged && walker.nodes.length > 2 && walker.cluster.history.wiped.size === 0
  && walker.special === undefined && areDisksKnown(walker)

const loseDisk = (walker: Walker): void => {
  const node = oneOf(walker, walker.nodes)
  if (node !== undefined) EngineCluster.wipe(walker.cluster, node)
}

const dieOrRise = (walker: Walker, node: EngineCluster.Node): void => {
  if (!node.isUp) return EngineCluster.restart(walker.cluster, node)
  walker.crashes++
  EngineCluster.crash(walker.cluster, node, chance(walker, node.disk.waiting.length + 1))
}

const changeNetwork = (walker: Walker, node: EngineCluster.Node): void => {
  const { cut } = walker.cluster
  const other = oneOf(walker, walker.nodes)?.id ?? node.id
  const fate = chance(walker, 8)
  if (fate < walker.weather.heals) cut.clear()
  else if (fate < 6) cut.add(EngineCluster.link(node.id, other))
  else {
    for (const { id } of walker.nodes) {
      cut.add(EngineCluster.link(node.id, id))
      cut.add(EngineCluster.link(id, node.id))
    }
  }
  if (chance(walker, 4) === 0) walker.cluster.blocked.add(EngineCluster.link(node.id, other))
  else walker.cluster.blocked.clear()
}

const leaders = ({ nodes }: Walker): ReadonlyArray<EngineCluster.Node> =>
  nodes.filter(({ isUp, state }) => isUp && state.role._tag === "Leader")

const wantSnapshot = (walker: Walker): void => {
  const node = oneOf(walker, walker.nodes)
  if (node?.isUp === true) EngineCluster.take(walker.cluster, node, [Requests.snapshot(walker.cluster)])
}

const happen = (walker: Walker): void => {
  const { cluster, weather: { changes, deaths, wishes } } = walker
  if (wishes > 0 && chance(walker, 200) < wishes) {
    return WalkOperator.wish(walker, walker.cluster, walker.nodes, walker.members)
  }
  if (chance(walker, 60) === 0) return wantSnapshot(walker)
  if (chance(walker, 20) === 0 && mayWipe(walker)) return loseDisk(walker)
  const kind = chance(walker, 100)
  const node = oneOf(walker, walker.isManaged && chance(walker, 2) === 0 ? leaders(walker) : walker.nodes)
  if (kind < 52) return deliverSome(walker)
  if (kind < 66) return passTime(walker)
  if (node === undefined) return
  if (kind >= 100 - changes) return changeNetwork(walker, node)
  if (kind >= 100 - changes - deaths || !node.isUp && kind > 90) return dieOrRise(walker, node)
  if (!node.isUp) return
  if (kind < 74) {
    const proposal = Requests.proposal(cluster, node, 1 + chance(walker, 3), bytesOf(walker))
    return EngineCluster.take(cluster, node, [proposal])
  }
  if (kind < 78) return EngineCluster.take(cluster, node, [Requests.read(cluster, chance(walker, 2) === 0)])
  if (kind < 84) return deliverMany(walker, node)
  return kind < 90 ? useDisk(walker, node) : useLane(walker, node)
}

/** Who the members are: some come before others, and one may never lead. */
const membersOf = (walker: WalkOperator.Chooser, count: number, founders: number): ReadonlyArray<Membership.Member> => {
  const isRanked = chance(walker, 3) === 0
  const kind = founders < 3 ? 0 : chance(walker, 4)
  const special = chance(walker, founders)
  return Array.from({ length: count }, (_, place) => {
    const member = { id: `n${place + 1}`, address: "" }
    if (kind === 1 && place === special) return { ...member, isWitness: true }
    if (kind === 2 && place === special) return { ...member, priority: 0 }
    return isRanked ? { ...member, priority: 1 + chance(walker, 3) } : member
  })
}

/** Founders who know each other, and joiners who know nobody. */
const populate = (
  cluster: EngineCluster.Cluster,
  members: ReadonlyArray<Membership.Member>,
  founders: number,
  seed: number
): ReadonlyArray<EngineCluster.Node> => {
  const founding = Membership.make(members.slice(0, founders))
  const nothing = { hardState: { term: 0, votedFor: undefined }, entries: [], commit: 0 }
  return members.map(({ id }, place) => {
    const membership = place < founders ? founding : Membership.none
    const node = EngineCluster.add(cluster, { id, membership, ...nothing }, seed * 10 + place)
    // Not everyone writes the same state down in the same way.
    node.dialect = seed % 4 === 0 ? place : 0
    return node
  })
}

/** A node stops when it hears that it has lost its disk; whatever else stops one is a fault. */
const isStoppedRightly = ({ history }: EngineCluster.Cluster, event: EngineCluster.Event): boolean =>
  event._tag !== "Halted" || (history.wiped.has(event.node.id) && event.sentence.includes("use another id"))

const begin = ({ joiners = 0, nodes: count, observe, seed }: Options): Walker => {
  const chooser = { seed: seed ^ 0x5eed }
  const members = membersOf(chooser, count + joiners, count)
  const cluster = EngineCluster.make((event) => {
    observe?.(event)
    if (event._tag === "Moved") walker.restored += event.outputs.filter(isReceived).length
    if (!isStoppedRightly(cluster, event) && event._tag === "Halted") {
      throw new Error(`${event.node.id} halts: ${event.sentence}`)
    }
  })
  cluster.settings = settingsOf(chooser)
  if (chance(chooser, 2) === 0) cluster.disks = 0
  const calm = { pace: 1, bandwidth: 1, deaths: 0, changes: 0, heals: 8, loss: 100, disorder: 100, wishes: 0 }
  const special = members.find((each) => each.isWitness === true || each.priority === 0)?.id
  const counts = { crashes: 0, restored: 0 }
  const walker: Walker = {
    cluster,
    members,
    nodes: [],
    weather: calm,
    seed,
    isManaged: joiners > 0,
    special,
    ...counts
  }
  walker.nodes = populate(cluster, members, count, seed)
  walker.weather = forecast(walker)
  return walker
}

const isReceived = (output: Output.Output): boolean => output._tag === "RestoreSnapshot" && output.after > 0

/** Walks to the end, or throws with the first sentence that did not hold and the seed under which it did not. */
export const run = (options: Options): Report => {
  const { seed, steps } = options
  const walker = begin(options)
  const { cluster } = walker
  let step = 0
  try {
    for (; step < steps; step++) {
      happen(walker)
      cluster.flights = cluster.flights.slice(-maxFlights)
    }
    Healing.checkEnd(cluster, walker.nodes)
  } catch (cause) {
    throw new Error(`seed ${seed}, step ${step}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
  const { history } = cluster
  const outcomes = [...history.outcomes.values()]
  const answers = (tag: Output.Output["_tag"]) => history.changes.answers.get(tag) ?? 0
  return {
    terms: history.reigns.size,
    committed: history.committed.length,
    resolved: outcomes.filter((outcome) => outcome === "resolved").length,
    superseded: outcomes.filter((outcome) => outcome === "superseded").length,
    crashes: walker.crashes,
    changed: answers("ChangeDone"),
    transferred: answers("TransferDone"),
    taken: history.snapshots.done,
    restored: walker.restored,
    wiped: history.wiped.size
  }
}
