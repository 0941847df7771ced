/**
 * The simulation itself: it repeats, it varies, it keeps its own time, and it needs nothing of the real world.
 */
import * as Simulation from "@effect-raft/testing/Simulation"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { vi } from "vitest"

const valueOf = <A, E>({ ending }: Simulation.Run<A, E>): A => {
  if (ending._tag !== "Done") return assert.fail(ending._tag)
  return Exit.isSuccess(ending.exit) ? ending.exit.value : assert.fail(String(ending.exit.cause))
}

/** Three who write their names as often as they like, in an order that nothing but the seed decides. */
const crowd = Effect.forEach(["a", "b", "c"], (name) =>
  Effect.gen(function*() {
    for (let turn = 0; turn < 5; turn++) {
      yield* Effect.sleep(yield* Random.nextIntBetween(1, 9))
      yield* Simulation.trace(name)
    }
  }), { concurrency: "unbounded" })

/** A bit of everything that Effect has for several fibers. */
const everything = Effect.gen(function*() {
  const queue = yield* Queue.bounded<number>(2)
  const deferred = yield* Deferred.make<number>()
  const latch = yield* Latch.make()
  const semaphore = yield* Semaphore.make(2)
  const set = yield* FiberSet.make<void, never>()
  const topic = yield* PubSub.bounded<number>(4)
  const subscription = yield* PubSub.subscribe(topic)
  const ref = yield* SubscriptionRef.make(0)
  const watcher = yield* Effect.forkChild(
    SubscriptionRef.changes(ref).pipe(Stream.takeUntil((value) => value === 3), Stream.runCollect)
  )
  yield* Effect.forkScoped(Effect.forEach([1, 2, 3, 4, 5], (value) => Queue.offer(queue, value)))
  const taker = yield* Effect.forkChild(Effect.replicateEffect(Queue.take(queue), 5))
  for (const value of [1, 2, 3]) {
    yield* FiberSet.run(set, semaphore.withPermit(Effect.sleep(value)).pipe(Effect.andThen(latch.await)))
    yield* SubscriptionRef.set(ref, value)
    yield* Effect.sleep("1 milli")
  }
  yield* latch.open
  yield* FiberSet.awaitEmpty(set)
  yield* Effect.forkChild(Effect.delay(Deferred.succeed(deferred, 7), "1 second"))
  yield* PubSub.publish(topic, 9)
  const raced = yield* Effect.race(
    Effect.as(Effect.sleep("1 hour"), "slow"),
    Effect.as(Effect.sleep("2 hours"), "slower")
  )
  const late = yield* Effect.option(Effect.timeout(Effect.never, "3 seconds"))
  const tries = yield* Effect.repeat(
    Effect.succeed(1),
    Schedule.spaced("1 minute").pipe(Schedule.jittered, Schedule.upTo({ times: 3 }))
  )
  const streamed = yield* Stream.range(1, 10).pipe(
    Stream.mapEffect((value) => Effect.as(Effect.sleep(value), value), { concurrency: 4 }),
    Stream.buffer({ capacity: 2 }),
    Stream.merge(Stream.tick("1 milli").pipe(Stream.take(2), Stream.as(0))),
    Stream.runFold(() => 0, (sum, value) => sum + value)
  )
  yield* Effect.log("almost")
  return {
    taken: yield* Fiber.join(taker),
    answer: yield* Deferred.await(deferred),
    heard: yield* PubSub.take(subscription),
    last: (yield* Fiber.join(watcher)).at(-1),
    raced,
    late: late._tag,
    tries,
    streamed
  }
})

