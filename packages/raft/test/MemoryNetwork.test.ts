import * as TransportTest from "@effect-raft/testing/TransportTest"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Scope } from "effect"
import * as MemoryNetwork from "effect-raft/MemoryNetwork"
import { type Envelope, type Self, Transport } from "effect-raft/Transport"
import { TestClock } from "effect/testing"

TransportTest.suite(
  "MemoryNetwork",
  Effect.sync(() => {
    const network = MemoryNetwork.make()
    return (node) => Effect.succeed({ transport: Transport.of({ join: network.join }), address: node })
  })
)

const self = (node: string, cluster = "test"): Self => ({ cluster, node, incarnation: 1, attributes: {} })

const note = (from: string, term: number): Envelope => ({
  message: { _tag: "VoteReply", from, term, granted: true },
  entries: undefined
})

/** Nodes that list each other; what each heard, as the terms of the messages. */
const company = Effect.fnUntraced(function*(network: MemoryNetwork.MemoryNetwork["Service"], ...ids: Array<string>) {
  const members = ids.map((id) => ({ id, address: id }))
  return yield* Effect.forEach(ids, (id) =>
    Effect.gen(function*() {
      const heard: Array<number> = []
      const connection = yield* network.join(self(id), ({ message }) => void heard.push(message.term))
      yield* connection.setMembers(members)
      return { ...connection, id, heard }
    }))
})

const settle = TestClock.adjust("10 seconds")

/** What `b` hears when `a` sends a thousand messages. */
const thousand = Effect.fnUntraced(function*(options: Partial<MemoryNetwork.Options>) {
  const [a, b] = yield* company(MemoryNetwork.make(options), "a", "b")
  for (let term = 1; term <= 1000; term++) a?.send("b", note("a", term))
  yield* settle
  return b?.heard ?? []
})

const ascending = (terms: ReadonlyArray<number>) =>
  terms.every((term, place) => place === 0 || term > (terms[place - 1] ?? 0))

describe("faults", () => {
  it.effect("none: all arrive, in order", () =>
    Effect.gen(function*() {
      const heard = yield* thousand({})

      assert.strictEqual(heard.length, 1000)
      assert.isTrue(ascending(heard))
    }))

  it.effect("the same seed does the same, another seed something else", () =>
    Effect.gen(function*() {
      const faults = { loss: 0.2, duplication: 0.2, reorder: 0.2, delay: [0, 9] } as const

      const [first, second, other] = [
        yield* thousand({ seed: 1, ...faults }),
        yield* thousand({ seed: 1, ...faults }),
        yield* thousand({ seed: 2, ...faults })
      ]

      assert.deepStrictEqual(first, second)
      assert.notDeepEqual(first, other)
    }))

  it.effect("loss: about so many are lost", () =>
    Effect.gen(function*() {
      const heard = yield* thousand({ loss: 0.3 })

      assert.isTrue(heard.length > 600 && heard.length < 800, `${heard.length}`)
      assert.isTrue(ascending(heard))
    }))

  it.effect("duplication: nothing is lost, about so many come twice", () =>
    Effect.gen(function*() {
      const heard = yield* thousand({ duplication: 0.3 })

      assert.strictEqual(new Set(heard).size, 1000)
      assert.isTrue(heard.length > 1200 && heard.length < 1400, `${heard.length}`)
    }))

  it.effect("reorder: all arrive, some overtaken", () =>
    Effect.gen(function*() {
      const heard = yield* thousand({ reorder: 0.1 })

      assert.strictEqual(new Set(heard).size, 1000)
      assert.isFalse(ascending(heard))
    }))

  it.effect("delay: nothing arrives before its time, everything by the latest", () =>
    Effect.gen(function*() {
      const [a, b] = yield* company(MemoryNetwork.make({ delay: [10, 20] }), "a", "b")
      for (let term = 1; term <= 100; term++) a?.send("b", note("a", term))

      yield* TestClock.adjust(9)
      assert.strictEqual(b?.heard.length, 0)
      yield* TestClock.adjust(6)
      const halfway = b?.heard.length ?? 0
      assert.isTrue(halfway > 0 && halfway < 100, `${halfway}`)
      yield* TestClock.adjust(5)
      assert.strictEqual(b?.heard.length, 100)
    }))

  it.effect("change at run time, for what is sent from then on", () =>
    Effect.gen(function*() {
      const network = MemoryNetwork.make()
      const [a, b] = yield* company(network, "a", "b")

      yield* network.change({ loss: 1 })
      a?.send("b", note("a", 1))
      yield* network.change({ loss: 0 })
      a?.send("b", note("a", 2))
      yield* settle

      assert.deepStrictEqual(b?.heard, [2])
    }))
})

