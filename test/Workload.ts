/**
 * Clients of a cluster of processes, and what may be said of what they were told.
 *
 * Each writes keys of its own, once each, and writes and reads keys that all share, without pause: writes to whoever
 * leads, reads on any node. They know only what an HTTP answer says.
 */
import * as History from "@effect-raft/testing/History"
import * as Linearizability from "@effect-raft/testing/Linearizability"
import * as Models from "@effect-raft/testing/Models"
import { assert } from "@effect/vitest"
import { Effect, Fiber, Schema } from "effect"
import { type KvCluster, type NoAnswer, Refused } from "./KvCluster.ts"

type Action = Models.KeyValueAction<string>
type Result = Models.RegisterResult<string>

/** What clients share, so that a client that finds the leader spares the others the search. */
export interface Clients {
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

const consistencies = ["linearizable", "lease"] as const

/** On any node that runs, in either way. */
const read = (clients: Clients, key: string, turn: number) =>
  Effect.suspend(() => {
    const { running } = clients.cluster
    const http = running[turn % Math.max(1, running.length)]?.http ?? clients.leader
    return clients.cluster.ask(http, `/kv/${key}?consistency=${consistencies[turn % 2]}`)
  }).pipe(
    Effect.flatMap(({ body, status }) =>
      status === 404 ? Effect.succeed("") : Effect.orDie(Effect.map(Schema.decodeEffect(Found)(body), (it) => it.value))
    )
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
    yield* Effect.ignore(clients.history.record(name, looked, read(clients, looked.key, turn), classify))
  }
})

/** Waits until so many more writes are acknowledged than now. */
export const progress = Effect.fnUntraced(function*({ kept, cluster }: Clients, count: number) {
  const goal = kept.size + count
  for (let turn = 0; kept.size < goal; turn++) {
    if (turn > 3000) return yield* Effect.die(new Error(`no progress in 30 seconds\n${cluster.complaints.join("")}`))
    yield* Effect.sleep(10)
  }
})

/** What was acknowledged and the leader does not have now. */
export const missing = Effect.fnUntraced(function*({ cluster, kept }: Clients) {
  const { http } = yield* cluster.leader
  const { body } = yield* Effect.retry(cluster.ask(http, "/kv?prefix=own-"), { times: 20 })
  const { entries } = yield* Schema.decodeEffect(Listed)(body)
  return [...kept].filter(([key, value]) => entries[key] !== value)
})

/** Starts the clients. They go on until `rest`. */
export const begin = Effect.fnUntraced(function*(cluster: KvCluster, names: ReadonlyArray<string>) {
  const { http } = yield* cluster.leader
  const history = yield* History.make<Action, Result>()
  const clients: Clients = { cluster, history, leader: http, kept: new Map() }
  const running = yield* Effect.forEach(names, (name) => Effect.forkChild(client(clients, name)))
  return { clients, rest: Fiber.interruptAll(running) }
})

/** Nothing that was acknowledged is missing, and all that was seen has an order. */
export const holdsUp = Effect.fnUntraced(function*(clients: Clients) {
  assert.deepStrictEqual(yield* missing(clients), [])
  const verdict = Linearizability.check(yield* clients.history.operations, Models.keyValue<string>(""))
  assert.strictEqual(verdict._tag, "Linearizable", verdict._tag === "NotLinearizable" ? verdict.picture : "")
})
