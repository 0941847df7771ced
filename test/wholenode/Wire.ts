/**
 * The way from one node to another: encoded, framed, cut at any byte, put together, decoded, over a network that loses,
 * doubles, delays and cuts off as it is told.
 *
 * The bytes of a link are one stream, as those of a connection are: what is left of a frame comes with the next one, or
 * a little later by itself. A link on which a bit was flipped is closed and begun anew, with whatever was on it.
 */
import { Effect, FiberSet, Layer, Result } from "effect"
import type * as MemoryNetwork from "effect-raft/MemoryNetwork"
import { type Connection, type Envelope, Transport } from "effect-raft/Transport"
import { FrameDecoder } from "../../packages/transport/src/Frame.ts"
import * as MessageCodec from "../../packages/transport/src/MessageCodec.ts"
import type { WireError } from "../../packages/transport/src/WireError.ts"
import type { Dice } from "./Dice.ts"

export interface Codec {
  readonly encode: (envelope: Envelope) => ReadonlyArray<Uint8Array>
  readonly decode: (kind: number, payload: Buffer) => Result.Result<Envelope, WireError>
}

export const codec: Codec = { encode: MessageCodec.encode, decode: MessageCodec.decode }

/** What goes wrong with bytes; for all links, and changed while they are in use. */
export interface Noise {
  /** How likely a bit of a message is flipped. */
  garbled: number
  /** How likely the rest of a message stays behind for a while. */
  held: number
}

export interface Options {
  readonly id: string
  readonly network: MemoryNetwork.MemoryNetwork["Service"]
  readonly dice: Dice
  readonly noise: Noise
  readonly codec: Codec
  /** Told of each message before it leaves. */
  readonly onSend: (to: string, envelope: Envelope) => void
  /** What must never happen. */
  readonly onFault: (sentence: string) => void
  /** Told of each link that was closed because of what came over it. */
  readonly onReset: () => void
}

const nothing = Buffer.alloc(0)
const maxFrameBytes = 64 * 1024 * 1024

class Link {
  readonly #options: Options
  readonly #deliver: (envelope: Envelope) => boolean
  #decoder = new FrameDecoder(maxFrameBytes)
  #held = nothing

  constructor(options: Options, deliver: (envelope: Envelope) => boolean) {
    this.#options = options
    this.#deliver = deliver
  }

  get isWaiting(): boolean {
    return this.#held.length > 0
  }

  send(envelope: Envelope): boolean {
    const { codec, dice, noise } = this.#options
    const frame = Buffer.concat(codec.encode(envelope))
    const isGarbled = dice.happens(noise.garbled)
    if (isGarbled) {
      const at = dice.between(0, frame.length - 1)
      frame[at] = (frame[at] ?? 0) ^ (1 << dice.between(0, 7))
    }
    const all = Buffer.concat([this.#held, frame])
    const stays = dice.happens(noise.held) ? dice.between(1, frame.length - 1) : 0
    this.#held = all.subarray(all.length - stays)
    return this.#push(all.subarray(0, all.length - stays))
  }

  /** What stayed behind comes after all. */
  flush(): void {
    const rest = this.#held
    this.#held = nothing
    this.#push(rest)
  }

  /** In pieces of any size. */
  #push(bytes: Buffer): boolean {
    const { codec, dice } = this.#options
    let sent = true
    for (let at = 0; at < bytes.length;) {
      const end = at + (dice.happens(0.7) ? bytes.length - at : dice.between(1, bytes.length - at))
      const wrong = this.#decoder.push(Buffer.from(bytes.subarray(at, end)), (kind, payload) => {
        const decoded = codec.decode(kind, payload)
        if (Result.isFailure(decoded)) return decoded.failure
        sent = this.#deliver(decoded.success) && sent
        return undefined
      })
      if (wrong !== undefined) return this.#reset(wrong)
      at = end
    }
    return sent
  }

  #reset(wrong: WireError): boolean {
    const { noise, onFault, onReset } = this.#options
    // A link may be found out late: a flipped bit in a size makes it wait for the next message.
    if (noise.garbled === 0 && !this.#mayLag) onFault(`a sound message was refused: ${wrong.message}`)
    onReset()
    this.#decoder = new FrameDecoder(maxFrameBytes)
    this.#held = nothing
    return true
  }

  /** A bit was flipped on this link at some time. */
  #mayLag = false

  expectNoise(): void {
    this.#mayLag = true
  }
}

export const layer = (options: Options): Layer.Layer<Transport> =>
  Layer.succeed(
    Transport,
    Transport.of({
      join: Effect.fnUntraced(function*(self, receive) {
        const connection = yield* options.network.join(self, receive)
        const later = yield* FiberSet.makeRuntime<never, void, never>()
        const links = new Map<string, Link>()
        const linkTo = (to: string): Link => {
          const known = links.get(to) ?? new Link(options, (envelope) => connection.send(to, envelope))
          links.set(to, known)
          return known
        }
        const send: Connection["send"] = (to, envelope) => {
          options.onSend(to, envelope)
          const link = linkTo(to)
          if (options.noise.garbled > 0) link.expectNoise()
          const sent = link.send(envelope)
          if (link.isWaiting) later(Effect.andThen(Effect.sleep(3), Effect.sync(() => link.flush())))
          return sent
        }
        return { ...connection, send }
      })
    })
  )
