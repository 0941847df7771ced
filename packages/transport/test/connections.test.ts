import { eventually } from "@effect-raft/testing/Stage"
import { empty, Kind } from "@effect-raft/transport/Frame"
import { encode } from "@effect-raft/transport/MessageCodec"
import * as TcpTransport from "@effect-raft/transport/TcpTransport"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Exit, Logger, Scope } from "effect"
import type { Envelope } from "effect-raft/Transport"
import { acquainted, alone, heartbeat, heavy, note, piece, quiet } from "./loneNode.ts"
import { connect, listen } from "./RawPeer.ts"

describe("a peer that has fallen silent", () => {
  it.live("is asked for a sign of life, then given up, then dialled again", () =>
    Effect.gen(function*() {
      const m = yield* alone({ idleTimeout: 40 })
      const { address, peers } = yield* listen
      yield* m.setMembers([{ id: "z", address }])
      yield* eventually("m dials", () => peers[0]?.wasGreeted === true)
      peers[0]?.greet({ node: "z" })
      yield* eventually("m can send", () => m.send("z", note("m")))

      yield* eventually("m gives up", () => peers[0]?.isClosed === true)

      assert.isAbove(peers[0]?.count(Kind.ping) ?? 0, 0)
      yield* eventually("m dials again", () => peers.length > 1)
    }).pipe(quiet))

  it.live("stays connected while it answers", () =>
    Effect.gen(function*() {
      const m = yield* alone({ idleTimeout: 40 })
      const a = yield* acquainted(m.port)
      let answered = 0

      yield* eventually("it has been asked twenty times", () => {
        for (; answered < a.count(Kind.ping); answered++) a.say(...empty(Kind.pong))
        return answered > 20
      })

      assert.isTrue(m.send("a", note("m")))
    }).pipe(quiet))

  it.live("is answered when it asks", () =>
    Effect.gen(function*() {
      const m = yield* alone()
      const a = yield* acquainted(m.port)

      a.say(...empty(Kind.ping))

      yield* eventually("m answers", () => a.count(Kind.pong) === 1)
    }).pipe(quiet))
})

describe("a peer that does not read", () => {
  it.live("gets so many bytes and no more, until it reads again", () =>
    Effect.gen(function*() {
      const m = yield* alone({ maxQueueBytes: 1_000_000, idleTimeout: 60_000 })
      const a = yield* acquainted(m.port)
      a.socket.pause()
      const message = heavy("m", 100_000)
      let sent = 0

      yield* eventually("m is full", () => {
        if (!m.send("a", message)) return true
        sent++
        return false
      })
      // The operating system takes what it likes; beyond that, ten wait here, and not one more however often one tries.
      yield* eventually("the operating system has had enough", () => {
        const before = sent
        while (m.send("a", message)) sent++
        return sent === before
      })
      assert.isFalse(m.send("a", message))
      a.socket.resume()

      yield* eventually("all arrives", () => a.count(Kind.message + 4) === sent)
      assert.deepStrictEqual([m.send("a", message), m.send("a", message)], [true, true])
    }).pipe(quiet))

  it.live("gets so many messages in one turn and no more", () =>
    Effect.gen(function*() {
      const m = yield* alone({ maxQueueMessages: 10 })
      const a = yield* acquainted(m.port)

      const sent = Array.from({ length: 12 }, () => m.send("a", note("m")))

      assert.deepStrictEqual(sent, [...Array.from({ length: 10 }, () => true), false, false])
      yield* eventually("ten arrive", () => a.count(Kind.message + 3) === 10)
    }).pipe(quiet))

  it.live("has room for so many messages without payloads behind those with, and no more", () =>
    Effect.gen(function*() {
      const m = yield* alone({ maxQueueMessages: 8 })
      const a = yield* acquainted(m.port)
      const many = (envelope: Envelope) =>
        Array.from({ length: 10 }, () => m.send("a", envelope)).filter(Boolean).length

      const sent = [many(heavy("m", 10)), many(piece("m", 10)), many(heartbeat("m")), many(note("m"))]

      assert.deepStrictEqual(sent, [6, 0, 2, 0])
      yield* eventually("eight arrive", () => a.count(Kind.message + 4) === 8)
    }).pipe(quiet))

  it.live("is sent heartbeats though entries and snapshots fill the queue, and not without end either", () =>
    Effect.gen(function*() {
      const m = yield* alone({ maxQueueBytes: 1_000_000, idleTimeout: 60_000 })
      const a = yield* acquainted(m.port)
      a.socket.pause()
      yield* eventually("the operating system has had enough, and m is full", () => {
        let wasTaken = false
        for (const bulk of [heavy("m", 100_000), piece("m", 1000), heavy("m", 1)]) {
          while (m.send("a", bulk)) wasTaken = true
        }
        return !wasTaken
      })

      let heartbeats = 0
      while (heartbeats < 100_000 && m.send("a", heartbeat("m"))) heartbeats++

      assert.isAbove(heartbeats, 100)
      assert.isBelow(heartbeats, 5000)
      const before = a.frames.length
      a.socket.resume()
      yield* eventually(
        "all arrives",
        () => a.frames.slice(before).filter(({ payload }) => payload.length < 80).length >= heartbeats
      )
    }).pipe(quiet))

  it.live("is never sent a message that it would have to refuse", () =>
    Effect.gen(function*() {
      const m = yield* alone({ maxFrameBytes: 4096 })
      const a = yield* acquainted(m.port)

      assert.isFalse(m.send("a", heavy("m", 5000)))
      assert.isTrue(m.send("a", heavy("m", 3000)))

      yield* eventually("the small one arrives", () => a.frames.some(({ payload }) => payload.length > 3000))
      assert.isFalse(a.isClosed)
    }).pipe(quiet))
})

