/**
 * What a script can make happen: one function for each command, under the command's name.
 *
 *   settings electionTimeout=500 …      before the nodes
 *   disks named                         before the nodes: each has a disk, and its number is known
 *   node n1 n2 n3* n4^2 [joins] [voters= term= vote= log= members= commit= snapshot= first=]
 *   timeout n1 · tick n1 100 · wait 100
 *   deliver · deliver once · deliver together n1 · deliver|drop|duplicate|hold|release|postpone <which>
 *   settle · run 3000                   deliver everything, and let time pass meanwhile; only outcomes are told
 *   say n3@2 → n1 RequestVote last=5@1
 *   propose n1 3 [bytes=100] · read n1 [by lease] [as=1]
 *   change n1 add-voter|add-learner|promote|demote|remove n4 [expected=3] · change n1 replace n1,n4 [learners=n5]
 *   transfer n1 to n3 [within 1000] · abort n1
 *   plan n1 n2 · force n1               what is to be done when no others are left, and doing it
 *   disk n1 slow|fast · stall n1 on|off · persist n1 [2]
 *   crash n1 [keeping 1] · restart n1 · wipe n1 · damage n1 from 4
 *   apply n1 slow|fast · applied n1 4
 *   snapshot n1 · snapshots n1 slow|fast|otherwise · taken n1
 *   cut n1→n2 · isolate n1 · block n1→n2 · heal
 *   recover                             everything works again, and then a write must come through
 *   show [n1]
 *
 * `<which>` is a link such as `n1→n2` (`*` for any node), then a kind of message, then `first`, `last` or a
 * number; each part may be left out. A node with a star is a witness, one with `^2` has that priority; `snapshots n1
 * otherwise` lets it write down the same state in other bytes; `wipe` brings it back with an empty disk, and `damage` takes
 * entries from the disk of one that is down.
 */
import { Describe, Engine, type LastResort, type LogPosition, Settings } from "effect-raft/engine"
import * as EngineCluster from "./EngineCluster.ts"
import * as Healing from "./Healing.ts"
import * as Requests from "./Requests.ts"
import * as Notation from "./ScriptNotation.ts"

/** A cluster, and the messages that a script keeps back. */
export interface Stage {
  readonly cluster: EngineCluster.Cluster
  held: ReadonlyArray<EngineCluster.Flight>
  /** What `plan` said last. */
  plan: LastResort.Plan | undefined
  /** While nothing but outcomes is to be told. */
  isQuiet: boolean
  readonly print: (line: string) => void
  readonly describe: (node: EngineCluster.Node) => string
}

type Command = (stage: Stage, args: Notation.Arguments) => void

const nodeNamed = ({ cluster }: Stage, id: string | undefined): EngineCluster.Node =>
  EngineCluster.nodeOf(cluster, id ?? "")

/** A node that is down has no part in anything. */
const liveNode = (stage: Stage, id: string | undefined): EngineCluster.Node => {
  const node = nodeNamed(stage, id)
  if (!node.isUp) throw new Error(`${id} is down`)
  return node
}

/** How many rounds of messages, or timers, one command may bring about before something is wrong. */
const maxRounds = 2000

const deliverAll = ({ cluster }: Stage): void => {
  if (!EngineCluster.settle(cluster, maxRounds)) throw new Error("the nodes never stop talking")
}

/** The messages that a script means. */
const select = (
  flights: ReadonlyArray<EngineCluster.Flight>,
  words: ReadonlyArray<string>
): ReadonlyArray<EngineCluster.Flight> => {
  const way = words.find((word) => word.includes("→"))
  const [from = "*", to = "*"] = way?.split("→") ?? []
  const place = words.find((word) => /^(first|last|\d+)$/.test(word))
  const tag = words.find((word) => word !== way && word !== place)
  const found = flights.filter((flight) =>
    (from === "*" || flight.message.from === from) && (to === "*" || flight.to === to)
    && (tag === undefined || flight.message._tag === tag)
  )
  if (found.length === 0) throw new Error(`no message is ${words.join(" ")}`)
  if (place === undefined) return found
  const one = place === "first" ? found[0] : place === "last" ? found.at(-1) : found[Notation.parseNumber(place) - 1]
  if (one === undefined) throw new Error(`there are ${found.length} such messages, not ${place}`)
  return [one]
}

const deliver: Command = (stage, { words }) => {
  const { cluster } = stage
  if (words.length === 0) return deliverAll(stage)
  if (words[0] === "once") return EngineCluster.deliverRound(cluster)
  if (words[0] === "together") {
    const id = words[1] ?? ""
    return EngineCluster.deliver(cluster, id, cluster.flights.filter((flight) => flight.to === id))
  }
  for (const flight of select(cluster.flights, words)) EngineCluster.deliver(cluster, flight.to, [flight])
}

