import { assert, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { KvCluster } from "./KvCluster.ts"
import * as Workload from "./Workload.ts"

const ids = ["n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8"]

const patiently = Schedule.upTo(Schedule.spaced("50 millis"), { duration: "30 seconds" })

/** Starts a node and lets it vote. */
const add = Effect.fnUntraced(function*(cluster: KvCluster, id: string) {
  yield* cluster.start(id)
  const { raft: address } = cluster.placeOf(id)
  // An attempt that nobody answered may have been done: who is a member by then is not asked for again.
  yield* Effect.retry(
    Effect.gen(function*() {
      if ((yield* membersOf(cluster)).includes(id)) return
      const { http } = yield* cluster.leader
      const body = JSON.stringify({ id, address, role: "voter" })
      yield* cluster.ask(http, "/admin/members", { method: "POST", body })
    }),
    patiently
  )
  yield* Effect.retry(
    Effect.flatMap(voters(cluster), (all) => all.includes(id) ? Effect.void : Effect.fail("not yet")),
    patiently
  )
})

/** Takes a node out, wherever it stands, and stops it. */
const remove = Effect.fnUntraced(function*(cluster: KvCluster, id: string) {
  yield* cluster.atLeader(`/admin/members/${id}`, "DELETE")
  yield* Effect.retry(
    Effect.flatMap(membersOf(cluster), (all) => all.includes(id) ? Effect.fail("not yet") : Effect.void),
    patiently
  )
  yield* cluster.stop(id, "SIGTERM")
})

const statusOfLeader = (cluster: KvCluster) =>
  Effect.retry(Effect.flatMap(cluster.leader, ({ id }) => cluster.status(id)), { times: 100 })

const membersOf = (cluster: KvCluster) =>
  Effect.map(statusOfLeader(cluster), ({ members }) => members.map(({ id }) => id))

const voters = (cluster: KvCluster) =>
  Effect.map(statusOfLeader(cluster), ({ members }) => members.flatMap(({ id, role }) => role === "voter" ? [id] : []))

it.live(
  "a cluster grows to five, is replaced and shrinks to three while clients write and read on any node",
  () =>
    Effect.gen(function*() {
      const cluster = yield* KvCluster.of(ids, ["n1"])
      yield* cluster.start("n1")
      const { clients, rest } = yield* Workload.begin(cluster, ["a", "b", "c", "d"])
      const more = Workload.progress(clients, 30)

      for (const id of ["n2", "n3"]) yield* Effect.andThen(add(cluster, id), more)
      assert.deepStrictEqual(yield* voters(cluster), ["n1", "n2", "n3"])
      for (const id of ["n4", "n5"]) yield* Effect.andThen(add(cluster, id), more)
      // Each of the first three makes room for another, whether it leads or not.
      for (const [gone, next] of [["n1", "n6"], ["n2", "n7"], ["n3", "n8"]] as const) {
        yield* add(cluster, next)
        yield* remove(cluster, gone)
        yield* more
      }
      assert.deepStrictEqual(yield* voters(cluster), ["n4", "n5", "n6", "n7", "n8"])
      for (const id of ["n4", "n6"]) yield* Effect.andThen(remove(cluster, id), more)
      assert.deepStrictEqual(yield* voters(cluster), ["n5", "n7", "n8"])

      // Leadership goes round.
      for (let turn = 0; turn < 10; turn++) {
        const to = ["n5", "n7", "n8"][turn % 3]
        yield* cluster.atLeader("/admin/transfer", "POST", { to })
        yield* Workload.progress(clients, 20)
      }
      yield* rest

      yield* Workload.holdsUp(clients)
    }).pipe(Effect.scoped),
  240_000
)
