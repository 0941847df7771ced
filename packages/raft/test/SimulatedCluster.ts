/**
 * Three whole nodes and their clients under one seed: the same scenario that real processes go through, in virtual
 * time.
 *
 * The nodes are processes of a simulation, so a kill is a kill: nothing of the node runs any more, and what its disk
 * had not finished never happens. Clients know only what `Raft` tells them; when a node has died they hear nothing,
 * and after a while they stop waiting and do not know.
 */
import * as History from "@effect-raft/testing/History"
import type * as Models from "@effect-raft/testing/Models"
import * as Simulation from "@effect-raft/testing/Simulation"
import { Context, Effect, HashMap, Layer, Option, Random, References, Schedule, Schema } from "effect"
import * as MemoryNetwork from "effect-raft/MemoryNetwork"
import * as MemoryStorage from "effect-raft/MemoryStorage"
import * as Raft from "effect-raft/Raft"
import * as RaftConfig from "effect-raft/RaftConfig"
import * as Replicated from "effect-raft/Replicated"

/** Registers by name. */
export class Registers extends Replicated.Service<Registers>()("test/Registers", {
  state: Schema.HashMap(Schema.String, Schema.String),
  commands: {
    Write: Replicated.command({ payload: { key: Schema.String, value: Schema.String }, success: Schema.Boolean })
  },
  queries: {
    Read: Replicated.query({ payload: { key: Schema.String }, success: Schema.String }),
    All: Replicated.query({ success: Schema.Record(Schema.String, Schema.String) })
  }
}) {
  static readonly layer = Registers.toLayer(HashMap.empty(), {
    Write: (state, { key, value }) => [HashMap.set(state, key, value), true],
    Read: (state, { key }) => Option.getOrElse(HashMap.get(state, key), () => ""),
    All: (state) => Object.fromEntries(HashMap.toEntries(state))
  })
}

type Action = Models.KeyValueAction<string>
type Result = Models.RegisterResult<string>

interface Node {
  readonly registers: Registers["Service"]
  readonly raft: Raft.Raft["Service"]
}

/** The founders. Any other node joins without a membership, and waits to be added. */
export const ids = ["n1", "n2", "n3"]
const members = ids.map((id) => ({ id, address: id }))

/** What runs in the process of a node. */
const node = (
  id: string,
  disk: MemoryStorage.MemoryDisk,
  network: MemoryNetwork.MemoryNetwork["Service"],
  nodes: Map<string, Node>,
  slowest: number,
  limits: Partial<RaftConfig.Options>
) => {
  const latency = Effect.flatMap(Random.nextIntBetween(0, slowest), (millis) => Effect.sleep(millis))
  const bootstrap = ids.includes(id) ? { members } : undefined
  const layer = Registers.layer({ id, bootstrap }).pipe(
    Layer.provide(MemoryStorage.layerDisk(disk, { latency })),
    Layer.provide(MemoryNetwork.layerTransport),
    Layer.provide(Layer.succeed(MemoryNetwork.MemoryNetwork, network)),
    Layer.provide(RaftConfig.layer({ requestTimeout: 2000, ...limits }))
  )
  return Effect.gen(function*() {
    const context = yield* Layer.build(layer)
    nodes.set(id, { registers: Context.get(context, Registers), raft: Context.get(context, Raft.Raft) })
    return yield* Effect.never
  })
}

export const make = Effect.gen(function*() {
  const seed = yield* Random.nextIntBetween(0, 0x7fff_ffff)
  const chance = (most: number) => Effect.map(Random.nextIntBetween(0, 100), (percent) => (percent / 100) * most)
  const network = MemoryNetwork.make({
    seed,
    loss: yield* chance(0.1),
    duplication: yield* chance(0.1),
    reorder: yield* chance(0.2),
    delay: [0, yield* Random.nextIntBetween(0, 15)]
  })
  const slowest = yield* Random.nextIntBetween(0, 10)
  // Now and then a snapshot, of which a node that was away needs several chunks.
  const limits = {
    snapshotEntries: yield* Random.nextIntBetween(5, 100),
    entriesKept: yield* Random.nextIntBetween(1, 30),
    snapshotChunkBytes: yield* Random.nextIntBetween(50, 500),
    maxChunksInFlight: yield* Random.nextIntBetween(1, 4)
  }
  const disks = new Map<string, MemoryStorage.MemoryDisk>()
  const nodes = new Map<string, Node>()
  const processes = new Map<string, Simulation.Process<never, unknown>>()
  const history = yield* History.make<Action, Result>()
  const kept = new Map<string, string>()

  const start = Effect.fnUntraced(function*(id: string) {
    const disk = disks.get(id) ?? MemoryStorage.makeDisk()
    disks.set(id, disk)
    processes.set(id, yield* Simulation.spawn(id, node(id, disk, network, nodes, slowest, limits)))
  })

  const kill = Effect.fnUntraced(function*(id: string) {
    yield* processes.get(id)?.kill ?? Effect.void
    yield* network.kill(id)
    const disk = disks.get(id)
    if (disk !== undefined) MemoryStorage.letGo(disk)
    nodes.delete(id)
  })

  /** The node that leads the newest term, once there is one. */
  const leader: Effect.Effect<string> = Effect.gen(function*() {
    for (let turn = 0; turn < 2000; turn++) {
      let newest = { id: "", term: 0 }
      for (const [id, { raft }] of nodes) {
        const { role, term } = yield* raft.status
        if (role === "leader" && term > newest.term) newest = { id, term }
      }
      if (newest.id !== "") return newest.id
      yield* Effect.sleep(20)
    }
    return yield* Effect.die(new Error("no leader in 40 seconds"))
  })

  return { network, nodes, history, kept, start, kill, leader }
})

