/**
 * The very same `Counter.layer` on memory, and on disks and sockets. Nothing differs but what is provided to it.
 */
import { FileStorage } from "@effect-raft/storage"
import { TcpTransport } from "@effect-raft/transport"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, References, Schedule } from "effect"
import * as MemoryNetwork from "effect-raft/MemoryNetwork"
import * as MemoryStorage from "effect-raft/MemoryStorage"
import { type Storage } from "effect-raft/Storage"
import { type Transport } from "effect-raft/Transport"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePorts } from "../../../test/freePorts.ts"
import { Counter } from "../src/Counter.ts"

interface Member {
  readonly id: string
  readonly address: string
}

/** What a node stands on. */
type Ground<E> = (member: Member) => Layer.Layer<Storage | Transport, E>

const start = <E>(members: ReadonlyArray<Member>, ground: Ground<E>) =>
  Effect.forEach(
    members,
    (member) =>
      Layer.build(Counter.layer({ id: member.id, bootstrap: { members } }).pipe(Layer.provide(ground(member)))).pipe(
        Effect.map((services) => Context.get(services, Counter))
      )
  )

type Nodes = ReadonlyArray<Counter["Service"]>

const retry = {
  schedule: Schedule.spaced("10 millis").pipe(Schedule.upTo({ duration: "20 seconds" })),
  while: (error: { readonly _tag: string }) => error._tag === "NotLeader"
}

/** Asks one node after the other until one leads. */
const ask = <A, E extends { readonly _tag: string }>(
  nodes: Nodes,
  question: (counter: Counter["Service"]) => Effect.Effect<A, E>
) => {
  let turn = 0
  return Effect.retry(
    Effect.suspend(() => Effect.flatMap(Effect.fromNullishOr(nodes[turn++ % nodes.length]), question)),
    retry
  )
}

const add = (nodes: Nodes, amount: number) => ask(nodes, (counter) => counter.Add({ amount }))

/** All come to say the same, each for itself. */
const agree = Effect.fnUntraced(function*(nodes: Nodes, expected: number) {
  const schedule = Schedule.spaced("10 millis").pipe(Schedule.upTo({ duration: "20 seconds" }))
  for (const counter of nodes) {
    const total = counter.Total({}, { consistency: "stale" })
    yield* Effect.repeat(total, { schedule, until: (total) => total === expected })
    assert.strictEqual(yield* total, expected)
  }
})

/** That connections come and go is of no interest here. */
const quietly = Effect.provideService(References.MinimumLogLevel, "Error")

const countsTogether = <E>(members: ReadonlyArray<Member>, ground: Ground<E>) =>
  Effect.gen(function*() {
    const nodes = yield* start(members, ground)

    const totals = yield* Effect.forEach([1, 2, 3], (amount) => add(nodes, amount))

    assert.deepStrictEqual(totals, [1, 3, 6])
    assert.strictEqual(yield* ask(nodes, (counter) => counter.Total()), 6)
    yield* agree(nodes, 6)
  }).pipe(quietly)

const onMemory = ["n1", "n2", "n3"].map((id) => ({ id, address: id }))

const memory = (): Ground<never> => {
  const network = Layer.succeed(MemoryNetwork.MemoryNetwork, MemoryNetwork.make())
  return () => Layer.merge(MemoryStorage.layer, Layer.provide(MemoryNetwork.layerTransport, network))
}

const temporaryDirectory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "counter-"))),
  (directory) => Effect.promise(() => rm(directory, { recursive: true, force: true }))
)

const freeAddresses = (count: number) =>
  Effect.map(freePorts(count), (ports) => ports.map((port) => `127.0.0.1:${port}`))

const disksAndSockets = (directory: string): Ground<unknown> => ({ address, id }) =>
  Layer.merge(FileStorage.layer({ directory: join(directory, id) }), TcpTransport.layer({ listen: address }))

const onSockets = Effect.map(
  freeAddresses(3),
  (addresses) => addresses.map((address, place) => ({ id: `n${place + 1}`, address }))
)

describe("the counter", () => {
  it.live("counts on disks and a network in memory", () => countsTogether(onMemory, memory()))

  it.live("counts on real disks and sockets, with no other change", () =>
    Effect.gen(function*() {
      yield* countsTogether(yield* onSockets, disksAndSockets(yield* temporaryDirectory))
    }))

  it.live("goes on where it was when all its nodes are started again", () =>
    Effect.gen(function*() {
      const members = yield* onSockets
      const ground = disksAndSockets(yield* temporaryDirectory)
      yield* Effect.scoped(countsTogether(members, ground))

      const nodes = yield* start(members, ground)

      assert.strictEqual(yield* add(nodes, 4), 10)
      yield* agree(nodes, 10)
    }).pipe(quietly))
})
