import { headerBytes } from "@effect-raft/transport/Frame"
import * as Handshake from "@effect-raft/transport/Handshake"
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"

const hello: Handshake.Hello = {
  protocol: Handshake.protocol,
  cluster: "test",
  node: "a",
  expected: "b",
  incarnation: Number.MAX_SAFE_INTEGER,
  session: 2,
  attributes: { http: "http://a", "": "ü" }
}

const payloadOf = (pieces: ReadonlyArray<Uint8Array>): Buffer => Buffer.concat(pieces).subarray(headerBytes)

const detailOf = (payload: Buffer): string | undefined => {
  const decoded = Handshake.decodeHello(payload)
  return Result.isFailure(decoded) ? decoded.failure.detail : undefined
}

describe("a hello", () => {
  it("comes back the same", () => {
    assert.deepStrictEqual(Handshake.decodeHello(payloadOf(Handshake.encodeHello(hello))), Result.succeed(hello))
  })

  it("begins with the magic number, or is none", () => {
    const payload = payloadOf(Handshake.encodeHello(hello))
    payload[0] = 0

    assert.strictEqual(detailOf(payload), "this is no hello")
  })

  it("names who says it and its cluster", () => {
    for (const nameless of [{ node: "" }, { cluster: "" }]) {
      assert.strictEqual(
        detailOf(payloadOf(Handshake.encodeHello({ ...hello, ...nameless }))),
        "a hello without a name"
      )
    }
  })

  it("has no more than 4 KiB of attributes, lengths included", () => {
    const withAttribute = (size: number) => ({ ...hello, attributes: { a: "x".repeat(size) } })

    assert.isUndefined(Handshake.fault(withAttribute(4091)))
    assert.isUndefined(detailOf(payloadOf(Handshake.encodeHello(withAttribute(4091)))))
    assert.strictEqual(Handshake.fault(withAttribute(4092)), "attributes of 4097 bytes, and at most 4096 are told")
    assert.strictEqual(detailOf(payloadOf(Handshake.encodeHello(withAttribute(4092)))), "attributes of 4097 bytes")
  })

  it("of another version is understood as far as that, whatever follows", () => {
    const payload = Buffer.concat([payloadOf(Handshake.encodeHello({ ...hello, protocol: 9 })), Buffer.alloc(100)])

    const decoded = Handshake.decodeHello(payload)

    assert.strictEqual(Result.isSuccess(decoded) && "code" in decoded.success && decoded.success.code, "Protocol")
  })
})

describe("a refusal", () => {
  it("comes back the same, with every code", () => {
    for (const code of Handshake.refusalCodes) {
      const decoded = Handshake.decodeRefusal(payloadOf(Handshake.encodeRefusal(Handshake.refuse(code, "weil nicht"))))

      assert.deepStrictEqual(Result.isSuccess(decoded) && { ...decoded.success }, {
        ...Handshake.refuse(code, "weil nicht")
      })
    }
  })
})