describe("a simulation", () => {
  it("does the same under the same seed, to the last line", () => {
    for (const seed of [1, 2, 3]) {
      assert.deepStrictEqual(Simulation.run(crowd, { seed }), Simulation.run(crowd, { seed }))
      const [one, other] = [Simulation.run(everything, { seed }), Simulation.run(everything, { seed })]
      assert.deepStrictEqual([one.trace, one.fingerprint, one.steps], [other.trace, other.fingerprint, other.steps])
    }
  })

  it("does something else under every other seed", () => {
    const runs = Array.from({ length: 50 }, (_, seed) => Simulation.run(crowd, { seed }))
    assert.strictEqual(new Set(runs.map(({ fingerprint }) => fingerprint)).size, 50)
    assert.strictEqual(new Set(runs.map(({ trace }) => trace.join())).size, 50)
  })

  it("shows in its fingerprint what no line tells", () => {
    const silent = Effect.forEach([1, 2, 3, 4], () => Effect.yieldNow, { concurrency: "unbounded" })
    const prints = [1, 2, 3, 4].map((seed) => Simulation.run(silent, { seed }).fingerprint)
    assert.isAbove(new Set(prints).size, 1)
  })

  it("finds both orders of two fibers that race without a cause", () => {
    const race = Effect.gen(function*() {
      const order: Array<string> = []
      const step = (name: string) => Effect.sync(() => void order.push(name))
      yield* Effect.all([step("a"), step("b")].map((each) => Effect.andThen(Effect.yieldNow, each)), { concurrency: 2 })
      return order.join("")
    })
    const orders = new Set(Array.from({ length: 20 }, (_, seed) => valueOf(Simulation.run(race, { seed }))))
    assert.deepStrictEqual([...orders].sort(), ["ab", "ba"])
  })

  it("puts a fiber aside between any two operations, and so finds the lost update", () => {
    const program = Effect.gen(function*() {
      let sum = 0
      const add = Effect.gen(function*() {
        const before = yield* Effect.sync(() => sum)
        yield* Effect.void
        yield* Effect.sync(() => (sum = before + 1))
      })
      yield* Effect.all([add, add], { concurrency: 2 })
      return sum
    })
    const sums = Array.from({ length: 200 }, (_, seed) => valueOf(Simulation.run(program, { seed, maxOperations: 8 })))
    assert.deepStrictEqual([...new Set(sums)].sort(), [1, 2])
  })

  it("runs queues, deferreds, forks, races, timeouts and streams to their end, and nothing of the platform", () => {
    const timers = ["setTimeout", "setImmediate", "setInterval", "queueMicrotask"] as const
    const spies = [
      ...timers.map((name) => vi.spyOn(globalThis, name)),
      vi.spyOn(Date, "now"),
      vi.spyOn(performance, "now"),
      vi.spyOn(process.hrtime, "bigint"),
      vi.spyOn(Math, "random"),
      vi.spyOn(Promise.prototype, "then")
    ]
    const ran = Simulation.run(everything, { seed: 11 })
    const calls = spies.map((spy) => spy.mock.calls.length)
    vi.restoreAllMocks()

    assert.deepStrictEqual(valueOf(ran), {
      taken: [1, 2, 3, 4, 5],
      answer: 7,
      heard: 9,
      last: 3,
      raced: "slow",
      late: "None",
      tries: valueOf(ran).tries,
      streamed: 55
    })
    assert.deepStrictEqual(calls, spies.map(() => 0))
    assert.isAbove(ran.duration, 3_600_000)
    assert.match(ran.trace.at(-1) ?? "", /^\d+ main: Info almost$/)
  })
})

