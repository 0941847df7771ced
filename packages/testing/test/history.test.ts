/**
 * What is written down of an operation, and that it can be read again.
 */
import * as History from "@effect-raft/testing/History"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"

const classify = History.classify({
  result: (value: number) => value,
  didNotHappen: (error: "refused" | "lost") => error === "refused"
})

describe("the recorder", () => {
  it.effect("writes down what the caller may conclude, in the order in which it happened", () =>
    Effect.gen(function*() {
      const history = yield* History.make<string, number>()
      const sleeper = yield* Effect.forkChild(history.record("c1", "sleep", Effect.never, classify), {
        startImmediately: true
      })
      yield* history.record("c2", "read", Effect.succeed(1), classify)
      yield* Effect.exit(history.record("c2", "write", Effect.fail("refused" as const), classify))
      yield* Effect.exit(history.record("c2", "write", Effect.fail("lost" as const), classify))
      const both = Cause.combine(Cause.fail("refused" as const), Cause.fail("lost" as const))
      yield* Effect.exit(history.record("c2", "write", Effect.failCause(both), classify))
      yield* Effect.exit(history.record("c2", "write", Effect.die("broken"), classify))
      yield* Fiber.interrupt(sleeper)
      yield* Effect.forkChild(history.record("c3", "wait", Effect.never, classify), { startImmediately: true })

      const operations = yield* history.operations

      assert.deepStrictEqual(
        operations.map(({ action, client, invoked, outcome, returned }) =>
          `${client} ${action} ${invoked}-${returned} ${outcome._tag}`
        ),
        [
          "c1 sleep 0-11 Unknown",
          "c2 read 1-2 Ok",
          "c2 write 3-4 Fail",
          "c2 write 5-6 Unknown",
          "c2 write 7-8 Unknown",
          "c2 write 9-10 Unknown",
          "c3 wait 12-undefined Unknown"
        ]
      )
    }))

  it.effect("refuses a client that asks again before it was answered", () =>
    Effect.gen(function*() {
      const history = yield* History.make<string, number>()
      yield* Effect.forkChild(history.record("c1", "wait", Effect.never, classify), { startImmediately: true })
      const exit = yield* Effect.exit(history.record("c1", "read", Effect.succeed(1), classify))
      assert.isTrue(Exit.hasDies(exit))
    }))
})

describe("a history as lines of JSON", () => {
  const lines = History.lines(Schema.String, Schema.BigInt)
  const events: ReadonlyArray<History.Event<string, bigint>> = [
    { _tag: "Invoke", order: 0, at: 5, client: "c1", action: "read\n" },
    { _tag: "Invoke", order: 1, at: 5, client: "c2", action: "write" },
    { _tag: "Ok", order: 2, at: 6, client: "c1", result: 7n },
    { _tag: "Unknown", order: 3, at: 7, client: "c2" }
  ]

  it.effect("comes back as it was, one event on each line", () =>
    Effect.gen(function*() {
      const text = lines.encode(events)
      assert.strictEqual(text.split("\n").length, 5)
      assert.deepStrictEqual(yield* lines.decode(text), events)
    }))

  it.effect("is refused when a line is no event, or is out of order", () =>
    Effect.gen(function*() {
      const [first = "", second = ""] = lines.encode(events).split("\n")
      for (const text of ["{", "{}", `${second}\n${first}`, `${first}\n${first}`]) {
        assert.isTrue(Exit.isFailure(yield* Effect.exit(lines.decode(text))), text)
      }
    }))
})

describe("a picture", () => {
  it("draws each key by itself, with what is unknown open to the right", () => {
    const ok = { _tag: "Ok", result: 1 } as const
    const picture = History.picture(
      [
        { client: "c1", action: "x", invoked: 1, returned: 4, outcome: ok },
        { client: "c2", action: "x", invoked: 2, returned: undefined, outcome: { _tag: "Unknown" } },
        { client: "c10", action: "y", invoked: 3, returned: 5, outcome: { _tag: "Fail" } }
      ],
      { keyOf: (action) => action }
    )
    assert.strictEqual(
      picture,
      [
        "key x",
        "  c1  |--x = 1--|",
        "  c2   |--x------?",
        "key y",
        "  c10  |--y--x"
      ].join("\n")
    )
  })
})
