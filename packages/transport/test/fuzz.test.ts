import { FrameDecoder, headerBytes } from "@effect-raft/transport/Frame"
import * as Handshake from "@effect-raft/transport/Handshake"
import { decode, encode } from "@effect-raft/transport/MessageCodec"
import { WireError } from "@effect-raft/transport/WireError"
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { Message } from "effect-raft/engine"
import { isWellFormed, last, memberships } from "effect-raft/Entries"
import * as MembershipCodec from "effect-raft/MembershipCodec"
import type { Envelope } from "effect-raft/Transport"
import { Chance } from "./Chance.ts"
import { randomEnvelope } from "./randomEnvelope.ts"

const rounds = 50_000

/** What decides what comes. See the guide on testing. */
const seed = Number(process.env["SEED"] ?? 0)

/** Numbers that tend to be forgotten. */
const nasty = [0, 1, 0x7f, 0x80, 0xff, 0x1f, 0x20]

/** Damages bytes here and there: single ones, whole numbers, the length, the order. */
const mutate = (chance: Chance, good: Buffer): Buffer => {
  let bytes: Buffer = Buffer.from(good)
  for (let count = chance.between(1, 4); count > 0 && bytes.length > 4; count--) {
    const at = chance.between(0, bytes.length)
    const kind = chance.between(0, 6)
    if (kind === 0) bytes[at] = chance.between(0, 256)
    else if (kind === 1) bytes[at] = chance.pick(nasty)
    else if (kind === 2) {
      bytes.writeUInt32BE(chance.pick([0, 1, 0xffff_ffff, 0x7fff_ffff]), Math.min(at, bytes.length - 4))
    } else if (kind === 3) bytes = bytes.subarray(0, at)
    else if (kind === 4) bytes = Buffer.concat([bytes, chance.bytes(chance.between(1, 40))])
    else {bytes = Buffer.concat([
        bytes.subarray(0, at),
        bytes.subarray(Math.min(bytes.length, at + chance.between(1, 9)))
      ])}
  }
  return bytes
}

/** What holds of every message that was believed. Its payloads take no memory of their own. */
const assertSane = ({ chunk, entries, message }: Envelope, payload: Buffer): void => {
  for (const bytes of [chunk, entries?.bytes]) if (bytes !== undefined) assert.strictEqual(bytes.buffer, payload.buffer)
  assert.isTrue(Object.values(message).every((value) => typeof value !== "number" || Number.isSafeInteger(value)))
  if (message._tag === "InstallSnapshot") {
    const { membership, ...position } = message.snapshot
    assert.isTrue(Message.isConsistent(message))
    assert.isTrue(Object.values(position).every((value) => Number.isSafeInteger(value) && value >= 0))
    assert.isDefined(MembershipCodec.decode(MembershipCodec.encode(membership)))
    assert.strictEqual(chunk?.length ?? 0, message.length)
  } else assert.isUndefined(chunk)
  if (message._tag === "Disowned") assert.include(["Incarnation", "Epoch"], message.reason)
  if (message._tag !== "AppendEntries") return assert.isUndefined(entries)
  const count = message.last - message.previous.index
  assert.strictEqual(entries?.ends.length ?? 0, count)
  if (entries === undefined) return assert.deepStrictEqual(message.runs, [])
  assert.isTrue(isWellFormed(entries) && entries.first === message.previous.index + 1 && last(entries) === message.last)
  assert.strictEqual(entries.runs, message.runs)
  assert.deepStrictEqual(message.memberships, memberships(entries))
  assert.isTrue(message.runs.every(({ term }) => term <= message.term && term >= message.previous.term))
}

describe("whatever comes", () => {
  it("as the payload of a message: it is sane, or refused with a reason", () => {
    const chance = new Chance(seed + 2)
    let believed = 0
    for (let round = 0; round < rounds; round++) {
      const frame = Buffer.concat(encode(randomEnvelope(chance)))
      const payload = mutate(chance, frame.subarray(headerBytes))

      const decoded = decode(frame.readUInt8(5), payload)

      if (Result.isFailure(decoded)) {
        assert.instanceOf(decoded.failure, WireError)
      } else {
        believed++
        assertSane(decoded.success, payload)
      }
    }
    // Without a checksum many changes make another message that could have been sent.
    assert.isTrue(believed > rounds / 20 && believed < rounds / 2, `${believed}`)
  })

  it("as a stream, in pieces: it is what was sent, or refused, and nothing is kept beyond the limit", () => {
    const chance = new Chance(seed + 3)
    const limit = 4096
    for (let round = 0; round < rounds; round++) {
      const good = Buffer.concat([encode(randomEnvelope(chance)), encode(randomEnvelope(chance))].flat())
      const bad = mutate(chance, good)
      const decoder = new FrameDecoder(limit)
      const cut = chance.between(0, bad.length + 1)
      const seen: Array<number> = []
      const onFrame = (_: number, payload: Buffer) => {
        seen.push(payload.length)
        return undefined
      }

      const error = decoder.push(bad.subarray(0, cut), onFrame) ?? decoder.push(bad.subarray(cut), onFrame)

      assert.isTrue(error === undefined || error instanceof WireError)
      assert.isTrue(seen.every((size) => size <= limit))
    }
  })

  it("as a handshake: it is a hello, a refusal, or refused with a reason", () => {
    const chance = new Chance(seed + 4)
    const hello = Handshake.encodeHello({
      protocol: Handshake.protocol,
      cluster: "test",
      node: "a",
      expected: "b",
      incarnation: 1,
      session: 2,
      attributes: { http: "http://a", note: "ü" }
    })
    const refusal = Handshake.encodeRefusal(Handshake.refuse("Name", "who are you?"))
    for (
      const [frame, read] of [
        [hello, Handshake.decodeHello],
        [refusal, Handshake.decodeRefusal]
      ] as const
    ) {
      for (let round = 0; round < rounds / 5; round++) {
        const decoded = read(mutate(chance, Buffer.concat(frame).subarray(headerBytes)))
        if (Result.isFailure(decoded)) assert.instanceOf(decoded.failure, WireError)
      }
    }
  })
})
