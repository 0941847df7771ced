/**
 * Whole nodes in one process, for tests: the real driver on disks and a network in memory, in virtual time.
 *
 * Each node's state machine is the list of the commands it has applied, so what two nodes have done can be
 * compared word by word. A node that is no founder joins without a membership, and waits to be added.
 */
import { Context, Effect, Exit, Fiber, Layer, Option, Random, Scope } from "effect"
import type { Membership } from "effect-raft/engine"
import * as MemoryNetwork from "effect-raft/MemoryNetwork"
import * as MemoryStorage from "effect-raft/MemoryStorage"
import * as Raft from "effect-raft/Raft"
import * as RaftConfig from "effect-raft/RaftConfig"
import * as StateMachine from "effect-raft/StateMachine"
import { Storage } from "effect-raft/Storage"
import { Transport } from "effect-raft/Transport"
import { TestClock } from "effect/testing"

export interface Node {
  readonly id: string
  readonly disk: MemoryStorage.MemoryDisk
  readonly scope: Scope.Closeable
  readonly raft: Raft.Raft["Service"]
  /** What it has applied, in order. */
  readonly applied: ReadonlyArray<string>
}

export interface Options {
  /** The founders. */
  readonly ids?: ReadonlyArray<string>
  readonly config?: Partial<RaftConfig.Options>
  /** What stands between a node and its disk. */
  readonly storage?: (id: string, storage: Storage["Service"]) => Storage["Service"]
  /** What stands between a node and the network; `disk` is the node's own. */
  readonly transport?: (
    id: string,
    disk: MemoryStorage.MemoryDisk,
    transport: Transport["Service"]
  ) => Transport["Service"]
  /** What stands between a node and its state machine. */
  readonly machine?: (id: string, machine: StateMachine.StateMachine["Service"]) => StateMachine.StateMachine["Service"]
  /** What applying a command does besides noting it. */
  readonly onApply?: (id: string, command: string) => void
  /** Runs before a snapshot is written down. */
  readonly onSnapshot?: () => void
  /** Founders that keep no payloads, and the priorities of those that have one. */
  readonly witnesses?: ReadonlyArray<string>
  readonly priorities?: Readonly<Record<string, number>>
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (payload: Uint8Array): string => new TextDecoder().decode(payload)

export const member = (id: string): Membership.Member => ({ id, address: id })

export const seeded = <A, E, R>(effect: Effect.Effect<A, E, R>) => Random.withSeed(effect, "nodes")

/** The result of an effect that needs time to pass. */
export const elapse = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>, millis: number) {
  const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
  yield* TestClock.adjust(millis)
  return yield* Fiber.await(fiber)
})

/** Lets time pass until the condition holds, for at most twenty seconds. */
export const until = Effect.fnUntraced(function*<A, E, R>(condition: Effect.Effect<Option.Option<A>, E, R>) {
  for (let turn = 0; turn < 2000; turn++) {
    const found = yield* condition
    if (Option.isSome(found)) return found.value
    yield* TestClock.adjust(10)
  }
  return yield* Effect.die(new Error("it did not come to that in twenty seconds"))
})

/** The result of an effect, after as much time as it takes. */
export const result = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
  return yield* until(Effect.sync(() => Option.fromUndefinedOr(fiber.pollUnsafe())))
})

const machine = (id: string, applied: Array<string>, { onApply, onSnapshot }: Options) =>
  StateMachine.make({
    apply: ({ payload }) => {
      onApply?.(id, text(payload))
      applied.push(text(payload))
      return applied.length
    },
    read: (query) => {
      if (query !== "count") throw new Error("this is not a question")
      return applied.length
    },
    snapshot: () => {
      onSnapshot?.()
      return bytes(JSON.stringify(applied))
    },
    restore: (snapshot) => void applied.splice(0, applied.length, ...JSON.parse(text(snapshot)))
  })

/** The node that leads and whose lead a majority of its voters follows; none while that is open. */
const leaderAmong = Effect.fnUntraced(function*(nodes: ReadonlyMap<string, Node>) {
  const all = yield* Effect.forEach([...nodes.values()], (node) => node.raft.status)
  const followed = all.find(({ id, members, role }) => {
    const voters = members.filter((member) => member.role === "voter").map((member) => member.id)
    const following = all.filter((other) => other.leader === id && voters.includes(other.id))
    return role === "leader" && following.length > voters.length / 2
  })
  return Option.fromUndefinedOr(followed === undefined ? undefined : nodes.get(followed.id))
})

export const make = Effect.fnUntraced(function*(options: Options = {}) {
  const ids = options.ids ?? ["n1", "n2", "n3"]
  const members = ids.map((id): Membership.Member => {
    const priority = options.priorities?.[id]
    return {
      ...member(id),
      ...(options.witnesses?.includes(id) === true && { isWitness: true }),
      ...(priority !== undefined && { priority })
    }
  })
  const network = MemoryNetwork.make({ seed: 7 })
  const disks = new Map<string, MemoryStorage.MemoryDisk>()
  const nodes = new Map<string, Node>()
  const outer = yield* Effect.scope

  /** Starts a node on its disk. A founder names the founders, or these instead; any other node names nobody. */
  const start = Effect.fnUntraced(function*(id: string, founders?: ReadonlyArray<Membership.Member>) {
    const disk = disks.get(id) ?? MemoryStorage.makeDisk()
    disks.set(id, disk)
    const scope = yield* Scope.fork(outer)
    const applied: Array<string> = []
    const wrap = options.storage ?? ((_, storage) => storage)
    const slowed = options.machine ?? ((_, machine) => machine)
    const between = options.transport ?? ((_, __, transport) => transport)
    const named = founders ?? (ids.includes(id) ? members : undefined)
    const bootstrap = named === undefined ? undefined : { members: named }
    const layer = Raft.layer({ id, bootstrap, attributes: { name: `node ${id}` } }).pipe(
      Layer.provide(Layer.succeed(StateMachine.StateMachine, slowed(id, machine(id, applied, options)))),
      Layer.provide(Layer.effect(Storage, Effect.map(MemoryStorage.make(disk), (storage) => wrap(id, storage)))),
      Layer.provide(Layer.succeed(Transport, between(id, disk, Transport.of({ join: network.join })))),
      Layer.provide(RaftConfig.layer(options.config ?? {}))
    )
    const raft = Context.get(yield* Layer.buildWithScope(layer, scope), Raft.Raft)
    nodes.set(id, { id, disk, scope, raft, applied })
  })

  const stop = (id: string) =>
    Effect.suspend(() => {
      const node = nodes.get(id)
      nodes.delete(id)
      return node === undefined ? Effect.void : Scope.close(node.scope, Exit.void)
    })

  const get = (id: string): Node => {
    const node = nodes.get(id)
    if (node === undefined) throw new Error(`${id} is not running`)
    return node
  }

  yield* Effect.forEach(ids, (id) => start(id))
  return {
    network,
    disks,
    start,
    stop,
    get,
    until,
    awaitLeader: until(leaderAmong(nodes)),
    running: () => [...nodes.values()]
  }
})

export type TestNodes = Effect.Success<ReturnType<typeof make>>
