/**
 * Whole programs under one seed: every fiber, every timer and every draw of chance, in an order that can be repeated.
 *
 * `run` is synchronous. It owns the scheduler, the clock and chance, so nothing of it goes through the event loop: no
 * timer of the platform, no microtask, no promise. The same program with the same seed does the same, to the last line
 * of its trace; another seed is another order of everything that has no order of its own, and fibers are put aside
 * between any two operations. What waits for something outside, a promise or a socket, never gets it: a deadlock.
 *
 * A program may `spawn` processes. A process can be stopped, as by a signal that it hears; paused; and killed, between
 * two operations and without one finalizer, as by a signal that it does not hear. What it shares with others outlives
 * it: whoever simulates its disk and its network must say what becomes of unsynced writes, locks and connections.
 *
 * What is logged goes into the trace. Not everything is caught: `Effect.runFork` and its like inside of a program start in the real world unless given its
 * context, and so do `Date.now` and `Math.random`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Formatter from "effect/Formatter"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import { Machine, type Owner } from "./internal/Machine.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Decides everything that is left to chance. */
  readonly seed: number | string
  /** How many tasks and jumps in time there may be, 1,000,000 unless said otherwise. */
  readonly maxSteps?: number
  /** A fiber is put aside after at most this many operations, 64 unless said otherwise; how many is left to chance. */
  readonly maxOperations?: number
  /** What time it is at the beginning, in milliseconds since 1970; 0 unless said otherwise. */
  readonly start?: number
}

/**
 * How a run ended. `Deadlock`: the program waits, and no task and no timer is left that could wake it. `Broken`: a
 * sentence given to `always` was not true, or throwing an error was how it said so.
 *
 * @category models
 * @since 0.1.0
 */
export type Ending<A, E> =
  | { readonly _tag: "Done"; readonly exit: Exit.Exit<A, E> }
  | { readonly _tag: "Deadlock" }
  | { readonly _tag: "StepsExceeded" }
  | { readonly _tag: "Broken"; readonly sentence: string; readonly cause: unknown }

/**
 * @category models
 * @since 0.1.0
 */
export interface Run<A, E> {
  readonly seed: number | string
  readonly ending: Ending<A, E>
  readonly steps: number
  /** Virtual milliseconds from the beginning to the end. */
  readonly duration: number
  /** The time, who, and what, one line each. */
  readonly trace: ReadonlyArray<string>
  /** Equal for two runs only if they made the same choices at the same times and said the same. */
  readonly fingerprint: string
}

/**
 * Something that runs by itself, as a process of its own would.
 *
 * @category models
 * @since 0.1.0
 */
export interface Process<A, E> {
  readonly name: string
  /** Waits for its end. After a kill: an interruption, though nothing inside has seen one. */
  readonly exit: Effect.Effect<Exit.Exit<A, E>>
  /** Interrupts it and waits until its finalizers have run. */
  readonly stop: Effect.Effect<Exit.Exit<A, E>>
  /** From now on nothing of it runs, no finalizer either. */
  readonly kill: Effect.Effect<void>
  /** From now on nothing of it runs until `resume`. Its timers go off meanwhile, and are late. */
  readonly pause: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
}

/**
 * The simulation, as seen from inside of it.
 *
 * @category services
 * @since 0.1.0
 */
