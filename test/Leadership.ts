/**
 * Who leads after something went wrong, and what a node answers that may not know it yet.
 */
import { assert } from "@effect/vitest"
import { Effect, Schedule, Schema } from "effect"
import type { KvCluster } from "./KvCluster.ts"

const Found = Schema.fromJsonString(Schema.Struct({ value: Schema.String }))

export const patiently = Schedule.upTo(Schedule.spaced("20 millis"), { duration: "30 seconds" })

/** Waits until another node than this one leads. */
export const another = (cluster: KvCluster, than: string) =>
  Effect.flatMap(cluster.leader, (leader) => leader.id === than ? Effect.fail("the same") : Effect.succeed(leader))
    .pipe(
      Effect.retry(patiently),
      Effect.orDie
    )

/** What a node says of itself, as soon as it says anything. */
export const statusOf = (cluster: KvCluster, id: string) => Effect.orDie(Effect.retry(cluster.status(id), patiently))

/** The highest term that any node knows of. */
export const term = (cluster: KvCluster) =>
  Effect.map(
    Effect.forEach(cluster.running, ({ id }) => Effect.option(cluster.status(id))),
    (all) => Math.max(...all.map((each) => each._tag === "Some" ? each.value.term : 0))
  )

/** Waits until a node has applied what the leader has committed by now. */
export const caughtUp = Effect.fnUntraced(function*(cluster: KvCluster, id: string) {
  const { commit } = yield* statusOf(cluster, (yield* cluster.leader).id)
  const behind = Effect.flatMap(
    statusOf(cluster, id),
    ({ applied }) => applied < commit ? Effect.fail("behind") : Effect.void
  )
  yield* Effect.orDie(Effect.retry(behind, patiently))
})

/** Writes the value, whoever leads, until it is acknowledged. */
export const write = (cluster: KvCluster, key: string, value: string) =>
  Effect.flatMap(cluster.leader, ({ http }) => cluster.ask(http, `/kv/${key}`, { method: "PUT", body: value })).pipe(
    Effect.retry(patiently),
    Effect.orDie
  )

/** What the node answers by its lease: nothing when it does not answer, or says that it cannot. */
export const byLease = (cluster: KvCluster, id: string, key: string) =>
  cluster.ask(cluster.placeOf(id).http, `/kv/${key}?consistency=lease`).pipe(
    Effect.flatMap(({ body, status }) =>
      status === 404 ? Effect.succeed("") : Effect.map(Schema.decodeEffect(Found)(body), ({ value }) => value)
    ),
    Effect.option
  )

/** Several reads at once: whatever is answered is this value. Says how many were. */
export const assertFresh = Effect.fnUntraced(function*(cluster: KvCluster, id: string, key: string, value: string) {
  const reads = Array.from({ length: 8 }, () => byLease(cluster, id, key))
  const found = (yield* Effect.all(reads, { concurrency: "unbounded" })).flatMap((each) =>
    each._tag === "Some" ? [each.value] : []
  )
  assert.deepStrictEqual(found, found.map(() => value), `what ${id} read by its lease`)
  return found.length
})
