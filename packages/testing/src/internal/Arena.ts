/**
 * A cluster inside of a simulation, and the hands that may disturb it: nodes as processes, each on a disk that outlives
 * it, joined by one network.
 *
 * What clients are told is none of its business. It looks at what nodes say of themselves, and at what is on their disks.
 */
import type { Membership } from "effect-raft/engine"
import * as Entries from "effect-raft/Entries"
import * as MemoryNetwork from "effect-raft/MemoryNetwork"
import * as MemoryStorage from "effect-raft/MemoryStorage"
import * as Raft from "effect-raft/Raft"
import * as RaftConfig from "effect-raft/RaftConfig"
import type { NodeLayer } from "effect-raft/Replicated"
import type { Storage } from "effect-raft/Storage"
import type { Transport } from "effect-raft/Transport"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Simulation from "../Simulation.ts"

/** What a node stands on. Built anew for each life of a node; what is to outlive it is for the maker to keep. */
export interface Ground {
  readonly storage: Layer.Layer<Storage>
  readonly transport: Layer.Layer<Transport>
  /** The process is gone from one moment to the next: what a disk forgets then, and who holds it, is decided here. */
  readonly killed: Effect.Effect<void>
}

export interface Options<Self> {
  readonly layer: NodeLayer<Self>
  readonly key: Context.Key<Self, unknown>
  readonly ids: ReadonlyArray<string>
  readonly config: Partial<RaftConfig.Options>
  readonly ground: ((id: string, arena: Pick<Arena<Self>, "network" | "latency">) => Effect.Effect<Ground>) | undefined
}

/** A node that runs. */
export interface Running {
  readonly id: string
  readonly service: unknown
  readonly raft: Raft.Raft["Service"]
}

export class Arena<Self> {
  readonly network: MemoryNetwork.MemoryNetwork["Service"]
  readonly ids: ReadonlyArray<string>
  readonly nodes = new Map<string, Running>()
  /** How long each disk takes for a write, in milliseconds at most; 0 if it is not in here. */
  readonly latency = new Map<string, number>()
  private readonly options: Options<Self>
  private readonly processes = new Map<string, Simulation.Process<never, unknown>>()
  private readonly disks = new Map<string, MemoryStorage.MemoryDisk>()
  private readonly grounds = new Map<string, Ground>()
  /** Who led each term. */
  private readonly leaders = new Map<number, string>()
  /** What every node must have at a place that one of them has committed: the entry's term and its bytes. */
  private readonly committed = new Map<number, string>()

  constructor(options: Options<Self>, seed: number) {
    this.options = options
    this.ids = options.ids
    this.network = MemoryNetwork.make({ seed })
  }

  private get members(): ReadonlyArray<Membership.Member> {
    return this.ids.map((id) => ({ id, address: id }))
  }

  /** Starts a node on its disk, if it does not run. */
  readonly start = Effect.fnUntraced({ self: this }, function*(id: string) {
    if (this.processes.has(id)) return
    const ground = this.grounds.get(id) ?? (yield* this.makeGround(id))
    this.grounds.set(id, ground)
    const { config, key, layer } = this.options
    const node = layer({ id, bootstrap: { members: this.members } }).pipe(
      Layer.provide([ground.storage, ground.transport]),
      Layer.provide(Layer.orDie(RaftConfig.layer(config)))
    )
    const life = Effect.gen({ self: this }, function*() {
      const services = yield* Layer.build(Layer.fresh(node))
      this.nodes.set(id, { id, service: Context.get(services, key), raft: Context.get(services, Raft.Raft) })
      return yield* Effect.never
    })
    this.processes.set(id, yield* Simulation.spawn(id, life))
  })

  /** No finalizer of it runs. */
  readonly kill = Effect.fnUntraced({ self: this }, function*(id: string) {
    const process = this.processes.get(id)
    if (process === undefined) return
    this.processes.delete(id)
    this.nodes.delete(id)
    yield* process.kill
    yield* this.network.kill(id)
    yield* this.grounds.get(id)?.killed ?? Effect.void
  })

  /** It stops as one that is asked to. */
  readonly stop = Effect.fnUntraced({ self: this }, function*(id: string) {
    const process = this.processes.get(id)
    this.processes.delete(id)
    this.nodes.delete(id)
    if (process !== undefined) yield* process.stop
  })

  pause(id: string): Effect.Effect<void> {
    return this.processes.get(id)?.pause ?? Effect.void
  }

  resume(id: string): Effect.Effect<void> {
    return this.processes.get(id)?.resume ?? Effect.void
  }

  /** The node that leads the newest term, if there is one. */
  readonly leader: Effect.Effect<Running | undefined> = Effect.suspend(() =>
    Effect.map(Effect.forEach([...this.nodes.values()], ({ raft }) => raft.status), (statuses) => {
      const leading = statuses.filter(({ role }) => role === "leader").sort((left, right) => right.term - left.term)
      return leading[0] === undefined ? undefined : this.nodes.get(leading[0].id)
    })
  )

  /** Looks at every node. Says what must not be, if it is. */
  readonly inspect = Effect.fnUntraced({ self: this }, function*() {
    const running = [...this.nodes.values()]
    for (const { id, raft } of running) {
      const { commit, role, stopped, term } = yield* raft.status
      if (stopped !== undefined) return `${id} has stopped itself: ${stopped.message}`
      if (role === "leader") {
        const other = this.leaders.get(term) ?? id
        if (other !== id) return `${other} and ${id} led term ${term}`
        this.leaders.set(term, id)
      }
      const fault = this.compare(id, commit)
      if (fault !== undefined) return fault
    }
    return undefined
  })

  /** Holds what a disk has of what its node knows to be committed against what others had there. */
  private compare(id: string, commit: number): string | undefined {
    for (const slab of this.disks.get(id)?.slabs ?? []) {
      const last = Math.min(commit, Entries.last(slab))
      for (let index = slab.first; index <= last; index++) {
        const content = `${Entries.termAt(slab, index)}/${Entries.kindAt(slab, index)}/${
          Entries.payloadAt(slab, index)
        }`
        const before = this.committed.get(index) ?? content
        if (before !== content) return `${id} has committed something else than another node at ${index}`
        this.committed.set(index, content)
      }
    }
    return undefined
  }

  private makeGround(id: string): Effect.Effect<Ground> {
    if (this.options.ground !== undefined) return this.options.ground(id, this)
    return Effect.sync(() => {
      const disk = MemoryStorage.makeDisk()
      this.disks.set(id, disk)
      const latency = Effect.suspend(() => {
        const longest = this.latency.get(id) ?? 0
        return longest === 0
          ? Effect.void
          : Effect.flatMap(Random.nextIntBetween(0, longest), (millis) => Effect.sleep(millis))
      })
      const transport = Layer.provide(
        MemoryNetwork.layerTransport,
        Layer.succeed(MemoryNetwork.MemoryNetwork, this.network)
      )
      const killed = Effect.sync(() => MemoryStorage.letGo(disk))
      return { storage: MemoryStorage.layerDisk(disk, { latency }), transport, killed }
    })
  }
}
