import { carry, eventually, Stage } from "@effect-raft/testing/Stage"
import * as TransportTest from "@effect-raft/testing/TransportTest"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Envelope } from "effect-raft/Transport"
import { Circle } from "../src/Circle.ts"
import * as MaelstromTransport from "../src/MaelstromTransport.ts"
import * as Message from "../src/Message.ts"
import { Hub } from "./Hub.ts"

const options = { greetingInterval: 10, maxSilence: 500 }

const placeOn = (hub: Hub) => (id: string) =>
  Effect.sync(() => ({ address: id, transport: MaelstromTransport.make(hub.place(id), options) }))

TransportTest.suite("MaelstromTransport", Effect.sync(() => placeOn(new Hub())))

const note = (from: string, term = 1): Envelope => ({
  message: { _tag: "VoteReply", from, term, granted: true },
  entries: undefined
})

const company = Effect.gen(function*() {
  const hub = new Hub()
  const stage = new Stage(placeOn(hub))
  const [a, b] = yield* stage.company("a", "b")
  yield* carry(a, b, note("a"))
  yield* carry(b, a, note("b"))
  const said = hub.lines.flatMap((line) => Message.parse(line) ?? [])
  const original = said.findLast(({ body, src }) => src === "a" && body["type"] === "raft")
  /** Brings b what a has said, with other fields in its body. */
  const forge = (fields: Message.Body) =>
    hub.carry(Message.print({ src: "a", dest: "b", body: { ...original?.body, ...fields } }))
  return { stage, a, b, forge }
})

describe("the circle of those whom a node knows", () => {
  const circle = (node: string, session: number, now = () => 0) =>
    new Circle({ cluster: "test", node, incarnation: 1, attributes: {} }, { session, now, maxSilence: 100 })

  it("holds nobody for connected who does not know this stay of the node", () => {
    const [a, b, later] = [circle("a", 1), circle("b", 2), circle("a", 3)]
    const first = b.meet("a", a.hello("b", true)) ?? {}

    assert.isUndefined(b.addressOf("a"))
    a.meet("b", first)
    assert.deepStrictEqual(a.addressOf("b"), { session: 1, to: 2 })
    later.meet("b", first)
    assert.isUndefined(later.addressOf("b"))
    assert.isDefined(b.hears("a", a.addressOf("b") ?? {}))
    assert.deepStrictEqual(b.addressOf("a"), { session: 2, to: 1 })
  })

  it("comes to an end with greeting when all is said", () => {
    const [a, b] = [circle("a", 1), circle("b", 2)]
    let hello: Message.Body | undefined = a.hello("b", true)
    let count = 0
    for (; hello !== undefined && count < 10; count++) hello = count % 2 === 0 ? b.meet("a", hello) : a.meet("b", hello)

    assert.isBelow(count, 10)
    assert.isDefined(a.addressOf("b"))
    assert.isDefined(b.addressOf("a"))
  })
})

describe("a message between nodes", () => {
  it.live("is heard when it is forged in every field as it should be", () =>
    Effect.gen(function*() {
      const { a, b, forge } = yield* company
      const before = b.heard.length

      forge({})
      yield* carry(a, b, note("a", 9))

      assert.isAbove(b.heard.length, before + 1)
    }))

  it.live("of a former stay of its sender, or to a former stay of its receiver, is not heard", () =>
    Effect.gen(function*() {
      const { a, b, forge } = yield* company
      const before = b.heard.length

      forge({ session: 1 })
      forge({ to: 1 })
      forge({ to: null })
      yield* carry(a, b, note("a", 9))

      assert.deepStrictEqual(b.heard.slice(before).map(({ message }) => message.term), [9])
    }))

  it.live("in the name of another is not heard", () =>
    Effect.gen(function*() {
      const { a, b, forge } = yield* company
      const before = b.heard.length

      forge({ message: note("c", 5).message })
      yield* carry(a, b, note("a", 9))

      assert.deepStrictEqual(b.heard.slice(before).map(({ message }) => message.term), [9])
    }))

  it.live("is refused while a node has not been heard of for long, and goes once it has", () =>
    Effect.gen(function*() {
      const { a, b, stage } = yield* company

      yield* b.leave
      yield* eventually("a gives b up", () => !a.send("b", note("a")))
      const again = yield* stage.join("b")

      yield* carry(a, again, note("a", 3))
    }))
})
