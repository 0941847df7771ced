/**
 * What every `Transport` promises, as tests: for the authors of transports.
 *
 * A transport may lose messages even when all is well, so no case counts on a single one: what should arrive is sent
 * again until it does, and what should not is sent along with something that does.
 *
 * @since 0.1.0
 */
import { assert, describe, it } from "@effect/vitest"
import type { LogPosition } from "effect-raft/engine"
import * as Entries from "effect-raft/Entries"
import type { TransportError } from "effect-raft/Transport"
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import { appendEntries, chunkOf, everyKind, large, note, plain } from "./internal/TransportMessages.ts"
import { carry, eventually, type Place, Stage } from "./Stage.ts"

/**
 * A network of its own for each test. A place is asked for once for each name, and several nodes may use it one
 * after the other.
 *
 * @category models
 * @since 0.1.0
 */
export type MakeNetwork<E> = Effect.Effect<
  (node: LogPosition.NodeId) => Effect.Effect<Place, E, Scope.Scope>,
  E,
  Scope.Scope
>

/**
 * Declares the cases, each on a network of its own.
 *
 * @category testing
 * @since 0.1.0
 */
export const suite = <E>(name: string, makeNetwork: MakeNetwork<E>): void => {
  const on: Declare = (sentence, body) =>
    it.live(sentence, () =>
      Effect.orDie(makeNetwork).pipe(
        Effect.flatMap((place) => body(new Stage((node) => Effect.orDie(place(node))))),
        // What a transport logs is its own affair.
        Effect.provideService(References.MinimumLogLevel, "None")
      ))
  describe(`${name} as a Transport`, () => {
    describe("a message", () => {
      delivery(on)
      separation(on)
    })
    describe("sending", () => {
      sending(on)
    })
    describe("acquaintance", () => {
      acquaintance(on)
    })
    describe("coming and going", () => {
      comingAndGoing(on)
    })
    describe("the address book", () => {
      membership(on)
    })
  })
}

type Case = (stage: Stage) => Effect.Effect<void, TransportError, Scope.Scope>

type Declare = (sentence: string, body: Case) => void

// ---- the promises ----

const delivery = (on: Declare): void => {
  on(
    "of every kind arrives as it was sent, entries included",
    Effect.fnUntraced(function*(stage) {
      const [a, b] = yield* stage.company("a", "b-é")

      for (const sent of everyKind("a")) {
        const received = yield* carry(a, b, sent)

        assert.deepStrictEqual(plain(received), plain(sent))
      }
    })
  )

  on(
    "may be large, and may have many entries",
    Effect.fnUntraced(function*(stage) {
      const [a, b] = yield* stage.company("a", "b")
      const big = Uint8Array.from({ length: 3_000_000 }, (_, place) => place * 31)
      const small = Array.from({ length: 10_000 }, (_, place) => Uint8Array.of(place))

      const received = yield* carry(a, b, appendEntries("a", 3, Entries.commands(2, 3, [big, ...small])))

      const entries = received?.entries ?? Entries.noop(0, 0)
      assert.strictEqual(Entries.last(entries), 10_002)
      assert.strictEqual(Entries.payloadAt(entries, 2).every((byte, place) => byte === big[place]), true)
      assert.deepStrictEqual([...Entries.payloadAt(entries, 10_002)], [9999 & 255])
    })
  )

  on(
    "may carry a large piece of a snapshot",
    Effect.fnUntraced(function*(stage) {
      const [a, b] = yield* stage.company("a", "b")
      const chunk = Uint8Array.from({ length: 3_000_000 }, (_, place) => place * 31)

      const received = yield* carry(a, b, chunkOf("a", 3, chunk))

      assert.strictEqual(received?.chunk?.length, chunk.length)
      assert.isTrue(received?.chunk?.every((byte, place) => byte === chunk[place]))
    })
  )

  on(
    "comes in the name of its sender, both ways between all",
    Effect.fnUntraced(function*(stage) {
      const actors = yield* stage.company("a", "b", "c")

      for (const from of actors) {
        for (const to of actors) if (to !== from) yield* carry(from, to, note(from.id, 7))
      }

      for (const { heard, id } of actors) assert.isTrue(heard.every(({ message }) => message.from !== id))
    })
  )
}

