import * as StateMachineTest from "@effect-raft/testing/StateMachineTest"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, HashMap, Schema, Stream } from "effect"
import * as Replicated from "effect-raft/Replicated"
import * as StateMachine from "effect-raft/StateMachine"

class Words extends Replicated.Service<Words>()("test/Words", {
  state: Schema.HashMap(Schema.String, Schema.Int),
  commands: {
    Say: Replicated.command({ payload: { word: Schema.String }, success: Schema.Int }),
    Forget: Replicated.command({ payload: { word: Schema.String }, success: Schema.Boolean })
  },
  queries: { All: Replicated.query({ success: Schema.HashMap(Schema.String, Schema.Int) }) }
}) {
  static readonly layer = Words.toLayer(HashMap.empty(), {
    Say: (state, { word }, { index }) => [HashMap.set(state, word, index), index],
    Forget: (state, { word }) => [HashMap.remove(state, word), HashMap.has(state, word)],
    All: (state) => state
  })
}

const commands = ["a", "b", "c", "a", "d", "b", "e"].flatMap((word) => [
  Words.encodeCommand("Say", { word }),
  Words.encodeCommand("Forget", { word: `${word}` === "c" ? "a" : "z" })
])

const words: StateMachineTest.Subject = {
  machine: Words.layer.machine,
  commands,
  queries: [{ tag: "All", payload: {} }],
  histories: {
    "version 0.0": {
      commands: ["WyJTYXkiLHsid29yZCI6ImEifV0=", "WyJGb3JnZXQiLHsid29yZCI6ImEifV0="],
      replies: ["2", "true"],
      answers: [JSON.stringify({ _id: "HashMap", values: [] })],
      snapshot: "W10="
    }
  }
}

StateMachineTest.suite("a typed service", words)

const text = new TextDecoder()
const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

/** A list of words by hand, and with each of these bugs. */
const list = (
  bug?: "clock" | "chance" | "batch" | "read" | "restore" | "late" | "order"
): StateMachineTest.Subject => ({
  commands: ["a", "b", "c", "d"].map(bytes),
  queries: ["all"],
  machine: Effect.sync(() => {
    let all: Array<string> = []
    const add = (word: string) => {
      const stamp = bug === "clock" ? Date.now() : bug === "chance" ? Math.random() : ""
      all = [...all, `${word}${stamp}`]
      return all.length
    }
    const machine = StateMachine.make({
      apply: ({ payload }) => add(JSON.parse(text.decode(payload))),
      read: () => {
        if (bug === "read") all = [...all, "looked"]
        return bug === "order" ? all.join() : all
      },
      snapshot: () => bytes(bug === "order" ? [...all].reverse() : all),
      restore: (snapshot) => {
        all = bug === "restore" ? [...all, ...JSON.parse(text.decode(snapshot))] : JSON.parse(text.decode(snapshot))
      }
    })
    return {
      ...machine,
      apply: (commands) =>
        bug === "batch" && commands.length > 1 ? machine.apply(commands.slice(1)) : machine.apply(commands),
      snapshot: bug === "late" ? Effect.sync(() => Stream.fromEffect(Effect.sync(() => bytes(all)))) : machine.snapshot
    }
  })
})

const failing = Effect.fnUntraced(function*(subject: StateMachineTest.Subject) {
  const failed: Array<string> = []
  for (const [sentence, check] of StateMachineTest.cases(subject)) {
    if (Exit.isFailure(yield* Effect.exit(check))) failed.push(sentence)
  }
  return failed
})

describe("the suite for state machines", () => {
  it.effect("finds nothing wrong with a list of words", () =>
    Effect.map(failing(list()), (failed) => assert.deepStrictEqual(failed, [])))

  it.effect.each(
    [
      ["clock", "whatever the clock says"],
      ["chance", "whatever the clock says"],
      ["batch", "however the commands are put together"],
      ["read", "not changed by being looked at"],
      ["restore", "forgets what it was"],
      ["late", "not what it became"],
      ["order", "goes on from a snapshot"]
    ] as const
  )("finds the bug in one: %s", ([bug, sentence]) =>
    Effect.map(failing(list(bug)), (failed) => {
      assert.isTrue(failed.some((each) => each.includes(sentence)), failed.join("; "))
    }))

  it.effect("finds a command of an older version that the code of today does not know", () =>
    Effect.gen(function*() {
      const recorded = yield* StateMachineTest.record(words)
      const renamed = { ...recorded, commands: [btoa(JSON.stringify(["Tell", { word: "a" }])), ...recorded.commands] }

      const failed = yield* failing({ ...words, histories: { old: renamed } })

      assert.deepStrictEqual(failed, ["answers as it did when old was written down"])
    }))
})
