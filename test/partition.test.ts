import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { KvCluster } from "./KvCluster.ts"
import * as Leadership from "./Leadership.ts"
import { Links } from "./Links.ts"
import * as Workload from "./Workload.ts"

interface Stage {
  readonly cluster: KvCluster
  readonly links: Links
  readonly clients: Workload.Clients
}

const others = ({ cluster }: Stage, than: string) => cluster.places.flatMap(({ id }) => id === than ? [] : [id])

/** Everyone is heard again, follows and goes on. */
const heal = Effect.fnUntraced(function*({ clients, cluster, links }: Stage, id: string) {
  yield* links.heal
  yield* Leadership.caughtUp(cluster, id)
  yield* Workload.progress(clients, 10)
})

/** A cut that takes the leader's office. It acknowledges nothing alone, and reads nothing stale. */
const deposed = Effect.fnUntraced(function*(stage: Stage, how: string, cut: (leader: string) => Effect.Effect<void>) {
  const { clients, cluster } = stage
  const old = yield* cluster.leader
  const before = yield* Leadership.statusOf(cluster, old.id)
  yield* Leadership.write(cluster, "probe", `before ${how}`)
  yield* cut(old.id)
  const lonely = yield* Effect.exit(cluster.ask(old.http, "/kv/lonely", { method: "PUT", body: how }))
  assert.strictEqual(lonely._tag, "Failure", `acknowledged by a leader that was cut off: ${how}`)
  yield* Leadership.another(cluster, old.id)
  yield* Leadership.write(cluster, "probe", `after ${how}`)
  yield* Leadership.assertFresh(cluster, old.id, "probe", `after ${how}`)
  yield* Workload.progress(clients, 10)
  yield* heal(stage, old.id)
  assert.isAbove((yield* Leadership.statusOf(cluster, old.id)).term, before.term)
})

/**
 * Two that do not see each other both see the third, which hears the leader and helps nobody else up. While nothing is
 * written that alone keeps the one that is left out from leading: it lacks nothing then.
 */
const partial = Effect.fnUntraced(function*(cluster: KvCluster, links: Links, meanwhile: Effect.Effect<void>) {
  // By then the leader has nothing of its own to write any more.
  yield* Leadership.write(cluster, "probe", "before two are cut off from each other")
  yield* Effect.sleep("500 millis")
  const leader = yield* cluster.leader
  const blind = cluster.otherThan(leader.id).id
  yield* Leadership.caughtUp(cluster, blind)
  const before = yield* Leadership.term(cluster)
  const { passed } = links.of(leader.id, blind)
  yield* links.cut([leader.id, blind], [leader.id, blind])
  yield* Effect.sleep("3 seconds") // Six election timeouts.
  yield* meanwhile
  assert.strictEqual(links.of(leader.id, blind).passed, passed)
  assert.notStrictEqual((yield* cluster.leader).id, blind)
  assert.isAtMost((yield* Leadership.term(cluster)) - before, 1)
  yield* links.heal
  yield* Leadership.caughtUp(cluster, blind)
})

it.live(
  "what is acknowledged while nodes are cut off from each other stays, and one side at most goes on",
  () =>
    Effect.gen(function*() {
      const cluster = yield* KvCluster.three({ patience: 700, isApart: true })
      const links = yield* Links.between(cluster.places)
      yield* cluster.startAll()
      yield* partial(cluster, links, Effect.void)
      const { clients, rest } = yield* Workload.begin(cluster, ["a", "b", "c", "d"])
      yield* Workload.progress(clients, 10)
      const stage = { cluster, links, clients }

      yield* deposed(stage, "on both ways", (leader) => links.isolate(leader))
      yield* deposed(stage, "not heard", (leader) => links.cut([leader], others(stage, leader)))
      yield* deposed(stage, "hearing nobody", (leader) => links.cut(others(stage, leader), [leader]))
      yield* partial(cluster, links, Workload.progress(clients, 20))
      yield* Workload.progress(clients, 10)
      yield* rest

      yield* Workload.holdsUp(clients)
    }).pipe(Effect.scoped),
  170_000
)