/** Who wants to be woken next, and when. */
const nextTimer = ({ cluster }: Stage): { readonly node: EngineCluster.Node; readonly at: number } | undefined =>
  [...cluster.nodes.values()].filter(({ isUp }) => isUp)
    .map((node) => ({ node, at: Engine.deadline(node.state) }))
    .reduce<{ node: EngineCluster.Node; at: number } | undefined>(
      (soonest, each) => (soonest === undefined || each.at < soonest.at ? each : soonest),
      undefined
    )

/** Time passes, and timers fire when they are due. `between` happens whenever it stands still. */
const pass = (stage: Stage, milliseconds: number, between: () => void): void => {
  const { cluster } = stage
  const end = cluster.now + milliseconds
  between()
  let fired = 0
  for (let due = nextTimer(stage); due !== undefined && due.at <= end; due = nextTimer(stage)) {
    if (++fired > maxRounds) throw new Error(`${due.node.id} wants to be woken again and again`)
    cluster.now = Math.max(cluster.now, due.at)
    EngineCluster.timer(cluster, due.node)
    between()
  }
  cluster.now = end
}

/** Tells only outcomes, and how the nodes stand afterwards. */
const quietly = (stage: Stage, act: () => void): void => {
  const nodes = [...stage.cluster.nodes.values()]
  const before = nodes.map(stage.describe)
  stage.isQuiet = true
  try {
    act()
  } finally {
    stage.isQuiet = false
  }
  for (const [place, node] of nodes.entries()) {
    const after = stage.describe(node)
    if (before[place] !== after) stage.print(`${before[place]} ⇨ ${after}`)
  }
}

/** The nodes of one command found a cluster together; one that joins belongs to none yet. */
const node: Command = (stage, { options, words }) => {
  const members = words.filter((word) => word !== "joins")
  const voters = options.get("voters") ?? (words.includes("joins") ? "-" : members.join(","))
  const snapshot = Notation.parseNumber(options.get("snapshot") ?? "0")
  for (const member of members) {
    const created = EngineCluster.add(stage.cluster, {
      id: Notation.parseId(member),
      membership: Notation.parseMembership(voters),
      hardState: {
        term: Notation.parseNumber(options.get("term") ?? "0"),
        votedFor: options.get("vote") ?? undefined
      },
      entries: Notation.parseEntries(options.get("log") ?? "-", 1, options.get("members")),
      commit: Math.max(Notation.parseNumber(options.get("commit") ?? "0"), snapshot),
      snapshot,
      first: Notation.parseNumber(options.get("first") ?? "1")
    })
    stage.print(stage.describe(created))
  }
}

const settings: Command = ({ cluster }, { options }) => {
  const changed = Object.entries(Settings.defaults).map(([name, value]) =>
    [name, Notation.parseTime(options.get(name) ?? String(value))] as const
  )
  const unknown = [...options.keys()].find((name) => !Object.hasOwn(Settings.defaults, name))
  if (unknown !== undefined) throw new Error(`"${unknown}" is no setting`)
  cluster.settings = { ...cluster.settings, ...Object.fromEntries(changed) }
}

const say: Command = ({ cluster }, { options, words: [speaker = "", , to = "", ...rest] }) => {
  const disk = options.get("disk")
  const incarnation = disk === undefined ? undefined : Notation.parseNumber(disk)
  const flight = { to, incarnation, ...Notation.parseMessage(speaker, { words: rest, options }) }
  EngineCluster.deliver(cluster, to, [flight])
}

const crash: Command = (stage, { words: [id, , keeping] }) => {
  const victim = liveNode(stage, id)
  EngineCluster.crash(stage.cluster, victim, keeping === undefined ? 0 : Notation.parseNumber(keeping))
  stage.print(`${victim.id} crashes`)
}

const ways = ({ cluster }: Stage, word: string | undefined): ReadonlyArray<string> => {
  const all = [...cluster.nodes.keys()]
  const [from = "*", to = "*"] = (word ?? "").split("→")
  return all.filter((id) => from === "*" || id === from).flatMap((sender) =>
    all.filter((id) => (to === "*" || id === to) && id !== sender).map((id) => EngineCluster.link(sender, id))
  )
}

const setSpeed = (stage: Stage, words: ReadonlyArray<string>): { node: EngineCluster.Node; isSlow: boolean } => {
  const [id, speed] = words
  if (speed !== "slow" && speed !== "fast") throw new Error(`"${speed}" is neither slow nor fast`)
  return { node: liveNode(stage, id), isSlow: speed === "slow" }
}