export type Cluster = Effect.Success<typeof make>

/** Asks any node, as a client does that was told nothing, and stops waiting after a while. */
const ask = Effect.fnUntraced(function*<A, E>(cluster: Cluster, request: (node: Node) => Effect.Effect<A, E>) {
  const all = [...cluster.nodes.values()]
  const chosen = all[yield* Random.nextIntBetween(0, Math.max(0, all.length - 1))]
  if (chosen === undefined) return yield* Effect.fail("NotSent" as const)
  return yield* Effect.timeout(request(chosen), 3000)
})

const classify = History.classify<string | boolean, unknown, Result>({
  result: (value) => value,
  didNotHappen: (error) => {
    if (error === "NotSent") return true
    return typeof error === "object" && error !== null && "_tag" in error
      && (error._tag === "NotLeader" || error._tag === "Busy")
  }
})

/** Writes keys of its own, each once, and writes and reads keys that all share. */
export const client = Effect.fnUntraced(function*(cluster: Cluster, name: string) {
  const write = (key: string, value: string) => ask(cluster, ({ registers }) => registers.Write({ key, value }))
  const read = Effect.fnUntraced(function*(key: string) {
    const consistency = (yield* Random.nextIntBetween(0, 2)) === 0 ? "lease" : "linearizable"
    return yield* ask(cluster, ({ registers }) => registers.Read({ key }, { consistency }))
  })
  for (let turn = 0;; turn++) {
    const own = `own-${name}-${turn}`
    if (Option.isSome(yield* Effect.option(write(own, `${turn}`)))) cluster.kept.set(own, `${turn}`)
    const key = `shared-${turn % 3}`
    const value = `${name}-${turn}`
    yield* Effect.ignore(cluster.history.record(name, { _tag: "Write", key, value }, write(key, value), classify))
    const looked = `shared-${(turn + 1) % 3}`
    yield* Effect.ignore(cluster.history.record(name, { _tag: "Read", key: looked }, read(looked), classify))
    yield* Effect.sleep(yield* Random.nextIntBetween(0, 30))
  }
})

/** Waits until so many more writes are acknowledged than now: the cluster must get there by itself. */
export const progress = Effect.fnUntraced(function*({ kept }: Cluster, count: number) {
  const goal = kept.size + count
  for (let turn = 0; kept.size < goal; turn++) {
    if (turn > 6000) return yield* Effect.die(new Error("no progress in a minute"))
    yield* Effect.sleep(10)
  }
})

/** What was acknowledged and is not there, as a linearizable read says. */
export const missing = Effect.fnUntraced(function*(cluster: Cluster) {
  const all = yield* ask(cluster, ({ registers }) => registers.All()).pipe(
    Effect.retry({ schedule: Schedule.spaced(20), times: 1000 })
  )
  return [...cluster.kept].filter(([key, value]) => all[key] !== value)
})

/** The leader is killed ten times and comes back each time; then all are killed at once. Says what is missing. */
export const scenario = Effect.gen(function*() {
  const cluster = yield* make
  yield* Effect.forEach(ids, cluster.start)
  yield* cluster.leader
  const clients = yield* Effect.forEach(["a", "b", "c"], (name) => Effect.forkChild(client(cluster, name)))
  for (let round = 0; round < 10; round++) {
    yield* progress(cluster, 3)
    const leader = yield* cluster.leader
    yield* cluster.kill(leader)
    yield* progress(cluster, 1)
    yield* cluster.start(leader)
  }
  yield* progress(cluster, 3)
  yield* Effect.forEach(clients, (fiber) => Effect.sync(() => fiber.interruptUnsafe()))
  const before = yield* missing(cluster)
  yield* Effect.forEach(ids, cluster.kill)
  yield* Effect.forEach(ids, cluster.start)
  yield* cluster.leader
  const after = yield* missing(cluster)
  return { before, after, kept: cluster.kept.size, operations: yield* cluster.history.operations }
}).pipe(Effect.provideService(References.MinimumLogLevel, "Debug"))
