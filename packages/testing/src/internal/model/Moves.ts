/**
 * What can happen next to a cluster in a model, and doing it.
 *
 * Each move is also one or two commands of a script: a way to a state is a story that anyone can replay.
 */
import { Engine } from "effect-raft/engine"
import * as EngineCluster from "../../EngineCluster.ts"
import * as Requests from "../../Requests.ts"
import { commands } from "../../ScriptCommands.ts"
import { type Arguments, parseArguments } from "../../ScriptNotation.ts"
import * as Spent from "./Spent.ts"

type Cluster = EngineCluster.Cluster
type Node = EngineCluster.Node
type Flight = EngineCluster.Flight

/** How often each thing may happen on one way. What is not named happens as often as it can. */
export interface Allowance {
  /** Nodes that do not lead grow tired of waiting. */
  readonly timeouts: number
  /** Leaders' timers fire. */
  readonly heartbeats: number
  readonly losses: number
  /** Messages arrive, and arrive once more. */
  readonly repetitions: number
  readonly crashes: number
  readonly proposals: number
  /** Of leaders, or of anyone if `readers` says so. */
  readonly reads: number
  readonly leaseReads: number
}

/** Within which bounds things may happen. */
export interface Limits {
  readonly allowance: Allowance
  /** What operators want, each once: commands of a script, with `?` for any node that leads. */
  readonly wishes: ReadonlyArray<string>
  readonly readers: "leaders" | "all"
  /** States with a later term, or with more messages on their way, are looked at and not left. */
  readonly maxTerm: number
  readonly maxFlights: number
  /** Whether messages from one node to another stay in order, but for those that are lost. */
  readonly isOrdered: boolean
  /** Whether answers that nobody waits for any more are brought all the same. */
  readonly keepsSpent: boolean
}

/** A cluster, and how much may still happen to it: an allowance in the order of its names, and the wishes that are left. */
export interface World {
  readonly cluster: Cluster
  readonly left: ReadonlyArray<number>
  /** Messages that can change nothing any more. They stay on the network, for a script counts them. */
  readonly spent: ReadonlyArray<Flight>
}

/** The messages that matter. */
export const openFlights = ({ cluster: { flights }, spent }: World): ReadonlyArray<Flight> =>
  spent.length === 0 ? flights : flights.filter((flight) => !spent.includes(flight))

export const kinds = [
  "timeouts",
  "heartbeats",
  "losses",
  "repetitions",
  "crashes",
  "proposals",
  "reads",
  "leaseReads"
] as const satisfies ReadonlyArray<keyof Allowance>

const wishPlace = kinds.length

export const begin = (cluster: Cluster, { allowance, keepsSpent, wishes }: Limits): World => ({
  cluster,
  left: [...kinds.map((kind) => allowance[kind]), 2 ** wishes.length - 1],
  spent: keepsSpent ? [] : Spent.find(cluster, [])
})

export type Move =
  | { readonly _tag: "Deliver" | "Repeat" | "Lose"; readonly flight: Flight }
  | { readonly _tag: "Timeout" | "Restart" | "Propose"; readonly node: Node }
  | { readonly _tag: "Persist"; readonly node: Node; readonly write: number }
  | { readonly _tag: "Crash"; readonly node: Node; readonly keeping: number }
  | { readonly _tag: "Read"; readonly node: Node; readonly isLease: boolean }
  | { readonly _tag: "Wish"; readonly node: Node; readonly place: number; readonly command: string }

const isLeader = ({ state }: Node): boolean => state.role._tag === "Leader"

const leftOf = ({ left }: World, kind: keyof Allowance): number => left[kinds.indexOf(kind)] ?? 0

const onNetwork = (
  { isOrdered }: Limits,
  world: World,
  flights: ReadonlyArray<Flight>,
  moves: Array<Move>
): void => {
  const { cluster: { nodes } } = world
  const links = new Set<string>()
  for (const flight of flights) {
    if (leftOf(world, "losses") > 0) moves.push({ _tag: "Lose", flight })
    if (nodes.get(flight.to)?.isUp !== true) continue
    const link = EngineCluster.link(flight.message.from, flight.to)
    if (isOrdered && links.has(link)) continue
    links.add(link)
    moves.push({ _tag: "Deliver", flight })
    if (leftOf(world, "repetitions") > 0) moves.push({ _tag: "Repeat", flight })
  }
}

const onDisk = (world: World, node: Node, moves: Array<Move>): void => {
  const { disk: { waiting }, state: { durability: { issued, persisted } } } = node
  if (waiting.length > 1) moves.push({ _tag: "Persist", node, write: persisted + 1 })
  if (waiting.length > 0) moves.push({ _tag: "Persist", node, write: issued })
  if (leftOf(world, "crashes") === 0) return
  for (let keeping = 0; keeping <= waiting.length; keeping++) moves.push({ _tag: "Crash", node, keeping })
}

const ofClients = ({ readers, wishes }: Limits, world: World, node: Node, moves: Array<Move>): void => {
  if (readers === "all" || isLeader(node)) {
    if (leftOf(world, "reads") > 0) moves.push({ _tag: "Read", node, isLease: false })
    if (leftOf(world, "leaseReads") > 0) moves.push({ _tag: "Read", node, isLease: true })
  }
  if (!isLeader(node)) return
  if (leftOf(world, "proposals") > 0) moves.push({ _tag: "Propose", node })
  const open = world.left[wishPlace] ?? 0
  for (const [place, command] of wishes.entries()) {
    if ((open & (1 << place)) !== 0) moves.push({ _tag: "Wish", node, place, command })
  }
}

