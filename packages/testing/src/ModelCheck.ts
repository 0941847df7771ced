/**
 * A model checker for the engine as it is shipped: every order of events within bounds, breadth first.
 *
 * A configuration says how a cluster begins and what may happen to it. From there every message may arrive at any time,
 * twice or never, timers fire early and late, disks finish writes when they like, and nodes crash with any prefix of what
 * they had begun to write. The cluster's invariants are checked after every step. From a sample of all states, and from
 * those in which nothing is left to happen, the cluster is repaired, and then it must find a leader that commits a write.
 *
 * States that differ only in which node plays which part, or in nothing that matters, are looked at once. Since the search
 * is breadth first, what it finds is the shortest story of its kind. It is told as a script: `Script.run` replays it.
 *
 * @since 0.1.0
 */
import * as EngineCluster from "./EngineCluster.ts"
import * as Healing from "./Healing.ts"
import * as Canonical from "./internal/model/Canonical.ts"
import * as Moves from "./internal/model/Moves.ts"
import * as Naming from "./internal/model/Naming.ts"
import * as Script from "./Script.ts"

/**
 * How a cluster begins, and what may happen to it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Configuration extends Partial<Omit<Moves.Limits, "allowance">> {
  readonly name: string
  /** What it is about, in one sentence. */
  readonly about: string
  /** Commands of a script, without `> `. Here a step in time is one heartbeat interval, half an election timeout. */
  readonly setup: ReadonlyArray<string>
  /** How often each thing may happen on one way; what is left out never does. */
  readonly allowance: Partial<Moves.Allowance>
}

/**
 * How far to look.
 *
 * @category models
 * @since 0.1.0
 */
export interface Bound {
  /** How many different states to look at, at most. At least 1. */
  readonly states: number
  /** From one of so many states the cluster is to recover; 0: from none. Defaults to 100. */
  readonly recoverFrom?: number
  /** The reducer to check. The shipped one unless a test wants to see a mistake found. */
  readonly reduce?: EngineCluster.Reduce
  /** Is told of the progress now and then. */
  readonly observe?: (progress: Progress) => void
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Progress {
  /** Different states. */
  readonly states: number
  /** Steps between them, all of which were checked. */
  readonly steps: number
  /** How many moves it takes to come to the farthest. */
  readonly depth: number
  /** From how many of them the cluster was seen to recover. */
  readonly recoveries: number
}

/**
 * What came of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report extends Progress {
  readonly name: string
  /** Whether there are no other states within the bounds of the configuration. */
  readonly isExhausted: boolean
  readonly counterexample: Counterexample | undefined
}

/**
 * A way to a state that must not be.
 *
 * @category models
 * @since 0.1.0
 */
export interface Counterexample {
  /** What does not hold. */
  readonly sentence: string
  /** How many moves it takes after the setup. */
  readonly moves: number
  /** A script, with what comes of each command. Nothing shorter leads to this kind of state. */
  readonly script: string
}

/** States by the order in which they were found: from which one each was reached, and by which of its moves. */
interface Ways {
  readonly parents: Array<number>
  readonly moves: Array<number>
}

/** A state whose moves were not tried yet. */
interface Open {
  readonly world: Moves.World
  readonly place: number
}

interface Search {
  readonly limits: Moves.Limits
  readonly fixed: ReadonlySet<string>
  readonly bound: Bound
  readonly known: Set<number>
  readonly ways: Ways
  steps: number
  depth: number
  recoveries: number
  /** Something broke while a cluster recovered: whatever led there is likely to show in a better story. */
  unrecovered: Fault | undefined
}

/** A state that must not be. */
interface Fault {
  readonly sentence: string
  readonly from: number
  /** The move that led there, or undefined if the state itself does not recover. */
  readonly move: number | undefined
}

const never: Moves.Allowance = {
  timeouts: 0,
  heartbeats: 0,
  losses: 0,
  repetitions: 0,
  crashes: 0,
  proposals: 0,
  reads: 0,
  leaseReads: 0
}

const limitsOf = (
  {
    allowance,
    isOrdered = false,
    keepsSpent = false,
    maxFlights = 12,
    maxTerm = 6,
    readers = "leaders",
    wishes = []
  }: Configuration
): Moves.Limits => ({
  allowance: { ...never, ...allowance },
  isOrdered,
  keepsSpent,
  maxFlights,
  maxTerm,
  readers,
  wishes
})

/** A step in time is a heartbeat interval. Everyone waits for exactly one election timeout, so that chance plays no part. */
const opening = "settings electionTimeout=1 heartbeatInterval=0.5"

const linesOf = ({ setup }: Configuration): ReadonlyArray<string> => {
  const [first = "", ...rest] = setup
  return first.startsWith("settings") ? [`${opening}${first.slice("settings".length)}`, ...rest] : [opening, ...setup]
}

const scriptOf = (lines: ReadonlyArray<string>): string => lines.map((line) => `> ${line}\n`).join("")

const violationIn = (text: string): string | undefined => /^✗ .*$|^\S+ halts: .*$/m.exec(text)?.[0]

const messageOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

/** The cluster after the setup, whose events nobody wants to hear of but that a node stops itself. */
const observed = ({ cluster }: Script.Played): EngineCluster.Cluster =>
  EngineCluster.copy(cluster, undefined, (event) => {
    if (event._tag === "Halted") throw new Error(`${event.node.id} halts: ${event.sentence}`)
  })

const setUp = (configuration: Configuration, reduce: EngineCluster.Reduce | undefined): Script.Played =>
  Script.play(scriptOf(linesOf(configuration)), reduce)

