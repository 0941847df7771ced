/**
 * Limits and times of `TcpTransport`, each with a default.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/**
 * All times are milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface TcpOptions {
  /** Where this node listens: `host:port`, `[::1]:7000` for IPv6; `0.0.0.0` and `[::]` stand for every interface. */
  readonly listen: string
  /**
   * The largest message, in bytes. A larger one is not sent, and who sends one is hung up on. Above what the nodes
   * allow a single command, and a chunk of a snapshot, to be, and the same on all of them.
   */
  readonly maxFrameBytes: number
  /**
   * How many bytes may wait for one peer, beyond a single message. Messages without payloads, such as heartbeats and
   * votes, have 64 KiB more to themselves, so that neither entries nor chunks of snapshots keep them from being sent.
   */
  readonly maxQueueBytes: number
  /** How many messages may wait for one peer; a quarter of them, if there is more than one, only without payloads. */
  readonly maxQueueMessages: number
  /** How many connections others may have open to this node. */
  readonly maxConnections: number
  /** How long connecting, and introducing oneself, may take. */
  readonly handshakeTimeout: number
  /**
   * How long a peer may be silent before its connection is taken for dead. It is asked for a sign of life well
   * before. Until then messages go where nobody listens, so it should not be many election timeouts.
   */
  readonly idleTimeout: number
  /** How long to wait before the second attempt to connect; each wait after that is twice as long … */
  readonly backoffMin: number
  /** … up to this. Each is drawn from 80 to 120 percent. */
  readonly backoffMax: number
}

/**
 * @category models
 * @since 0.1.0
 */
export const defaults: Omit<TcpOptions, "listen"> = {
  maxFrameBytes: 16 * 1024 * 1024,
  maxQueueBytes: 32 * 1024 * 1024,
  maxQueueMessages: 8192,
  maxConnections: 256,
  handshakeTimeout: 2000,
  idleTimeout: 2000,
  backoffMin: 50,
  backoffMax: 1000
}

/**
 * The limits that are numbers.
 *
 * @category models
 * @since 0.1.0
 */
export const limits = [
  "maxFrameBytes",
  "maxQueueBytes",
  "maxQueueMessages",
  "maxConnections",
  "handshakeTimeout",
  "idleTimeout",
  "backoffMin",
  "backoffMax"
] as const satisfies ReadonlyArray<keyof TcpOptions>

const largest: Readonly<Record<(typeof limits)[number], number>> = {
  maxFrameBytes: 1024 * 1024 * 1024,
  maxQueueBytes: Number.MAX_SAFE_INTEGER,
  maxQueueMessages: Number.MAX_SAFE_INTEGER,
  maxConnections: 65_535,
  handshakeTimeout: 86_400_000,
  idleTimeout: 86_400_000,
  backoffMin: 86_400_000,
  backoffMax: 86_400_000
}

/**
 * A limit that makes no sense: which one, its value, and what was expected of it.
 *
 * @category errors
 * @since 0.1.0
 */
export class TcpOptionsError extends Schema.TaggedError<TcpOptionsError>()("TcpOptionsError", {
  field: Schema.Literals(limits),
  value: Schema.Number,
  expected: Schema.String
}) {
  override get message() {
    return `${this.field} is ${this.value}, but must be ${this.expected}`
  }
}

/**
 * Fills in defaults and checks every limit.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  given: Pick<TcpOptions, "listen"> & Partial<TcpOptions>
): Effect.Effect<TcpOptions, TcpOptionsError> => {
  const options = { ...defaults, ...given }
  for (const field of limits) {
    const value = options[field]
    if (Number.isSafeInteger(value) && value >= 1 && value <= largest[field]) continue
    return Effect.fail(new TcpOptionsError({ field, value, expected: `a whole number from 1 to ${largest[field]}` }))
  }
  const { backoffMax: value, backoffMin } = options
  return value >= backoffMin
    ? Effect.succeed(options)
    : Effect.fail(new TcpOptionsError({ field: "backoffMax", value, expected: `at least backoffMin (${backoffMin})` }))
}
