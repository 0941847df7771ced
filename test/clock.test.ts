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

/** The wall clocks of all but the leader, which is cut off, go ahead: its lease is as long as what they have promised. */
const ahead = Effect.fnUntraced(function*(stage: Stage, time: number, turn: number) {
  const { clients, cluster, links } = stage
  yield* Workload.progress(clients, 10)
  const old = yield* cluster.leader
  const others = cluster.places.filter(({ id }) => id !== old.id)
  yield* Leadership.write(cluster, "probe", `before ${time}`)
  yield* links.isolate(old.id)
  yield* Effect.forEach(others, ({ id }) => step(cluster, id, time), { concurrency: "unbounded" })
  // A node looks at its clock when it has something to do.
  yield* Effect.forEach(
    others.slice(turn % 2, turn % 2 + 1),
    ({ id }) => Effect.forkChild(Leadership.byLease(cluster, id, "probe"))
  )
  yield* Leadership.another(cluster, old.id)
  yield* Leadership.write(cluster, "probe", `after ${time}`)
  yield* Leadership.assertFresh(cluster, old.id, "probe", `after ${time}`)
  yield* links.heal
  yield* Leadership.caughtUp(cluster, old.id)
  yield* step(cluster, old.id, time)
})

interface Stage {
  readonly cluster: KvCluster
  readonly links: Links
  readonly clients: Workload.Clients
}

it.live(
  "clocks that are set an hour forward and back end a term at most, and no lease is stale",
  () =>
    Effect.gen(function*() {
      const cluster = yield* KvCluster.three({ patience: 700, isApart: true })
      const links = yield* Links.between(cluster.places)
      yield* cluster.startAll(launch)
      const { clients, rest } = yield* Workload.begin(cluster, ["a", "b", "c", "d"])
      yield* Workload.progress(clients, 10)
      const before = yield* Leadership.term(cluster)

      for (const time of [1, 2, 3, 4]) {
        for (const { id } of cluster.places) {
          yield* step(cluster, id, time)
          yield* Workload.progress(clients, 10)
        }
      }
      // Six steps forward, each of which may cost a leader its office once.
      assert.isAtMost((yield* Leadership.term(cluster)) - before, 8)
      // Whether they elect at once is chance: their logs may differ, or both stand. One of a few times they do.
      for (const [turn, time] of [5, 8, 9, 12].entries()) {
        for (const back of [6, 7, 10, 11].filter((each) => each === time - 1 || each === time - 2)) {
          yield* Effect.forEach(cluster.places, ({ id }) => step(cluster, id, back))
        }
        yield* ahead({ cluster, links, clients }, time, turn)
      }
      yield* rest

      yield* Workload.holdsUp(clients)
    }).pipe(Effect.scoped),
  170_000
)
