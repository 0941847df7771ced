import { empty, FrameDecoder, headerBytes, Kind, seal } from "@effect-raft/transport/Frame"
import { decode, encode, maxRuns } from "@effect-raft/transport/MessageCodec"
import type { WireError } from "@effect-raft/transport/WireError"
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { Membership, type Message } from "effect-raft/engine"
import * as Entries from "effect-raft/Entries"
import type { Envelope } from "effect-raft/Transport"
import { Chance } from "./Chance.ts"
import { randomEnvelope } from "./randomEnvelope.ts"

const limit = 1 << 20

/** Feeds the chunks, and collects the messages up to the first thing that is wrong. */
const read = (chunks: ReadonlyArray<Buffer>, maxBytes = limit) => {
  const decoder = new FrameDecoder(maxBytes)
  const envelopes: Array<Envelope> = []
  const onFrame = (kind: number, payload: Buffer): WireError | undefined => {
    const decoded = decode(kind, payload)
    if (Result.isFailure(decoded)) return decoded.failure
    envelopes.push(decoded.success)
    return undefined
  }
  let error: WireError | undefined
  for (const chunk of chunks) error ??= decoder.push(chunk, onFrame)
  return { envelopes, error }
}

const frame = (envelope: Envelope): Buffer => Buffer.concat(encode(envelope))

/** Cuts `bytes` into pieces of at most `longest`. */
const split = (chance: Chance, bytes: Buffer, longest: number): ReadonlyArray<Buffer> => {
  const pieces: Array<Buffer> = []
  for (let at = 0; at < bytes.length;) {
    const end = at + chance.between(1, longest + 1)
    pieces.push(Buffer.from(bytes.subarray(at, end)))
    at = end
  }
  return pieces
}

const plain = ({ chunk, entries, message }: Envelope) => ({
  message,
  chunk: chunk && Array.from(chunk),
  entries: entries && { ...entries, bytes: Array.from(entries.bytes) }
})

const reasonOf = (bytes: Buffer, maxBytes?: number) => read([bytes], maxBytes).error?.reason

const vote: Message.Message = { _tag: "VoteReply", from: "n1", term: 3, granted: true }

/** One entry of term 2, at 5. */
const append: Message.AppendEntries = {
  _tag: "AppendEntries",
  from: "n1",
  term: 2,
  previous: { term: 1, index: 4 },
  last: 5,
  runs: [{ start: 5, term: 2 }],
  memberships: [],
  commit: 0,
  sequence: 0
}

const request = { _tag: "RequestVote", from: "n1", term: 2, isTransfer: false } as const

const reply: Message.AppendReply = {
  _tag: "AppendReply",
  from: "n1",
  term: 2,
  sequence: 0,
  accepted: false,
  match: 0,
  last: 0,
  runs: []
}

const small = (): Buffer => frame({ message: vote, entries: undefined })

describe("what is encoded", () => {
  it("comes back the same, wherever the stream is cut", () => {
    const chance = new Chance(1)
    for (let round = 0; round < 300; round++) {
      const envelopes = Array.from({ length: chance.between(1, 8) }, () => randomEnvelope(chance))
      const bytes = Buffer.concat(envelopes.map(frame))
      const longest = chance.pick([1, 3, 13, 100, bytes.length])

      const found = read(split(chance, bytes, longest))

      assert.isUndefined(found.error)
      assert.deepStrictEqual(found.envelopes.map(plain), envelopes.map(plain))
    }
  })

  it("contains the entries' bytes themselves, and what is decoded is a view of what came", () => {
    const entries = Entries.commands(5, 2, [new Uint8Array(1000)])

    const pieces = encode({ message: append, entries })
    const [arrived] = read([Buffer.concat(pieces)]).envelopes

    assert.strictEqual(pieces[1], entries.bytes)
    assert.isAbove(arrived?.entries?.bytes.byteOffset ?? 0, 0)
  })

  it("is never a message whose entries are not its own", () => {
    assert.throws(() => encode({ message: append, entries: undefined }), "0 entries with a message of 1")
  })
})

describe("memberships", () => {
  const one = { ...Membership.make([{ id: "n1", address: "host:1" }]), promoting: ["n1"] }
  const entries = Entries.concat([
    Entries.commands(5, 2, [Uint8Array.of(1)]),
    Entries.membership(6, 2, one),
    Entries.membership(7, 2, Membership.none)
  ])

  it("are not sent beside their entries, but read off them", () => {
    const without = { ...append, last: 7, memberships: [] }
    const memberships = [{ index: 6, membership: one }, { index: 7, membership: Membership.none }]

    const bytes = frame({ message: { ...without, memberships }, entries })
    const [arrived] = read([bytes]).envelopes

    assert.deepStrictEqual(bytes, frame({ message: without, entries }))
    assert.deepStrictEqual(arrived?.message, { ...without, memberships })
  })
})

