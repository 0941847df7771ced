/**
 * What goes wrong in a cluster on purpose: one function for each kind of fault, from harmless to all at once.
 *
 * A fault does its harm, lasts as long as chance says, and takes it back; what it cannot take back (a node that was killed
 * has lost what it had not written) is what the cluster must survive. `TestCluster` lets one after the other happen, and
 * each run has a selection of its own: many faults at once hide what a few bring to light.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Arena } from "./internal/Arena.ts"
import type { Simulation } from "./Simulation.ts"

/**
 * What a fault may do to a cluster.
 *
 * @category models
 * @since 0.1.0
 */
export type Hands = Pick<
  Arena<unknown>,
  "ids" | "network" | "latency" | "start" | "kill" | "stop" | "pause" | "resume" | "leader"
>

/**
 * A kind of fault. What it does ends with it, interruption included.
 *
 * @category models
 * @since 0.1.0
 */
export interface Fault {
  readonly name: string
  readonly happen: (hands: Hands) => Effect.Effect<void, never, Simulation>
}

/** Some of the time that a cluster needs to find another leader, or a multiple of it. */
const aWhile = Effect.flatMap(Random.nextIntBetween(20, 2500), (millis) => Effect.sleep(millis))

const oneOf = <A>(all: ReadonlyArray<A>): Effect.Effect<A | undefined> =>
  Effect.map(Random.nextIntBetween(0, Math.max(0, all.length - 1)), (place) => all[place])

/** Whoever leads, as often as not; else anyone. */
const victim = Effect.fnUntraced(function*(hands: Hands) {
  const leader = yield* hands.leader
  const isLeader = (yield* Random.nextIntBetween(0, 1)) === 1
  return isLeader && leader !== undefined ? leader.id : (yield* oneOf(hands.ids)) ?? ""
})

/** Does harm to one node for a while. */
const toOne = (
  name: string,
  harm: (hands: Hands, id: string) => Effect.Effect<void, never, Simulation>,
  undo: (hands: Hands, id: string) => Effect.Effect<void, never, Simulation>
): Fault => ({
  name,
  happen: Effect.fnUntraced(function*(hands) {
    const id = yield* victim(hands)
    yield* Effect.ensuring(Effect.andThen(harm(hands, id), aWhile), undo(hands, id))
  })
})

/** Changes the network for a while. */
const onNetwork = (name: string, harm: (hands: Hands) => Effect.Effect<void>): Fault => ({
  name,
  happen: (hands) => Effect.ensuring(Effect.andThen(harm(hands), aWhile), hands.network.heal)
})

/**
 * Two groups that do not hear each other.
 *
 * @category faults
 * @since 0.1.0
 */
export const partition: Fault = onNetwork(
  "partition",
  Effect.fnUntraced(function*({ ids, network }) {
    const shuffled = yield* Random.shuffle(ids)
    const size = yield* Random.nextIntBetween(1, Math.max(1, ids.length - 1))
    yield* network.partition([shuffled.slice(0, size), shuffled.slice(size)])
  })
)

/**
 * Links that carry nothing in one direction, so that a leader may be heard and hear nobody, or the other way round.
 *
 * @category faults
 * @since 0.1.0
 */
export const oneWay: Fault = onNetwork(
  "one-way",
  Effect.fnUntraced(function*({ ids, network }) {
    for (const from of ids) {
      for (const to of ids) if (from !== to && (yield* Random.nextIntBetween(0, 3)) === 0) yield* network.cut(from, to)
    }
  })
)

/**
 * One node, the leader as often as not, reaches nobody.
 *
 * @category faults
 * @since 0.1.0
 */
export const isolate: Fault = onNetwork(
  "isolate",
  (hands) => Effect.flatMap(victim(hands), (id) => hands.network.isolate(id))
)

/**
 * Messages are lost, doubled, late and out of order.
 *
 * @category faults
 * @since 0.1.0
 */
export const flaky: Fault = {
  name: "flaky",
  happen: ({ network }) => {
    const share = (most: number) => Effect.map(Random.nextIntBetween(0, 100), (percent) => (percent / 100) * most)
    const harm = Effect.gen(function*() {
      const [loss, duplication, reorder] = [yield* share(0.4), yield* share(0.3), yield* share(0.5)]
      yield* network.change({ loss, duplication, reorder, delay: [0, yield* Random.nextIntBetween(0, 60)] })
    })
    const undo = network.change({ loss: 0, duplication: 0, reorder: 0, delay: [0, 0] })
    return Effect.ensuring(Effect.andThen(harm, aWhile), undo)
  }
}

