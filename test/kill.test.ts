import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { KvCluster } from "./KvCluster.ts"
import * as Workload from "./Workload.ts"

it.live("a cluster whose leader is killed ten times loses nothing that was acknowledged", () =>
  Effect.gen(function*() {
    const cluster = yield* KvCluster.make
    yield* cluster.startAll()
    const { clients, rest } = yield* Workload.begin(cluster, ["a", "b", "c", "d", "e", "f"])

    for (let kill = 0; kill < 10; kill++) {
      yield* Workload.progress(clients, 50)
      const leader = yield* cluster.leader
      yield* cluster.stop(leader.id, "SIGKILL")
      yield* Workload.progress(clients, 20) // The other two go on without it, and without help.
      yield* cluster.start(leader.id)
    }
    yield* Workload.progress(clients, 50)
    yield* rest

    yield* Workload.holdsUp(clients)

    // And all at once.
    yield* Effect.forEach(cluster.places, ({ id }) => cluster.stop(id, "SIGKILL"), { concurrency: "unbounded" })
    yield* cluster.startAll()
    assert.deepStrictEqual(yield* Workload.missing(clients), [])
  }).pipe(Effect.scoped), 170_000)
