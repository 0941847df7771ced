/**
 * The machines of a run: a disk, clocks and at most one process on each, and what is done to them. A process that ends by
 * itself is started again, as by an operator or an init system, unless what it said must never be said.
 */
import * as FileStorage from "@effect-raft/storage/FileStorage"
import * as Simulation from "@effect-raft/testing/Simulation"
import { Clock, Context, Deferred, Effect, Exit, Layer } from "effect"
import * as MemoryNetwork from "effect-raft/MemoryNetwork"
import * as Raft from "effect-raft/Raft"
import * as RaftConfig from "effect-raft/RaftConfig"
import { Fatal } from "effect-raft/RaftError"
import { Storage, StorageError } from "effect-raft/Storage"
import { Transport } from "effect-raft/Transport"
import { Dice } from "./Dice.ts"
import { FaultyDisk } from "./FaultyDisk.ts"
import { Ledger } from "./Ledger.ts"
import * as Plan from "./Plan.ts"
import { SkewedClock } from "./SkewedClock.ts"
import type { Variant } from "./Variant.ts"
import type { Watch } from "./Watch.ts"
import * as Wire from "./Wire.ts"

export interface Node {
  readonly id: string
  readonly raft: Raft.Raft["Service"]
  readonly ledger: Ledger
  /** Counts the times for which nobody could expect an answer of it. */
  absences: number
}

interface Machine {
  readonly id: string
  readonly disk: FaultyDisk
  readonly clock: SkewedClock
  process: Simulation.Process<never, unknown> | undefined
  pausedAt: number | undefined
  isSuspended: boolean
  isStarting: boolean
  isDamaged: boolean
  /** Its disk is lost, and it stays down. */
  isLost: boolean
}

export const electionTimeout = 500

export class Machines {
  readonly plan: Plan.Plan
  readonly watch: Watch
  readonly network: MemoryNetwork.MemoryNetwork["Service"]
  readonly noise: Wire.Noise = { garbled: 0, held: 0.05 }
  readonly nodes = new Map<string, Node>()
  readonly ids: ReadonlyArray<string>
  readonly counts = { resets: 0, refusals: 0, restarts: 0, diskFailures: 0 }
  readonly #variant: Variant
  readonly #dice: Dice
  readonly #machines = new Map<string, Machine>()
  readonly #cuts = new Set<readonly [from: string, to: string]>()
  /** Processes that were asked to end. */
  readonly #asked = new WeakSet<object>()

  constructor(plan: Plan.Plan, watch: Watch, variant: Variant, now: () => number) {
    const { seed } = plan.settings
    this.plan = plan
    this.watch = watch
    this.#variant = variant
    this.#dice = new Dice(seed ^ 0x5eed)
    this.network = MemoryNetwork.make({ seed })
    this.ids = [...Plan.founders(plan.settings), ...Plan.spares(plan.settings)]
    for (const [place, id] of this.ids.entries()) {
      const disk = new FaultyDisk(new Dice(seed + 7919 * (place + 1)))
      disk.latency = plan.settings.latency
      const clock = new SkewedClock(now)
      variant.onDisk?.(disk)
      variant.onClock?.(clock)
      const machine = { id, disk, clock, process: undefined, pausedAt: undefined, isSuspended: false }
      this.#machines.set(id, { ...machine, isStarting: false, isDamaged: false, isLost: false })
    }
  }

  machine(id: string): Machine {
    const machine = this.#machines.get(id)
    if (machine === undefined) throw new Error(`there is no machine ${id}`)
    return machine
  }

  get lost(): ReadonlyArray<string> {
    return this.ids.filter((id) => this.machine(id).isLost)
  }

  isPaused(id: string): boolean {
    return this.machine(id).pausedAt !== undefined
  }