/** Whether the state is at the edge of what is looked at. */
export const isBeyond = ({ maxFlights, maxTerm }: Limits, world: World): boolean =>
  openFlights(world).length > maxFlights || [...world.cluster.nodes.values()].some(({ state }) => state.term > maxTerm)

/** Everything that can happen next, always in the same order. */
export const movesOf = (limits: Limits, world: World): ReadonlyArray<Move> => {
  const { cluster: { nodes } } = world
  const flights = openFlights(world)
  const moves: Array<Move> = []
  if (isBeyond(limits, world)) return moves
  onNetwork(limits, world, flights, moves)
  for (const node of nodes.values()) {
    if (!node.isUp) {
      moves.push({ _tag: "Restart", node })
      continue
    }
    if (leftOf(world, isLeader(node) ? "heartbeats" : "timeouts") > 0) moves.push({ _tag: "Timeout", node })
    onDisk(world, node, moves)
    ofClients(limits, world, node, moves)
  }
  return moves
}

/** What a move uses up. */
const costOf = (move: Move): keyof Allowance | undefined => {
  switch (move._tag) {
    case "Repeat":
      return "repetitions"
    case "Lose":
      return "losses"
    case "Timeout":
      return isLeader(move.node) ? "heartbeats" : "timeouts"
    case "Crash":
      return "crashes"
    case "Propose":
      return "proposals"
    case "Read":
      return move.isLease ? "leaseReads" : "reads"
    default:
      return undefined
  }
}

const pay = ({ left }: World, move: Move): ReadonlyArray<number> => {
  if (move._tag === "Wish") return left.with(wishPlace, (left[wishPlace] ?? 0) & ~(1 << move.place))
  const kind = costOf(move)
  if (kind === undefined) return left
  const place = kinds.indexOf(kind)
  return left.with(place, (left[place] ?? 0) - 1)
}

const without = (flights: ReadonlyArray<Flight>, flight: Flight): ReadonlyArray<Flight> =>
  flights.filter((each) => each !== flight)

const wish = (command: string, { id }: Node): string => command.replace("?", id)

/** Commands are parsed once, however often they are tried. */
const parsed = new Map<string, Arguments>()

const command = (cluster: Cluster, line: string): void => {
  const args = parsed.get(line) ?? parseArguments(line)
  parsed.set(line, args)
  const [name = "", ...words] = args.words
  const run = commands[name]
  if (run === undefined) throw new Error(`there is no command ${name}`)
  const stage = { cluster, held: [], plan: undefined, isQuiet: true, print: () => {}, describe: () => "" }
  run(stage, { words, options: args.options })
}

const act = (cluster: Cluster, node: Node, move: Exclude<Move, { readonly flight: Flight }>): void => {
  switch (move._tag) {
    case "Timeout":
      cluster.now = Math.max(cluster.now, Engine.deadline(node.state))
      return EngineCluster.timer(cluster, node)
    case "Restart":
      return EngineCluster.restart(cluster, node)
    case "Persist":
      return EngineCluster.persist(cluster, node, move.write)
    case "Crash":
      return EngineCluster.crash(cluster, node, move.keeping)
    case "Propose":
      return EngineCluster.take(cluster, node, [Requests.proposal(cluster, node, 1)])
    case "Read":
      return EngineCluster.take(cluster, node, [Requests.read(cluster, move.isLease)])
    case "Wish":
      return command(cluster, wish(move.command, node))
  }
}

/** The world after a move. Throws with the first sentence that does not hold in it. */
export const after = ({ keepsSpent }: Limits, world: World, move: Move): World => {
  const left = pay(world, move)
  const ended = (cluster: Cluster): World => ({
    cluster,
    left,
    spent: keepsSpent ? world.spent : Spent.find(cluster, world.spent)
  })
  if (move._tag === "Lose") {
    return {
      cluster: { ...world.cluster, flights: without(world.cluster.flights, move.flight) },
      left,
      spent: world.spent
    }
  }
  if ("flight" in move) {
    const cluster = EngineCluster.copy(world.cluster, move.flight.to)
    if (move._tag === "Repeat") cluster.flights = [...cluster.flights, { ...move.flight }]
    EngineCluster.deliver(cluster, move.flight.to, [move.flight])
    return ended(cluster)
  }
  const cluster = EngineCluster.copy(world.cluster, move.node.id)
  act(cluster, EngineCluster.nodeOf(cluster, move.node.id), move)
  return ended(cluster)
}

/** A message as a script names it. */
const nameOf = ({ cluster: { flights } }: World, flight: Flight): string => {
  const { message: { _tag, from }, to } = flight
  const alike = flights.filter((each) => each.message.from === from && each.to === to && each.message._tag === _tag)
  const place = alike.length === 1 ? "" : ` ${alike.indexOf(flight) + 1}`
  return `${EngineCluster.link(from, to)} ${_tag}${place}`
}

/** The commands of a script that do the same. */
export const tell = (world: World, move: Move): ReadonlyArray<string> => {
  switch (move._tag) {
    case "Deliver":
      return [`deliver ${nameOf(world, move.flight)}`]
    case "Lose":
      return [`drop ${nameOf(world, move.flight)}`]
    case "Repeat": {
      const name = nameOf(world, move.flight)
      return [`duplicate ${name}`, `deliver ${/ \d+$/.test(name) ? name : `${name} 1`}`]
    }
    case "Persist":
      return [`persist ${move.node.id} ${move.write}`]
    case "Crash":
      return [`crash ${move.node.id} keeping ${move.keeping}`]
    case "Read":
      return [`read ${move.node.id}${move.isLease ? " by lease" : ""}`]
    case "Wish":
      return [wish(move.command, move.node)]
    default:
      return [`${move._tag.toLowerCase()} ${move.node.id}`]
  }
}