export class Simulation extends Context.Service<Simulation, {
  /** Adds a line to the trace, in the name of the calling process. For code that is no effect. */
  readonly traceUnsafe: (line: string) => void
  /** From now on `holds` is asked after every step, and the run is over as soon as it says no or throws. */
  readonly always: (sentence: string, holds: () => boolean) => Effect.Effect<void>
  /**
   * Starts a process with a scope of its own. It has the services of the caller, but shares no layer with anyone:
   * those provided inside of `effect` are built anew, as in a new process. When `effect` ends, all of it does.
   */
  readonly spawn: <A, E, R>(
    name: string,
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<Process<A, E>, never, Exclude<R, Scope.Scope>>
}>()("@effect-raft/testing/Simulation") {}

/**
 * Adds a line to the trace, in the name of the calling process.
 *
 * @category tracing
 * @since 0.1.0
 */
export const trace = (line: string): Effect.Effect<void, never, Simulation> =>
  Simulation.useSync(({ traceUnsafe }) => traceUnsafe(line))

/**
 * Starts a process; see `Simulation`.
 *
 * @category processes
 * @since 0.1.0
 */
export const spawn = <A, E, R>(
  name: string,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<Process<A, E>, never, Exclude<R, Scope.Scope> | Simulation> =>
  Simulation.use((simulation) => simulation.spawn(name, effect))

/**
 * Asks after every step whether the sentence still holds; see `Simulation`.
 *
 * @category checking
 * @since 0.1.0
 */
export const always = (sentence: string, holds: () => boolean): Effect.Effect<void, never, Simulation> =>
  Simulation.use((simulation) => simulation.always(sentence, holds))

/**
 * Runs a program to its end, to a standstill, or to the limit of steps.
 *
 * **Gotchas**
 *
 * The run is over when `program` is. Processes and detached fibers that are left then, and everything after a deadlock,
 * are abandoned as they are: no finalizer of theirs runs.
 *
 * @category running
 * @since 0.1.0
 */
export const run = <A, E>(program: Effect.Effect<A, E, Simulation | Scope.Scope>, options: Options): Run<A, E> => {
  const { maxOperations = 64, maxSteps = 1_000_000, seed, start = 0 } = options
  const machine = new Machine({ seed, maxOperations, start })
  const sentences = new Map<string, () => boolean>()
  const main: Owner = { name: "main", status: "running", held: [] }
  let exit: Exit.Exit<A, E> | undefined
  machine.schedule(main, () => {
    const context = inside(machine, sentences, main, Context.empty())
    Effect.runForkWith(context)(Effect.scoped(program)).addObserver((ended) => {
      exit = ended
    })
  })
  let steps = 0
  const proceed = (): Ending<A, E> | undefined => {
    if (exit !== undefined) return { _tag: "Done", exit }
    if (steps === maxSteps) return { _tag: "StepsExceeded" }
    if (!machine.step()) return { _tag: "Deadlock" }
    steps += 1
    return broken(sentences)
  }
  let ending = proceed()
  while (ending === undefined) ending = proceed()
  const duration = machine.time.now - start
  return { seed, ending, steps, duration, trace: machine.trace.lines, fingerprint: machine.trace.fingerprint() }
}

const broken = (sentences: ReadonlyMap<string, () => boolean>): Ending<never, never> | undefined => {
  for (const [sentence, holds] of sentences) {
    try {
      if (!holds()) return { _tag: "Broken", sentence, cause: undefined }
    } catch (cause) {
      return { _tag: "Broken", sentence, cause }
    }
  }
  return undefined
}

type Sentences = Map<string, () => boolean>

/** The services by which a process lives on the machine, in the place of the real ones. */
const inside = <R>(machine: Machine, sentences: Sentences, owner: Owner, context: Context.Context<R>) =>
  context.pipe(
    // Layers are built once for each memo map: with that of the caller, two nodes would share their services.
    Context.add(Layer.CurrentMemoMap, Layer.makeMemoMapUnsafe()),
    Context.add(Logger.CurrentLoggers, new Set([loggerOf(machine, owner)])),
    Context.add(Scheduler.Scheduler, machine.schedulerOf(owner)),
    Context.add(Clock.Clock, machine.time.clockOf(owner)),
    Context.add(Random.Random, machine.random),
    Context.add(
      Simulation,
      Simulation.of({
        traceUnsafe: (line) => machine.say(owner.name, line),
        always: (sentence, holds) => Effect.sync(() => void sentences.set(sentence, holds)),
        spawn: (name, effect) => start(machine, sentences, name, effect)
      })
    )
  )

/** What is logged belongs to the trace; neither fiber nor cause does, they differ from run to run. */
const loggerOf = (machine: Machine, owner: Owner) =>
  Logger.make<unknown, void>(({ logLevel, message }) => {
    const parts = [message].flat().map((part) => (typeof part === "string" ? part : Formatter.format(part)))
    machine.say(owner.name, `${logLevel} ${parts.join(" ")}`)
  })

const start = <A, E, R>(machine: Machine, sentences: Sentences, name: string, effect: Effect.Effect<A, E, R>) =>
  Effect.contextWith((context: Context.Context<Exclude<R, Scope.Scope>>) =>
    Effect.sync((): Process<A, E> => {
      const owner: Owner = { name, status: "running", held: [] }
      const ended = Deferred.makeUnsafe<Exit.Exit<A, E>>()
      let fiber: Fiber.Fiber<A, E> | undefined
      const end = (exit: Exit.Exit<A, E>, how: string) => {
        if (owner.status === "dead") return
        machine.kill(owner)
        machine.say(name, how)
        Deferred.doneUnsafe(ended, Exit.succeed(exit))
      }
      machine.say(name, "starts")
      machine.schedule(owner, () => {
        const own = inside(machine, sentences, owner, context)
        fiber = Effect.runForkWith(own)(Effect.scoped(effect))
        fiber.addObserver((exit) => end(exit, Exit.isSuccess(exit) ? "ends" : "fails"))
      })
      const exit = Deferred.await(ended)
      // The caller begins anew first: then nothing of the process is half-way through on the same stack.
      const between = (change: () => void) => Effect.andThen(Effect.yieldNow, Effect.sync(change))
      return {
        name,
        exit,
        stop: Effect.andThen(
          between(() => fiber === undefined ? end(Exit.interrupt(), "is stopped") : fiber.interruptUnsafe()),
          exit
        ),
        kill: between(() => end(Exit.interrupt(), "is killed")),
        pause: between(() => machine.pause(owner)),
        resume: between(() => machine.resume(owner))
      }
    })
  )