/** Nodes that someone names keep their names. */
const named = ({ wishes = [] }: Configuration): ReadonlySet<string> =>
  new Set(wishes.flatMap((wish) => wish.match(/\bn\d+\b/g) ?? []))

/** Takes note of a state; answers with its place if it is new. */
const find = (
  { fixed, known, limits, ways }: Search,
  world: Moves.World,
  from: number,
  move: number
): number | undefined => {
  const flights = Moves.openFlights(world)
  const number = Canonical.numberOf(Naming.make(world.cluster, fixed, flights), world.left, flights, limits.isOrdered)
  if (known.has(number)) return undefined
  known.add(number)
  ways.parents.push(from)
  ways.moves.push(move)
  return ways.parents.length - 1
}

/** What goes wrong while the cluster recovers, or after. */
const recover = (search: Search, { world }: Open): unknown => {
  const cluster = EngineCluster.copy(world.cluster)
  search.recoveries++
  try {
    Healing.checkRecovery(cluster, [...cluster.nodes.values()])
    return undefined
  } catch (cause) {
    return cause
  }
}

/** Tries all moves from one state; new states go to `next`. */
const expand = (search: Search, open: Open, next: Array<Open>): Fault | undefined => {
  const { bound: { recoverFrom = 100, states }, limits } = search
  const moves = Moves.movesOf(limits, open.world)
  const isEnd = moves.length === 0 && !Moves.isBeyond(limits, open.world)
  if (recoverFrom > 0 && (isEnd || open.place % recoverFrom === 0)) {
    const cause = recover(search, open)
    const fault = cause === undefined ? undefined : { sentence: messageOf(cause), from: open.place, move: undefined }
    if (cause instanceof Healing.Unhealed) return fault
    search.unrecovered ??= fault
  }
  for (const [place, move] of moves.entries()) {
    search.steps++
    let world
    try {
      world = Moves.after(limits, open.world, move)
    } catch (cause) {
      return { sentence: messageOf(cause), from: open.place, move: place }
    }
    const found = search.known.size < states ? find(search, world, open.place, place) : undefined
    if (found !== undefined) next.push({ world, place: found })
  }
  return undefined
}

/** The moves from the beginning to a state. */
const wayTo = ({ moves, parents }: Ways, place: number): ReadonlyArray<number> => {
  const way: Array<number> = []
  for (let at = place; at > 0; at = parents[at] ?? 0) way.push(moves[at] ?? 0)
  return way.reverse()
}

/** The story of a fault, as a script with what comes of each command. */
const narrate = (search: Search, configuration: Configuration, fault: Fault): Counterexample => {
  const { reduce } = search.bound
  const way = [...wayTo(search.ways, fault.from), ...fault.move === undefined ? [] : [fault.move]]
  const lines = [...linesOf(configuration)]
  let world = Moves.begin(observed(setUp(configuration, reduce)), search.limits)
  for (const [step, place] of way.entries()) {
    const move = Moves.movesOf(search.limits, world)[place]
    if (move === undefined) throw new Error("the way to a state is not the same twice")
    lines.push(...Moves.tell(world, move))
    if (step < way.length - 1 || fault.move === undefined) world = Moves.after(search.limits, world, move)
  }
  if (fault.move === undefined) lines.push("recover")
  const script = Script.run(`# ${configuration.name}: ${fault.sentence}\n${scriptOf(lines)}`, reduce)
  return { sentence: fault.sentence, moves: way.length, script }
}

/** How many states are looked at between two reports of progress. */
const pace = 10_000

/**
 * Looks at every state within the bounds, or at as many as `bound` allows, nearest first, and ends with the first that
 * must not be.
 *
 * @category testing
 * @since 0.1.0
 */
export const check = (configuration: Configuration, bound: Bound): Report => {
  const { name } = configuration
  const beginning = setUp(configuration, bound.reduce)
  const early = violationIn(beginning.text)
  if (early !== undefined) {
    const counterexample = { sentence: early, moves: 0, script: beginning.text }
    return { name, states: 0, steps: 0, depth: 0, recoveries: 0, isExhausted: false, counterexample }
  }
  const limits = limitsOf(configuration)
  const search: Search = {
    limits,
    fixed: named(configuration),
    bound,
    known: new Set(),
    ways: { parents: [], moves: [] },
    steps: 0,
    depth: 0,
    recoveries: 0,
    unrecovered: undefined
  }
  const first = Moves.begin(observed(beginning), limits)
  find(search, first, 0, 0)
  const { fault, isExhausted } = look(search, { world: first, place: 0 })
  const counterexample = fault === undefined ? undefined : narrate(search, configuration, fault)
  return { ...progressOf(search), name, isExhausted: isExhausted && fault === undefined, counterexample }
}

const progressOf = ({ depth, known, recoveries, steps }: Search): Progress => ({
  states: known.size,
  steps,
  depth,
  recoveries
})

/** Level by level, to the first fault or to the end. */
const look = (search: Search, first: Open): { readonly fault: Fault | undefined; readonly isExhausted: boolean } => {
  const { bound, known } = search
  let looked = 0
  let level: Array<Open> = [first]
  while (level.length > 0) {
    const next: Array<Open> = []
    // What was looked at is not needed any more, and there is much of it.
    for (let open = level.pop(); open !== undefined; open = level.pop()) {
      const fault = expand(search, open, next)
      if (fault !== undefined) return { fault, isExhausted: false }
      if (++looked % pace === 0) bound.observe?.(progressOf(search))
      if (known.size >= bound.states) return { fault: search.unrecovered, isExhausted: false }
    }
    if (next.length > 0) search.depth++
    level = next.reverse()
  }
  return { fault: search.unrecovered, isExhausted: true }
}
