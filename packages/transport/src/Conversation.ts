/**
 * One connection, from its first byte to its last.
 *
 *     greeting ──hello judged, admitted──► open ──superseded──► leaving ──► closed
 *         └──────── refused, garbage, silence, error, scope closed ───────────┘
 *
 * Everything that the socket says is handled where it is said, without a fiber between: frames that follow a
 * hello in the same packet find the conversation open. What needs time (a greeting that does not come, a peer that
 * has fallen silent) is left to `attend`, which is all there is of fibers here. No message is passed on before the
 * other side has been admitted, nor one that bears another name than its hello did, nor one after `hangUp`.
 *
 * @since 0.1.0
 */
import type { LogPosition } from "effect-raft/engine"
import type { Envelope, Self } from "effect-raft/Transport"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Buffer } from "node:buffer"
import type { Socket } from "node:net"
import { empty, FrameDecoder, Kind } from "./Frame.ts"
import * as Handshake from "./Handshake.ts"
import { decode } from "./MessageCodec.ts"
import { SendQueue } from "./SendQueue.ts"
import type { TcpOptions } from "./TcpOptions.ts"
import { WireError } from "./WireError.ts"

/**
 * The connection is gone, for a reason that lies below the messages.
 *
 * @category errors
 * @since 0.1.0
 */
export class Lost extends Schema.TaggedError<Lost>()("Lost", { detail: Schema.String }) {
  override get message() {
    return this.detail
  }
}

/**
 * Why a conversation ended: what came could not be believed, one side refused the other, or the connection is gone.
 *
 * @category models
 * @since 0.1.0
 */
export type Ending = WireError | Handshake.Refusal | Lost

/**
 * What the conversations of one node have in common.
 *
 * @category models
 * @since 0.1.0
 */
export interface House {
  readonly self: Self
  readonly session: number
  readonly options: TcpOptions
  /** Takes the conversation in, now that its `peer` is known, or says why not. */
  readonly admit: (conversation: Conversation) => Handshake.Refusal | undefined
  readonly receive: (envelope: Envelope, incarnation: number) => void
  /** The conversation, admitted or not, is over. */
  readonly dismiss: (conversation: Conversation) => void
}

/** A silent peer is asked for a sign of life once in each of these parts of `idleTimeout`, the first excepted. */
const idleParts = 4

const ping = empty(Kind.ping)
const pong = empty(Kind.pong)

/**
 * A connection and what is known of the other side.
 *
 * @category models
 * @since 0.1.0
 */
export class Conversation {
  /** Whom we dialled; undefined when the other side dialled. */
  readonly dialled: LogPosition.NodeId | undefined
  /** Where the other side is, as far as the operating system knows. */
  readonly remote: string
  /** How the other side introduced itself; undefined until it was found fit to talk to. */
  peer: Handshake.Hello | undefined
  readonly #house: House
  readonly #socket: Socket
  readonly #queue: SendQueue
  readonly #decoder = new FrameDecoder(Handshake.maxHandshakeBytes)
  readonly #opened = Deferred.makeUnsafe<void>()
  readonly #closed = Deferred.makeUnsafe<Ending>()
  #state: "greeting" | "open" | "leaving" | "closed" = "greeting"
  #ending: Ending | undefined
  #heard = false

