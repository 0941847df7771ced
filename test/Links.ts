/**
 * The network between processes, as a test wants it: something that accepts in front of each node, passes on what comes,
 * and knows by the first frame who dialled. Each direction between two nodes is a link of its own, which can be cut and
 * made slow.
 *
 * A link that is cut loses nothing that was sent before or meanwhile: TCP sends it again until it comes through or one
 * side gives up, so it comes late. That is worse than loss, and it is what networks do.
 */
import { FrameDecoder } from "@effect-raft/transport/Frame"
import * as Handshake from "@effect-raft/transport/Handshake"
import { Effect, Result } from "effect"
import type { Buffer } from "node:buffer"
import { connect, createServer, type Server, type Socket } from "node:net"

/** Where a node is found by others, and where it listens itself. */
interface Place {
  readonly id: string
  readonly raft: string
  readonly listen: string
}

/** How much is taken from a sender before it has to wait, for each connection and direction. */
const window = 256 * 1024

/** One direction between two nodes. */
class Link {
  isCut = false
  /** How long each byte takes, in milliseconds. */
  latency = 0
  bytesPerSecond = Number.POSITIVE_INFINITY
  /** How much has come through. */
  passed = 0
  /** When the last byte that was sent has left. */
  busyUntil = 0
  readonly pipes = new Set<Pipe>()

  cut(isCut: boolean): void {
    this.isCut = isCut
    for (const pipe of this.pipes) pipe.flow()
  }
}

/** What is on its way over a link in one connection, in order. */
class Pipe {
  readonly #source: Socket
  readonly #target: Socket
  readonly #link: Link
  readonly #held: Array<{ readonly bytes: Buffer; readonly due: number }> = []
  #size = 0
  #hasEnded = false
  #timer: NodeJS.Timeout | undefined

  constructor(source: Socket, target: Socket, link: Link) {
    this.#source = source
    this.#target = target
    this.#link = link
    link.pipes.add(this)
    source.on("data", (bytes: Buffer) => this.take(bytes))
    source.once("close", () => {
      this.#hasEnded = true
      this.flow()
    })
    target.once("close", () => this.#close())
  }

  take(bytes: Buffer): void {
    this.#held.push({ bytes, due: performance.now() + this.#link.latency })
    this.#size += bytes.length
    if (this.#size > window) this.#source.pause()
    this.flow()
  }

  /** Passes on what is due, and comes back for the rest. */
  flow(): void {
    clearTimeout(this.#timer)
    const link = this.#link
    while (!link.isCut) {
      const first = this.#held[0]
      if (first === undefined) break
      const now = performance.now()
      const at = Math.max(first.due, link.busyUntil)
      if (at > now) {
        this.#timer = setTimeout(() => this.flow(), at - now)
        return
      }
      this.#held.shift()
      this.#size -= first.bytes.length
      link.busyUntil = now + 1000 * first.bytes.length / link.bytesPerSecond
      link.passed += first.bytes.length
      this.#target.write(first.bytes)
      if (this.#size <= window) this.#source.resume()
    }
    // That one side is gone travels like everything else.
    if (this.#hasEnded && this.#held.length === 0 && !link.isCut) this.#target.destroy()
  }

  #close(): void {
    clearTimeout(this.#timer)
    this.#link.pipes.delete(this)
    // Nobody listens any more, and who still speaks is told as soon as word can get there.
    this.#source.resume()
    this.#held.length = 0
    this.#hasEnded = true
  }
}

export class Links {
  readonly #links = new Map<string, Link>()
  readonly #ids: ReadonlyArray<string>
  readonly #sockets = new Set<Socket>()
  readonly #servers: Array<Server> = []

  private constructor(places: ReadonlyArray<Place>) {
    this.#ids = places.map(({ id }) => id)
    for (const from of this.#ids) for (const to of this.#ids) this.#links.set(`${from} ${to}`, new Link())
  }

  /** Links between nodes, none cut and none slow, for as long as the scope is open. */
  static readonly between = (places: ReadonlyArray<Place>) =>
    Effect.acquireRelease(
      Effect.promise(async () => {
        const links = new Links(places)
        for (const place of places) await links.#listen(place)
        return links
      }),
      (links) =>
        Effect.sync(() => {
          for (const server of links.#servers) server.close()
          for (const socket of links.#sockets) socket.destroy()
        })
    )

  /** From one to the other, and not back. */
  of(from: string, to: string): Link {
    const link = this.#links.get(`${from} ${to}`)
    if (link === undefined) throw new Error(`there is no link from ${from} to ${to}`)
    return link
  }

  /** Cuts what leads from any of these to any of those. */
  cut(from: ReadonlyArray<string>, to: ReadonlyArray<string>): Effect.Effect<void> {
    return Effect.sync(() => {
      for (const one of from) for (const other of to) if (one !== other) this.of(one, other).cut(true)
    })
  }

  /** Cuts the node off, in both directions. */
  isolate(id: string): Effect.Effect<void> {
    return Effect.andThen(this.cut([id], this.#ids), this.cut(this.#ids, [id]))
  }

  readonly heal: Effect.Effect<void> = Effect.sync(() => {
    for (const link of this.#links.values()) link.cut(false)
  })

  /** Makes every link so slow. */
  slow(latency: number, bytesPerSecond: number): Effect.Effect<void> {
    return Effect.sync(() => {
      for (const link of this.#links.values()) Object.assign(link, { latency, bytesPerSecond })
    })
  }

  #listen(place: Place): Promise<void> {
    const server = createServer((socket) => this.#meet(place, socket))
    this.#servers.push(server)
    return new Promise((resolve) => server.listen(portOf(place.raft), "127.0.0.1", resolve))
  }

  /** Waits until it is known who dials, and then lets the two talk. */
  #meet(place: Place, socket: Socket): void {
    this.#keep(socket)
    const decoder = new FrameDecoder(Handshake.maxHandshakeBytes)
    const heard: Array<Buffer> = []
    const listen = (bytes: Buffer) => {
      heard.push(bytes)
      let dialler: string | undefined
      decoder.push(bytes, (_, payload) => {
        const hello = Handshake.decodeHello(payload)
        if (Result.isSuccess(hello) && "node" in hello.success) dialler ??= hello.success.node
        return undefined
      })
      if (dialler === undefined) return
      socket.off("data", listen)
      const node = connect(portOf(place.listen), "127.0.0.1")
      this.#keep(node)
      const there = new Pipe(socket, node, this.of(dialler, place.id))
      const back = new Pipe(node, socket, this.of(place.id, dialler))
      for (const bytes of heard) there.take(bytes)
      back.flow()
    }
    socket.on("data", listen)
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.setNoDelay(true)
    // Whatever is wrong with it, it closes.
    socket.on("error", () => {})
    socket.once("close", () => this.#sockets.delete(socket))
  }
}

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(":") + 1))
