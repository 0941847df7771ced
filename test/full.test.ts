/**
 * A file that may not grow further stands for a full disk: no mount is needed, and to a node both are a write that fails
 * after a part of it has been done.
 */
import { assert, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { KvCluster } from "./KvCluster.ts"
import * as Leadership from "./Leadership.ts"
import * as Workload from "./Workload.ts"

/** The unit of `ulimit -f` in a POSIX shell. */
const block = 512

/** How large the largest file of a node is. */
const largest = (cluster: KvCluster, id: string) =>
  Effect.promise(async () => {
    const files = await readdir(cluster.dataOf(id))
    const sizes = await Promise.all(files.map(async (file) => (await stat(join(cluster.dataOf(id), file))).size))
    return Math.max(...sizes)
  })

/** Writes without end. */
const fill = (cluster: KvCluster) =>
  Effect.forever(Leadership.write(cluster, "filler", "x".repeat(8 * 1024)), { disableYield: true })

it.live(
  "a node whose disk is full stops itself, says so, and comes back when there is room",
  () =>
    Effect.gen(function*() {
      const cluster = yield* KvCluster.three({ patience: 3000 })
      yield* cluster.startAll()
      const { clients, rest } = yield* Workload.begin(cluster, ["a", "b", "c"])

      for (const role of ["follower", "leader"] as const) {
        yield* Workload.progress(clients, 10)
        const { id } = yield* cluster.leader
        const full = role === "leader" ? id : cluster.otherThan(id).id
        yield* cluster.stop(full, "SIGTERM")
        const blocks = Math.ceil((yield* largest(cluster, full)) / block) + 128
        yield* cluster.start(full, { shell: `ulimit -f ${blocks}` })
        yield* Leadership.caughtUp(cluster, full)
        if (role === "leader") yield* cluster.atLeader("/admin/transfer", "POST", { to: full })
        const filling = yield* Effect.forkChild(fill(cluster))
        const code = yield* Effect.orDie(Effect.timeout(cluster.ended(full), "30 seconds"))
        yield* Fiber.interrupt(filling)

        assert.strictEqual(code, 1)
        const said = cluster.complaints.filter((line) => line.startsWith(`${full}: `)).join("")
        assert.match(said, /the node has stopped \(Storage\): .*\.wal.*EFBIG/)
        yield* Workload.progress(clients, 10)
        yield* cluster.start(full)
        yield* Leadership.caughtUp(cluster, full)
      }
      yield* Workload.progress(clients, 10)
      yield* rest

      yield* Workload.holdsUp(clients)
      yield* Effect.forEach(cluster.places, ({ id }) => cluster.stop(id, "SIGKILL"))
      yield* cluster.startAll()
      assert.deepStrictEqual(yield* Workload.missing(clients), [])
    }).pipe(Effect.scoped),
  170_000
)
