/**
 * The machine that a simulation runs on: what is ready to run, in whose name, and what comes next.
 *
 * Effect hands every piece of a fiber to a scheduler. Here that is a bag of tasks from which chance, and so the seed,
 * takes the next; only when the bag is empty does time move. A task belongs to a process. What belongs to a dead one is
 * dropped, and a fiber of it that somebody else would wake is put aside before it does anything: its scheduler tells it
 * to yield at once, and the rest of it is a task of the dead. That is how a process ends between two operations without
 * one finalizer running, as under `kill -9`. A paused process is held in the same way, and nothing of it is lost.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scheduler from "effect/Scheduler"
import { SimulatedTime } from "../SimulatedTime.ts"
import * as Trace from "../Trace.ts"

/** Whose tasks they are. */
export interface Owner {
  readonly name: string
  status: "running" | "paused" | "dead"
  /** What came while it was paused. */
  held: Array<() => void>
}

interface Task {
  readonly owner: Owner
  readonly run: () => void
}

export interface Options {
  readonly seed: number | string
  readonly maxOperations: number
  readonly start: number
}

export class Machine {
  readonly time: SimulatedTime<Owner>
  readonly trace: Trace.Trace = Trace.make()
  /** Chance for the programs. It has a sequence of its own, so that one draw more shifts no choice of the scheduler. */
  readonly random: Random.Random
  readonly #chance: Random.Random
  readonly #maxOperations: number
  #tasks: Array<Task> = []
  /** After how many operations the running fiber lets others run. */
  #allowance: number

  constructor(options: Options) {
    this.time = new SimulatedTime(options.start)
    this.random = seeded(`${options.seed} programs`)
    this.#chance = seeded(`${options.seed} schedule`)
    this.#maxOperations = options.maxOperations
    this.#allowance = options.maxOperations
  }

  /** Runs one task, or moves time to the next timer; `false` if there is neither. */
  step(): boolean {
    const task = this.#take()
    if (task === undefined) return this.#wake()
    this.#allowance = 1 + this.#below(this.#maxOperations)
    task.run()
    return true
  }

  schedule(owner: Owner, run: () => void): void {
    if (owner.status === "running") this.#tasks.push({ owner, run })
    else if (owner.status === "paused") owner.held.push(run)
  }

  /** For fibers of this owner. Priorities are wishes: any order that has no cause may be the one that happens. */
  schedulerOf(owner: Owner): Scheduler.Scheduler {
    const dispatcher: Scheduler.SchedulerDispatcher = {
      scheduleTask: (task) => this.schedule(owner, task),
      flush: () => {}
    }
    return {
      executionMode: "async",
      shouldYield: (fiber) => owner.status !== "running" || fiber.currentOpCount >= this.#allowance,
      makeDispatcher: () => dispatcher
    }
  }

  pause(owner: Owner): void {
    if (owner.status !== "running") return
    owner.status = "paused"
    owner.held = this.#tasks.filter((task) => task.owner === owner).map(({ run }) => run)
    this.#tasks = this.#tasks.filter((task) => task.owner !== owner)
  }

  resume(owner: Owner): void {
    if (owner.status !== "paused") return
    const { held } = owner
    owner.status = "running"
    owner.held = []
    for (const run of held) this.schedule(owner, run)
  }

  kill(owner: Owner): void {
    owner.status = "dead"
    owner.held = []
    this.#tasks = this.#tasks.filter((task) => task.owner !== owner)
  }

  say(who: string, what: string): void {
    this.trace.add(`${this.time.now} ${who}: ${what}`)
  }

  #take(): Task | undefined {
    const last = this.#tasks.pop()
    if (last === undefined) return undefined
    const place = this.#below(this.#tasks.length + 1)
    const task = this.#tasks[place]
    if (task === undefined) return last
    this.#tasks[place] = last
    return task
  }

  #wake(): boolean {
    const due = this.time.advance(({ owner }) => owner.status !== "dead")
    this.trace.mix(this.time.now)
    // All that are due at once are ready at once, in no order; one may still cancel another, which then does nothing.
    for (const { fire, owner } of due) this.schedule(owner, fire)
    return due.length > 0
  }

  #below(bound: number): number {
    if (bound === 1) return 0
    const choice = Math.floor(this.#chance.nextDoubleUnsafe() * bound)
    this.trace.mix(choice)
    return choice
  }
}

/** Effect's own generator; it hands it out only inside of an effect. */
const seeded = (seed: string): Random.Random => Effect.runSync(Random.withSeed(Random.Random, seed))
