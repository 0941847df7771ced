import { assert, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { KvCluster } from "./KvCluster.ts"
import * as Leadership from "./Leadership.ts"
import * as Workload from "./Workload.ts"

const clients = ["a", "b", "c", "d"]

/** Reads that arrive while the node sleeps, and those that come as soon as it is awake. */
const wake = Effect.fnUntraced(function*(cluster: KvCluster, id: string, key: string, value: string) {
  const waiting = yield* Effect.forkChild(Leadership.assertFresh(cluster, id, key, value))
  yield* Effect.sleep(50)
  yield* cluster.send(id, "SIGCONT")
  const early = yield* Leadership.assertFresh(cluster, id, key, value)
  return early + (yield* Fiber.join(waiting))
})

it.live(
  "a leader that was stopped has been replaced when it wakes, and reads nothing stale by its lease",
  () =>
    Effect.gen(function*() {
      const cluster = yield* KvCluster.three({ patience: 700 })
      yield* cluster.startAll()
      const work = yield* Workload.begin(cluster, clients)

      for (let turn = 0; turn < 4; turn++) {
        yield* Workload.progress(work.clients, 20)
        const asleep = yield* cluster.leader
        const { term } = yield* Effect.retry(cluster.status(asleep.id), Leadership.patiently)
        yield* Leadership.write(cluster, "probe", `before ${turn}`)
        yield* cluster.send(asleep.id, "SIGSTOP")
        yield* Leadership.another(cluster, asleep.id)
        yield* Leadership.write(cluster, "probe", `after ${turn}`)
        yield* Workload.progress(work.clients, 20)
        yield* wake(cluster, asleep.id, "probe", `after ${turn}`)
        yield* Leadership.caughtUp(cluster, asleep.id)
        assert.isAbove((yield* cluster.status(asleep.id)).term, term)
      }
      yield* work.rest

      yield* Workload.holdsUp(work.clients)
    }).pipe(Effect.scoped),
  60_000
)

it.live(
  "a follower that was stopped reads nothing stale when it wakes, and the leader stays",
  () =>
    Effect.gen(function*() {
      const cluster = yield* KvCluster.three({ patience: 700 })
      yield* cluster.startAll()
      const work = yield* Workload.begin(cluster, clients)
      const before = yield* Leadership.term(cluster)
      let answered = 0

      for (let turn = 0; turn < 3; turn++) {
        const leader = yield* cluster.leader
        const asleep = cluster.places.filter(({ id }) => id !== leader.id)[turn % 2] ?? leader
        yield* Leadership.write(cluster, "probe", `before ${turn}`)
        yield* Leadership.caughtUp(cluster, asleep.id)
        yield* cluster.send(asleep.id, "SIGSTOP")
        yield* Leadership.write(cluster, "probe", `after ${turn}`)
        yield* Effect.sleep("1500 millis") // Three election timeouts.
        yield* Workload.progress(work.clients, 20)
        answered += yield* wake(cluster, asleep.id, "probe", `after ${turn}`)
        yield* Leadership.caughtUp(cluster, asleep.id)
      }
      yield* work.rest

      assert.isAbove(answered, 0)
      // It slept for longer than anyone may be silent, and yet asks before it stands.
      assert.isAtMost((yield* Leadership.term(cluster)) - before, 1)
      yield* Workload.holdsUp(work.clients)
    }).pipe(Effect.scoped),
  60_000
)