/** What is to be done, and what it may cost; or why nothing is. */
const plan: Command = (stage, { words }) => {
  const planned = Requests.plan(words.map((id) => nodeNamed(stage, id)))
  stage.plan = typeof planned === "string" ? undefined : planned
  if (typeof planned === "string") return stage.print(`no plan: ${planned}`)
  const { committed, last, leader, lost, mayLose, membership, term, undecided } = planned
  stage.print(`${leader} leads ${Describe.members(membership)} from term ${term} on; ${lost.join(",")} are given up`)
  stage.print(`up to ${committed} is committed; ${undecided} more up to ${Describe.position(last)} will be`)
  if (mayLose) stage.print("what was acknowledged may be lost")
}

const force: Command = (stage, { words: [id] }) => {
  if (stage.plan === undefined) throw new Error("there is no plan")
  EngineCluster.take(stage.cluster, liveNode(stage, id), [Requests.force(stage.cluster, stage.plan)])
}

/** How a node writes snapshots. */
const snapshots: Command = (stage, { words: [id, way] }) => {
  const node = liveNode(stage, id)
  if (way !== "slow" && way !== "fast" && way !== "otherwise") throw new Error(`"${way}" is no way to write a snapshot`)
  if (way === "otherwise") {
    node.dialect++
    return
  }
  node.isSnapshotSlow = way === "slow"
  if (way === "fast") EngineCluster.taken(stage.cluster, node)
}

