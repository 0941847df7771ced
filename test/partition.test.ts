import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { KvCluster } from "./KvCluster.ts"
import * as Leadership from "./Leadership.ts"
import { Links } from "./Links.ts"
import * as Workload from "./Workload.ts"

const clusterWithLinks = Effect.gen(function*() {
  const cluster = yield* KvCluster.three({ patience: 700, isApart: true })
  const links = yield* Links.between(cluster.places)
  yield* cluster.startAll()
  const work = yield* Workload.begin(cluster, ["a", "b", "c", "d"])
  yield* Workload.progress(work.clients, 20)
  const others = (id: string) => cluster.places.flatMap((place) => place.id === id ? [] : [place.id])
  return { cluster, links, others, ...work }
})

it.live(
  "a leader on the side of the minority acknowledges nothing, and follows once the cut is healed",
  () =>
    Effect.gen(function*() {
      const { clients, cluster, links, rest } = yield* clusterWithLinks

      for (let turn = 0; turn < 2; turn++) {
        const old = yield* cluster.leader
        const { term } = yield* Effect.retry(cluster.status(old.id), Leadership.patiently)
        yield* Leadership.write(cluster, "probe", `before ${turn}`)
        yield* links.isolate(old.id)
        const lonely = yield* Effect.exit(
          cluster.ask(old.http, `/kv/lonely-${turn}`, { method: "PUT", body: "acknowledged" })
        )
        assert.strictEqual(lonely._tag, "Failure", "a write that reached one node of three")
        yield* Leadership.another(cluster, old.id)
        yield* Leadership.write(cluster, "probe", `after ${turn}`)
        yield* Leadership.assertFresh(cluster, old.id, "probe", `after ${turn}`)
        yield* Workload.progress(clients, 20)
        yield* links.heal
        yield* Leadership.caughtUp(cluster, old.id)
        assert.isAbove((yield* cluster.status(old.id)).term, term)
        yield* Workload.progress(clients, 20)
      }
      yield* rest

      yield* Workload.holdsUp(clients)
    }).pipe(Effect.scoped),
  60_000
)

it.live("a leader that is not heard, or does not hear, makes room for another", () =>
  Effect.gen(function*() {
    const { clients, cluster, links, others, rest } = yield* clusterWithLinks

    for (const isHeard of [false, true]) {
      const old = yield* cluster.leader
      const rest = others(old.id)
      yield* isHeard ? links.cut(rest, [old.id]) : links.cut([old.id], rest)
      yield* Leadership.another(cluster, old.id)
      yield* Leadership.write(cluster, "probe", `heard: ${isHeard}`)
      yield* Leadership.assertFresh(cluster, old.id, "probe", `heard: ${isHeard}`)
      yield* Workload.progress(clients, 20)
      yield* links.heal
      yield* Leadership.caughtUp(cluster, old.id)
      yield* Workload.progress(clients, 20)
    }
    yield* rest

    yield* Workload.holdsUp(clients)
  }).pipe(Effect.scoped), 60_000)

it.live("two nodes that do not see each other go on by way of a third", () =>
  Effect.gen(function*() {
    const { clients, cluster, links, others, rest } = yield* clusterWithLinks
    const before = yield* Leadership.term(cluster)
    const leader = yield* cluster.leader
    const [blind = ""] = others(leader.id)
    const passed = links.of(leader.id, blind).passed

    yield* Effect.andThen(links.cut([leader.id], [blind]), links.cut([blind], [leader.id]))
    yield* Effect.sleep("2500 millis") // Five election timeouts.
    yield* Workload.progress(clients, 50)
    assert.strictEqual(links.of(leader.id, blind).passed, passed)
    // Whoever hears the leader does not help another up, and so the two do not take turns.
    assert.isAtMost((yield* Leadership.term(cluster)) - before, 1)

    yield* links.heal
    yield* Leadership.caughtUp(cluster, blind)
    yield* Workload.progress(clients, 20)
    yield* rest

    yield* Workload.holdsUp(clients)
  }).pipe(Effect.scoped), 60_000)
