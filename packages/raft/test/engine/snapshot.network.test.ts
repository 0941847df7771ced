import { assert, describe, it } from "@effect/vitest"
import { Chance, Engine, type Input, type Message, type Output, type State } from "effect-raft/engine"
import { leading, node } from "../Nodes.ts"

const chunkBytes = 100
const chunks = 30
const settings = { snapshotChunkBytes: chunkBytes, maxChunksInFlight: 8 }

interface Flight {
  readonly to: "n1" | "n2"
  readonly message: Message.Message
}

/** A leader that has nothing but a snapshot for n2, which has nothing at all; and what is between them. */
interface World {
  seed: Chance.Seed
  now: number
  leader: State.State
  follower: State.State
  /** Whether the snapshot counts on the follower's disk. */
  isInstalled: boolean
  flights: Array<Flight>
  held: Array<Flight & { readonly after: number }>
  chunksSent: number
}

const begin = (seed: Chance.Seed): World => {
  const leader = leading({ terms: [1, 1, 1, 1], term: 1, boundary: 4, size: chunks * chunkBytes, settings })
  const follower = { ...node({ id: "n2", settings, seed: 5 }), now: leader.now }
  return {
    seed,
    now: leader.now,
    leader,
    follower,
    isInstalled: false,
    flights: [],
    held: [],
    chunksSent: 0
  }
}

const draw = (world: World, below: number): number => {
  const [value, seed] = Chance.between(world.seed, 0, below)
  world.seed = seed
  return value
}

const send = (world: World, outputs: ReadonlyArray<Output.Output>): void => {
  for (const output of outputs) {
    if (output._tag !== "Send" || (output.to !== "n1" && output.to !== "n2")) continue
    const { after, message, to } = output
    if (message._tag === "InstallSnapshot" && message.length > 0) world.chunksSent++
    if (after === 0) world.flights.push({ to, message })
    else world.held.push({ to, message, after })
  }
}

const take = (world: World, who: "leader" | "follower", input: Input.Input): void => {
  const [after, outputs] = Engine.step(world[who], input)
  world[who] = after
  send(world, outputs)
}

const deliver = (world: World, { message, to }: Flight): void => {
  const batch = message._tag === "InstallSnapshot" && message.length > 0 ? 1 : undefined
  take(world, to === "n1" ? "leader" : "follower", { _tag: "Receive", now: world.now, message, batch })
}

/** The disk gets as far as `write`. */
const persist = (world: World, wanted: number): void => {
  const write = Math.min(wanted, world.follower.durability.issued)
  if (write <= world.follower.durability.persisted) return
  world.isInstalled ||= world.follower.snapshot.index > 0 && write === world.follower.durability.issued
  take(world, "follower", { _tag: "Persisted", now: world.now, write })
  world.flights.push(...world.held.filter(({ after }) => after <= write))
  world.held = world.held.filter(({ after }) => after > write)
}

const flush = (world: World): void => persist(world, world.follower.durability.issued)

/** The leader's disk is quick, and the third node acknowledges whatever it is told, so that the leader leads on. */
const beat = (world: World): void => {
  world.now += 75
  take(world, "leader", { _tag: "Timer", now: world.now })
  take(world, "leader", { _tag: "Persisted", now: world.now, write: world.leader.durability.issued })
  const { last } = world.leader.log
  const sequence = world.leader.role._tag === "Leader" ? world.leader.role.sequence : 0
  const { term } = world.leader
  const message = {
    _tag: "AppendReply",
    from: "n3",
    term,
    sequence,
    accepted: true,
    match: last,
    last,
    runs: []
  } as const
  take(world, "leader", { _tag: "Receive", now: world.now, message, batch: undefined })
}

/** The follower comes back with what its disk kept: what it had received of a snapshot is forgotten. */
const restart = (world: World): void => {
  if (world.follower.snapshot.index > 0) return
  world.held = []
  world.follower = { ...node({ id: "n2", settings, seed: 6, term: world.follower.term }), now: world.now }
}

/** Anything may happen to what is on its way. */
const misfortune = (world: World): void => {
  const luck = draw(world, 100)
  // Mostly in order.
  const place = luck < 45 ? draw(world, Math.max(1, world.flights.length)) : 0
  const flight = world.flights[place]
  if (luck < 4) beat(world)
  else if (luck < 5) restart(world)
  else if (luck < 25) persist(world, world.follower.durability.persisted + draw(world, 3))
  else if (flight !== undefined) {
    const isRepeated = luck < 30
    if (!isRepeated) world.flights.splice(place, 1)
    if (luck >= 38) deliver(world, flight)
  } else beat(world)
}

const hasArrived = ({ follower, leader }: World): boolean =>
  follower.snapshot.index === leader.snapshot.index && leader.role._tag === "Leader"
  && leader.role.progress.some(({ id, match }) => id === "n2" && match === leader.log.last)

/** Everything arrives in order; a disk that is not slow keeps up. How many heartbeats it takes. */
const heal = (world: World): number => {
  for (let beats = 0; beats < 100; beats++) {
    beat(world)
    while (world.flights.length > 0) {
      const flight = world.flights.shift()
      if (flight !== undefined) deliver(world, flight)
      flush(world)
    }
    if (hasArrived(world)) return beats
  }
  return Number.POSITIVE_INFINITY
}

describe("a snapshot on its way", () => {
  it("is sent once, chunk by chunk, where nothing is lost", () => {
    const world = begin(1)
    const beats = heal(world)

    assert.isAtMost(beats, 1)
    assert.strictEqual(world.chunksSent, chunks)
    assert.isTrue(world.isInstalled)
  })

  it("arrives through loss, repetition, disorder, a slow disk and restarts, in 300 worlds", () => {
    let sent = 0
    let arrivedEarly = 0
    for (let seed = 0; seed < 300; seed++) {
      const world = begin(seed * 7919)
      for (let happened = 0; happened < 800 && !hasArrived(world); happened++) misfortune(world)
      if (hasArrived(world)) arrivedEarly++

      assert.isAtMost(heal(world), 8, `world ${seed}`)
      sent += world.chunksSent
    }
    // Some worlds must be so bad that it does not arrive, and some must not.
    assert.isAbove(arrivedEarly, 30)
    assert.isBelow(arrivedEarly, 270)
    assert.isBelow(sent / 300, 6 * chunks)
  })
})
