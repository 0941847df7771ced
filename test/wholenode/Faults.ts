/**
 * Carries out a plan: each fault at its time, by itself, and takes it back when its time is over.
 */
import { Effect } from "effect"
import type { Membership } from "effect-raft/engine"
import type { Machines } from "./Machines.ts"
import * as Plan from "./Plan.ts"

type Links = ReadonlyArray<readonly [string, string]>

/** Does harm for a while; then, or when it is interrupted, takes it back. */
const during = <R1, R2>(
  fault: Plan.Fault,
  harm: Effect.Effect<unknown, never, R1>,
  undo: Effect.Effect<unknown, never, R2>
): Effect.Effect<void, never, R1 | R2> => Effect.ensuring(Effect.andThen(harm, Effect.sleep(fault.lasts)), undo)

const between = (some: ReadonlyArray<string>, others: ReadonlyArray<string>): Links =>
  some.flatMap((one) => others.flatMap((other) => one === other ? [] : [[one, other], [other, one]] as const))

const linksOf = ({ kind, on }: Plan.Fault, ids: ReadonlyArray<string>): Links => {
  const [from = "", to = ""] = on
  if (kind === "cut") return [[from, to]]
  return kind === "sever" ? between([from], [to]) : between(on, ids.filter((id) => !on.includes(id)))
}

/** What an operator may want, one of several kinds. */
const changeOf = (amount: number, id: string): Membership.Change => {
  const member = { id, address: id }
  const changes: ReadonlyArray<Membership.Change> = [
    { _tag: "AddVoter", member },
    { _tag: "AddLearner", member },
    { _tag: "Promote", id },
    { _tag: "Demote", id },
    { _tag: "Remove", id }
  ]
  return changes[amount % changes.length] ?? { _tag: "AddVoter", member }
}

/** An operator asks whoever leads, and waits a while for the answer. */
const asked = (answer: Effect.Effect<unknown, unknown>) => Effect.asVoid(Effect.option(Effect.timeout(answer, 2500)))

const ask = (machines: Machines, { amount, kind }: Plan.Fault, id: string) => {
  if (kind === "snapshot") return asked(machines.nodes.get(id)?.raft.snapshot ?? Effect.void)
  return Effect.flatMap(machines.leader, (leader) => {
    if (leader === undefined) return Effect.void
    if (kind === "change") return asked(leader.raft.changeMembership(changeOf(amount, id)))
    return asked(
      Effect.tap(leader.raft.transfer(id), (to) =>
        Effect.sync(() => {
          if (!machines.watch.led(to)) machines.watch.say(`a transfer said that ${to} leads, which never has`)
        }))
    )
  })
}

const onNetwork = (machines: Machines, fault: Plan.Fault, on: ReadonlyArray<string>): Effect.Effect<void> => {
  const { amount, kind } = fault
  const { network, noise } = machines
  if (kind === "garble") {
    const set = (percent: number) => Effect.sync(() => void (noise.garbled = percent / 100))
    return during(fault, set(amount), set(0))
  }
  if (kind === "flaky") {
    const share = amount / 100
    const harm = network.change({
      loss: share * 0.4,
      duplication: share * 0.3,
      reorder: share * 0.5,
      delay: [0, Math.round(amount * 0.8)]
    })
    return during(fault, harm, network.change({ loss: 0, duplication: 0, reorder: 0, delay: [0, 5] }))
  }
  const links = linksOf({ ...fault, on }, machines.ids)
  return during(fault, machines.cut(links), machines.mend(links))
}

/** Switches something of a disk on, and off again. */
const onDisk = (machines: Machines, fault: Plan.Fault, id: string): Effect.Effect<void> => {
  const { amount, kind } = fault
  const { disk } = machines.machine(id)
  const set = (isOn: boolean) =>
    Effect.sync(() => {
      if (kind === "slow") disk.latency = isOn ? amount : machines.plan.settings.latency
      else if (kind === "stall") disk.isStalled = isOn
      else disk.isFull = isOn
    })
  return during(fault, set(true), set(false))
}

const onClock = (machines: Machines, { amount, kind }: Plan.Fault, id: string) =>
  Effect.sync(() => {
    const { clock } = machines.machine(id)
    if (kind === "drift") return clock.setRate(1 + amount / 1000)
    const most = Plan.kinds.jump
    clock.jump((amount < most / 2 ? -amount : amount - most / 2) * 1000)
  })

/** Damages the disk while the node runs, or while it is down. */
const damage = (machines: Machines, fault: Plan.Fault, id: string) => {
  const { amount, kind } = fault
  if (kind !== "flip" && kind !== "misdirect") return Effect.void
  const damaged = Effect.sync(() => void machines.damage(id, kind))
  return amount === 1
    ? damaged
    : during(fault, Effect.andThen(machines.powerLoss(id), damaged), machines.start(id))
}

const roll = (machines: Machines) =>
  Effect.forEach(
    machines.ids,
    (id) => Effect.ensuring(Effect.andThen(machines.stop(id), Effect.sleep(50)), machines.start(id)),
    { discard: true }
  )

/** So many turns of whoever has something to do. */
const turns = (count: number) => Effect.repeat(Effect.yieldNow, { times: count })

const operations = { readfails: "read", writefails: "write", syncfails: "sync" } as const

const onNode = (machines: Machines, fault: Plan.Fault, id: string) => {
  const { amount, kind } = fault
  switch (kind) {
    case "crash":
      return during(fault, machines.crash(id, amount), machines.start(id))
    case "kill":
      return during(fault, Effect.andThen(turns(amount), machines.kill(id)), machines.start(id))
    case "stop":
      return during(fault, machines.stop(id), machines.start(id))
    case "pause":
    case "suspend":
      return during(fault, machines.pause(id, kind === "suspend"), machines.resume(id))
    case "jump":
    case "drift":
      return onClock(machines, fault, id)
    case "slow":
    case "stall":
    case "full":
      return onDisk(machines, fault, id)
    case "readfails":
    case "writefails":
    case "syncfails":
      return Effect.sync(() => machines.machine(id).disk.failAfter(operations[kind], amount))
    case "flip":
    case "misdirect":
      return damage(machines, fault, id)
    default:
      return ask(machines, fault, id)
  }
}

const everywhere = new Set<Plan.Kind>(["partition", "cut", "sever", "flaky", "garble"])

const strike = Effect.fnUntraced(function*(machines: Machines, fault: Plan.Fault) {
  const { kind, on } = fault
  if (kind === "roll") return yield* roll(machines)
  if (kind === "blackout") {
    const down = Effect.forEach(machines.ids, (id) => machines.powerLoss(id))
    return yield* during(fault, down, Effect.forEach(machines.ids, (id) => machines.start(id)))
  }
  const leader = (yield* machines.leader)?.id ?? machines.ids[0] ?? ""
  const named = on.map((id) => id === "leader" ? leader : id)
  if (everywhere.has(kind)) return yield* onNetwork(machines, fault, named)
  return yield* onNode(machines, fault, named[0] ?? leader)
})

/** Everything of the plan, each at its time. `onStrike` is told of each as it begins. */
export const carryOut = <R>(machines: Machines, onStrike: (fault: Plan.Fault) => Effect.Effect<void, never, R>) =>
  Effect.forEach(
    machines.plan.faults,
    (fault) => Effect.sleep(fault.at).pipe(Effect.andThen(onStrike(fault)), Effect.andThen(strike(machines, fault))),
    { concurrency: "unbounded", discard: true }
  )
