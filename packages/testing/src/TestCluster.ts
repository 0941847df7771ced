/**
 * A user's own service on a cluster that is broken on purpose, in a test: real nodes, in virtual time, under one seed.
 *
 * Clients ask any node and write down what they are told; faults happen meanwhile, a selection for each seed. Then
 * everything is healed. A run is good if all that clients saw has one order that a model explains (`Linearizability`), if
 * no two nodes committed differently or led one term, if no node stopped itself, and if afterwards every node is up to
 * date and the service answers again within ten election timeouts. The same seed gives the same run, to the last byte.
 *
 * ```ts
 * const report = TestCluster.run({
 *   service: Counter,
 *   layer: Counter.layer,
 *   model: { initial: 0, apply: (total, { amount }) => [total + amount, total + amount] },
 *   action: Effect.map(Random.nextIntBetween(1, 9), (amount) => ({ amount })),
 *   perform: (counter, { amount }) => counter.Add({ amount })
 * }, { seed: 7 })
 * assert.strictEqual(report.verdict, "good", report.why)
 * ```
 *
 * @since 0.1.0
 */
import type * as RaftConfig from "effect-raft/RaftConfig"
import type { NodeLayer, RequestError } from "effect-raft/Replicated"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as References from "effect/References"
import * as History from "./History.ts"
import { Arena, type Ground, type Running } from "./internal/Arena.ts"
import * as Linearizability from "./Linearizability.ts"
import type { Model } from "./Model.ts"
import * as Nemesis from "./Nemesis.ts"
import type { Operation } from "./Operation.ts"
import * as Simulation from "./Simulation.ts"

/**
 * What is to be tested.
 *
 * @category models
 * @since 0.1.0
 */
export interface Subject<Self, Service, State, Action, Result> {
  readonly service: Context.Key<Self, Service>
  /** The service's nodes, as they run in production. */
  readonly layer: NodeLayer<Self>
  /** What the service is supposed to do. */
  readonly model: Model<State, Action, Result>
  /** What a client does next. Chance comes from `Random`. */
  readonly action: Effect.Effect<Action>
  /** Does it, and answers what the model would. */
  readonly perform: (service: Service, action: Action) => Effect.Effect<Result, RequestError>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly seed: number
  /** How many nodes; 3 unless said otherwise. */
  readonly nodes?: number
  /** How many clients; 3 unless said otherwise. */
  readonly clients?: number
  /** How many faults, one after the other; 10 unless said otherwise. */
  readonly faults?: number
  /** Which kinds there may be; `Nemesis.all` unless said otherwise. */
  readonly kinds?: ReadonlyArray<Nemesis.Fault>
  /** Limits and times of the nodes, where they are not to be the defaults. */
  readonly config?: Partial<RaftConfig.Options>
  /** What each node stands on, instead of a disk and a network in memory. */
  readonly ground?: (
    id: string,
    arena: Pick<Arena<unknown>, "network" | "latency">
  ) => Effect.Effect<Ground>
}

/**
 * What came of a run.
 *
 * - `good`: nothing was wrong, as far as this run could show.
 * - `not linearizable`: clients saw what no order explains; `why` is a picture of it.
 * - `unsafe`: nodes contradict each other, or one has stopped itself.
 * - `stuck`: after everything was healed, the service did not answer in time, or a node did not catch up.
 * - `undecided`: the checker gave up; fewer operations on one key would help.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report<Action, Result> {
  readonly seed: number
  readonly verdict: "good" | "not linearizable" | "unsafe" | "stuck" | "undecided"
  readonly why: string
  readonly operations: ReadonlyArray<Operation<Action, Result>>
  /** How often each kind of fault happened. */
  readonly faults: Readonly<Record<string, number>>
  /** Virtual milliseconds. */
  readonly duration: number
  /** How many tasks were run. */
  readonly steps: number
  readonly trace: ReadonlyArray<string>
  readonly fingerprint: string
}

/** What is said of a run that went to its end. */
interface Outcome<Action, Result> {
  readonly unsafe: string | undefined
  readonly stuck: string | undefined
  readonly operations: ReadonlyArray<Operation<Action, Result>>
  readonly faults: Readonly<Record<string, number>>
}