describe("time", () => {
  it("stands still while anything runs, and jumps to the next timer", () => {
    const program = Effect.gen(function*() {
      for (let turn = 0; turn < 1000; turn++) yield* Effect.yieldNow
      const before = yield* Clock.currentTimeMillis
      yield* Effect.sleep("30 days")
      return [before, yield* Clock.currentTimeMillis]
    })
    assert.deepStrictEqual(valueOf(Simulation.run(program, { seed: 1, start: 5 })), [5, 5 + 30 * 86_400_000])
  })

  it("lets timers go off in order, whatever the order in which they were set", () => {
    const program = Effect.gen(function*() {
      const fired: Array<number> = []
      const delays = yield* Effect.replicateEffect(Random.nextIntBetween(1, 100_000), 500)
      yield* Effect.forEach(
        delays,
        (delay) =>
          Effect.andThen(
            Effect.sleep(delay),
            Effect.map(Clock.currentTimeMillis, (now) => {
              assert.strictEqual(now, delay)
              fired.push(now)
            })
          ),
        { concurrency: "unbounded", discard: true }
      )
      return [fired, delays.toSorted((left, right) => left - right)]
    })
    const [fired, sorted] = valueOf(Simulation.run(program, { seed: 2 }))
    assert.deepStrictEqual(fired, sorted)
  })

  it("forgets the timer of whoever is interrupted", () => {
    const program = Effect.gen(function*() {
      const sleeper = yield* Effect.forkChild(Effect.sleep("1 day"), { startImmediately: true })
      yield* Effect.sleep("1 second")
      yield* Fiber.interrupt(sleeper)
      return yield* Effect.never
    })
    const { duration, ending } = Simulation.run(program, { seed: 1 })
    assert.deepStrictEqual([ending._tag, duration], ["Deadlock", 1000])
  })
})

describe("a run ends", () => {
  it("in a deadlock when nothing is left that could wake it", () => {
    const program = Effect.flatMap(Deferred.make<void>(), Deferred.await)
    assert.strictEqual(Simulation.run(program, { seed: 1 }).ending._tag, "Deadlock")
  })

  it("at its limit of steps when a fiber spins", () => {
    const program = Effect.forever(Effect.void)
    const { ending, steps } = Simulation.run(program, { seed: 1, maxSteps: 100 })
    assert.deepStrictEqual([ending._tag, steps], ["StepsExceeded", 100])
  })

  it("with the failure of the program", () => {
    const { ending } = Simulation.run(Effect.fail("no"), { seed: 1 })
    assert.deepStrictEqual(ending, { _tag: "Done", exit: Exit.fail("no") })
  })

  it("as soon as a sentence is broken", () => {
    const program = Effect.gen(function*() {
      let sum = 0
      yield* Simulation.always("the sum is below three", () => sum < 3)
      for (;;) {
        yield* Effect.sleep(1)
        sum += 1
      }
    })
    const { duration, ending } = Simulation.run(program, { seed: 1 })
    assert.deepStrictEqual([ending._tag === "Broken" && ending.sentence, duration], ["the sum is below three", 3])
  })
})

