/**
 * One run: nodes and clients while things go wrong as planned, and then the same nodes when everything works again.
 *
 * First nothing may happen that must not; then everything must happen that should: within ten election timeouts one node
 * leads, every member has its log and its state, and answers reads and takes writes.
 */
import * as Linearizability from "@effect-raft/testing/Linearizability"
import * as Simulation from "@effect-raft/testing/Simulation"
import { Clock, Effect, Exit, Fiber, References } from "effect"
import * as Clients from "./Clients.ts"
import * as Faults from "./Faults.ts"
import * as Ledger from "./Ledger.ts"
import { electionTimeout, Machines, type Node } from "./Machines.ts"
import type * as Plan from "./Plan.ts"
import { sound, type Variant } from "./Variant.ts"
import { Watch } from "./Watch.ts"

export interface Report {
  readonly plan: Plan.Plan
  readonly verdict: "good" | "unsafe" | "stuck" | "not linearizable" | "undecided"
  readonly why: string
  readonly steps: number
  readonly duration: number
  /** How often each kind of fault was begun. */
  readonly faults: Readonly<Record<string, number>>
  readonly operations: { readonly ok: number; readonly failed: number; readonly unknown: number }
  readonly looked: Readonly<Record<string, number>>
  readonly fingerprint: string
  readonly trace: ReadonlyArray<string>
}

interface Outcome {
  readonly stuck: string | undefined
  readonly contradictions: ReadonlyArray<string>
}

/** Waits until there is nothing to say against it any more, or time is up; answers with what there was to say last. */
const settle = Effect.fnUntraced(function*(complaint: Effect.Effect<string | undefined>, patience: number) {
  const until = (yield* Clock.currentTimeMillis) + patience
  while (true) {
    const said = yield* complaint
    if (said === undefined || (yield* Clock.currentTimeMillis) >= until) return said
    yield* Effect.sleep(25)
  }
})

/** The nodes that the leader takes for members. */
const members = Effect.fnUntraced(function*(leader: Node) {
  const status = yield* leader.raft.status
  return status.members.map(({ id }) => id)
})

/** Why the members are not of one mind yet. */
const disagreement = Effect.fnUntraced(function*(machines: Machines) {
  const leader = yield* machines.leader
  if (leader === undefined) return "nobody leads"
  const { commit, last, term } = yield* leader.raft.status
  if (commit < last) return `${leader.id} leads term ${term} and has committed ${commit} of ${last}`
  for (const id of yield* members(leader)) {
    const node = machines.nodes.get(id)
    if (machines.lost.includes(id)) continue
    if (node === undefined) return `${id} does not run`
    const status = yield* node.raft.status
    if (status.leader !== leader.id || status.term !== term) return `${id} does not follow ${leader.id} in term ${term}`
    if (status.applied !== commit || status.last !== last) {
      return `${id} has applied ${status.applied} of ${status.last}, and ${leader.id} has committed ${commit}`
    }
    if (node.ledger.sum !== leader.ledger.sum) return `${id} has another state than ${leader.id}`
  }
  return undefined
})

/** Puts a fresh node in the place of each whose disk is lost. */
const replaceLost = Effect.fnUntraced(function*(machines: Machines) {
  const leader = yield* machines.leader
  if (leader === undefined) return "nobody leads"
  const present = yield* members(leader)
  const lost = machines.lost.find((id) => present.includes(id))
  if (lost === undefined) return undefined
  const spare = machines.ids.find((id) => !present.includes(id) && !machines.lost.includes(id))
  yield* Effect.option(Effect.timeout(leader.raft.remove(lost), 2500))
  if (spare !== undefined) {
    yield* Effect.option(Effect.timeout(leader.raft.addVoter({ id: spare, address: spare }), 2500))
  }
  return `${lost} is to be replaced`
})

/** Writes and reads, beginning at each member. Where it may not write, it goes to whom it is sent. */
const serves = Effect.fnUntraced(function*(machines: Machines, clients: Clients.Clients) {
  const leader = yield* machines.leader
  if (leader === undefined) return "nobody leads"
  for (const id of yield* members(leader)) {
    const node = machines.nodes.get(id)
    if (node === undefined) continue
    const word = `end-${id}-${yield* Clock.currentTimeMillis}`
    const write: Ledger.Action = { _tag: "Add", key: "end", word }
    const there = (yield* node.raft.status).leader ?? id
    const wrote = yield* Clients.record(
      clients,
      "end",
      write,
      Clients.perform(machines, machines.nodes.get(there), write, false)
    )
    if (Exit.isFailure(wrote)) return `no write by way of ${id}: ${wrote.cause}`
    for (const isLease of [true, false]) {
      const read: Ledger.Action = { _tag: "Read", key: "end" }
      const exit = yield* Clients.record(clients, "end", read, Clients.perform(machines, node, read, isLease))
      if (Exit.isFailure(exit)) return `no ${isLease ? "lease" : "linearizable"} read on ${id}: ${exit.cause}`
    }
  }
  return undefined
})