const definite = new Set(["NotLeader", "Busy"])

/** Small enough that snapshots and full windows are part of a short run. */
const smallLimits = { requestTimeout: 2000, snapshotEntries: 40, entriesKept: 10, snapshotChunkBytes: 256 } as const

/** Ten election timeouts, at least: the time within which a healed cluster must be whole again, in milliseconds. */
const patience = 10_000

const isGone = Symbol("isGone")

/** A client asks any node, waits for a while, and writes down what it was told. */
const clientOf = <Self, Service, State, Action, Result>(
  subject: Subject<Self, Service, State, Action, Result>,
  arena: Arena<Self>,
  history: History.Recorder<Action, Result>
) => {
  const serviceOf = (node: Running): Service => node.service as Service // It was taken out by the service's own key.
  const classify = History.classify<Result, unknown, Result>({
    result: (value) => value,
    didNotHappen: (error) =>
      error === isGone
      || (typeof error === "object" && error !== null && "_tag" in error && definite.has(String(error._tag)))
  })
  const ask = Effect.fnUntraced(function*(action: Action) {
    const all = [...arena.nodes.values()]
    const node = all[yield* Random.nextIntBetween(0, Math.max(0, all.length - 1))]
    if (node === undefined) return yield* Effect.fail(isGone)
    return yield* Effect.timeout(subject.perform(serviceOf(node), action), 3000)
  })
  const once = Effect.fnUntraced(function*(name: string) {
    const action = yield* subject.action
    yield* Effect.exit(history.record(name, action, ask(action), classify))
    yield* Effect.sleep(yield* Random.nextIntBetween(1, 60))
  })
  return { once, answers: Effect.flatMap(subject.action, (action) => Effect.exit(ask(action))) }
}

/** Waits until every node has what the leader has committed, and somebody was answered. */
const recover = Effect.fnUntraced(function*<Self>(
  arena: Arena<Self>,
  answers: Effect.Effect<Exit.Exit<unknown, unknown>>
) {
  let isAnswered = false
  for (let waited = 0; waited < patience; waited += 50) {
    isAnswered ||= Exit.isSuccess(yield* answers)
    const statuses = yield* Effect.forEach([...arena.nodes.values()], ({ raft }) => raft.status)
    const commit = statuses.reduce((most, status) => Math.max(most, status.commit), 0)
    const isWhole = statuses.length === arena.ids.length
      && statuses.every((status) => status.applied >= commit && status.leader !== undefined)
    if (isAnswered && isWhole) return undefined
    yield* Effect.sleep(50)
  }
  const statuses = yield* Effect.forEach([...arena.nodes.values()], ({ raft }) => raft.explain())
  const lines = statuses.flatMap(({ reasons, state }) => [state, ...reasons.map((reason) => `  ${reason}`)])
  return [isAnswered ? "a node did not catch up" : "nobody was answered", ...lines].join("\n")
})

const scenario = <Self, Service, State, Action, Result>(
  subject: Subject<Self, Service, State, Action, Result>,
  options: Options
) =>
  Effect.gen(function*() {
    const { clients = 3, config = {}, faults = 10, ground, kinds = Nemesis.all, nodes = 3 } = options
    const ids = Array.from({ length: nodes }, (_, place) => `n${place + 1}`)
    const limits = { ...smallLimits, ...config }
    const arena = new Arena({ layer: subject.layer, key: subject.service, ids, config: limits, ground }, options.seed)
    const history = yield* History.make<Action, Result>()
    const { answers, once } = clientOf(subject, arena, history)
    const counts: Record<string, number> = {}
    const found: { fault?: string } = {}

    yield* Effect.forEach(ids, arena.start)
    const watch = Effect.forever(Effect.andThen(
      Effect.sleep(10),
      Effect.map(arena.inspect(), (fault) => {
        if (fault !== undefined) found.fault ??= fault
      })
    ))
    const watching = yield* Effect.forkChild(watch)
    const names = Array.from({ length: clients }, (_, place) => `client ${place + 1}`)
    const working = yield* Effect.forEach(names, (name) => Effect.forkChild(Effect.forever(once(name))))
    const selected = yield* Nemesis.selection(kinds)
    for (let count = 0; count < faults && found.fault === undefined; count++) {
      yield* Effect.sleep(yield* Random.nextIntBetween(50, 800))
      const name = yield* Nemesis.strike(selected, arena)
      if (name !== undefined) counts[name] = (counts[name] ?? 0) + 1
    }
    yield* Effect.sleep(500)
    yield* Fiber.interruptAll(working)
    yield* arena.network.heal
    yield* Effect.forEach(ids, arena.start)
    const stuck = found.fault === undefined ? yield* recover(arena, answers) : undefined
    const unsafe = found.fault ?? (yield* arena.inspect())
    yield* Fiber.interrupt(watching)
    const outcome: Outcome<Action, Result> = {
      unsafe,
      stuck,
      operations: yield* history.operations,
      faults: counts
    }
    return outcome
  }).pipe(Effect.provideService(References.MinimumLogLevel, "Debug"))

