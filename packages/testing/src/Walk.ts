/**
 * A random story about a cluster, and its end.
 *
 * A seed decides everything: what is lost, repeated and overtaken, when timers fire late, which disks are slow,
 * who dies with how much on its disk, what operators want. The cluster's invariants are checked after every step. Then everything
 * heals, and what must come of it is checked: a leader, equal logs, and an answer to whatever was asked.
 */
import { Engine, Log, Membership, type Output, Settings } from "effect-raft/engine"
import * as EngineCluster from "./EngineCluster.ts"
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
  readonly nodes: ReadonlyArray<EngineCluster.Node>
  readonly isManaged: boolean
  weather: Weather
  crashes: number
}

const { chance, oneOf } = WalkOperator

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
    wishes: isManaged ? 4 + chance(walker, 30) : 0
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

/** Several messages, a timer and a proposal in one step, as a driver that is behind takes them. */
const deliverMany = (walker: Walker, node: EngineCluster.Node): void => {
  const { cluster } = walker
  const flights = cluster.flights.filter(({ to }) => to === node.id).slice(0, 1 + chance(walker, 5))
  cluster.flights = cluster.flights.filter((flight) => !flights.includes(flight))
  const received = flights.map((flight) => EngineCluster.received(cluster, node, flight))
  const others = [
    Requests.proposal(cluster, node, 1 + chance(walker, 3)),
    Requests.read(cluster),
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
  if (handed > applied) EngineCluster.applied(walker.cluster, node, applied + 1 + chance(walker, handed - applied))
  else node.isApplySlow = chance(walker, 2) === 0
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

const happen = (walker: Walker): void => {
  const { cluster, weather: { changes, deaths, wishes } } = walker
  if (wishes > 0 && chance(walker, 200) < wishes) return WalkOperator.wish(walker, walker.cluster, walker.nodes)
  const kind = chance(walker, 100)
  const node = oneOf(walker, walker.isManaged && chance(walker, 2) === 0 ? leaders(walker) : walker.nodes)
  if (kind < 52) return deliverSome(walker)
  if (kind < 66) return passTime(walker)
  if (node === undefined) return
  if (kind >= 100 - changes) return changeNetwork(walker, node)
  if (kind >= 100 - changes - deaths || !node.isUp && kind > 90) return dieOrRise(walker, node)
  if (!node.isUp) return
  if (kind < 74) {
    return EngineCluster.take(cluster, node, [Requests.proposal(cluster, node, 1 + chance(walker, 3))])
  }
  if (kind < 78) return EngineCluster.take(cluster, node, [Requests.read(cluster)])
  if (kind < 84) return deliverMany(walker, node)
  return kind < 90 ? useDisk(walker, node) : useLane(walker, node)
}

/** No faults from here on: what a cluster does in so many election timeouts. */
const heal = ({ cluster, nodes }: Walker, timeouts: number): void => {
  cluster.cut.clear()
  cluster.blocked.clear()
  for (const node of nodes) {
    if (!node.isUp) EngineCluster.restart(cluster, node)
    node.isDiskSlow = false
    node.isApplySlow = false
    EngineCluster.persist(cluster, node, node.state.durability.issued)
    if (node.state.handed > node.state.applied) EngineCluster.applied(cluster, node, node.state.handed)
  }
  const end = cluster.now + timeouts * settings.electionTimeout
  while (cluster.now <= end) {
    for (const flight of cluster.flights) EngineCluster.deliver(cluster, flight.to, [flight])
    const due = nodes.filter(({ state }) => Engine.deadline(state) <= cluster.now)
    for (const node of due) EngineCluster.timer(cluster, node)
    if (cluster.flights.length > 0) continue
    cluster.now = Math.max(cluster.now + 1, Math.min(...nodes.map(({ state }) => Engine.deadline(state))))
  }
}

const expect = (sentence: string, isTrue: boolean): void => {
  if (!isTrue) throw new Error(`not so, after all has healed: ${sentence}`)
}

/** A change is finished or taken back, and whoever asked for one knows what became of it. */
const checkChanges = ({ cluster }: Walker, { state: { log } }: EngineCluster.Node): void => {
  const membership = Log.membership(log)
  const { open } = cluster.history.changes
  expect("one membership is in force", !Membership.isJoint(membership))
  expect("learners that are to vote do", membership.promoting.length === 0)
  expect(`every operator has an answer, and ${[...open.values()].map(({ _tag }) => _tag).join()} none`, open.size === 0)
}

/** What must come of a cluster in which nothing fails any more. */
const checkEnd = (walker: Walker): void => {
  const { cluster } = walker
  heal(walker, 10)
  const leaders = walker.nodes.filter(({ state }) => state.role._tag === "Leader")
  const leader = leaders[0]
  expect(`one node leads, not ${leaders.length}`, leaders.length === 1)
  if (leader === undefined) return
  checkChanges(walker, leader)
  const membership = Log.membership(leader.state.log)
  const nodes = walker.nodes.filter(({ id }) => Membership.isMember(membership, id))
  // A proposal waits for something to be committed in its place: fill the log beyond every place that is waited for.
  const waited = Math.max(...nodes.flatMap(({ state }) => state.waiters.map(({ to }) => to)), 0)
  while (leader.state.log.last <= waited && leader.state.role._tag === "Leader") {
    EngineCluster.take(cluster, leader, [Requests.proposal(cluster, leader, 5)])
    heal(walker, 1)
  }
  for (const { entries, id, state } of nodes) {
    expect(`${id} has the leader's log`, entries.length === leader.entries.length)
    expect(
      `${id} has committed and applied all of it`,
      state.commit === entries.length && state.applied === state.commit
    )
    expect(`${id} has told what became of every proposal`, state.waiters.length === 0)
    const reads = state.role._tag === "Leader" ? state.role.reads : []
    expect(`${id} has answered every read`, reads.length === 0)
  }
}

/** Founders who know each other, and joiners who know nobody. */
const populate = (
  cluster: EngineCluster.Cluster,
  founders: number,
  joiners: number,
  seed: number
): ReadonlyArray<EngineCluster.Node> => {
  const members = Array.from({ length: founders + joiners }, (_, place) => ({ id: `n${place + 1}`, address: "" }))
  const founding = Membership.make(members.slice(0, founders))
  const nothing = { hardState: { term: 0, votedFor: undefined }, entries: [], commit: 0 }
  return members.map(({ id }, place) => {
    const membership = place < founders ? founding : Membership.none
    return EngineCluster.add(cluster, { id, membership, ...nothing }, seed * 10 + place)
  })
}

/** Walks to the end, or throws with the first sentence that did not hold and the seed under which it did not. */
export const run = ({ joiners = 0, nodes: count, observe, seed, steps }: Options): Report => {
  const cluster = EngineCluster.make((event) => {
    observe?.(event)
    if (event._tag === "Halted") throw new Error(`${event.node.id} halts: ${event.sentence}`)
  })
  cluster.settings = settings
  const nodes = populate(cluster, count, joiners, seed)
  const calm = { pace: 1, bandwidth: 1, deaths: 0, changes: 0, heals: 8, loss: 100, disorder: 100, wishes: 0 }
  const walker: Walker = { cluster, nodes, weather: calm, seed, crashes: 0, isManaged: joiners > 0 }
  walker.weather = forecast(walker)
  let step = 0
  try {
    for (; step < steps; step++) {
      happen(walker)
      cluster.flights = cluster.flights.slice(-maxFlights)
    }
    checkEnd(walker)
  } catch (cause) {
    throw new Error(`seed ${seed}, step ${step}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
  const outcomes = [...cluster.history.outcomes.values()]
  const answers = (tag: Output.Output["_tag"]) => cluster.history.changes.answers.get(tag) ?? 0
  return {
    terms: cluster.history.reigns.size,
    committed: cluster.history.committed.length,
    resolved: outcomes.filter((outcome) => outcome === "resolved").length,
    superseded: outcomes.filter((outcome) => outcome === "superseded").length,
    crashes: walker.crashes,
    changed: answers("ChangeDone"),
    transferred: answers("TransferDone")
  }
}
