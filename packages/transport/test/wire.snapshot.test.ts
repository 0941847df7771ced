/** The messages of snapshots on the wire, and those that came with them. */
import { headerBytes } from "@effect-raft/transport/Frame"
import { decode, encode } from "@effect-raft/transport/MessageCodec"
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { Membership, type Message } from "effect-raft/engine"
import * as Entries from "effect-raft/Entries"
import type { Envelope } from "effect-raft/Transport"

const membership: Membership.Membership = {
  ...Membership.make([{ id: "n1", address: "host:1", metadata: { zone: "ü" }, priority: 0, incarnation: 7 }]),
  departing: [{ id: "n2", address: "host:2", isWitness: true }]
}

/** Three bytes of a snapshot of ten, from the fifth on. */
const install: Message.InstallSnapshot = {
  _tag: "InstallSnapshot",
  from: "n1",
  term: 2,
  snapshot: { index: 5, term: 2, membership, size: 10, checksum: 1 },
  offset: 5,
  length: 3,
  sequence: 0
}

const three = Uint8Array.of(1, 2, 3)

const chunked: Envelope = { message: install, entries: undefined, chunk: three }

/** The same without bytes: a heartbeat. */
const empty: Envelope = { message: { ...install, length: 0 }, entries: undefined }

/** Of the snapshot, something else. */
const ofSnapshot = (
  other: Partial<Message.InstallSnapshot["snapshot"]>,
  message: Partial<Message.InstallSnapshot> = {}
) => ({ ...chunked, message: { ...install, ...message, snapshot: { ...install.snapshot, ...other } } })

/** What is in a frame, if it can be believed. */
const arrived = (frame: Buffer): Envelope | undefined => {
  const decoded = decode(frame.readUInt8(5), frame.subarray(headerBytes))
  return Result.isSuccess(decoded) ? decoded.success : undefined
}

const payloadOf = (envelope: Envelope) => Buffer.concat(encode(envelope)).subarray(headerBytes)

/** What is wrong with these bytes, as those of that message. */
const fault = (envelope: Envelope, payload: Buffer = payloadOf(envelope)): string | undefined => {
  const kind = Buffer.concat(encode(envelope)).readUInt8(5)
  const decoded = decode(kind, payload)
  return Result.isFailure(decoded) ? decoded.failure.detail : undefined
}

/** What is wrong with the message once its bytes were changed. */
const faultOnce = (envelope: Envelope, change: (payload: Buffer) => void): string | undefined => {
  assert.isUndefined(fault(envelope))
  const payload = payloadOf(envelope)
  change(payload)
  return fault(envelope, payload)
}

/** Where the length of the membership stands: after the name, the term, the position and five numbers. */
const membershipAt = 3 + 8 + 16 + 5 * 8

describe("a chunk", () => {
  it("is sent itself, and what arrives is a view of what came", () => {
    const pieces = encode(chunked)
    const frame = Buffer.concat(pieces)

    const chunk = arrived(frame)?.chunk

    assert.strictEqual(pieces[1], three)
    assert.strictEqual(chunk?.buffer, frame.buffer)
    assert.deepStrictEqual(Array.from(chunk ?? []), [1, 2, 3])
  })

  it("is never sent with another message than its own", () => {
    const entries = Entries.noop(5, 2)
    const vote: Message.Message = { _tag: "VoteReply", from: "n1", term: 3, granted: true }
    const refuses = (envelope: Envelope, expected: string) => assert.throws(() => encode(envelope), expected)

    refuses({ ...chunked, chunk: undefined }, "a chunk of 0 bytes with a message of 3")
    refuses({ ...chunked, chunk: new Uint8Array(4) }, "a chunk of 4 bytes with a message of 3")
    refuses({ ...chunked, message: vote }, "a chunk of 3 bytes with a message of 0")
    refuses({ ...chunked, entries }, "1 entries with a message of 0")
  })

  it("is refused when it is shorter or longer than its message says", () => {
    const payload = payloadOf(chunked)

    assert.isUndefined(fault(chunked, payload))
    assert.strictEqual(fault(chunked, payload.subarray(0, -1)), "a chunk of 3 bytes in 2 bytes")
    assert.strictEqual(fault(chunked, Buffer.concat([payload, three])), "a chunk of 3 bytes in 6 bytes")
    assert.strictEqual(fault(empty, Buffer.concat([payloadOf(empty), three])), "a chunk of 0 bytes in 3 bytes")
  })

  it("is refused when it reaches beyond its snapshot", () => {
    const largest = Number.MAX_SAFE_INTEGER

    assert.isUndefined(fault(ofSnapshot({ size: 10 }, { offset: 7 })))
    assert.strictEqual(fault(ofSnapshot({ size: 10 }, { offset: 8 })), "a chunk at 8 of a snapshot of 10 bytes")
    assert.strictEqual(fault(ofSnapshot({ size: 10 }, { offset: 11 })), "a chunk at 11 of a snapshot of 10 bytes")
    assert.isUndefined(fault(ofSnapshot({ size: largest }, { offset: largest - 3 })))
    assert.isDefined(fault(ofSnapshot({ size: largest }, { offset: largest - 2 })))
  })

  it("is refused when the checksum of its snapshot cannot be one", () => {
    assert.isUndefined(fault(ofSnapshot({ checksum: 2 ** 32 - 1 })))
    assert.strictEqual(fault(ofSnapshot({ checksum: 2 ** 32 })), "a checksum of 4294967296")
  })
})