type Judged = Pick<Report<unknown, unknown>, "verdict" | "why">

const judge = <State, Action, Result>(
  { operations, stuck, unsafe }: Outcome<Action, Result>,
  model: Model<State, Action, Result>
): Judged => {
  if (unsafe !== undefined) return { verdict: "unsafe", why: unsafe }
  const found = Linearizability.check(operations, model)
  if (found._tag === "NotLinearizable") return { verdict: "not linearizable", why: found.picture }
  if (stuck !== undefined) return { verdict: "stuck", why: stuck }
  return found._tag === "Undecided"
    ? { verdict: "undecided", why: "the checker gave up" }
    : { verdict: "good", why: "" }
}

/**
 * One run.
 *
 * @category running
 * @since 0.1.0
 */
export const run = <Self, Service, State, Action, Result>(
  subject: Subject<Self, Service, State, Action, Result>,
  options: Options
): Report<Action, Result> => {
  const { duration, ending, fingerprint, steps, trace } = Simulation.run(scenario(subject, options), {
    seed: options.seed,
    maxSteps: 20_000_000
  })
  const common = { seed: options.seed, duration, steps, trace, fingerprint }
  if (ending._tag === "Done" && Exit.isSuccess(ending.exit)) {
    const { faults, operations } = ending.exit.value
    return { ...common, ...judge(ending.exit.value, subject.model), operations, faults }
  }
  const why = ending._tag === "Done" ? String(ending.exit) : `the run ended: ${ending._tag}`
  return { ...common, verdict: "stuck", why, operations: [], faults: {} }
}

/**
 * Runs seed after seed, from `options.seed` on, until one is not good or there have been `count` of them. Answers with
 * the last one.
 *
 * @category running
 * @since 0.1.0
 */
export const search = <Self, Service, State, Action, Result>(
  subject: Subject<Self, Service, State, Action, Result>,
  options: Options & { readonly count: number }
): Report<Action, Result> => {
  let report = run(subject, options)
  for (let tried = 1; tried < options.count && report.verdict === "good"; tried++) {
    report = run(subject, { ...options, seed: options.seed + tried })
  }
  return report
}

/**
 * Makes a failing run smaller: fewer clients and fewer faults with which the same seed still fails in the same way.
 * Answers with the options that do and their report; with those given if nothing smaller fails.
 *
 * @category running
 * @since 0.1.0
 */
export const shrink = <Self, Service, State, Action, Result>(
  subject: Subject<Self, Service, State, Action, Result>,
  options: Options
): { readonly options: Options; readonly report: Report<Action, Result> } => {
  let smallest = { options, report: run(subject, options) }
  const { verdict } = smallest.report
  const attempt = (change: Partial<Options>): boolean => {
    const smaller = { ...smallest.options, ...change }
    const report = run(subject, smaller)
    if (report.verdict !== verdict) return false
    smallest = { options: smaller, report }
    return true
  }
  const kinds = smallest.options.kinds ?? Nemesis.all
  for (const kind of kinds) attempt({ kinds: (smallest.options.kinds ?? kinds).filter((each) => each !== kind) })
  for (let clients = (options.clients ?? 3) - 1; clients >= 1; clients--) attempt({ clients })
  for (let faults = (smallest.options.faults ?? 10) - 1; faults >= 0 && attempt({ faults });) faults--
  return smallest
}