describe("cutting", () => {
  /** Sends from everyone to everyone; answers who heard how much. */
  const talk = Effect.fnUntraced(function*(actors: ReadonlyArray<Effect.Success<ReturnType<typeof company>>[number]>) {
    const before = actors.map(({ heard }) => heard.length)
    for (const from of actors) for (const to of actors) from.send(to.id, note(from.id, 1))
    yield* settle
    return actors.map(({ heard }, place) => heard.length - (before[place] ?? 0))
  })

  it.effect("a partition keeps groups apart until it is healed", () =>
    Effect.gen(function*() {
      const network = MemoryNetwork.make()
      const actors = yield* company(network, "a", "b", "c", "d")

      yield* network.partition([["a"], ["b", "c"]])
      assert.deepStrictEqual(yield* talk(actors), [0, 1, 1, 0])
      yield* network.partition([["a", "b"]])
      assert.deepStrictEqual(yield* talk(actors), [1, 1, 1, 1])
      yield* network.heal
      assert.deepStrictEqual(yield* talk(actors), [3, 3, 3, 3])
    }))

  it.effect("an isolated node neither hears nor is heard until it is healed", () =>
    Effect.gen(function*() {
      const network = MemoryNetwork.make()
      const actors = yield* company(network, "a", "b", "c")

      yield* network.isolate("b")

      assert.deepStrictEqual(yield* talk(actors), [1, 0, 1])
      yield* network.heal
      assert.deepStrictEqual(yield* talk(actors), [2, 2, 2])
    }))

  it.effect("a cut goes one way, and takes what is on its way", () =>
    Effect.gen(function*() {
      const network = MemoryNetwork.make({ delay: [5, 5] })
      const [a, b] = yield* company(network, "a", "b")

      assert.isTrue(a?.send("b", note("a", 1)))
      yield* network.cut("a", "b")
      assert.isTrue(a?.send("b", note("a", 2)))
      b?.send("a", note("b", 3))
      yield* settle

      assert.deepStrictEqual([a?.heard, b?.heard], [[3], []])
    }))

  it.effect("nodes that cannot reach each other do not get to know each other", () =>
    Effect.gen(function*() {
      const network = MemoryNetwork.make()
      yield* network.cut("b", "a")
      const [a, b] = yield* company(network, "a", "b")
      assert.isFalse(a?.send("b", note("a", 1)))
      assert.deepStrictEqual(yield* b?.peers ?? Effect.succeed([]), [])

      yield* network.heal

      assert.isTrue(a?.send("b", note("a", 2)))
    }))
})

describe("bounds", () => {
  it.effect("so many are on their way to one node at most", () =>
    Effect.gen(function*() {
      const [a, b] = yield* company(MemoryNetwork.make({ delay: [1, 1], maxInFlight: 3 }), "a", "b")

      const sent = [1, 2, 3, 4].map((term) => a?.send("b", note("a", term)))
      assert.deepStrictEqual(sent, [true, true, true, false])
      yield* settle

      assert.isTrue(a?.send("b", note("a", 5)))
      yield* settle
      assert.deepStrictEqual(b?.heard, [1, 2, 3, 5])
    }))

  it.effect("what is on its way to a node that leaves is lost, though it comes back", () =>
    Effect.gen(function*() {
      const network = MemoryNetwork.make({ delay: [5, 5] })
      const [a] = yield* company(network, "a")
      yield* a?.setMembers([{ id: "b", address: "b" }]) ?? Effect.void
      const heard: Array<number> = []
      const receive = ({ message }: Envelope) => void heard.push(message.term)
      const scope = yield* Scope.make()
      yield* Scope.provide(network.join(self("b"), receive), scope)
      assert.isTrue(a?.send("b", note("a", 1)))

      yield* Scope.close(scope, Exit.void)
      yield* network.join(self("b"), receive)
      a?.send("b", note("a", 2))
      yield* settle

      assert.deepStrictEqual(heard, [2])
    }))

  it.effect("what is on its way keeps the disk that its sender had, though it comes back with another", () =>
    Effect.gen(function*() {
      const network = MemoryNetwork.make({ delay: [10, 10] })
      const told: Array<readonly [term: number, incarnation: number]> = []
      const b = yield* network.join(
        self("b"),
        ({ message }, incarnation) => void told.push([message.term, incarnation])
      )
      yield* b.setMembers([{ id: "a", address: "a" }])
      const early = yield* network.join({ ...self("a"), incarnation: 3 }, () => {})
      early.send("b", note("a", 1))

      yield* network.kill("a")
      const late = yield* network.join({ ...self("a"), incarnation: 4 }, () => {})
      late.send("b", note("a", 2))
      yield* settle

      assert.deepStrictEqual(told, [[1, 3], [2, 4]])
    }))

  it.effect("two clusters may use the same names", () =>
    Effect.gen(function*() {
      const network = MemoryNetwork.make()
      yield* network.join(self("a", "one"), () => {})
      yield* network.join(self("a", "two"), () => {})

      const error = yield* Effect.flip(network.join(self("a", "two"), () => {}))

      assert.strictEqual(error.message, "two/a is in use")
    }))
})

describe("layers", () => {
  it.effect("nodes with the same network meet", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const network = yield* MemoryNetwork.MemoryNetwork

      yield* transport.join(self("a"), () => {})

      const { reason } = yield* Effect.flip(network.join(self("a"), () => {}))
      assert.strictEqual(reason._tag, "AddressInUse")
    }).pipe(
      Effect.provide(MemoryNetwork.layerTransport.pipe(Layer.provideMerge(MemoryNetwork.layer({ seed: 1, loss: 0.1 }))))
    ))
})