const separation = (on: Declare): void => {
  on(
    "is received alone: neither while its receiver is busy nor while it sends",
    Effect.fnUntraced(function*(stage) {
      let [depth, deepest, rounds] = [0, 0, 0]
      const enter = (work: () => void) => {
        deepest = Math.max(deepest, ++depth)
        work()
        depth--
      }
      const members = [yield* stage.member("a"), yield* stage.member("b")]
      const a = yield* stage.join("a", {}, () => enter(() => void a.send("b", note("a"))))
      const b = yield* stage.join("b", {}, () => enter(() => void (rounds++ < 50 && b.send("a", note("b")))))
      for (const actor of [a, b]) yield* actor.setMembers(members)

      yield* eventually("a hundred messages went to and fro", () => {
        if (rounds === 0 || a.heard.length + b.heard.length < 100) enter(() => void a.send("b", note("a")))
        return rounds >= 50
      })

      assert.strictEqual(deepest, 1)
    })
  )

  on(
    "never crosses from one cluster to another",
    Effect.fnUntraced(function*(stage) {
      const members = yield* Effect.forEach(["a", "b", "x"], (id) => stage.member(id))
      const a = yield* stage.join("a")
      const b = yield* stage.join("b")
      const x = yield* stage.join("x", { cluster: "another" })
      for (const actor of [a, b, x]) yield* actor.setMembers(members)

      for (let term = 1; term <= 50; term++) {
        assert.isFalse(a.send("x", note("a")))
        assert.isFalse(x.send("a", note("x")))
        yield* carry(a, b, note("a", term))
      }

      assert.deepStrictEqual(x.heard, [])
      assert.deepStrictEqual((yield* a.peers).map(({ id }) => id), ["b"])
    })
  )
}

const sending = (on: Declare): void => {
  on(
    "to somebody unknown is refused, and harms nothing",
    Effect.fnUntraced(function*(stage) {
      const [a, b] = yield* stage.company("a", "b")

      assert.isFalse(a.send("nobody", note("a")))
      assert.isFalse(a.send("", note("a")))
      assert.isFalse(a.send("a", note("a")))

      yield* carry(a, b, note("a"))
    })
  )

  on(
    "to a member that is not there is refused until it comes",
    Effect.fnUntraced(function*(stage) {
      const members = yield* Effect.forEach(["a", "b"], (id) => stage.member(id))
      const a = yield* stage.join("a")
      yield* a.setMembers(members)
      assert.isFalse(a.send("b", note("a")))

      const b = yield* stage.join("b")

      yield* carry(a, b, note("a"))
    })
  )

  on(
    "to a node that has left is refused before long",
    Effect.fnUntraced(function*(stage) {
      const [a, b] = yield* stage.company("a", "b")
      yield* carry(a, b, note("a"))

      yield* b.leave

      yield* eventually("sending to b is refused", () => !a.send("b", note("a")))
    })
  )
}