describe("of two connections of one pair", () => {
  it.live("the later stays, if the same side dialled both", () =>
    Effect.gen(function*() {
      const m = yield* alone()
      const first = yield* acquainted(m.port)
      const second = yield* acquainted(m.port)

      yield* eventually("the first is ended", () => first.isClosed)
      m.send("a", note("m"))
      yield* eventually("the second is used", () => second.count(Kind.message + 3) === 1)
    }).pipe(quiet))

  it.live("the one that the lesser name dialled stays, unless the other side was restarted", () =>
    Effect.gen(function*() {
      const m = yield* alone()
      const { address, peers } = yield* listen
      yield* m.setMembers([{ id: "z", address }])
      yield* eventually("m dials", () => peers[0]?.wasGreeted === true)
      peers[0]?.greet({ node: "z" })
      yield* eventually("m can send", () => m.send("z", note("m")))

      const same = yield* connect(m.port)
      same.greet({ node: "z" })
      yield* eventually("the other way round is turned away", () => same.isClosed)
      assert.strictEqual(same.refusal, "Duplicate")
      assert.isFalse(peers[0]?.isClosed)

      yield* acquainted(m.port, { node: "z", session: 2 })
      yield* eventually("the connection to z's former life is ended", () => peers[0]?.isClosed === true)
      assert.isTrue(m.send("z", note("m")))
    }).pipe(quiet))

  it.live("what was sent on the one that goes still arrives, both ways", () =>
    Effect.gen(function*() {
      const m = yield* alone()
      const first = yield* acquainted(m.port)
      const sent = Array.from({ length: 100 }, () => m.send("a", note("m")))
      first.say(...encode(note("a")))

      yield* acquainted(m.port)

      yield* eventually("all has arrived", () => first.isClosed && first.count(Kind.message + 3) === sent.length)
      yield* eventually("m has heard", () => m.heard.length === 1)
    }).pipe(quiet))
})

describe("the address book", () => {
  it.live("keeps the connection to a member that stays, and leaves the address of one that moves", () =>
    Effect.gen(function*() {
      const m = yield* alone()
      const [old, other, later] = [yield* listen, yield* listen, yield* listen]
      yield* m.setMembers([{ id: "y", address: old.address }, { id: "z", address: other.address }])
      for (const [id, { peers }] of [["y", old], ["z", other]] as const) {
        yield* eventually("m dials", () => peers[0]?.wasGreeted === true)
        peers[0]?.greet({ node: id })
        yield* eventually("m can send", () => m.send(id, note("m")))
      }

      yield* m.setMembers([{ id: "y", address: later.address }, { id: "z", address: other.address }])

      yield* eventually("y is dialled anew", () => later.peers[0]?.wasGreeted === true)
      yield* eventually("the old address is left", () => old.peers[0]?.isClosed === true)
      assert.isTrue(m.send("z", note("m")))
      assert.strictEqual(other.peers.length, 1)
    }).pipe(quiet))

  it.live("may hold what is no address: it is never reached, and the others are", () =>
    Effect.gen(function*() {
      const m = yield* alone()
      const { address, peers } = yield* listen

      yield* m.setMembers([{ id: "y", address: "nowhere" }, { id: "z", address }])

      yield* eventually("m dials z", () => peers[0]?.wasGreeted === true)
      assert.isFalse(m.send("y", note("m")))
    }).pipe(quiet))
})

