import { assert, it } from "@effect/vitest"
import { Effect, Schedule, Schema } from "effect"
import { KvCluster } from "./KvCluster.ts"

const writes = 50_000

const Listed = Schema.fromJsonString(Schema.Struct({ entries: Schema.Record(Schema.String, Schema.String) }))

const patiently = Schedule.upTo(Schedule.spaced("50 millis"), { duration: "60 seconds" })

it.live(
  "a node that was down for fifty thousand writes catches up by a snapshot, and answers reads",
  () =>
    Effect.gen(function*() {
      const cluster = yield* KvCluster.make
      yield* cluster.startAll()
      const leader = yield* cluster.leader
      const away = cluster.otherThan(leader.id)
      yield* cluster.stop(away.id, "SIGKILL")
      const write = (turn: number) =>
        Effect.retry(cluster.ask(leader.http, `/kv/key-${turn % 100}`, { method: "PUT", body: `${turn}` }), patiently)

      yield* Effect.forEach(Array.from({ length: writes }, (_, turn) => turn), write, {
        concurrency: 128,
        discard: true
      })
      // The snapshot is due at the last of them, and taken in the background. What the node needs next is then in no log.
      const { commit, first } = yield* Effect.retry(
        Effect.flatMap(
          cluster.log(leader.id),
          (log) => log.first > 1000 ? Effect.succeed(log) : Effect.fail("not compacted yet")
        ),
        patiently
      )
      assert.isAtLeast(commit, writes)
      yield* cluster.start(away.id)

      yield* Effect.retry(
        Effect.flatMap(
          cluster.status(away.id),
          ({ applied }) => applied >= commit ? Effect.void : Effect.fail("behind")
        ),
        patiently
      )
      assert.isAtLeast((yield* cluster.log(away.id)).snapshot, first)
      const { body } = yield* Effect.retry(
        cluster.ask(away.http, "/kv?prefix=key-&consistency=linearizable"),
        patiently
      )
      const { entries } = yield* Schema.decodeEffect(Listed)(body)
      const last = Array.from({ length: 100 }, (_, key) => [`key-${key}`, `${writes - 100 + key}`] as const)
      assert.deepStrictEqual(new Map(Object.entries(entries)), new Map(last.sort()))
    }).pipe(Effect.scoped),
  240_000
)