describe("a process", () => {
  /** Counts milliseconds for as long as it lives, and says goodbye if it can. */
  const ticking = (log: Array<string>) =>
    Effect.gen(function*() {
      yield* Effect.addFinalizer(() => Effect.sync(() => void log.push("goodbye")))
      for (;;) {
        yield* Effect.sleep(1)
        log.push(`${yield* Clock.currentTimeMillis}`)
      }
    })

  it("that is killed does nothing more, and runs no finalizer", () => {
    const program = Effect.gen(function*() {
      const log: Array<string> = []
      const process = yield* Simulation.spawn("n1", ticking(log))
      yield* Effect.sleep(3)
      yield* process.kill
      const atDeath = log.length
      yield* Effect.sleep("1 minute")
      return [log.length - atDeath, log.includes("goodbye"), Exit.hasInterrupts(yield* process.exit)]
    })
    for (let seed = 0; seed < 20; seed++) {
      assert.deepStrictEqual(valueOf(Simulation.run(program, { seed })), [0, false, true])
    }
  })

  it("that is killed does nothing when others wake it", () => {
    const program = Effect.gen(function*() {
      const log: Array<string> = []
      const wake = yield* Deferred.make<void>()
      const queue = yield* Queue.unbounded<string>()
      const latch = yield* Latch.make()
      const process = yield* Simulation.spawn(
        "n1",
        Effect.gen(function*() {
          for (const wait of [Deferred.await(wake), Queue.take(queue), latch.await]) {
            yield* Effect.forkScoped(Effect.andThen(wait, Effect.sync(() => void log.push("woken"))))
          }
          return yield* Effect.never
        })
      )
      yield* Effect.sleep(1)
      yield* process.kill
      yield* Deferred.succeed(wake, undefined)
      yield* Queue.offer(queue, "x")
      yield* latch.open
      yield* Effect.sleep("1 minute")
      return log
    })
    for (let seed = 0; seed < 20; seed++) assert.deepStrictEqual(valueOf(Simulation.run(program, { seed })), [])
  })

  it("that is killed by whom it has just woken goes no further", () => {
    const program = Effect.gen(function*() {
      let steps = 0
      const signal = yield* Deferred.make<void>()
      const process = yield* Simulation.spawn("n1", Effect.map(Deferred.succeed(signal, undefined), () => (steps += 1)))
      yield* Deferred.await(signal)
      yield* process.kill
      const atDeath = steps
      yield* Effect.sleep("1 minute")
      return steps - atDeath
    })
    for (let seed = 0; seed < 20; seed++) assert.strictEqual(valueOf(Simulation.run(program, { seed })), 0)
  })

  it("that is killed leaves no timer for which anyone would wait", () => {
    const program = Effect.gen(function*() {
      const process = yield* Simulation.spawn("n1", Effect.sleep("1 day"))
      yield* Effect.sleep("1 second")
      yield* process.kill
      return yield* Effect.never
    })
    assert.strictEqual(Simulation.run(program, { seed: 1 }).duration, 1000)
  })

  it("that is paused while it is busy goes on afterwards", () => {
    const program = Effect.gen(function*() {
      let turns = 0
      const busy = Effect.repeat(Effect.sync(() => (turns += 1)), { times: 10_000 })
      const process = yield* Simulation.spawn("n1", busy)
      yield* Effect.replicateEffect(Effect.yieldNow, 10)
      yield* process.pause
      const before = turns
      yield* Effect.sleep("1 second")
      const meanwhile = turns - before
      yield* process.resume
      yield* process.exit
      return [before < 10_000, meanwhile, turns]
    })
    assert.deepStrictEqual(valueOf(Simulation.run(program, { seed: 1 })), [true, 0, 10_001])
  })

  it("that is stopped runs its finalizers", () => {
    const program = Effect.gen(function*() {
      const log: Array<string> = []
      const process = yield* Simulation.spawn("n1", ticking(log))
      yield* Effect.sleep(3)
      yield* process.stop
      return log.at(-1)
    })
    const ran = Simulation.run(program, { seed: 1 })
    assert.strictEqual(valueOf(ran), "goodbye")
    assert.deepStrictEqual(ran.trace, ["0 n1: starts", "3 n1: fails"])
  })

  it("that is paused goes on where it was, late", () => {
    const program = Effect.gen(function*() {
      const log: Array<string> = []
      const process = yield* Simulation.spawn("n1", ticking(log))
      yield* Effect.sleep(3)
      yield* process.pause
      const before = log.length
      yield* Effect.sleep(100)
      const meanwhile = log.length - before
      yield* process.resume
      yield* Effect.sleep(3)
      return [meanwhile, log[before]]
    })
    assert.deepStrictEqual(valueOf(Simulation.run(program, { seed: 1 })), [0, "103"])
  })

  it("shares no layer with another, though it has the services of who started it", () => {
    class Built extends Context.Service<Built, number>()("test/Built") {}
    class Given extends Context.Service<Given, string>()("test/Given") {}
    let builds = 0
    const layer = Layer.sync(Built, () => (builds += 1))
    const node = Effect.provide(Effect.all([Built, Given]), layer)
    const program = Effect.gen(function*() {
      const processes = yield* Effect.forEach(["n1", "n2"], (name) => Simulation.spawn(name, node))
      const exits = yield* Effect.forEach(processes, ({ exit }) => exit)
      const values = yield* Effect.forEach(exits, (exit) => exit)
      return values.map(([built, given]) => `${given}${built}`).sort()
    }).pipe(Effect.provide(layer), Effect.provideService(Given, "n"))
    assert.deepStrictEqual(valueOf(Simulation.run(program, { seed: 1 })), ["n2", "n3"])
  })
})