describe("joining", () => {
  for (const address of ["nonsense", "localhost", "127.0.0.1:65536", "203.0.113.1:7000"]) {
    it.live(`fails with AddressInvalid on ${address}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.orDie(Effect.flip(alone({ listen: address })))

        assert.strictEqual(error._tag === "TransportError" && error.reason._tag, "AddressInvalid")
      }).pipe(quiet))
  }

  it.live("under a name that cannot be sent is a defect", () =>
    Effect.gen(function*() {
      for (const self of [{ node: "" }, { cluster: "x".repeat(256) }, { attributes: { a: "x".repeat(4096) } }]) {
        const exit = yield* Effect.exit(alone({}, self))
        assert.isTrue(Exit.hasDies(exit))
      }
    }).pipe(quiet))

  it.live("hangs up on everybody when its scope closes, and frees the port", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const m = yield* Scope.provide(alone({ handshakeTimeout: 60_000 }), scope)
      const { address, peers } = yield* listen
      yield* m.setMembers([{ id: "z", address }])
      yield* eventually("m dials", () => peers[0]?.wasGreeted === true)
      const [a, stranger] = [yield* acquainted(m.port), yield* connect(m.port)]

      yield* Scope.close(scope, Exit.void)

      const sides = [a, stranger, ...peers]
      yield* eventually("all are hung up on", () => sides.every(({ isClosed }) => isClosed))
      yield* alone({ listen: `127.0.0.1:${m.port}` })
    }).pipe(quiet))
})

describe("the log", () => {
  it.live("tells a trouble once, however often it comes", () =>
    Effect.gen(function*() {
      const lines: Array<unknown> = []
      const logger = Logger.make<unknown, void>(({ message }) => void lines.push(...[message].flat()))
      yield* Effect.gen(function*() {
        const m = yield* alone()
        yield* m.setMembers([{ id: "z", address: "127.0.0.1:1" }, { id: "m", address: `127.0.0.1:${m.port}` }])
        for (const cluster of ["x", "y", "x"]) {
          const stranger = yield* connect(m.port)
          stranger.greet({ cluster })
          yield* eventually("the stranger is hung up on", () => stranger.isClosed)
        }
        for (let count = 0; count < 3; count++) {
          const stranger = yield* connect(m.port)
          stranger.say("GET / HTTP/1.1\r\n\r\n")
          yield* eventually("the stranger is hung up on", () => stranger.isClosed)
        }
        yield* eventually("all is told", () => lines.length >= 3)
      }).pipe(Effect.provide(Logger.layer([logger])))

      assert.deepStrictEqual([...lines].sort(), ["bytes that make no sense", "not connected", "refused"])
    }))
})

describe("options", () => {
  it.effect("that make no sense are named", () =>
    Effect.gen(function*() {
      const tooFew = yield* Effect.flip(TcpTransport.make({ listen: "", maxFrameBytes: 0 }))
      const crossed = yield* Effect.flip(TcpTransport.make({ listen: "", backoffMin: 10, backoffMax: 5 }))

      assert.strictEqual(tooFew.message, "maxFrameBytes is 0, but must be a whole number from 1 to 1073741824")
      assert.strictEqual(crossed.message, "backoffMax is 5, but must be at least backoffMin (10)")
    }))

  it.effect("are read from the configuration", () =>
    Effect.gen(function*() {
      const load = (env: Record<string, string>) =>
        Effect.exit(Effect.void.pipe(
          Effect.provide(TcpTransport.layerConfig),
          Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnvRecord(env))
        ))

      assert.isTrue(Exit.isSuccess(yield* load({ RAFT_TCP_listen: "127.0.0.1:7000", RAFT_TCP_idleTimeout: "500" })))
      assert.isTrue(Exit.isFailure(yield* load({})))
      assert.isTrue(Exit.isFailure(yield* load({ RAFT_TCP_listen: "127.0.0.1:7000", RAFT_TCP_idleTimeout: "0" })))
    }))
})