describe("a snapshot is refused", () => {
  it("when it is of a later term than its sender, or of an empty log", () => {
    assert.isUndefined(fault(ofSnapshot({ term: 1, index: 1 })))
    assert.strictEqual(fault(ofSnapshot({ term: 3 })), "an entry of term 3 in a message of term 2")
    assert.strictEqual(fault(ofSnapshot({ index: 0 })), "a snapshot of an empty log")
    assert.strictEqual(fault(ofSnapshot({ term: 0 })), "a snapshot of an empty log")
  })

  it("when its membership is none, or contradicts itself", () => {
    const expected = "the membership of a snapshot is none"
    const withoutMembership = payloadOf(empty).subarray(0, membershipAt + 4)
    withoutMembership.writeUInt32BE(0, membershipAt)

    assert.strictEqual(fault(ofSnapshot({ membership: { ...membership, voters: ["n3"] } })), expected)
    assert.strictEqual(fault(empty, withoutMembership), expected)
    assert.strictEqual(faultOnce(chunked, (payload) => void payload.writeUInt8(0xff, membershipAt + 4)), expected)
  })

  it("when its membership claims more bytes than there are", () => {
    const detail = faultOnce(chunked, (payload) => void payload.writeUInt32BE(0xffff_ffff, membershipAt))

    assert.match(detail ?? "", /^\d{10} bytes too few$/)
  })
})

describe("an answer is refused", () => {
  it("when more of a snapshot is on the disk than has come", () => {
    const told = { _tag: "SnapshotReply", from: "n1", term: 2, sequence: 0, offset: 0, index: 5, received: 3 } as const

    assert.isUndefined(fault({ message: { ...told, stored: 3 }, entries: undefined }))
    assert.strictEqual(
      fault({ message: { ...told, stored: 4 }, entries: undefined }),
      "4 bytes on the disk, of 3 that have come"
    )
  })

  it("when it disowns for a reason that does not exist", () => {
    const message = { _tag: "Disowned", from: "n1", term: 2, reason: "Epoch", incarnation: undefined } as const

    const detail = faultOnce({ message, entries: undefined }, (payload) => void payload.writeUInt8(2, 3 + 8))

    assert.strictEqual(detail, "no reason has number 2")
  })
})

describe("a node that is disowned", () => {
  it("is told which disk is meant, or that it was not said", () => {
    for (const incarnation of [undefined, 0, Number.MAX_SAFE_INTEGER]) {
      for (const reason of ["Incarnation", "Epoch"] as const) {
        const message: Message.Message = { _tag: "Disowned", from: "n1", term: 2, reason, incarnation }

        const found = arrived(Buffer.concat(encode({ message, entries: undefined })))

        assert.deepStrictEqual(found, { message, entries: undefined })
      }
    }
  })
})
