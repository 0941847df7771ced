/**
 * Limits and times of a node, each with a default.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Settings from "./engine/Settings.ts"

/**
 * All times are milliseconds. Every node of a cluster should have the same ones.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Settings.Settings {
  /** How long the disk may be busy with one write before a leader hands over, and a follower no longer stands. */
  readonly maxDiskStall: number
  /** How long `propose` and `read` wait before they fail with `Unknown`. */
  readonly requestTimeout: number
  /** How many requests may wait for an answer; beyond that they are refused with `Busy`. */
  readonly maxRequests: number
  /** How many bytes of commands may wait for an answer; beyond that they are refused with `Busy`. */
  readonly maxRequestBytes: number
  /** The largest command, in bytes. A larger one is refused with a defect: it is a mistake in the program. */
  readonly maxCommandBytes: number
  /** How many messages of others may wait for the node; beyond that they are lost, as on a network. */
  readonly maxInbox: number
  /** How many bytes of entries one message carries at most, unless a single entry is larger. */
  readonly maxMessageBytes: number
  /** How much of the end of the log is kept in memory, in bytes, so that followers who keep up cost no read. */
  readonly maxTailBytes: number
  /** How many messages may wait for the disk; beyond that the oldest are lost. */
  readonly maxHeldMessages: number
}

/**
 * @category models
 * @since 0.1.0
 */
export const defaults: Options = {
  ...Settings.defaults,
  maxDiskStall: 1000,
  requestTimeout: 5000,
  maxRequests: 16384,
  maxRequestBytes: 16 * 1024 * 1024,
  maxCommandBytes: 4 * 1024 * 1024,
  maxInbox: 4096,
  maxMessageBytes: 1024 * 1024,
  maxTailBytes: 32 * 1024 * 1024,
  maxHeldMessages: 4096
}

const fields = [
  "electionTimeout",
  "heartbeatInterval",
  "maxClockDrift",
  "maxEntriesPerMessage",
  "maxEntriesInFlight",
  "maxBytesInFlight",
  "maxEntriesOutstanding",
  "maxBytesOutstanding",
  "maxEntriesApplying",
  "snapshotEntries",
  "snapshotBytes",
  "entriesKept",
  "snapshotChunkBytes",
  "maxChunksInFlight",
  "maxDiskStall",
  "requestTimeout",
  "maxRequests",
  "maxRequestBytes",
  "maxCommandBytes",
  "maxInbox",
  "maxMessageBytes",
  "maxTailBytes",
  "maxHeldMessages"
] as const satisfies ReadonlyArray<keyof Options>

/**
 * A limit that makes no sense: which one, its value, and what was expected of it.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConfigError extends Schema.TaggedError<ConfigError>()("ConfigError", {
  field: Schema.Literals(fields),
  value: Schema.Number,
  expected: Schema.String
}) {
  override get message() {
    return `${this.field} is ${this.value}, but must be ${this.expected}`
  }
}

/**
 * The limits in force. Without a layer, the defaults.
 *
 * @category services
 * @since 0.1.0
 */
export const RaftConfig = Context.Reference<Options>("effect-raft/RaftConfig", { defaultValue: () => defaults })

/**
 * Fills in defaults and checks every limit.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Partial<Options>): Effect.Effect<Options, ConfigError> => {
  const config = { ...defaults, ...options }
  for (const field of fields) {
    const value = config[field]
    if (!Number.isSafeInteger(value) || value < 1) {
      return Effect.fail(new ConfigError({ field, value, expected: "a whole number, 1 or more" }))
    }
  }
  const { electionTimeout, heartbeatInterval } = config
  if (heartbeatInterval * 2 > electionTimeout) {
    const expected = `at least twice heartbeatInterval (${heartbeatInterval}), or one late heartbeat ends a term`
    return Effect.fail(new ConfigError({ field: "electionTimeout", value: electionTimeout, expected }))
  }
  if (electionTimeout > maxTimeout) {
    const expected = `at most ${maxTimeout}`
    return Effect.fail(new ConfigError({ field: "electionTimeout", value: electionTimeout, expected }))
  }
  if (config.maxClockDrift > 90) {
    return Effect.fail(new ConfigError({ field: "maxClockDrift", value: config.maxClockDrift, expected: "at most 90" }))
  }
  for (const field of ["maxMessageBytes", "snapshotChunkBytes"] as const) {
    if (config[field] <= largestMessage) continue
    return Effect.fail(new ConfigError({ field, value: config[field], expected: `at most ${largestMessage}` }))
  }
  return Effect.succeed(config)
}

/** Twelve days: twice this is still within what a timer of the platform can hold. */
const maxTimeout = 1_000_000_000

const largestMessage = 64 * 1024 * 1024

/**
 * Sets limits for the nodes that are provided with this layer; the rest keep their defaults.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Partial<Options>): Layer.Layer<never, ConfigError> =>
  Layer.effect(RaftConfig, make(options))

const orDefault = (field: keyof Options) => Config.Int(field).pipe(Config.withDefault(defaults[field]))

/**
 * Reads the limits from the program's configuration, by their names under `RAFT` (for instance
 * `RAFT_electionTimeout` in the environment).
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: Layer.Layer<never, ConfigError | Config.ConfigError> = Layer.effect(
  RaftConfig,
  Config.all({
    electionTimeout: orDefault("electionTimeout"),
    heartbeatInterval: orDefault("heartbeatInterval"),
    maxClockDrift: orDefault("maxClockDrift"),
    maxEntriesPerMessage: orDefault("maxEntriesPerMessage"),
    maxEntriesInFlight: orDefault("maxEntriesInFlight"),
    maxBytesInFlight: orDefault("maxBytesInFlight"),
    maxEntriesOutstanding: orDefault("maxEntriesOutstanding"),
    maxBytesOutstanding: orDefault("maxBytesOutstanding"),
    maxEntriesApplying: orDefault("maxEntriesApplying"),
    snapshotEntries: orDefault("snapshotEntries"),
    snapshotBytes: orDefault("snapshotBytes"),
    entriesKept: orDefault("entriesKept"),
    snapshotChunkBytes: orDefault("snapshotChunkBytes"),
    maxChunksInFlight: orDefault("maxChunksInFlight"),
    maxDiskStall: orDefault("maxDiskStall"),
    requestTimeout: orDefault("requestTimeout"),
    maxRequests: orDefault("maxRequests"),
    maxRequestBytes: orDefault("maxRequestBytes"),
    maxCommandBytes: orDefault("maxCommandBytes"),
    maxInbox: orDefault("maxInbox"),
    maxMessageBytes: orDefault("maxMessageBytes"),
    maxTailBytes: orDefault("maxTailBytes"),
    maxHeldMessages: orDefault("maxHeldMessages")
  }).pipe(Config.nested("RAFT"), (config) => Effect.flatMap(config, make))
)