  /** Begins at once; `socket` is connected. */
  constructor(house: House, socket: Socket, dialled: LogPosition.NodeId | undefined) {
    this.#house = house
    this.#socket = socket
    this.dialled = dialled
    this.remote = socket.remoteAddress ?? "somewhere"
    this.#queue = new SendQueue(socket, house.options)
    socket.setNoDelay(true)
    socket.on("data", (chunk: Buffer) => this.#read(chunk))
    socket.on("error", (error) => this.#note(new Lost({ detail: error.message })))
    socket.on("close", () => this.#finish())
    if (dialled !== undefined) this.#greet(dialled)
  }

  /** Whether it is worth while to encode a message. `isBulk`: it carries payloads. */
  hasRoom(isBulk: boolean): boolean {
    return this.#state === "open" && this.#queue.hasRoom(isBulk)
  }

  /** Sends, or not: see `Connection.send`. */
  send(pieces: ReadonlyArray<Uint8Array>, isBulk = false): boolean {
    return this.#state === "open" && this.#queue.offer(pieces, isBulk)
  }

  /** Another connection has taken this one's place: sends what was taken, then ends. */
  leave(): void {
    if (this.#state === "closed") return
    this.#state = "leaving"
    this.#note(Handshake.refuse("Duplicate", "another connection has taken its place"))
    this.#queue.end()
  }

  /** Ends it now. Nothing is received from here on. */
  hangUp(ending: Ending): void {
    this.#note(ending)
    this.#state = "closed"
    this.#socket.destroy()
  }

  /** Whether the two sides ever came to an understanding. */
  get wasOpen(): boolean {
    return Deferred.isDoneUnsafe(this.#opened)
  }

  /** Why it ended, once it has. */
  get closed(): Effect.Effect<Ending> {
    return Deferred.await(this.#closed)
  }

  /** Sees to it that the conversation gets on, and ends when it does not. Once nobody attends to it, it is over. */
  get attend(): Effect.Effect<Ending> {
    const { handshakeTimeout, idleTimeout } = this.#house.options
    const greeted = Deferred.await(this.#opened).pipe(
      Effect.timeoutOrElse({
        duration: handshakeTimeout,
        orElse: () => Effect.sync(() => this.hangUp(new Lost({ detail: `no hello within ${handshakeTimeout} ms` })))
      })
    )
    const alive = watch(() => this.#isAlive(), idleTimeout / idleParts)
    return Effect.andThen(greeted, alive).pipe(
      Effect.andThen(this.closed),
      Effect.raceFirst(this.closed),
      Effect.ensuring(Effect.sync(() => this.hangUp(new Lost({ detail: "the node has left" }))))
    )
  }

  #quiet = 0

  /** Asks a silent peer for a sign of life, and gives up on one that gives none. */
  #isAlive(): boolean {
    this.#quiet = this.#heard ? 0 : this.#quiet + 1
    this.#heard = false
    if (this.#quiet >= idleParts) {
      this.hangUp(new Lost({ detail: `nothing was heard for ${this.#house.options.idleTimeout} ms` }))
    } else if (this.#quiet > 0) this.send(ping)
    return this.#state !== "closed"
  }

  #read(chunk: Buffer): void {
    this.#heard = true
    try {
      const error = this.#decoder.push(chunk, (kind, payload) => this.#take(kind, payload))
      if (error !== undefined) this.hangUp(error)
    } catch (defect) {
      // A receiver that throws breaks its promise; that is no reason to end the whole process.
      this.hangUp(new Lost({ detail: `the receiver threw ${defect}` }))
    }
  }

  #take(kind: number, payload: Buffer): WireError | undefined {
    if (this.#state === "closed") return undefined
    if (kind === Kind.refusal) return this.#onRefusal(payload)
    if (this.#state === "greeting") {
      return kind === Kind.hello ? this.#onHello(payload) : unexpected(kind, "before hello")
    }
    if (kind >= Kind.message) return this.#onMessage(kind, payload)
    if (kind === Kind.ping) this.send(pong)
    else if (kind !== Kind.pong) return unexpected(kind, "after hello")
    return undefined
  }

  #onMessage(kind: number, payload: Buffer): WireError | undefined {
    const decoded = decode(kind, payload)
    if (Result.isFailure(decoded)) return decoded.failure
    const { from } = decoded.success.message
    if (this.peer === undefined || from !== this.peer.node) {
      return new WireError({ reason: "Sender", detail: `${this.peer?.node} sent a message in the name of ${from}` })
    }
    this.#house.receive(decoded.success, this.peer.incarnation)
    return undefined
  }

  #onRefusal(payload: Buffer): WireError | undefined {
    const decoded = Handshake.decodeRefusal(payload)
    if (Result.isFailure(decoded)) return decoded.failure
    this.hangUp(decoded.success)
    return undefined
  }

  #onHello(payload: Buffer): WireError | undefined {
    const decoded = Handshake.decodeHello(payload)
    if (Result.isFailure(decoded)) return decoded.failure
    const hello = decoded.success
    const refusal = hello instanceof Handshake.Refusal ? hello : this.#meet(hello)
    if (refusal !== undefined) this.#refuse(refusal)
    return undefined
  }

  #meet(hello: Handshake.Hello): Handshake.Refusal | undefined {
    const refusal = Handshake.judge(this.#house.self, this.dialled, hello)
    if (refusal !== undefined) return refusal
    this.peer = hello
    const turnedAway = this.#house.admit(this)
    if (turnedAway !== undefined) return turnedAway
    if (this.dialled === undefined) this.#greet(hello.node)
    this.#decoder.maxBytes = this.#house.options.maxFrameBytes
    this.#state = "open"
    Deferred.doneUnsafe(this.#opened, Exit.void)
    return undefined
  }

  #greet(expected: LogPosition.NodeId): void {
    const { self, session } = this.#house
    this.#queue.offer(Handshake.encodeHello({ ...self, protocol: Handshake.protocol, session, expected }))
  }

  /** Says why, then ends. What the other side sends meanwhile is not listened to. */
  #refuse(refusal: Handshake.Refusal): void {
    this.#note(refusal)
    this.#state = "closed"
    this.#queue.offer(Handshake.encodeRefusal(refusal))
    this.#queue.end()
  }

  /** The first reason is the true one; what follows is its consequence. */
  #note(ending: Ending): void {
    this.#ending ??= ending
  }

  #finish(): void {
    this.#state = "closed"
    this.#house.dismiss(this)
    Deferred.doneUnsafe(this.#closed, Exit.succeed(this.#ending ?? new Lost({ detail: "the other side hung up" })))
  }
}

const unexpected = (kind: number, when: string): WireError =>
  new WireError({ reason: "Kind", detail: `a frame of kind ${kind} ${when}` })

/** Looks again and again until it is over. */
const watch = (isAlive: () => boolean, interval: number): Effect.Effect<void> =>
  Effect.sleep(interval).pipe(
    Effect.andThen(Effect.sync(isAlive)),
    Effect.repeat({ while: (alive) => alive }),
    Effect.asVoid
  )
