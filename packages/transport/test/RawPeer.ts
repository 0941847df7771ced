/** The other side of a connection, without manners: says what a test tells it to, and shows what it hears. */
import { FrameDecoder, Kind } from "@effect-raft/transport/Frame"
import * as Handshake from "@effect-raft/transport/Handshake"
import { Effect, Result } from "effect"
import * as Net from "node:net"
import { freePort } from "./freePort.ts"

export class RawPeer {
  readonly socket: Net.Socket
  readonly frames: Array<{ readonly kind: number; readonly payload: Buffer }> = []
  bytesHeard = 0
  isClosed = false

  constructor(socket: Net.Socket) {
    const decoder = new FrameDecoder(1 << 26)
    this.socket = socket
    socket.on("data", (chunk: Buffer) => {
      this.bytesHeard += chunk.length
      decoder.push(chunk, (kind, payload) => {
        this.frames.push({ kind, payload })
        return undefined
      })
    })
    socket.on("error", () => {})
    socket.on("close", () => {
      this.isClosed = true
    })
  }

  say(...pieces: ReadonlyArray<Uint8Array | string>): void {
    for (const piece of pieces) this.socket.write(piece)
  }

  /** Introduces itself as `a` of cluster `test`, who dialled `m`, unless told otherwise. */
  greet(hello: Partial<Handshake.Hello> = {}): void {
    this.say(...Handshake.encodeHello({
      protocol: Handshake.protocol,
      cluster: "test",
      node: "a",
      expected: "m",
      incarnation: 1,
      session: 1,
      attributes: {},
      ...hello
    }))
  }

  count(kind: number): number {
    return this.frames.filter((frame) => frame.kind === kind).length
  }

  get wasGreeted(): boolean {
    return this.count(Kind.hello) > 0
  }

  /** Why it was refused, if it was. */
  get refusal(): string | undefined {
    const frame = this.frames.find(({ kind }) => kind === Kind.refusal)
    const decoded = frame && Handshake.decodeRefusal(frame.payload)
    return decoded && Result.isSuccess(decoded) ? decoded.success.code : undefined
  }
}

/** Connects to a port of this machine; hangs up at the end of the test. */
export const connect = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<RawPeer>((resume) => {
      const socket = Net.connect({ port, host: "127.0.0.1" }, () => resume(Effect.succeed(new RawPeer(socket))))
    }),
    (peer) => Effect.sync(() => void peer.socket.destroy())
  )

/** Listens on a port of its own, and collects whoever connects. */
export const listen = Effect.gen(function*() {
  const port = yield* freePort
  const peers: Array<RawPeer> = []
  yield* Effect.acquireRelease(
    Effect.callback<Net.Server>((resume) => {
      const server = Net.createServer((socket) => peers.push(new RawPeer(socket)))
      server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.sync(() => {
        server.close()
        for (const { socket } of peers) socket.destroy()
      })
  )
  return { address: `127.0.0.1:${port}`, peers }
})
