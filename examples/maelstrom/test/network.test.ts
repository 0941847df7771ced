import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Chance } from "../../../packages/transport/test/Chance.ts"
import * as Json from "../src/Json.ts"
import { Lines } from "../src/Lines.ts"
import * as Message from "../src/Message.ts"
import * as Network from "../src/Network.ts"

/** A node's place, and what it has written. */
const place = () => {
  const written: Array<Message.Message> = []
  const complaints: Array<string> = []
  const write = (line: string): boolean => {
    const message = Message.parse(line)
    if (message !== undefined) written.push(message)
    return message !== undefined
  }
  const network = Network.make({ write, complain: (sentence) => complaints.push(sentence) })
  return { network, written, complaints }
}

const from = (src: string, body: Message.Body, dest = "n1") => Message.print({ src, dest, body })

const codes = (written: ReadonlyArray<Message.Message>) => written.map(({ body }) => body["code"])

describe("a line", () => {
  it("that is no message is complained of, and not answered", () => {
    const { complaints, network, written } = place()
    const lines = [
      "",
      "x",
      "{",
      "null",
      "[]",
      "1",
      `"a"`,
      "{}",
      `{"src":"c1","dest":"n1"}`,
      `{"src":1,"dest":"n1","body":{}}`
    ]

    for (const line of [...lines, `{"src":"c1","dest":"n1","body":[]}`, "[".repeat(300_000)]) network.hear(line)

    assert.deepStrictEqual(written, [])
    assert.strictEqual(complaints.length, 12)
    assert.isTrue(complaints.every(({ length }) => length < 300))
  })

  it("with a body that makes no sense is answered with 12 where there is a number to answer to", () => {
    const { network, written } = place()

    network.hear(from("c1", { msg_id: 1 }))
    network.hear(from("c1", { msg_id: 2, type: 7 }))
    network.hear(from("c1", { msg_id: 3, type: "read", in_reply_to: "x" }))
    network.hear(from("c1", { msg_id: "4", type: "read" }))
    network.hear(from("c1", { msg_id: 1.5, type: "read" }))
    network.hear(from("c1", {}))

    assert.deepStrictEqual(codes(written), [12, 12, 12])
    assert.deepStrictEqual(written.map(({ body }) => body["in_reply_to"]), [1, 2, 3])
    assert.isTrue(written.every(({ dest, src }) => src === "n1" && dest === "c1"))
  })

  it("of a kind that nobody listens to is answered with 10, or with 11 if it will be listened to", () => {
    const { network, written } = place()

    for (const type of ["echo", "read", "write", "cas", "__proto__"]) network.hear(from("c1", { msg_id: 1, type }))
    network.hear(from("c1", { type: "echo" }))

    assert.deepStrictEqual(codes(written), [10, 11, 11, 11, 10])
  })

  it.effect("for somebody else is not heard once the node has its name", () =>
    Effect.gen(function*() {
      const { network } = place()
      const heard: Array<unknown> = []
      yield* network.listen("read", ({ body }) => heard.push(body["msg_id"]))

      network.hear(from("c1", { type: "read", msg_id: 1 }, "n2"))
      network.claim("n1")
      network.hear(from("c1", { type: "read", msg_id: 2 }, "n2"))
      network.hear(from("c1", { type: "read", msg_id: 3 }))

      assert.deepStrictEqual(heard, [1, 3])
    }))

  it("of any bytes never stops the node", () => {
    const { network } = place()
    const chance = new Chance(3)
    const good = from("c1", { type: "read", msg_id: 1, key: [1, { a: "b" }], in_reply_to: 2 })
    for (let round = 0; round < 5000; round++) {
      const bytes = Buffer.from(good)
      for (let count = chance.between(0, 4); count > 0; count--) {
        bytes[chance.between(0, bytes.length)] = chance.between(0, 256)
      }

      network.hear(bytes.toString())
    }
  })
})

