import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { KvCluster } from "./KvCluster.ts"
import * as Leadership from "./Leadership.ts"
import { Links } from "./Links.ts"
import * as Workload from "./Workload.ts"

const latency = 40
const bytesPerSecond = 1024 * 1024

it.live("on slow links the cluster goes on, and does not elect without end", () =>
  Effect.gen(function*() {
    const cluster = yield* KvCluster.three({ isApart: true })
    const links = yield* Links.between(cluster.places)
    yield* cluster.startAll()
    const { clients, rest } = yield* Workload.begin(cluster, ["a", "b", "c", "d"])
    yield* Workload.progress(clients, 20)
    yield* links.slow(latency, bytesPerSecond)
    const before = yield* Leadership.term(cluster)

    // No write can be faster than there and back.
    const { http } = yield* cluster.leader
    const start = performance.now()
    yield* cluster.ask(http, "/kv/probe", { method: "PUT", body: "there and back" })
    assert.isAtLeast(performance.now() - start, 2 * latency - 1)

    // As much as the links can carry, for seconds: what keeps a leader in office has to get through.
    const large = "x".repeat(64 * 1024)
    yield* Effect.forEach(Array.from({ length: 40 }, (_, turn) => `large-${turn}`), (key) =>
      Leadership.write(cluster, key, large), { concurrency: 3, discard: true })
    yield* Workload.progress(clients, 30)
    yield* rest

    assert.isAtMost((yield* Leadership.term(cluster)) - before, 2)
    yield* Workload.holdsUp(clients)
  }).pipe(Effect.scoped), 170_000)
