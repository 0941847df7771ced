/**
 * Whole nodes in one process, for tests: the real driver on disks and a network in memory, in virtual time.
 *
 * Each node's state machine is the list of the commands it has applied, so what two nodes have done can be
 * compared word by word.
 */
import { Context, Effect, Exit, Layer, Option, Scope } from "effect"
import * as MemoryNetwork from "effect-raft/MemoryNetwork"
import * as MemoryStorage from "effect-raft/MemoryStorage"
import * as Raft from "effect-raft/Raft"
import * as RaftConfig from "effect-raft/RaftConfig"
import * as StateMachine from "effect-raft/StateMachine"
import { Storage } from "effect-raft/Storage"
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
  readonly ids?: ReadonlyArray<string>
  readonly config?: Partial<RaftConfig.Options>
  /** What stands between a node and its disk. */
  readonly storage?: (id: string, storage: Storage["Service"]) => Storage["Service"]
  /** What applying a command does besides noting it. */
  readonly onApply?: (id: string, command: string) => void
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (payload: Uint8Array): string => new TextDecoder().decode(payload)

const machine = (id: string, applied: Array<string>, onApply: Options["onApply"]) =>
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
    snapshot: () => bytes(JSON.stringify(applied)),
    restore: () => {}
  })

export const make = Effect.fnUntraced(function*(options: Options = {}) {
  const ids = options.ids ?? ["n1", "n2", "n3"]
  const members = ids.map((id) => ({ id, address: id }))
  const network = MemoryNetwork.make({ seed: 7 })
  const disks = new Map(ids.map((id) => [id, MemoryStorage.makeDisk()]))
  const nodes = new Map<string, Node>()
  const outer = yield* Effect.scope

  const start = Effect.fnUntraced(function*(id: string) {
    const disk = disks.get(id) ?? MemoryStorage.makeDisk()
    const scope = yield* Scope.fork(outer)
    const applied: Array<string> = []
    const wrap = options.storage ?? ((_, storage) => storage)
    const layer = Raft.layer({ id, bootstrap: { members }, attributes: { name: `node ${id}` } }).pipe(
      Layer.provide(Layer.succeed(StateMachine.StateMachine, machine(id, applied, options.onApply))),
      Layer.provide(Layer.effect(Storage, Effect.map(MemoryStorage.make(disk), (storage) => wrap(id, storage)))),
      Layer.provide(MemoryNetwork.layerTransport),
      Layer.provide(Layer.succeed(MemoryNetwork.MemoryNetwork, network)),
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

  /** The node that leads and whose lead a majority of the running nodes follows; none while that is open. */
  const leader = Effect.gen(function*() {
    const all = yield* Effect.forEach([...nodes.values()], (node) => node.raft.status)
    const followed = all.find((status) =>
      status.role === "leader" && all.filter((other) => other.leader === status.id).length > ids.length / 2
    )
    return Option.fromUndefinedOr(followed === undefined ? undefined : nodes.get(followed.id))
  })

  /** Lets time pass until the condition holds, for at most twenty seconds. */
  const until = Effect.fnUntraced(function*<A>(condition: Effect.Effect<Option.Option<A>>) {
    for (let turn = 0; turn < 2000; turn++) {
      const found = yield* condition
      if (Option.isSome(found)) return found.value
      yield* TestClock.adjust(10)
    }
    return yield* Effect.die(new Error("it did not come to that in twenty seconds"))
  })

  yield* Effect.forEach(ids, start)
  return {
    network,
    disks,
    start,
    stop,
    get,
    until,
    awaitLeader: until(leader),
    running: () => [...nodes.values()]
  }
})