/** What is open or on its way for longer than anything may take, once nobody asks for anything. */
const leftovers = (machines: Machines): string | undefined => {
  for (const id of machines.ids) {
    const { disk } = machines.machine(id)
    const log = disk.files.filter((name) => name.endsWith(".wal")).length
    // What could not be taken away for good is tried again later.
    if (disk.open.length > log + 1 + disk.failed) return `${id} has open ${disk.open}, and there is ${disk.describe}`
    if (disk.files.some((name) => name.endsWith(".draft"))) return `${id} has drafts left: ${disk.files}`
  }
  return undefined
}

const recovers = Effect.fnUntraced(function*(machines: Machines, clients: Clients.Clients) {
  const patience = 10 * electionTimeout
  return (yield* settle(disagreement(machines), patience))
    ?? (yield* settle(replaceLost(machines), patience))
    ?? (yield* settle(serves(machines, clients), patience))
    ?? (yield* settle(disagreement(machines), patience))
    ?? (yield* settle(Effect.sync(() => leftovers(machines)), patience))
})

const explained = Effect.fnUntraced(function*(machines: Machines, stuck: string) {
  const all = yield* Effect.forEach([...machines.nodes.values()], ({ raft }) => raft.explain())
  return [stuck, ...all.flatMap(({ reasons, state }) => [state, ...reasons.map((reason) => `  ${reason}`)])].join("\n")
})

/** What a run leaves, also if it was broken off. */
interface Remains {
  machines: Machines | undefined
  clients: Clients.Clients | undefined
  readonly faults: Record<string, number>
}

const scenario = (plan: Plan.Plan, variant: Variant, watch: Watch, remains: Remains) =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const machines = new Machines(plan, watch, variant, () => clock.currentTimeMillisUnsafe())
    const clients = yield* Clients.make
    remains.machines = machines
    remains.clients = clients
    yield* Simulation.always("nothing happens that must not", () => watch.faults.length === 0)
    yield* Effect.forEach(machines.ids, (id) => machines.start(id))
    const names = "pqrstuvw".slice(0, plan.settings.clients)
    const working = yield* Effect.forEach(names, (name) => Effect.forkChild(Clients.client(machines, clients, name)))
    working.push(yield* Effect.forkChild(Clients.reader(machines, clients, "reader")))
    const onStrike = Effect.fnUntraced(function*({ amount, kind, on }: Plan.Fault) {
      remains.faults[kind] = (remains.faults[kind] ?? 0) + 1
      yield* Simulation.trace(`${kind} ${on.join(",")} ${amount}`)
    })
    const striking = yield* Effect.forkChild(Faults.carryOut(machines, onStrike))
    yield* Effect.sleep(plan.settings.until)
    yield* Fiber.interrupt(striking)
    yield* Simulation.trace("everything is repaired")
    yield* machines.repair()
    yield* Fiber.interruptAll(working)
    const stuck = yield* recovers(machines, clients)
    const leader = yield* machines.leader
    const outcome: Outcome = {
      stuck: stuck === undefined ? undefined : yield* explained(machines, stuck),
      contradictions: stuck === undefined ? Clients.contradictions(clients, leader?.ledger.lists ?? new Map()) : []
    }
    return outcome
  }).pipe(Effect.provideService(References.MinimumLogLevel, "Debug"))

type Judged = Pick<Report, "verdict" | "why">

const judge = (
  ending: Simulation.Ending<Outcome, unknown>,
  watch: Watch,
  operations: Parameters<typeof Linearizability.check<string, Ledger.Action, string>>[0]
): Judged => {
  if (watch.faults.length > 0) return { verdict: "unsafe", why: watch.faults.join("\n") }
  if (ending._tag !== "Done") return { verdict: "stuck", why: `the run ended: ${ending._tag}` }
  if (Exit.isFailure(ending.exit)) return { verdict: "unsafe", why: String(ending.exit.cause) }
  const { contradictions, stuck } = ending.exit.value
  if (contradictions.length > 0) return { verdict: "unsafe", why: contradictions.join("\n") }
  const found = Linearizability.check(operations, Ledger.model)
  if (found._tag === "NotLinearizable") return { verdict: "not linearizable", why: found.picture }
  if (stuck !== undefined) return { verdict: "stuck", why: stuck }
  return found._tag === "Undecided"
    ? { verdict: "undecided", why: "the checker gave up" }
    : { verdict: "good", why: "" }
}

export const run = (plan: Plan.Plan, variant: Variant = sound): Report => {
  const watch = new Watch()
  variant.onWatch?.(watch)
  const remains: Remains = { machines: undefined, clients: undefined, faults: {} }
  const ran = Simulation.run(scenario(plan, variant, watch, remains), {
    seed: plan.settings.seed,
    maxSteps: 5_000_000
  })
  const operations = remains.clients === undefined ? [] : Effect.runSync(remains.clients.history.operations)
  const count = (tag: string) => operations.filter(({ outcome }) => outcome._tag === tag).length
  return {
    plan,
    ...judge(ran.ending, watch, operations),
    steps: ran.steps,
    duration: ran.duration,
    faults: remains.faults,
    operations: { ok: count("Ok"), failed: count("Fail"), unknown: count("Unknown") },
    looked: { ...watch.looked, ...remains.machines?.counts },
    fingerprint: ran.fingerprint,
    trace: ran.trace
  }
}
