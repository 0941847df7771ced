import { assert, describe, it } from "@effect/vitest"
import { Effect, References } from "effect"
import { Busy, Fatal, NotLeader, Unknown } from "effect-raft/RaftError"
import { TestClock } from "effect/testing"
import * as Json from "../src/Json.ts"
import type { Kv } from "../src/Kv.ts"
import * as Message from "../src/Message.ts"
import * as Network from "../src/Network.ts"
import * as Server from "../src/Server.ts"

type Answer = ReturnType<Kv["Service"]["Write"]>

/** A node of n1, n2 and n3 whose replicated service does what it is told to. */
const serve = Effect.fnUntraced(function*(answer: Answer, isWritable = (_to: string) => true) {
  const written: Array<Message.Message> = []
  const write = (line: string): boolean => {
    const message = Message.parse(line)
    if (message === undefined || !isWritable(message.dest)) return false
    written.push(message)
    return true
  }
  const network = Network.make({ write, complain: () => {} })
  const kv: Kv["Service"] = {
    Write: () => answer,
    Cas: () => Effect.as(answer, { _tag: "Mismatch", actual: "1" }),
    Read: ({ key }) => Effect.as(answer, key === `"missing"` ? null : `{"a":[1]}`)
  }
  yield* Server.serve({ network, kv, self: "n1", nodes: ["n1", "n2", "n3"], patience: 1000 })
  const hear = (src: string, body: Message.Body) => network.hear(Message.print({ src, dest: "n1", body }))
  const answers = () => written.filter(({ dest }) => dest === "c1").map(({ body }) => body)
  return { hear, written, answers }
})

const write = { type: "write", msg_id: 5, key: 1, value: 2 }
const succeeds: Answer = Effect.succeed(null)
const elsewhere: Answer = Effect.fail(new NotLeader({ leader: "n2" }))

const codeOf = Effect.fnUntraced(function*(answer: Answer) {
  const { answers, hear } = yield* serve(answer)
  hear("c1", write)
  yield* Effect.yieldNow
  const [body] = answers()
  assert.strictEqual(body?.["in_reply_to"], 5)
  return body?.["code"]
})

describe("a request", () => {
  it.effect("is answered with the fields of the workload and no others", () =>
    Effect.gen(function*() {
      const { answers, hear } = yield* serve(succeeds)

      hear("c1", { type: "read", msg_id: 1, key: { any: "key" } })
      hear("c1", write)
      hear("c1", { type: "cas", msg_id: 3, key: 1, from: 2, to: 3 })
      hear("c1", { type: "read", msg_id: 4, key: "missing" })
      yield* Effect.yieldNow

      const [read, wrote, cas, missing] = answers()
      assert.deepStrictEqual(read, { type: "read_ok", value: { a: [1] }, in_reply_to: 1 })
      assert.deepStrictEqual(wrote, { type: "write_ok", in_reply_to: 5 })
      assert.deepStrictEqual([cas?.["type"], cas?.["code"]], ["error", 22])
      assert.deepStrictEqual([missing?.["type"], missing?.["code"]], ["error", 20])
    }))

  it.effect("with fields that are missing, too deep or too long is malformed", () =>
    Effect.gen(function*() {
      const { answers, hear } = yield* serve(Effect.die("nobody may be asked"))
      const deep = JSON.parse("[".repeat(1000) + "]".repeat(1000))

      const bodies = [
        { type: "read" },
        { type: "write", key: 1 },
        { type: "cas", key: 1, from: 1 },
        { type: "read", key: deep },
        { type: "write", key: 1, value: "x".repeat(Json.maxLength) }
      ]

      for (const body of bodies) hear("c1", { ...body, msg_id: 1 })
      yield* Effect.yieldNow

      assert.deepStrictEqual(answers().map(({ code }) => code), [12, 12, 12, 12, 12])
    }))

  it.effect("is refused for certain only where it certainly did not happen", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* codeOf(Effect.fail(new NotLeader({ leader: undefined }))), 11)
      assert.strictEqual(yield* codeOf(Effect.fail(new NotLeader({ leader: "n1" }))), 11)
      assert.strictEqual(yield* codeOf(Effect.fail(new Busy({ retryAfter: 1 }))), 11)
      assert.strictEqual(yield* codeOf(Effect.fail(new Unknown({ position: undefined }))), 0)
      assert.strictEqual(yield* codeOf(Effect.fail(new Fatal({ reason: "Storage", cause: "x" }))), 13)
      assert.strictEqual(yield* codeOf(Effect.die("a mistake")), 13)
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None")))

  it.effect("beyond what may be under way is refused, until something is done", () =>
    Effect.gen(function*() {
      const { answers, hear } = yield* serve(Effect.as(Effect.sleep(1000), null))

      for (let count = 0; count < 1025; count++) hear("c1", write)
      assert.deepStrictEqual(answers().map(({ code }) => code), [11])
      yield* TestClock.adjust(1000)
      hear("c1", write)
      yield* TestClock.adjust(1000)

      assert.deepStrictEqual(answers().slice(1).every(({ type }) => type === "write_ok"), true)
      assert.strictEqual(answers().length, 1026)
    }))
})

describe("a request to a node that does not lead", () => {
  it.effect("is passed on to the leader, whose answer is passed back, whatever it says", () =>
    Effect.gen(function*() {
      for (
        const reply of [{ type: "write_ok" }, { type: "error", code: 22, text: "no" }, { type: "error", code: 0 }]
      ) {
        const { answers, hear, written } = yield* serve(elsewhere)

        hear("c1", write)
        yield* Effect.yieldNow
        const asked = written[0]
        const { msg_id: id, ...rest } = asked?.body ?? {}
        hear("n2", { ...reply, in_reply_to: id })
        yield* Effect.yieldNow

        assert.deepStrictEqual([asked?.src, asked?.dest, rest], ["n1", "n2", { type: "write", key: 1, value: 2 }])
        assert.deepStrictEqual(answers(), [{ ...reply, in_reply_to: 5 }])
      }
    }))

  it.effect("has an unknown outcome if the leader does not answer in time, or answers something else", () =>
    Effect.gen(function*() {
      const silent = yield* serve(elsewhere)
      silent.hear("c1", write)
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(silent.answers().map(({ code }) => code), [0])

      const strange = yield* serve(elsewhere)
      strange.hear("c1", write)
      yield* Effect.yieldNow
      strange.hear("n2", { type: "read_ok", value: 1, in_reply_to: strange.written[0]?.body["msg_id"] })
      yield* Effect.yieldNow
      assert.deepStrictEqual(strange.answers().map(({ code }) => code), [13])
    }))

  it.effect("certainly did not happen if it could not be passed on", () =>
    Effect.gen(function*() {
      const { answers, hear } = yield* serve(elsewhere, (to: string) => to !== "n2")

      hear("c1", write)
      yield* Effect.yieldNow

      assert.deepStrictEqual(answers().map(({ code }) => code), [11])
    }))

  it.effect("and that another node has passed on goes no further", () =>
    Effect.gen(function*() {
      const { hear, written } = yield* serve(elsewhere)

      hear("n3", write)
      yield* Effect.yieldNow

      assert.deepStrictEqual(written.map(({ body, dest }) => [dest, body["code"]]), [["n3", 11]])
    }))
})
