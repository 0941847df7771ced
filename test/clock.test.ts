import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import { KvCluster } from "./KvCluster.ts"
import * as Leadership from "./Leadership.ts"
import { Links } from "./Links.ts"
import * as Workload from "./Workload.ts"

const launch = { node: ["--import", fileURLToPath(new URL("./clockStep.ts", import.meta.url))] }

/** Sets the clock of a node for the so manieth time, and waits until it is set. */
const step = Effect.fnUntraced(function*(cluster: KvCluster, id: string, time: number) {
  yield* cluster.send(id, "SIGUSR2")
  const isSet = () =>
    cluster.complaints.some((line) => line.startsWith(`${id}: `) && line.includes(`the ${time}. time`))
  yield* Effect.orDie(Effect.retry(
    Effect.suspend(() => isSet() ? Effect.void : Effect.fail("not yet")),
    Leadership.patiently
  ))
})

it.live("clocks that are set an hour forward and back end a term at most", () =>
  Effect.gen(function*() {
    const cluster = yield* KvCluster.three({ patience: 700 })
    yield* cluster.startAll(launch)
    const { clients, rest } = yield* Workload.begin(cluster, ["a", "b", "c", "d"])
    yield* Workload.progress(clients, 20)
    const before = yield* Leadership.term(cluster)

    for (const time of [1, 2, 3, 4]) {
      for (const { id } of cluster.places) {
        yield* step(cluster, id, time)
        yield* Workload.progress(clients, 15)
      }
    }
    yield* rest

    // Six steps forward, each of which may cost a leader its office once.
    assert.isAtMost((yield* Leadership.term(cluster)) - before, 8)
    yield* Workload.holdsUp(clients)
  }).pipe(Effect.scoped), 60_000)

it.live(
  "a leader that is cut off while the clocks of the others are set reads nothing stale by its lease",
  () =>
    Effect.gen(function*() {
      const cluster = yield* KvCluster.three({ patience: 700, isApart: true })
      const links = yield* Links.between(cluster.places)
      yield* cluster.startAll(launch)
      const { clients, rest } = yield* Workload.begin(cluster, ["a", "b"])

      for (const [turn, time] of [1, 3].entries()) {
        yield* Workload.progress(clients, 20)
        const old = yield* cluster.leader
        const others = cluster.places.filter(({ id }) => id !== old.id)
        yield* Leadership.write(cluster, "probe", `before ${turn}`)
        const reading = Effect.gen(function*() {
          const start = performance.now()
          const found = yield* Leadership.byLease(cluster, old.id, "probe")
          return { start, found }
        })
        yield* links.isolate(old.id)
        // Whether or not they elect at once: what the old leader reads afterwards must not be older.
        yield* Effect.forEach(others, ({ id }) => step(cluster, id, time), { concurrency: "unbounded" })
        yield* Leadership.another(cluster, old.id)
        yield* Leadership.write(cluster, "probe", `after ${turn}`)
        yield* Leadership.assertFresh(cluster, old.id, "probe", `after ${turn}`)
        yield* reading
        yield* links.heal
        yield* Leadership.caughtUp(cluster, old.id)
        // So that the clocks of all are the same again, and the next step is forward for those who do not lead.
        yield* step(cluster, old.id, time)
        yield* Effect.forEach(cluster.places, ({ id }) => step(cluster, id, time + 1))
      }
      yield* rest

      yield* Workload.holdsUp(clients)
    }).pipe(Effect.scoped),
  60_000
)
