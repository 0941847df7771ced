import * as History from "@effect-raft/testing/History"
import * as Linearizability from "@effect-raft/testing/Linearizability"
import * as Models from "@effect-raft/testing/Models"
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Schema } from "effect"
import { KvCluster, type NoAnswer, Refused } from "./KvCluster.ts"

type Action = Models.KeyValueAction<string>
type Result = Models.RegisterResult<string>

/** What clients share, so that a client that finds the leader spares the others the search. */
interface Clients {
  readonly cluster: KvCluster
  readonly history: History.Recorder<Action, Result>
  leader: string
  /** Every key that was acknowledged with its value; each is written once. */
  readonly kept: Map<string, string>
}

const Found = Schema.fromJsonString(Schema.Struct({ value: Schema.String }))
const Listed = Schema.fromJsonString(Schema.Struct({ entries: Schema.Record(Schema.String, Schema.String) }))

/** Looks elsewhere when refused or left without an answer. */
const follow = (clients: Clients) => (error: Refused | NoAnswer) =>
  Effect.suspend(() => {
    const { leader, cluster } = clients
    const place = cluster.places.findIndex((each) => each.http === leader)
    const next = cluster.places[(place + 1) % cluster.places.length]?.http ?? leader
    clients.leader = error instanceof Refused && error.leader !== null ? error.leader.http : next
    return Effect.andThen(Effect.sleep(10), Effect.fail(error))
  })

const classify = History.classify<string | true, Refused | NoAnswer, Result>({
  result: (value) => value,
  didNotHappen: (error) => error instanceof Refused
})

const write = (clients: Clients, key: string, value: string) =>
  Effect.suspend(() => clients.cluster.ask(clients.leader, `/kv/${key}`, { method: "PUT", body: value })).pipe(
    Effect.as(true as const),
    Effect.catch(follow(clients))
  )

const read = (clients: Clients, key: string) =>
  Effect.suspend(() => clients.cluster.ask(clients.leader, `/kv/${key}`)).pipe(
    Effect.flatMap(({ body, status }) =>
      status === 404 ? Effect.succeed("") : Effect.orDie(Effect.map(Schema.decodeEffect(Found)(body), (it) => it.value))
    ),
    Effect.catch(follow(clients))
  )

/** Writes keys of its own, and writes and reads keys that all share, without pause. */
const client = Effect.fnUntraced(function*(clients: Clients, name: string) {
  for (let turn = 0;; turn++) {
    const own = `own-${name}-${turn}`
    const kept = yield* Effect.option(write(clients, own, `${turn}`))
    if (kept._tag === "Some") clients.kept.set(own, `${turn}`)
    const key = `shared-${turn % 5}`
    const value = `${name}-${turn}`
    const wrote: Action = { _tag: "Write", key, value }
    yield* Effect.ignore(clients.history.record(name, wrote, write(clients, key, value), classify))
    const looked: Action = { _tag: "Read", key: `shared-${(turn + 2) % 5}` }
    yield* Effect.ignore(clients.history.record(name, looked, read(clients, looked.key), classify))
  }
})

/** Waits until so many more writes are acknowledged than now. */
const progress = Effect.fnUntraced(function*({ kept, cluster }: Clients, count: number) {
  const goal = kept.size + count
  for (let turn = 0; kept.size < goal; turn++) {
    if (turn > 3000) return yield* Effect.die(new Error(`no progress in 30 seconds\n${cluster.complaints.join("")}`))
    yield* Effect.sleep(10)
  }
})

/** Everything acknowledged, as the leader has it now. */
const missing = Effect.fnUntraced(function*({ cluster, kept }: Clients) {
  const { http } = yield* cluster.leader
  const { body } = yield* Effect.retry(cluster.ask(http, "/kv?prefix=own-"), { times: 20 })
  const { entries } = yield* Schema.decodeEffect(Listed)(body)
  return [...kept].filter(([key, value]) => entries[key] !== value)
})

it.live("a cluster whose leader is killed ten times loses nothing that was acknowledged", () =>
  Effect.gen(function*() {
    const cluster = yield* KvCluster.make
    yield* cluster.startAll()
    const { http } = yield* cluster.leader
    const history = yield* History.make<Action, Result>()
    const clients: Clients = { cluster, history, leader: http, kept: new Map() }
    const names = ["a", "b", "c", "d", "e", "f"]
    const running = yield* Effect.forEach(names, (name) => Effect.forkChild(client(clients, name)))

    for (let kill = 0; kill < 10; kill++) {
      yield* progress(clients, 50)
      const leader = yield* cluster.leader
      yield* cluster.stop(leader.id, "SIGKILL")
      yield* progress(clients, 20) // The other two go on without it, and without help.
      yield* cluster.start(leader.id)
    }
    yield* progress(clients, 50)
    yield* Fiber.interruptAll(running)

    assert.deepStrictEqual(yield* missing(clients), [])
    const verdict = Linearizability.check(yield* history.operations, Models.keyValue<string>(""))
    assert.strictEqual(verdict._tag, "Linearizable", verdict._tag === "NotLinearizable" ? verdict.picture : "")

    // And all at once.
    yield* Effect.forEach(cluster.places, ({ id }) => cluster.stop(id, "SIGKILL"), { concurrency: "unbounded" })
    yield* cluster.startAll()
    assert.deepStrictEqual(yield* missing(clients), [])
  }).pipe(Effect.scoped), 170_000)