  /** Starts the process of a machine that has none. */
  readonly start = Effect.fnUntraced({ self: this }, function*(
    id: string
  ): Effect.fn.Return<void, never, Simulation.Simulation> {
    const machine = this.machine(id)
    if (machine.process !== undefined || machine.isStarting || machine.isLost) return
    machine.isStarting = true
    const process = yield* Simulation.spawn(id, this.#life(machine))
    machine.process = process
    machine.isStarting = false
    yield* Effect.forkDetach(Effect.flatMap(process.exit, (exit) => this.#ended(machine, process, exit)))
  }, Effect.uninterruptible)

  #life(machine: Machine) {
    const { clock, disk, id } = machine
    const { settings } = this.plan
    const watch = this.watch
    const members = Plan.founders(settings).map((id) => ({ id, address: id }))
    const bootstrap = Plan.founders(settings).includes(id) ? { members } : undefined
    let term = 0
    const ledger = new Ledger(watch.observer(id, () => term))
    const storage = Layer.effect(
      Storage,
      Effect.map(
        FileStorage.make({ directory: `/${id}`, segmentBytes: settings.segment, scanBytes: 4096 }),
        (storage) => {
          const broken = this.#variant.storage?.(storage) ?? storage
          return watch.storage(id, broken, () => this.#damageShows(machine))
        }
      )
    ).pipe(Layer.provide(disk.layer))
    const wire = Wire.layer({
      id,
      network: this.network,
      dice: this.#dice,
      noise: this.noise,
      codec: this.#variant.codec ?? Wire.codec,
      onSend: (to, envelope) => {
        term = Math.max(term, envelope.message.term)
        watch.sends(id, to, envelope)
      },
      onFault: (sentence) => watch.say(sentence),
      onReset: () => void this.counts.resets++
    })
    const transport = Layer.effect(
      Transport,
      Effect.map(Transport, (transport) => this.#variant.transport?.(transport) ?? transport)
    ).pipe(Layer.provide(wire))
    const limits = {
      electionTimeout,
      requestTimeout: settings.request,
      snapshotEntries: settings.snapshots,
      entriesKept: settings.kept,
      snapshotChunkBytes: settings.chunk
    }
    const layer = Raft.layer({ id, bootstrap }).pipe(
      Layer.provide([ledger.layer, storage, transport]),
      Layer.provide(Layer.orDie(RaftConfig.layer(limits)))
    )
    const life = Effect.gen({ self: this }, function*() {
      const services = yield* Layer.build(Layer.fresh(layer))
      const own = Context.get(services, Raft.Raft)
      const raft = this.#variant.raft?.(own) ?? own
      this.nodes.set(id, { id, raft, ledger, absences: 0 })
      return yield* Effect.flatMap(own.stopped, (fatal) => Effect.fail(fatal))
    })
    return Effect.flatMap(Clock.Clock, (base) => Effect.provideService(life, Clock.Clock, clock.over(base)))
  }

  /** A damaged disk may hold less than it did: it was torn where a crash could have torn it. Such a node is given up. */
  #damageShows(machine: Machine): boolean {
    if (machine.isDamaged) this.#give(machine)
    return machine.isDamaged
  }

  #give(machine: Machine): void {
    if (!machine.isLost) this.counts.refusals++
    machine.isLost = true
  }

  /** It has ended, and nobody asked it to. */
  readonly #ended = Effect.fnUntraced({ self: this }, function*(
    machine: Machine,
    process: Simulation.Process<never, unknown>,
    exit: Exit.Exit<never, unknown>
  ): Effect.fn.Return<void, never, Simulation.Simulation> {
    const { disk, id } = machine
    if (this.#asked.has(process)) return
    machine.process = undefined
    machine.pausedAt = undefined
    this.nodes.delete(id)
    disk.killed()
    const error = Exit.isFailure(exit) ? exit.cause.reasons.map((each) => each._tag === "Fail" ? each.error : each) : []
    const first = error[0]
    const cause = first instanceof Fatal && first.reason === "Storage" ? first.cause : first
    const why = cause instanceof StorageError ? cause.reason._tag : "Other"
    if (why === "Corrupt" && machine.isDamaged) return this.#give(machine)
    if (machine.isLost) return
    if (why !== "Failed" || disk.failed === 0) {
      return this.watch.say(`${id} has ended: ${cause instanceof Error ? cause.message : JSON.stringify(first)}`)
    }
    this.counts.restarts++
    yield* Effect.sleep(200)
    yield* this.start(id)
  })

  /** Ends the process by one of the ways there are. Whoever began that goes on to its end, or nobody could start it again. */
  readonly #end = Effect.fnUntraced({ self: this }, function*(id: string, how: "kill" | "stop") {
    const machine = this.machine(id)
    const { process } = machine
    this.nodes.delete(id)
    if (process === undefined) return
    this.#asked.add(process)
    // What stands still hears no signal, but for the one that nobody hears.
    if (how === "stop") yield* this.resume(id)
    yield* process[how]
    if (machine.process !== process) return
    machine.process = undefined
    machine.pausedAt = undefined
    if (how === "kill") yield* this.network.kill(id)
    machine.disk.killed()
  }, Effect.uninterruptible)

  stop(id: string) {
    return this.#end(id, "stop")
  }

  kill(id: string) {
    return this.#end(id, "kill")
  }

  /** The power is lost, whether a process runs or not. */
  powerLoss(id: string) {
    return Effect.uninterruptible(
      Effect.tap(this.#end(id, "kill"), () => Effect.sync(() => this.machine(id).disk.powerLoss()))
    )
  }

  /** Waits until the disk has been called so often, or for a while; then the power is lost. */
  readonly crash = Effect.fnUntraced({ self: this }, function*(id: string, calls: number) {
    const due = Deferred.makeUnsafe<void>()
    this.machine(id).disk.crashAfter(calls, () => Deferred.doneUnsafe(due, Exit.void))
    yield* Effect.timeoutOption(Deferred.await(due), 200)
    yield* this.powerLoss(id)
  })

  readonly pause = Effect.fnUntraced({ self: this }, function*(id: string, isSuspended: boolean) {
    const machine = this.machine(id)
    if (machine.process === undefined || machine.pausedAt !== undefined) return
    machine.pausedAt = yield* Clock.currentTimeMillis
    machine.isSuspended = isSuspended
    const node = this.nodes.get(id)
    if (node !== undefined) node.absences++
    yield* machine.process.pause
  })

  readonly resume = Effect.fnUntraced({ self: this }, function*(id: string) {
    const machine = this.machine(id)
    if (machine.process === undefined || machine.pausedAt === undefined) return
    if (machine.isSuspended) machine.clock.suspended((yield* Clock.currentTimeMillis) - machine.pausedAt)
    machine.pausedAt = undefined
    const node = this.nodes.get(id)
    if (node !== undefined) node.absences++
    yield* machine.process.resume
  })

  /** Damages a disk, once in its life. */
  damage(id: string, kind: "flip" | "misdirect"): string | undefined {
    const machine = this.machine(id)
    if (machine.isDamaged) return undefined
    const where = machine.disk.damage(kind)
    machine.isDamaged = where !== undefined
    return where
  }

  /** Links that carry nothing, until it is undone. */
  readonly cut = Effect.fnUntraced({ self: this }, function*(links: ReadonlyArray<readonly [string, string]>) {
    for (const link of links) this.#cuts.add(link)
    yield* this.#rewire()
  })

  readonly mend = Effect.fnUntraced({ self: this }, function*(links: ReadonlyArray<readonly [string, string]>) {
    for (const link of links) this.#cuts.delete(link)
    yield* this.#rewire()
  })

  #rewire() {
    return Effect.andThen(
      this.network.heal,
      Effect.forEach([...this.#cuts], ([from, to]) => this.network.cut(from, to), { discard: true })
    )
  }

  /** The node that leads the newest term, as far as those know that run and are not paused. */
  readonly leader: Effect.Effect<Node | undefined> = Effect.gen({ self: this }, function*() {
    let newest: { readonly node: Node; readonly term: number } | undefined
    for (const node of this.nodes.values()) {
      const { role, term } = yield* node.raft.status
      if (role === "leader" && term > (newest?.term ?? 0)) newest = { node, term }
    }
    return newest?.node
  })

  /** Nothing is broken any more, but for disks that are lost. */
  readonly repair = Effect.fnUntraced({ self: this }, function*() {
    this.#cuts.clear()
    this.noise.garbled = 0
    yield* this.network.heal
    yield* this.network.change({ loss: 0, duplication: 0, reorder: 0, delay: [0, 5] })
    for (const id of this.ids) {
      this.counts.diskFailures += this.machine(id).disk.failed
      this.machine(id).disk.repair()
      yield* this.resume(id)
      yield* this.start(id)
    }
  })
}
