import { eventually } from "@effect-raft/testing/Stage"
import { empty, Kind } from "@effect-raft/transport/Frame"
import { maxHandshakeBytes, protocol } from "@effect-raft/transport/Handshake"
import { encode } from "@effect-raft/transport/MessageCodec"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { crc32 } from "node:zlib"
import { acquainted, alone, chunk, heavy, note, quiet } from "./loneNode.ts"
import { connect, listen } from "./RawPeer.ts"

describe("a handshake is refused, with the reason", () => {
  for (
    const [code, hello] of [
      ["Cluster", { cluster: "another" }],
      ["Self", { node: "m" }],
      ["Name", { expected: "n" }],
      ["Protocol", { protocol: protocol - 1 }],
      ["Protocol", { protocol: protocol + 1 }]
    ] as const
  ) {
    it.live(`${code}: ${JSON.stringify(hello)}`, () =>
      Effect.gen(function*() {
        const m = yield* alone()
        const stranger = yield* connect(m.port)

        stranger.greet(hello)
        stranger.say(...encode(note("a")))

        yield* eventually("the stranger is hung up on", () => stranger.isClosed)
        assert.strictEqual(stranger.refusal, code)
        assert.isFalse(stranger.wasGreeted)
        assert.deepStrictEqual([m.heard, yield* m.peers], [[], []])
      }).pipe(quiet))
  }

  it.live("Name: somebody else answers than was dialled, and is told", () =>
    Effect.gen(function*() {
      const m = yield* alone()
      const { address, peers } = yield* listen
      yield* m.setMembers([{ id: "z", address }])
      yield* eventually("m dials", () => peers[0]?.wasGreeted === true)

      peers[0]?.greet({ node: "y" })

      yield* eventually("m hangs up", () => peers[0]?.isClosed === true)
      assert.strictEqual(peers[0]?.refusal, "Name")
    }).pipe(quiet))
})

describe("whoever makes no sense is hung up on, and others are served", () => {
  /** The beginning of a frame that says how long it is, and nothing of what it says. */
  const beginning = (size: number): Buffer => {
    const frame = Buffer.concat(empty(Kind.hello))
    frame.writeUInt32BE(size, 0)
    frame.writeUInt16BE(crc32(frame.subarray(0, 6)) & 0xffff, 6)
    return frame
  }
  for (
    const [what, bytes] of [
      ["an HTTP request", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"],
      ["a TLS hello", Buffer.from("16030102000100010001fc0303", "hex")],
      ["a frame of four gigabytes", beginning(0xffff_ffff)],
      ["a frame larger than any hello", beginning(maxHandshakeBytes + 1)],
      ["a message before hello", Buffer.concat(encode(note("a")))],
      ["a ping before hello", Buffer.concat(empty(Kind.ping))]
    ] as const
  ) {
    it.live(what, () =>
      Effect.gen(function*() {
        const m = yield* alone({ handshakeTimeout: 60_000 })
        const stranger = yield* connect(m.port)

        stranger.say(bytes)

        yield* eventually("the stranger is hung up on", () => stranger.isClosed)
        assert.strictEqual(stranger.bytesHeard, 0)
        const a = yield* acquainted(m.port)
        a.say(...encode(note("a")))
        yield* eventually("a is heard", () => m.heard.length === 1)
      }).pipe(quiet))
  }

  for (
    const [what, pieces] of [
      ["a message in the name of somebody else", encode(note("b"))],
      ["a second hello", empty(Kind.hello)],
      ["a message larger than allowed", encode(heavy("a", 5000))],
      ["a chunk larger than allowed", encode(chunk("a", 5000))],
      ["a message of a kind that does not exist", empty(Kind.message + 12)]
    ] as const
  ) {
    it.live(`after the handshake: ${what}`, () =>
      Effect.gen(function*() {
        const m = yield* alone({ maxFrameBytes: 4096 })
        const a = yield* acquainted(m.port)
        a.say(...encode(note("a")), ...pieces)

        yield* eventually("a is hung up on", () => a.isClosed)
        assert.deepStrictEqual(m.heard, [note("a")])
        assert.isFalse(m.send("a", note("m")))
      }).pipe(quiet))
  }

  it.live("who says one byte and no more", () =>
    Effect.gen(function*() {
      const m = yield* alone({ handshakeTimeout: 20 })
      const stranger = yield* connect(m.port)

      stranger.say(Buffer.of(0))

      yield* eventually("the stranger is hung up on", () => stranger.isClosed)
    }).pipe(quiet))

  it.live("more connections than allowed", () =>
    Effect.gen(function*() {
      const m = yield* alone({ maxConnections: 2, handshakeTimeout: 60_000 })
      const strangers = yield* Effect.forEach([1, 2, 3], () => connect(m.port))

      yield* eventually("one is hung up on", () => strangers.some(({ isClosed }) => isClosed))
      assert.strictEqual(strangers.filter(({ isClosed }) => !isClosed).length, 2)
    }).pipe(quiet))
})
