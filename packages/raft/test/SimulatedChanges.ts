/**
 * Five nodes of which any may belong to the cluster: members come and go, learn and vote, leadership moves, and nodes
 * are killed meanwhile, all at random under one seed.
 *
 * An operator asks whoever leads and takes what comes: many changes are refused, and some nobody hears of again.
 */
import { Effect, Random, References } from "effect"
import type { Membership } from "effect-raft/engine"
import * as SimulatedCluster from "./SimulatedCluster.ts"

type Cluster = SimulatedCluster.Cluster

const all = [...SimulatedCluster.ids, "n4", "n5"]
const member = (id: string) => ({ id, address: id })

/** One of several, by chance. */
const oneOf = <A>(first: A, ...others: ReadonlyArray<A>) =>
  Effect.map(Random.nextIntBetween(0, others.length), (place) => [first, ...others][place] ?? first)

const anyNode = oneOf("n1", "n2", "n3", "n4", "n5")

/** Three voters, and the rest of the world perhaps as learners. */
const replacement = Effect.gen(function*() {
  const shuffled = yield* Random.shuffle(all)
  const voters = shuffled.slice(0, 3)
  const members = shuffled.slice(0, yield* oneOf(3, 4)).map(member)
  return { _tag: "Replace", members, voters } as const
})

const anyChange = Effect.gen(function*() {
  const id = yield* anyNode
  return yield* oneOf<Membership.Change>(
    { _tag: "AddVoter", member: member(id) },
    { _tag: "AddVoter", member: member(id) },
    { _tag: "AddLearner", member: member(id) },
    { _tag: "Promote", id },
    { _tag: "Demote", id },
    { _tag: "Remove", id },
    yield* replacement
  )
})

/** Asks whoever leads, and does not mind the answer, nor that there is none. Notes what was done. */
const operate = Effect.fnUntraced(function*(cluster: Cluster, done: Array<string>) {
  const leader = cluster.nodes.get(yield* cluster.leader)
  if (leader === undefined) return
  const change = yield* anyChange
  const to = yield* anyNode
  const wanted = yield* oneOf<readonly [string, Effect.Effect<unknown, unknown>]>(
    [change._tag, leader.raft.changeMembership(change)],
    [change._tag, leader.raft.changeMembership(change)],
    ["Transfer", leader.raft.transfer(to)]
  )
  const outcome = yield* Effect.option(Effect.timeout(wanted[1], 2500))
  if (outcome._tag === "Some") done.push(wanted[0])
})

/** One more thing happens: mostly an operator's wish, and sometimes the death of a node in the middle of one. */
const disturb = Effect.fnUntraced(function*(cluster: Cluster, done: Array<string>) {
  if ((yield* Random.nextIntBetween(0, 2)) > 0) return yield* operate(cluster, done)
  const victim = yield* oneOf(yield* cluster.leader, yield* anyNode)
  const operator = yield* Effect.forkChild(operate(cluster, done))
  yield* Effect.sleep(yield* Random.nextIntBetween(0, 100))
  yield* cluster.kill(victim)
  yield* Effect.sleep(yield* Random.nextIntBetween(0, 1500))
  yield* cluster.start(victim)
  operator.interruptUnsafe()
})

/** Twenty disturbances with writes between them; then all are killed at once. Says what is missing, and what was done. */
export const scenario = Effect.gen(function*() {
  const cluster = yield* SimulatedCluster.make
  const done: Array<string> = []
  yield* Effect.forEach(all, cluster.start)
  yield* cluster.leader
  const clients = yield* Effect.forEach(
    ["a", "b", "c"],
    (name) => Effect.forkChild(SimulatedCluster.client(cluster, name))
  )
  for (let round = 0; round < 20; round++) {
    yield* SimulatedCluster.progress(cluster, 2)
    yield* disturb(cluster, done)
  }
  yield* SimulatedCluster.progress(cluster, 3)
  yield* Effect.forEach(clients, (fiber) => Effect.sync(() => fiber.interruptUnsafe()))
  const before = yield* SimulatedCluster.missing(cluster)
  yield* Effect.forEach(all, cluster.kill)
  yield* Effect.forEach(all, cluster.start)
  yield* cluster.leader
  const after = yield* SimulatedCluster.missing(cluster)
  return { before, after, kept: cluster.kept.size, operations: yield* cluster.history.operations, done }
}).pipe(Effect.provideService(References.MinimumLogLevel, "Debug"))