const acquaintance = (on: Declare): void => {
  on(
    "brings what each says of itself, and outlasts a connection",
    Effect.fnUntraced(function*(stage) {
      const members = yield* Effect.forEach(["a", "b"], (id) => stage.member(id))
      const a = yield* stage.join("a", { incarnation: 7, attributes: { http: "http://a:80", "": "ü" } })
      const b = yield* stage.join("b", { incarnation: large })
      assert.deepStrictEqual(yield* a.peers, [])
      for (const actor of [a, b]) yield* actor.setMembers(members)

      yield* carry(a, b, note("a"))
      yield* carry(b, a, note("b"))

      const ofA = { id: "a", incarnation: 7, attributes: { http: "http://a:80", "": "ü" } }
      const ofB = { id: "b", incarnation: large, attributes: {} }
      assert.deepStrictEqual(yield* b.peers, [ofA])
      assert.deepStrictEqual(yield* a.peers, [ofB])
      yield* b.leave
      assert.deepStrictEqual(yield* a.peers, [ofB])
    })
  )

  on(
    "is renewed when a node comes back with another disk",
    Effect.fnUntraced(function*(stage) {
      const [a, b] = yield* stage.company("a", "b")
      yield* carry(a, b, note("a"))
      yield* b.leave

      const again = yield* stage.join("b", { incarnation: 2 })
      yield* again.setMembers([yield* stage.member("a")])

      yield* carry(a, again, note("a"))
      assert.deepStrictEqual((yield* a.peers).map(({ incarnation }) => incarnation), [2])
    })
  )

  on(
    "says with each message on which disk its sender runs, also after it came back with another",
    Effect.fnUntraced(function*(stage) {
      const a = yield* stage.join("a", { incarnation: large })
      const b = yield* stage.join("b", { incarnation: 7 })
      const members = yield* Effect.forEach(["a", "b"], (id) => stage.member(id))
      for (const actor of [a, b]) yield* actor.setMembers(members)
      yield* carry(a, b, note("a"))
      yield* carry(b, a, note("b"))
      assert.isTrue(b.incarnations.every((incarnation) => incarnation === large))
      yield* b.leave
      const before = a.incarnations.length

      const again = yield* stage.join("b", { incarnation: 8 })
      yield* again.setMembers(members)
      yield* carry(again, a, note("b", 2))

      assert.isTrue(a.incarnations.slice(0, before).every((incarnation) => incarnation === 7))
      assert.strictEqual(a.incarnations.at(-1), 8)
      assert.lengthOf(a.incarnations, a.heard.length)
    })
  )
}

const comingAndGoing = (on: Declare): void => {
  on(
    "a node that comes back is heard and reached again, over and over",
    Effect.fnUntraced(function*(stage) {
      const [a, first] = yield* stage.company("a", "b")
      let b = first
      for (let round = 1; round <= 3; round++) {
        yield* carry(a, b, note("a", round))
        yield* carry(b, a, note("b", round))
        yield* b.leave
        b = yield* stage.join("b")
        yield* b.setMembers([yield* stage.member("a")])
      }
      yield* carry(a, b, note("a", 9))
    })
  )

  on(
    "a name is taken once at a time, and free after its node has left",
    Effect.fnUntraced(function*(stage) {
      const a = yield* stage.join("a")

      const { reason } = yield* Effect.orDie(Effect.flip(stage.join("a")))
      assert.strictEqual(reason._tag, "AddressInUse")

      yield* a.leave
      yield* stage.join("a")
    })
  )

  on(
    "a node that has left neither hears nor sends",
    Effect.fnUntraced(function*(stage) {
      const [a, b] = yield* stage.company("a", "b")
      yield* carry(a, b, note("a"))

      for (let count = 0; count < 100; count++) a.send("b", note("a", 2))
      yield* b.leave
      const heard = b.heard.length
      const again = yield* stage.join("b")
      yield* carry(a, again, note("a", 3))

      assert.strictEqual(b.heard.length, heard)
      assert.isFalse(b.send("a", note("b")))
    })
  )
}

const membership = (on: Declare): void => {
  on(
    "a node that lists nobody is found by who lists it, and can answer",
    Effect.fnUntraced(function*(stage) {
      // Neither the order of names nor that of coming may matter.
      for (
        const [first, second, lists] of [["a", "b", "a"], ["c", "d", "d"], ["f", "e", "f"], ["h", "g", "g"]] as const
      ) {
        const [earlier, later] = [yield* stage.join(first), yield* stage.join(second)]
        const [lister, listed] = lists === first ? [earlier, later] : [later, earlier]
        yield* lister.setMembers([yield* stage.member(listed.id)])

        yield* carry(lister, listed, note(lister.id))
        yield* carry(listed, lister, note(listed.id))
      }
    })
  )

  on(
    "a member is added, and another removed, at run time",
    Effect.fnUntraced(function*(stage) {
      const [a, b, c] = yield* stage.company("a", "b", "c")
      for (const to of [b, c]) yield* carry(a, to, note("a"))
      const d = yield* stage.join("d")
      const members = yield* Effect.forEach(["a", "b", "d"], (id) => stage.member(id))

      for (const actor of [a, b, d]) yield* actor.setMembers(members)
      yield* c.setMembers([])

      yield* carry(a, d, note("a"))
      yield* carry(a, b, note("a", 2))
      yield* eventually("sending to c is refused", () => !a.send("c", note("a")) && !c.send("a", note("c")))
    })
  )
}
