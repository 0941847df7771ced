/**
 * Three nodes of the counter in one process, on disks and a network in memory.
 *
 * A node that does not lead refuses to add and says who leads; so the program asks one node after the other, as any
 * client of a cluster would. In the end all three have counted the same.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Context, Effect, Layer, Schedule } from "effect"
import * as MemoryNetwork from "effect-raft/MemoryNetwork"
import * as MemoryStorage from "effect-raft/MemoryStorage"
import { Counter } from "./Counter.ts"

const ids = ["n1", "n2", "n3"]
const members = ids.map((id) => ({ id, address: id }))

/** One node; a node has a disk of its own, and all share the network. */
const node = (id: string) =>
  Layer.build(
    Counter.layer({ id, bootstrap: { members } }).pipe(
      Layer.provide(Layer.fresh(MemoryStorage.layer)),
      Layer.provide(MemoryNetwork.layerTransport)
    )
  ).pipe(Effect.map((services) => Context.get(services, Counter)))

const program = Effect.gen(function*() {
  const nodes = yield* Effect.forEach(ids, node)
  let turn = 0
  /** Asks one node after the other until one leads. Only what certainly did not happen is asked for again. */
  const add = (amount: number) =>
    Effect.suspend(() => nodes[turn++ % nodes.length]?.Add({ amount }) ?? Effect.die("there are no nodes")).pipe(
      Effect.retry({
        schedule: Schedule.spaced("20 millis"),
        while: (error) => error._tag === "NotLeader" || error._tag === "Busy"
      })
    )
  for (const amount of [1, 2, 3, 4]) {
    yield* Console.log(`adding ${amount} makes ${yield* add(amount)}`)
  }
  const agreed = nodes.map((counter) =>
    Effect.repeat(counter.Total({}, { consistency: "stale" }), {
      schedule: Schedule.spaced("20 millis"),
      until: (total) => total === 10
    })
  )
  yield* Console.log(`${ids.join(", ")} say: ${(yield* Effect.all(agreed)).join(", ")}`)
})

program.pipe(Effect.provide(MemoryNetwork.layer()), Effect.scoped, NodeRuntime.runMain)