/**
 * A process is gone from one moment to the next, and comes back on its disk.
 *
 * @category faults
 * @since 0.1.0
 */
export const kill: Fault = toOne("kill", (hands, id) => hands.kill(id), (hands, id) => hands.start(id))

/**
 * All processes are gone at once.
 *
 * @category faults
 * @since 0.1.0
 */
export const killAll: Fault = {
  name: "kill-all",
  happen: (hands) =>
    Effect.ensuring(
      Effect.andThen(Effect.forEach(hands.ids, hands.kill, { discard: true }), aWhile),
      Effect.forEach(hands.ids, hands.start, { discard: true })
    )
}

/**
 * One after the other is stopped as for a new version, and started again.
 *
 * @category faults
 * @since 0.1.0
 */
export const rollingRestart: Fault = {
  name: "rolling-restart",
  happen: (hands) =>
    Effect.forEach(
      hands.ids,
      (id) => Effect.ensuring(Effect.andThen(hands.stop(id), Effect.sleep(50)), hands.start(id)),
      { discard: true }
    )
}

/**
 * A process stands still for a while, and then goes on as if nothing had been: a long collection of garbage, a machine
 * that is moved.
 *
 * @category faults
 * @since 0.1.0
 */
export const pause: Fault = toOne("pause", (hands, id) => hands.pause(id), (hands, id) => hands.resume(id))

/**
 * A disk takes long for each write, or seems to have stopped.
 *
 * @category faults
 * @since 0.1.0
 */
export const slowDisk: Fault = toOne(
  "slow-disk",
  Effect.fnUntraced(function*({ latency }, id) {
    latency.set(id, (yield* oneOf([20, 200, 3000])) ?? 20)
  }),
  ({ latency }, id) => Effect.sync(() => void latency.delete(id))
)

/** Asks whoever leads, and does not mind the answer. */
const asked = (name: string, ask: (hands: Hands) => Effect.Effect<unknown, unknown>): Fault => ({
  name,
  happen: (hands) => Effect.asVoid(Effect.option(Effect.timeout(ask(hands), 3000)))
})

/**
 * Leadership is handed over.
 *
 * @category faults
 * @since 0.1.0
 */
export const transfer: Fault = asked(
  "transfer",
  Effect.fnUntraced(function*(hands) {
    const to = (yield* oneOf(hands.ids)) ?? ""
    yield* (yield* hands.leader)?.raft.transfer(to) ?? Effect.void
  })
)

/**
 * A snapshot is taken, and the log given up behind it.
 *
 * @category faults
 * @since 0.1.0
 */
export const snapshot: Fault = asked(
  "snapshot",
  Effect.fnUntraced(function*(hands) {
    yield* (yield* hands.leader)?.raft.snapshot ?? Effect.void
  })
)

/**
 * A member stops voting, and votes again after a while.
 *
 * @category faults
 * @since 0.1.0
 */
export const demotion: Fault = {
  name: "demotion",
  happen: Effect.fnUntraced(function*(hands) {
    const id = (yield* oneOf(hands.ids)) ?? ""
    const change = (_tag: "Demote" | "Promote") =>
      Effect.flatMap(
        hands.leader,
        (leader) => Effect.option(Effect.timeout(leader?.raft.changeMembership({ _tag, id }) ?? Effect.void, 3000))
      )
    yield* Effect.andThen(change("Demote"), aWhile)
    // It must not stay so: with every voter gone, nobody could decide any more.
    yield* Effect.repeat(change("Promote"), { times: 3 })
  })
}

/**
 * Everything that is named here.
 *
 * @category faults
 * @since 0.1.0
 */
export const all: ReadonlyArray<Fault> = [
  partition,
  oneWay,
  isolate,
  flaky,
  kill,
  killAll,
  rollingRestart,
  pause,
  slowDisk,
  transfer,
  snapshot,
  demotion
]

/** The harm of some kinds, each with even odds: what goes wrong in one run. */
export const selection = (faults: ReadonlyArray<Fault>): Effect.Effect<ReadonlyArray<Fault>> =>
  Effect.map(
    Effect.forEach(faults, (fault) => Effect.map(Random.nextIntBetween(0, 1), (coin) => coin === 1 ? [fault] : [])),
    (chosen) => {
      const some = chosen.flat()
      return some.length === 0 ? faults : some
    }
  )

/** One more fault, whichever. Says which. */
export const strike = Effect.fnUntraced(function*(faults: ReadonlyArray<Fault>, hands: Hands) {
  const fault = yield* oneOf(faults)
  if (fault === undefined) return undefined
  yield* fault.happen(hands)
  return fault.name
})