/** Every command by its name. */
export const commands: Readonly<Record<string, Command>> = {
  plan,
  force,
  snapshots,
  disks: ({ cluster }) => {
    cluster.disks = 0
  },
  snapshot: (stage, { words: [id] }) =>
    EngineCluster.take(stage.cluster, liveNode(stage, id), [Requests.snapshot(stage.cluster)]),
  taken: (stage, { words: [id] }) => EngineCluster.taken(stage.cluster, liveNode(stage, id)),
  wipe: (stage, { words: [id] }) => {
    const wiped = nodeNamed(stage, id)
    EngineCluster.wipe(stage.cluster, wiped)
    stage.print(stage.describe(wiped))
  },
  damage: (stage, { words: [id, , from] }) => {
    const dead = nodeNamed(stage, id)
    if (dead.isUp) throw new Error(`${id} is up`)
    EngineCluster.damage(stage.cluster, dead, Notation.parseNumber(from))
    stage.print(`${dead.id} has lost its entries from ${from} on`)
  },
  abort: (stage, { words: [id] }) =>
    EngineCluster.take(stage.cluster, liveNode(stage, id), [{ _tag: "AbortTransfer", now: stage.cluster.now }]),
  recover: (stage) => quietly(stage, () => Healing.checkRecovery(stage.cluster, [...stage.cluster.nodes.values()])),
  settings,
  node,
  deliver,
  say,
  crash,
  change: (stage, { options, words: [id, ...words] }) => {
    const expected = options.get("expected")
    const input = Requests.change(
      stage.cluster,
      Notation.parseChange(words, options),
      expected === undefined ? undefined : Notation.parseNumber(expected)
    )
    EngineCluster.take(stage.cluster, liveNode(stage, id), [input])
  },
  transfer: (stage, { words: [id, , to = "", , within = "1000"] }) => {
    const input = Requests.transfer(stage.cluster, to, Notation.parseTime(within))
    EngineCluster.take(stage.cluster, liveNode(stage, id), [input])
  },
  timeout: (stage, { words: [id] }) => {
    const waiting = liveNode(stage, id)
    stage.cluster.now = Math.max(stage.cluster.now, Engine.deadline(waiting.state))
    EngineCluster.timer(stage.cluster, waiting)
  },
  tick: (stage, { words: [id, milliseconds] }) => {
    stage.cluster.now += Notation.parseTime(milliseconds)
    EngineCluster.timer(stage.cluster, liveNode(stage, id))
  },
  wait: (stage, { words: [milliseconds] }) => pass(stage, Notation.parseTime(milliseconds), () => {}),
  settle: (stage) => quietly(stage, () => deliverAll(stage)),
  run: (stage, { words: [milliseconds] }) =>
    quietly(stage, () => pass(stage, Notation.parseTime(milliseconds), () => deliverAll(stage))),
  drop: ({ cluster }, { words }) => {
    const dropped = select(cluster.flights, words)
    cluster.flights = cluster.flights.filter((flight) => !dropped.includes(flight))
  },
  duplicate: ({ cluster }, { words }) => {
    const copies = select(cluster.flights, words).map((flight) => ({ ...flight }))
    cluster.flights = [...cluster.flights, ...copies]
  },
  postpone: ({ cluster }, { words }) => {
    const late = select(cluster.flights, words)
    cluster.flights = [...cluster.flights.filter((flight) => !late.includes(flight)), ...late]
  },
  hold: (stage, { words }) => {
    const held = select(stage.cluster.flights, words)
    stage.cluster.flights = stage.cluster.flights.filter((flight) => !held.includes(flight))
    stage.held = [...stage.held, ...held]
  },
  release: (stage, { words }) => {
    const released = words.length === 0 ? stage.held : select(stage.held, words)
    stage.held = stage.held.filter((flight) => !released.includes(flight))
    stage.cluster.flights = [...stage.cluster.flights, ...released]
  },
  propose: (stage, { options, words: [id, count = "1"] }) => {
    const asked = liveNode(stage, id)
    const bytes = Notation.parseNumber(options.get("bytes") ?? "0")
    const proposal = Requests.proposal(stage.cluster, asked, Notation.parseNumber(count), bytes)
    EngineCluster.take(stage.cluster, asked, [proposal])
  },
  read: (stage, { options, words: [id, ...how] }) => {
    if (how.length > 0 && how.join(" ") !== "by lease") throw new Error(`"${how.join(" ")}" is no way to read`)
    const handle = options.get("as")
    const read = Requests.read(
      stage.cluster,
      how.length > 0,
      handle === undefined ? handle : Notation.parseNumber(handle)
    )
    EngineCluster.take(stage.cluster, liveNode(stage, id), [read])
  },
  disk: (stage, { words }) => {
    const { isSlow, node } = setSpeed(stage, words)
    if (!isSlow) EngineCluster.persist(stage.cluster, node, node.state.durability.issued)
    node.isDiskSlow = isSlow
    // What the completion made the node write is quick already.
    if (!isSlow) EngineCluster.persist(stage.cluster, node, node.state.durability.issued)
  },
  stall: (stage, { words: [id, how] }) => {
    if (how !== "on" && how !== "off") throw new Error(`"${how}" is not how a disk stalls`)
    const node = liveNode(stage, id)
    EngineCluster.take(stage.cluster, node, [{ _tag: "DiskStalled", now: stage.cluster.now, isStalled: how === "on" }])
  },
  persist: (stage, { words: [id, write] }) => {
    const writer = liveNode(stage, id)
    const upTo = write === undefined ? writer.state.durability.issued : Notation.parseNumber(write)
    EngineCluster.persist(stage.cluster, writer, upTo)
  },
  apply: (stage, { words }) => {
    const { isSlow, node } = setSpeed(stage, words)
    node.isApplySlow = isSlow
    if (!isSlow) EngineCluster.applied(stage.cluster, node, node.state.handed)
  },
  applied: (stage, { words: [id, index] }) =>
    EngineCluster.applied(stage.cluster, liveNode(stage, id), Notation.parseNumber(index)),
  restart: (stage, { words: [id] }) => {
    const dead = nodeNamed(stage, id)
    if (dead.isUp) throw new Error(`${id} is up`)
    EngineCluster.restart(stage.cluster, dead)
    stage.print(stage.describe(dead))
  },
  cut: (stage, { words: [word] }) => {
    for (const way of ways(stage, word)) stage.cluster.cut.add(way)
  },
  isolate: (stage, { words: [id] }) => {
    for (const way of [...ways(stage, `${id}→*`), ...ways(stage, `*→${id}`)]) stage.cluster.cut.add(way)
  },
  block: (stage, { words: [word] }) => {
    for (const way of ways(stage, word)) stage.cluster.blocked.add(way)
  },
  heal: ({ cluster }) => {
    cluster.cut.clear()
    cluster.blocked.clear()
  },
  show: (stage, { words }) => {
    const ids: ReadonlyArray<LogPosition.NodeId> = words.length > 0 ? words : [...stage.cluster.nodes.keys()]
    for (const id of ids) {
      const shown = nodeNamed(stage, id)
      stage.print(`${stage.describe(shown)} log=${describeLog(shown)}`)
    }
  }
}

const describeLog = ({ state: { log } }: EngineCluster.Node): string =>
  log.runs.length === 0 ? "-" : log.runs.map(({ start, term }, place) => {
    const end = (log.runs[place + 1]?.start ?? log.last + 1) - 1
    return `${start === end ? start : `${start}-${end}`}@${term}`
  }).join(",")
