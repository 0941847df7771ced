import * as Models from "@effect-raft/testing/Models"
import * as TestCluster from "@effect-raft/testing/TestCluster"
import { assert, describe, it } from "@effect/vitest"
import { Effect, HashMap, Option, Random, Schema } from "effect"
import * as Replicated from "effect-raft/Replicated"

class Registers extends Replicated.Service<Registers>()("test/Registers", {
  state: Schema.HashMap(Schema.String, Schema.String),
  commands: {
    Write: Replicated.command({ payload: { key: Schema.String, value: Schema.String }, success: Schema.Boolean }),
    Swap: Replicated.command({
      payload: { key: Schema.String, from: Schema.String, to: Schema.String },
      success: Schema.Boolean
    })
  },
  queries: { Read: Replicated.query({ payload: { key: Schema.String }, success: Schema.String }) }
}) {
  static readonly layer = Registers.toLayer(HashMap.empty(), {
    Write: (state, { key, value }) => [HashMap.set(state, key, value), true],
    Swap: (state, { from, key, to }) =>
      Option.getOrElse(HashMap.get(state, key), () => "") === from
        ? [HashMap.set(state, key, to), true]
        : [state, false],
    Read: (state, { key }) => Option.getOrElse(HashMap.get(state, key), () => "")
  })
}

class Counter extends Replicated.Service<Counter>()("test/Counter", {
  state: Schema.Int,
  commands: { Add: Replicated.command({ payload: { amount: Schema.Int }, success: Schema.Int }) },
  queries: {}
}) {
  static readonly layer = Counter.toLayer(0, { Add: (total, { amount }) => [total + amount, total + amount] })
}

type Action = Models.KeyValueAction<string>

let written = 0

const action: Effect.Effect<Action> = Effect.gen(function*() {
  const key = `key-${yield* Random.nextIntBetween(1, 4)}`
  const kind = yield* Random.nextIntBetween(0, 4)
  written++
  if (kind === 0) return { _tag: "Write", key, value: `${written}` }
  if (kind === 1) return { _tag: "CompareAndSet", key, from: `${written - 3}`, to: `${written}` }
  return { _tag: "Read", key }
})

const perform = (
  registers: Registers["Service"],
  action: Action
): Effect.Effect<string | boolean, Replicated.RequestError> => {
  const { key } = action
  switch (action._tag) {
    case "Read":
      return registers.Read({ key })
    case "Write":
      return registers.Write({ key, value: action.value })
    case "CompareAndSet":
      return registers.Swap({ key, from: action.from, to: action.to })
  }
}

const subject = { service: Registers, layer: Registers.layer, model: Models.keyValue(""), action, perform }

/** The first seed; those after it follow. See the guide on testing. */
const first = Number(process.env["SEED"] ?? 1)

const seeds = (count: number) => Array.from({ length: count }, (_, place) => first + place)

const runOf = (seed: number, options: Partial<TestCluster.Options> = {}) => {
  written = 0
  return TestCluster.run(subject, { seed, ...options })
}

describe("a service on a cluster that is broken on purpose", () => {
  it("holds up, whatever the selection of faults", () => {
    const kinds = new Set<string>()
    for (const seed of seeds(20)) {
      const report = runOf(seed, { nodes: 3 + (seed % 2) * 2 })
      assert.strictEqual(report.verdict, "good", `seed ${seed}: ${report.why}\n${report.trace.slice(-30).join("\n")}`)
      assert.isAbove(report.operations.length, 50, `seed ${seed}`)
      for (const kind of Object.keys(report.faults)) kinds.add(kind)
    }
    // What the seeds of every day reach is known; others may be less lucky.
    if (process.env["SEED"] === undefined) assert.strictEqual(kinds.size, 12, [...kinds].join())
  }, 240_000)

  it("does the same again, to the last byte, when the seed is the same", () => {
    const [first, second] = [runOf(4), runOf(4)]

    assert.strictEqual(first.fingerprint, second.fingerprint)
    assert.deepStrictEqual(first.operations, second.operations)
  })
})

describe("a mistake", () => {
  it("of a client that does again what may have happened is found, drawn and made smaller", () => {
    const careless = {
      service: Counter,
      layer: Counter.layer,
      model: {
        initial: 0,
        apply: (total: number, amount: number): readonly [number, number] => [total + amount, total + amount]
      },
      action: Random.nextIntBetween(1, 9),
      // The bug: whoever hears nothing for a moment asks again.
      perform: (counter: Counter["Service"], amount: number) =>
        Effect.timeoutOption(counter.Add({ amount }), 100).pipe(
          Effect.flatMap(Option.match({ onNone: () => counter.Add({ amount }), onSome: Effect.succeed }))
        )
    }

    const found = TestCluster.search(careless, { seed: 1, count: 40 })
    const { options, report } = TestCluster.shrink(careless, { seed: found.seed })

    assert.strictEqual(found.verdict, "not linearizable")
    assert.include(found.why, "client")
    assert.strictEqual(report.verdict, "not linearizable")
    assert.isBelow(options.kinds?.length ?? 12, 12)
  }, 240_000)

  it("of a function that asks for chance is found: another node has another total", () => {
    class Moody extends Replicated.Service<Moody>()("test/Moody", {
      state: Schema.Int,
      commands: { Add: Replicated.command({ payload: {}, success: Schema.Boolean }) },
      queries: { Total: Replicated.query({ success: Schema.Int }) }
    }) {
      // The bug: now and then a node does not feel like it, and says that it does.
      static readonly layer = Moody.toLayer(0, {
        Add: (total) => [total + (Math.random() < 0.9 ? 1 : 0), true],
        Total: (total) => total
      })
    }
    const subject = {
      service: Moody,
      layer: Moody.layer,
      model: {
        initial: 0,
        apply: (total: number, adds: boolean): readonly [number, number | boolean] =>
          adds ? [total + 1, true] : [total, total]
      },
      action: Effect.map(Random.nextIntBetween(0, 1), (kind) => kind === 0),
      perform: (moody: Moody["Service"], adds: boolean): Effect.Effect<number | boolean, Replicated.RequestError> =>
        adds ? moody.Add() : moody.Total()
    }

    const report = TestCluster.run(subject, { seed: 1, faults: 3 })

    assert.strictEqual(report.verdict, "not linearizable")
  }, 60_000)
})
