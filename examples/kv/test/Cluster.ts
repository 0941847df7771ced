/**
 * Nodes of the store in this process: real HTTP, but disks and a network in memory.
 */
import { Effect, Layer, References } from "effect"
import * as MemoryNetwork from "effect-raft/MemoryNetwork"
import * as MemoryStorage from "effect-raft/MemoryStorage"
import { Storage } from "effect-raft/Storage"
import * as Node from "../src/Node.ts"
import { request, until } from "./Client.ts"

export interface Options {
  /** Nodes that found nothing, and wait to be added. */
  readonly joining?: ReadonlyArray<string>
  /** What stands between a node and its disk. */
  readonly storage?: (storage: Storage["Service"]) => Storage["Service"]
}

const http = { host: "127.0.0.1", port: 0 }

/** Starts the nodes, each on any free port. They run until the scope closes. */
export const start = Effect.fnUntraced(function*(ids: ReadonlyArray<string>, options: Options = {}) {
  const network = MemoryNetwork.make()
  const members = ids.map((id) => ({ id, address: id }))
  const { joining = [], storage = (storage: Storage["Service"]) => storage } = options
  const ground = Layer.mergeAll(
    Layer.effect(Storage, Effect.suspend(() => Effect.map(MemoryStorage.make(MemoryStorage.makeDisk()), storage))),
    Layer.provide(MemoryNetwork.layerTransport, Layer.succeed(MemoryNetwork.MemoryNetwork, network))
  )
  const nodes = yield* Effect.forEach(
    [...ids, ...joining],
    (id) =>
      Effect.flatMap(
        Layer.build(Layer.fresh(ground)),
        (services) =>
          Effect.map(
            Effect.provideContext(
              Node.start({ id, cluster: "kv", founders: ids.includes(id) ? members : undefined, http }),
              services
            ),
            (node) => ({ id, ...node })
          )
      )
  )
  return { network, nodes }
}, Effect.provideService(References.MinimumLogLevel, "None"))

/** One node that leads. */
export const startOne = Effect.fnUntraced(function*(options: Options = {}) {
  const { nodes: [node] } = yield* start(["n1"], options)
  if (node === undefined) return yield* Effect.die("there is no node")
  yield* until(request(node.http, "GET", "/health"), ({ status }) => status === 200)
  return node
})
