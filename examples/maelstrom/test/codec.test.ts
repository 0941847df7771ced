import { assert, describe, it } from "@effect/vitest"
import { Message } from "effect-raft/engine"
import { isWellFormed, last, memberships } from "effect-raft/Entries"
import type { Envelope } from "effect-raft/Transport"
import { Chance } from "../../../packages/transport/test/Chance.ts"
import { randomEnvelope } from "../../../packages/transport/test/randomEnvelope.ts"
import * as EnvelopeCodec from "../src/EnvelopeCodec.ts"
import type { Body } from "../src/Message.ts"

const rounds = 2000

/** As it would be on the other side of the network. */
const travelled = (envelope: Envelope): Body => JSON.parse(JSON.stringify(EnvelopeCodec.encode(envelope)))

/** What kind of array the bytes came in is nobody's business. */
const plain = (envelope: Envelope | undefined) => ({
  message: envelope?.message,
  entries: envelope?.entries && { ...envelope.entries, bytes: Array.from(envelope.entries.bytes) }
})

const nasty = [null, true, -1, 0, 1.5, 2 ** 53, 1e308, "", "AA==", "x", "__proto__", [], {}, [null], { term: 1 }]

/** Changes one thing somewhere: a field is gone, or another, or a number is off by one. */
const damage = (chance: Chance, value: unknown): unknown => {
  if (typeof value !== "object" || value === null || chance.between(0, 6) === 0) {
    return typeof value === "number" && chance.happens() ? value + chance.pick([-1, 1]) : chance.pick(nasty)
  }
  const fields = Object.entries(value)
  if (fields.length === 0) return chance.pick(nasty)
  const place = chance.between(0, fields.length)
  const isGone = chance.between(0, 4) === 0
  const changed = fields.flatMap(([name, field], index) => {
    if (index !== place) return [[name, field] as const]
    return isGone ? [] : [[name, damage(chance, field)] as const]
  })
  return Array.isArray(value) ? changed.map(([, field]) => field) : Object.fromEntries(changed)
}

/** What holds of every message that was believed. */
const assertSane = ({ entries, message }: Envelope): void => {
  assert.isTrue(Number.isSafeInteger(message.term) && message.term >= 0 && message.from !== "")
  if (message._tag !== "AppendEntries") return assert.isUndefined(entries)
  assert.strictEqual(entries?.ends.length ?? 0, message.last - message.previous.index)
  if (entries === undefined) return assert.deepStrictEqual(message.runs, [])
  assert.isTrue(isWellFormed(entries) && entries.first === message.previous.index + 1 && last(entries) === message.last)
  assert.isTrue(message.runs.every(({ term }) => term <= message.term && term >= message.previous.term))
  assert.deepStrictEqual(message.memberships, memberships(entries))
}

describe("an envelope", () => {
  it("of any kind comes out as it went in", () => {
    const chance = new Chance(1)
    const tags = new Set<string>()
    for (let round = 0; round < rounds; round++) {
      const envelope = randomEnvelope(chance)
      // Nothing stands before the first entry, whatever term chance gave it: the engine would not hear that either.
      if (!Message.isConsistent(envelope.message)) continue

      const decoded = EnvelopeCodec.decode(travelled(envelope))

      assert.deepStrictEqual(plain(decoded), plain(envelope))
      tags.add(envelope.message._tag)
    }
    assert.isAtLeast(tags.size, 7)
  })

  it("that was damaged is sane, or is not believed", () => {
    const chance = new Chance(2)
    let believed = 0
    for (let round = 0; round < rounds; round++) {
      let body: unknown = travelled(randomEnvelope(chance))
      for (let count = chance.between(1, 4); count > 0; count--) body = damage(chance, body)

      const decoded = typeof body === "object" && body !== null ? EnvelopeCodec.decode({ ...body }) : undefined

      if (decoded === undefined) continue
      assertSane(decoded)
      believed++
    }
    assert.isTrue(believed > 0 && believed < rounds)
  })

  it("with entries that its message does not name is not believed", () => {
    const none = { previous: { term: 1, index: 4 }, runs: [{ start: 5, term: 1 }], commit: 0, sequence: 0 }
    const message = { _tag: "AppendEntries", from: "n1", term: 1, last: 5, ...none }
    const one = { ends: [1], bytes: "AA==" }
    const body = (fields: object, entries: object | undefined = one) =>
      EnvelopeCodec.decode({ message: { ...message, ...fields }, ...entries && { entries } })

    assert.isDefined(body({}))
    assert.isUndefined(EnvelopeCodec.decode({ message }))
    assert.isUndefined(body({ last: 6 }))
    assert.isUndefined(body({ last: 4 }))
    assert.isUndefined(body({ runs: [] }))
    assert.isUndefined(body({ runs: [{ start: 5, term: 2 }] }))
    assert.isUndefined(body({ runs: [{ start: 4, term: 1 }] }))
    // Terms fall along the log.
    assert.isDefined(body({ term: 3, previous: { term: 2, index: 4 }, runs: [{ start: 5, term: 2 }] }))
    assert.isUndefined(body({ term: 3, previous: { term: 2, index: 4 } }))
    assert.isUndefined(body({}, { ends: [2], bytes: "AA==" }))
    assert.isUndefined(body({}, { ends: [0], bytes: "" }))
    assert.isUndefined(body({}, { ends: [1], bytes: "A" }))
    // It says that it is a membership, and is none.
    assert.isUndefined(body({}, { ends: [1], bytes: "Ag==" }))
    assert.isUndefined(EnvelopeCodec.decode({
      message: { _tag: "VoteReply", from: "n1", term: 1, granted: true },
      entries: one
    }))
  })

  it("of a vote or a reply that contradicts itself is not believed", () => {
    const vote = { _tag: "RequestVote", from: "n1", term: 3, isTransfer: false }
    const reply = { _tag: "AppendReply", from: "n1", term: 3, sequence: 1, accepted: false, match: 1, last: 9 }
    const isBelieved = (message: object) => EnvelopeCodec.decode({ message }) !== undefined

    assert.isTrue(isBelieved({ ...vote, last: { term: 3, index: 1 } }))
    assert.isFalse(isBelieved({ ...vote, last: { term: 4, index: 1 } }))
    assert.isTrue(isBelieved({ ...reply, runs: [{ start: 1, term: 1 }, { start: 9, term: 3 }] }))
    assert.isFalse(isBelieved({ ...reply, runs: [{ start: 1, term: 1 }, { start: 9, term: 4 }] }))
    assert.isFalse(isBelieved({ ...reply, runs: [{ start: 1, term: 1 }, { start: 9, term: 1 }] }))
    assert.isFalse(isBelieved({ ...reply, runs: [{ start: 1, term: 1 }, { start: 10, term: 3 }] }))
  })
})