describe("a call", () => {
  const request = { src: "n1", dest: "n2", body: { type: "read", key: 1 } }

  it.effect("gets the answer to its number from the node that was called, and no other", () =>
    Effect.gen(function*() {
      const { network, written } = place()
      const [one, two] = [
        yield* Effect.forkChild(network.call(request, 1000), { startImmediately: true }),
        yield* Effect.forkChild(network.call(request, 1000), { startImmediately: true })
      ]
      const [first, second] = written.map(({ body }) => body["msg_id"])

      network.hear(from("n3", { type: "read_ok", value: "forged", in_reply_to: first }))
      network.hear(from("n2", { type: "read_ok", value: 2, in_reply_to: second }))
      network.hear(from("n2", { type: "read_ok", value: 1, in_reply_to: first }))
      network.hear(from("n2", { type: "read_ok", value: "late", in_reply_to: first }))
      network.hear(from("n2", { type: "read_ok", value: "unasked", in_reply_to: 99 }))

      assert.notStrictEqual(first, second)
      assert.deepStrictEqual((yield* Fiber.join(one))["value"], 1)
      assert.deepStrictEqual((yield* Fiber.join(two))["value"], 2)
    }))

  it.effect("ends in time, whether or not an answer comes", () =>
    Effect.gen(function*() {
      const { network } = place()
      const call = yield* Effect.forkChild(Effect.flip(network.call(request, 1000)), { startImmediately: true })

      yield* TestClock.adjust(1000)

      assert.strictEqual((yield* Fiber.join(call))._tag, "NoAnswer")
    }))

  it.effect("that cannot be written was not sent", () =>
    Effect.gen(function*() {
      const network = Network.make({ write: () => false, complain: () => {} })

      assert.strictEqual((yield* Effect.flip(network.call(request, 1000)))._tag, "NotSent")
    }))
})

describe("bytes", () => {
  const cut = (chunks: ReadonlyArray<string>, maxBytes?: number) => {
    const found: Array<string> = []
    const lines = new Lines(maxBytes)
    for (const chunk of chunks) lines.push(Buffer.from(chunk, "latin1"), (line) => found.push(line))
    return found
  }

  it("are cut into lines wherever the chunks end", () => {
    const text = Buffer.from(`{"a":"ü"}\n\n  \r\nb\r\nc\n`).toString("latin1")

    for (let size = 1; size <= text.length; size++) {
      const chunks = Array.from(
        { length: Math.ceil(text.length / size) },
        (_, n) => text.slice(n * size, n * size + size)
      )
      assert.deepStrictEqual(cut(chunks), [`{"a":"ü"}`, "b", "c"])
    }
    assert.deepStrictEqual(cut(["a\nrest"]), ["a"])
  })

  it("of a line that is too long are left out, and nothing else", () => {
    assert.deepStrictEqual(cut(["1234\n12345\n123", "45\nab", "\n"], 4), ["1234", "ab"])
  })
})

describe("the text of a value", () => {
  it("is the same for the same value, and another for another", () => {
    const same = [`{"a":1,"b":[{}, null]}`, `{"b": [{},null], "a": 1.0}`]
    const others = [
      `{"a":1,"b":[null,{}]}`,
      `{"a":"1","b":[{},null]}`,
      `{"b":[{},null]}`,
      `{"__proto__":1}`,
      `[]`,
      `{}`
    ]

    const texts = [...same, ...others].map((json) => Json.print(JSON.parse(json)))

    assert.strictEqual(texts[0], texts[1])
    assert.strictEqual(new Set(texts).size, 1 + others.length)
    assert.deepStrictEqual(JSON.parse(texts[1] ?? ""), JSON.parse(same[0] ?? ""))
  })

  it("ends where values are too deep", () => {
    const nested = (depth: number) => JSON.parse("[".repeat(depth) + "]".repeat(depth))

    assert.isDefined(Json.print(nested(Json.maxDepth)))
    assert.isUndefined(Json.print(nested(Json.maxDepth + 1)))
    assert.isUndefined(Json.print(nested(100_000)))
  })
})
