import { headerBytes, Kind } from "@effect-raft/transport/Frame"
import { decode, encode } from "@effect-raft/transport/MessageCodec"
import { WireError } from "@effect-raft/transport/WireError"
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { Membership, type Message } from "effect-raft/engine"
import * as MembershipCodec from "effect-raft/MembershipCodec"
import type { Envelope } from "effect-raft/Transport"

const membership = Membership.make([{ id: "n1", address: "host:1" }])

const install: Message.InstallSnapshot = {
  _tag: "InstallSnapshot",
  from: "n1",
  term: 2,
  snapshot: { index: 5, term: 2, membership, size: 10, checksum: 7 },
  offset: 4,
  length: 3,
  sequence: 9
}

const chunk = Uint8Array.of(1, 2, 3)
const header = { from: "n1", term: 2 } as const

/** One of each kind that is younger than the first protocol, with its kind of frame. */
const young: ReadonlyArray<readonly [number, Envelope]> = [
  [7, { message: install, entries: undefined, chunk }],
  [7, { message: { ...install, length: 0 }, entries: undefined }],
  [8, {
    message: { _tag: "SnapshotReply", ...header, sequence: 1, offset: 2, index: 3, received: 5, stored: 4 },
    entries: undefined
  }],
  [9, { message: { _tag: "RequestRead", ...header, read: 1, round: 2, isLease: true }, entries: undefined }],
  [10, { message: { _tag: "ReadReply", ...header, read: 1, round: 2, index: 3 }, entries: undefined }],
  [11, { message: { _tag: "Disowned", ...header, reason: "Incarnation", incarnation: 4 }, entries: undefined }],
  [11, { message: { _tag: "Disowned", ...header, reason: "Epoch", incarnation: undefined }, entries: undefined }]
]

const payloadOf = (envelope: Envelope): Buffer => Buffer.concat(encode(envelope)).subarray(headerBytes)

/** Why it is refused; undefined if it is believed. */
const detailOf = (kind: number, payload: Buffer): string | undefined => {
  const decoded = decode(Kind.message + kind, payload)
  if (Result.isSuccess(decoded)) return undefined
  assert.instanceOf(decoded.failure, WireError)
  assert.strictEqual(decoded.failure.reason, "Content")
  return decoded.failure.detail
}

/** Where the fields of an `InstallSnapshot` from `n1` begin in its payload. */
const place = { snapshotTerm: 11, size: 27, checksum: 35, offset: 43, length: 51, membership: 67 } as const

const changed = (write: (payload: Buffer) => void): string | undefined => {
  const payload = Buffer.from(payloadOf({ message: install, entries: undefined, chunk }))
  write(payload)
  return detailOf(7, payload)
}

describe("what is encoded of snapshots, reads and disks", () => {
  for (const [kind, envelope] of young) {
    it(`comes back the same, and only if all of it is there and no more: ${JSON.stringify(envelope.message)}`, () => {
      const payload = payloadOf(envelope)

      const decoded = decode(Kind.message + kind, payload)

      if (Result.isFailure(decoded)) return assert.fail(decoded.failure.detail)
      assert.deepStrictEqual(decoded.success.message, envelope.message)
      assert.deepStrictEqual([...decoded.success.chunk ?? []], [...envelope.chunk ?? []])
      for (let size = 0; size < payload.length; size++) assert.isDefined(detailOf(kind, payload.subarray(0, size)))
      assert.isDefined(detailOf(kind, Buffer.concat([payload, Buffer.of(0)])))
    })
  }

  it("contains the chunk itself, and what is decoded is a view of what came", () => {
    const pieces = encode({ message: install, entries: undefined, chunk })
    const payload = Buffer.concat(pieces).subarray(headerBytes)

    const decoded = decode(Kind.message + 7, payload)

    assert.strictEqual(pieces[1], chunk)
    assert.strictEqual(Result.isSuccess(decoded) && decoded.success.chunk?.buffer, payload.buffer)
  })

  it("is never a message whose chunk is not its own", () => {
    assert.throws(() => encode({ message: install, entries: undefined }), "0 bytes with a message of 3")
    assert.throws(() => encode({ message: { ...install, length: 2 }, entries: undefined, chunk }), "3 bytes")
  })
})

describe("a piece of a snapshot is refused", () => {
  const huge = 2n ** 53n - 1n

  it("when its length is not that of the bytes that came, however large it says it is", () => {
    for (const length of [0n, 2n, 4n, 2n ** 32n, huge]) {
      const detail = changed((payload) => payload.writeBigUInt64BE(length, place.length))
      assert.strictEqual(detail, `a chunk of ${length} bytes in 3`)
    }
  })

  it("when it lies beyond the end of its snapshot", () => {
    assert.strictEqual(
      changed((payload) => payload.writeBigUInt64BE(8n, place.offset)),
      "a chunk up to 11 of a snapshot of 10 bytes"
    )
    assert.isUndefined(changed((payload) => payload.writeBigUInt64BE(7n, place.offset)))
    assert.isDefined(changed((payload) => payload.writeBigUInt64BE(huge, place.offset)))
    assert.isDefined(changed((payload) => payload.writeBigUInt64BE(6n, place.size)))
  })

  it("when its snapshot is of a later term than its sender", () => {
    assert.strictEqual(
      changed((payload) => payload.writeBigUInt64BE(3n, place.snapshotTerm)),
      "an entry of term 3 in a message of term 2"
    )
  })

  it("when its snapshot's checksum cannot be one", () => {
    assert.isUndefined(changed((payload) => payload.writeBigUInt64BE(2n ** 32n - 1n, place.checksum)))
    assert.strictEqual(
      changed((payload) => payload.writeBigUInt64BE(2n ** 32n, place.checksum)),
      "a checksum of 4294967296"
    )
  })

  it("when its membership is none, or larger than all that came", () => {
    const size = MembershipCodec.encode(membership).length
    assert.strictEqual(
      changed((payload) => payload.fill(0x7b, place.membership + 4, place.membership + 4 + size)),
      "the membership of a snapshot is none"
    )
    assert.isDefined(changed((payload) => payload.writeUInt32BE(0xffff_ffff, place.membership)))
    assert.isDefined(changed((payload) => payload.writeUInt32BE(0, place.membership)))
  })
})

describe("an answer is refused", () => {
  it("when more of a snapshot is stored than was received", () => {
    const message = {
      _tag: "SnapshotReply",
      ...header,
      sequence: 1,
      offset: 2,
      index: 3,
      received: 4,
      stored: 5
    } as const

    assert.strictEqual(detailOf(8, payloadOf({ message, entries: undefined })), "5 bytes stored of 4 received")
  })

  it("when it is neither one of the reasons nor the other for having no place", () => {
    const payload = payloadOf({
      message: { _tag: "Disowned", ...header, reason: "Epoch", incarnation: undefined },
      entries: undefined
    })
    payload[11] = 2

    assert.isDefined(detailOf(11, payload))
  })
})