describe("a frame is refused", () => {
  it("whichever of its bytes is damaged, and in whichever way", () => {
    const good = small()
    assert.isUndefined(read([good]).error)
    for (let place = 0; place < good.length; place++) {
      for (let flip = 1; flip < 256; flip++) {
        const bad = Buffer.from(good)
        bad[place] = (bad[place] ?? 0) ^ flip

        const { envelopes, error } = read([bad])

        assert.isDefined(error, `byte ${place} flipped by ${flip}`)
        assert.deepStrictEqual(envelopes, [])
      }
    }
  })

  it("when it is of another layout", () => {
    const bytes = small()
    bytes[4] = 2

    assert.strictEqual(reasonOf(bytes), "Version")
  })

  it("when it is too large, before any memory is taken for it", () => {
    const bytes = frame({ message: vote, entries: undefined })
    const size = bytes.length - headerBytes

    assert.isUndefined(reasonOf(bytes, size))
    assert.strictEqual(reasonOf(bytes, size - 1), "Length")
    assert.strictEqual(reasonOf(bytes.subarray(0, headerBytes), size - 1), "Length")
  })

  it("when its kind does not exist", () => {
    assert.strictEqual(reasonOf(Buffer.concat(empty(200))), "Kind")
    assert.strictEqual(reasonOf(Buffer.concat(empty(Kind.ping))), "Kind")
  })

  it("when bytes are missing or left over", () => {
    const payload = small().subarray(headerBytes)
    const sealed = (bytes: Buffer) =>
      Buffer.concat(seal(Kind.message + 3, Buffer.concat([Buffer.alloc(headerBytes), bytes])))

    assert.isUndefined(reasonOf(sealed(payload)))
    assert.strictEqual(reasonOf(sealed(Buffer.concat([payload, Buffer.of(0)]))), "Content")
    for (let size = 0; size < payload.length; size++) {
      assert.strictEqual(reasonOf(sealed(payload.subarray(0, size))), "Content")
    }
  })
})

describe("a message is refused", () => {
  const entries = Entries.commands(5, 2, [Uint8Array.of(1)])

  const detailOf = (message: Message.Message, carried?: Entries.Entries) =>
    read([frame({ message, entries: carried })]).error?.detail

  it("when it speaks of entries of a later term than its own", () => {
    const runs = [{ start: 5, term: 3 }]
    const expected = "an entry of term 3 in a message of term 2"

    assert.strictEqual(detailOf({ ...append, runs }, { ...entries, runs }), expected)
    assert.strictEqual(detailOf({ ...append, previous: { term: 3, index: 4 } }, entries), expected)
    assert.strictEqual(detailOf({ ...request, last: { term: 3, index: 1 } }), expected)
    assert.strictEqual(detailOf({ ...request, _tag: "TimeoutNow", last: { term: 3, index: 1 } }), expected)
  })

  it("when an entry says that it is a membership, and is none", () => {
    const bytes = Uint8Array.of(Entries.Kind.membership, 1)

    assert.strictEqual(detailOf(append, { ...entries, bytes }), "an entry says that it is a membership, and is none")
  })

  it("when terms fall along the log", () => {
    const runs = [{ start: 5, term: 1 }]
    const previous = { term: 2, index: 4 }

    assert.strictEqual(detailOf({ ...append, previous, runs }, entries), "terms fall along the log")
  })

  it("when its runs do not rise, begin elsewhere, or are missing", () => {
    const falling = [{ start: 5, term: 2 }, { start: 5, term: 2 }]

    assert.strictEqual(detailOf({ ...append, runs: falling }, entries), "runs do not rise")
    for (const runs of [[], [{ start: 6, term: 2 }], [{ start: 4, term: 2 }]]) {
      assert.strictEqual(detailOf({ ...append, runs }, entries), "the entries do not fit their message")
    }
  })

  it("when a hint's runs do not rise, or start past the end of the log", () => {
    const hint = (...runs: ReadonlyArray<readonly [start: number, term: number]>) =>
      detailOf({ ...reply, last: 9, runs: runs.map(([start, term]) => ({ start, term })) })

    assert.isUndefined(hint([1, 1], [9, 2]))
    assert.strictEqual(hint([1, 1], [2, 1]), "runs do not rise")
    assert.strictEqual(hint([2, 1], [2, 2]), "runs do not rise")
    assert.strictEqual(hint([1, 1], [10, 2]), "a run starts past the end of the log")
  })

  it("when an entry is empty, or ends elsewhere than the bytes", () => {
    for (const ends of [[0], [1], [3]]) {
      assert.strictEqual(detailOf(append, { ...entries, ends }), "the entries do not fit their message")
    }
  })

  it("when it ends before it begins", () => {
    const bytes = frame({ message: { ...append, last: 4, runs: [] }, entries: undefined })
    const payload = bytes.subarray(headerBytes)
    payload.writeUInt32BE(3, 3 + 8 + 16 + 4)

    const decoded = decode(Kind.message + 4, payload)

    assert.strictEqual(Result.isFailure(decoded) && decoded.failure.detail, "entries up to 3 after 4")
  })

  it("when it claims more runs or entries than its bytes can hold", () => {
    const hint = frame({ message: reply, entries: undefined }).subarray(headerBytes)
    hint.writeUInt32BE(maxRuns + 1, hint.length - 4)
    const heartbeat = frame({ message: { ...append, last: 4, runs: [] }, entries: undefined })
    const payload = heartbeat.subarray(headerBytes)
    payload.writeUInt32BE(0x1f_ffff, 3 + 8 + 16)

    for (const [kind, bytes] of [[Kind.message + 5, hint], [Kind.message + 4, payload]] as const) {
      const decoded = decode(kind, bytes)
      assert.match(Result.isFailure(decoded) ? decoded.failure.detail : "", /^\d+ (runs|entries) in 0 bytes$/)
    }
  })

  it("when a number is past 2⁵³, a name not UTF-8, an answer neither yes nor no", () => {
    for (const [place, value] of [[4, 0x20], [1, 0xff], [11, 2]] as const) {
      const payload = Buffer.from(small().subarray(headerBytes))
      payload[place] = value

      const decoded = decode(Kind.message + 3, payload)

      assert.strictEqual(Result.isFailure(decoded) && decoded.failure.reason, "Content")
    }
  })
})
