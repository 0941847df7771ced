import { assert, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { KvCluster } from "./KvCluster.ts"
import * as Leadership from "./Leadership.ts"
import { Links } from "./Links.ts"
import * as Workload from "./Workload.ts"

/** Reads that arrive while the node sleeps, and those that come as soon as it is awake. */
const wake = Effect.fnUntraced(function*(cluster: KvCluster, id: string, value: string) {
  const waiting = yield* Effect.forkChild(Leadership.assertFresh(cluster, id, "probe", value))
  yield* Effect.sleep(50)
  yield* cluster.send(id, "SIGCONT")
  const early = yield* Leadership.assertFresh(cluster, id, "probe", value)
  return early + (yield* Fiber.join(waiting))
})

/**
 * Stops whoever leads until another does. When it wakes it hears of no successor until it has been asked: what it knows of
 * the others is from before it slept.
 */
const stopLeader = Effect.fnUntraced(function*(
  cluster: KvCluster,
  links: Links,
  clients: Workload.Clients,
  turn: number
) {
  const asleep = yield* cluster.leader
  const before = yield* Leadership.statusOf(cluster, asleep.id)
  yield* Leadership.write(cluster, "probe", `before ${turn}`)
  // The connections stay open: reads that come by them are there when it wakes.
  yield* Leadership.assertFresh(cluster, asleep.id, "probe", `before ${turn}`)
  yield* links.isolate(asleep.id)
  yield* cluster.send(asleep.id, "SIGSTOP")
  yield* Leadership.another(cluster, asleep.id)
  yield* Leadership.write(cluster, "probe", `after ${turn}`)
  yield* Workload.progress(clients, 10)
  yield* wake(cluster, asleep.id, `after ${turn}`)
  yield* links.heal
  yield* Leadership.caughtUp(cluster, asleep.id)
  assert.isAbove((yield* Leadership.statusOf(cluster, asleep.id)).term, before.term)
})

/** Stops a follower for longer than a leader may be silent. */
const stopFollower = Effect.fnUntraced(function*(cluster: KvCluster, clients: Workload.Clients, turn: number) {
  const leader = yield* cluster.leader
  const asleep = cluster.places.filter(({ id }) => id !== leader.id)[turn % 2] ?? leader
  yield* Leadership.write(cluster, "probe", `before ${turn}`)
  yield* Leadership.caughtUp(cluster, asleep.id)
  yield* cluster.send(asleep.id, "SIGSTOP")
  yield* Leadership.write(cluster, "probe", `after ${turn}`)
  yield* Effect.sleep("1500 millis") // Three election timeouts.
  yield* Workload.progress(clients, 10)
  yield* wake(cluster, asleep.id, `after ${turn}`)
  yield* Leadership.caughtUp(cluster, asleep.id)
  assert.isAbove(yield* Leadership.assertFresh(cluster, asleep.id, "probe", `after ${turn}`), 0)
})

it.live("nodes that were stopped read nothing stale by a lease when they wake", () =>
  Effect.gen(function*() {
    const cluster = yield* KvCluster.three({ patience: 700, isApart: true })
    const links = yield* Links.between(cluster.places)
    yield* cluster.startAll()
    const { clients, rest } = yield* Workload.begin(cluster, ["a", "b", "c", "d"])
    yield* Workload.progress(clients, 10)

    for (let turn = 0; turn < 3; turn++) yield* stopLeader(cluster, links, clients, turn)
    const before = yield* Leadership.term(cluster)
    for (let turn = 3; turn < 5; turn++) yield* stopFollower(cluster, clients, turn)
    // A follower that slept for longer than anyone may be silent asks before it stands, and is told to sit down.
    assert.isAtMost((yield* Leadership.term(cluster)) - before, 1)
    yield* rest

    yield* Workload.holdsUp(clients)
  }).pipe(Effect.scoped), 170_000)
