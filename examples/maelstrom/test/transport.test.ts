import { carry, eventually, Stage } from "@effect-raft/testing/Stage"
import * as TransportTest from "@effect-raft/testing/TransportTest"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Envelope } from "effect-raft/Transport"
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
  return { hub, stage, a, b }
})

/** The last message of Raft from `a` to `b`, with other fields in its body. */
const forged = (hub: Hub, fields: Message.Body): string => {
  const last = hub.lines.flatMap((line) => Message.parse(line) ?? []).findLast(({ body, src }) =>
    src === "a" && body["type"] === "raft"
  )
  return Message.print({ src: "a", dest: "b", body: { ...last?.body, ...fields } })
}

describe("a message between nodes", () => {
  it.live("is heard when it is forged in every field as it should be", () =>
    Effect.gen(function*() {
      const { a, b, hub } = yield* company
      const before = b.heard.length

      hub.carry(forged(hub, {}))
      yield* carry(a, b, note("a", 9))

      assert.isAbove(b.heard.length, before + 1)
    }))

  it.live("of a former stay of its sender, or to a former stay of its receiver, is not heard", () =>
    Effect.gen(function*() {
      const { a, b, hub } = yield* company
      const before = b.heard.length

      hub.carry(forged(hub, { session: 1 }))
      hub.carry(forged(hub, { to: 1 }))
      hub.carry(forged(hub, { to: null }))
      yield* carry(a, b, note("a", 9))

      assert.deepStrictEqual(b.heard.slice(before).map(({ message }) => message.term), [9])
    }))

  it.live("in the name of another is not heard", () =>
    Effect.gen(function*() {
      const { a, b, hub } = yield* company
      const before = b.heard.length

      hub.carry(forged(hub, { message: note("c", 5).message }))
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
