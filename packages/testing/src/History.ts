/**
 * What clients did and saw, in one order: the evidence that `Linearizability` judges.
 *
 * A history is a list of events. A client asks (`Invoke`) and later learns what came of it (`Ok`, `Fail`, `Unknown`),
 * or never does. The order number of an event is its place among all events of all clients: one that ended before
 * another began has the smaller number. The recorder takes the number of an `Invoke` before it starts the operation and
 * that of the outcome after it ended, so the record is never narrower than the truth, and a correct system is never
 * accused. What is recorded is what the caller may conclude, never what an observer of the system happens to know.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { Operation, Outcome } from "./Operation.ts"

export { draw as picture } from "./Picture.ts"

/**
 * @category models
 * @since 0.1.0
 */
export type Event<Action, Result> =
  | {
    readonly _tag: "Invoke"
    readonly order: number
    readonly at: number
    readonly client: string
    readonly action: Action
  }
  | {
    readonly _tag: "Ok"
    readonly order: number
    readonly at: number
    readonly client: string
    readonly result: Result
  }
  | { readonly _tag: "Fail" | "Unknown"; readonly order: number; readonly at: number; readonly client: string }

/**
 * Writes down what clients do.
 *
 * @category models
 * @since 0.1.0
 */
export interface Recorder<Action, Result> {
  /**
   * Runs `effect` as the client's next operation and writes down its beginning and its end. `classify` says what the
   * caller may conclude from how it ended, interruption included; see `classify` of this module. A client that asks
   * again before it was answered dies with a defect: what it saw would have no order.
   */
  readonly record: <A, E, R>(
    client: string,
    action: Action,
    effect: Effect.Effect<A, E, R>,
    classify: (exit: Exit.Exit<A, E>) => Outcome<Result>
  ) => Effect.Effect<A, E, R>
  /** All events so far, by rising order number. */
  readonly events: Effect.Effect<ReadonlyArray<Event<Action, Result>>>
  /** All operations so far; those without an outcome are `Unknown`. */
  readonly operations: Effect.Effect<ReadonlyArray<Operation<Action, Result>>>
}

/**
 * A recorder with nothing in it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <Action, Result>(): Effect.Effect<Recorder<Action, Result>> =>
  Effect.sync(() => {
    const events: Array<Event<Action, Result>> = []
    const busy = new Set<string>()
    const invoke = (client: string, at: number, action: Action) => {
      if (busy.has(client)) throw new Error(`client ${client} asks again before it was answered`)
      busy.add(client)
      events.push({ _tag: "Invoke", order: events.length, at, client, action })
    }
    const settle = (client: string, at: number, outcome: Outcome<Result>) => {
      busy.delete(client)
      events.push({ ...outcome, order: events.length, at, client })
    }
    return {
      record: (client, action, effect, classify) =>
        Effect.uninterruptibleMask((restore) =>
          Clock.currentTimeMillis.pipe(
            Effect.map((at) => invoke(client, at, action)),
            Effect.andThen(
              Effect.onExit(restore(effect), (exit) =>
                Effect.map(Clock.currentTimeMillis, (at) => settle(client, at, classify(exit))))
            )
          )
        ),
      events: Effect.sync(() =>
        events.slice()
      ),
      operations: Effect.sync(() => operations(events))
    }
  })

/**
 * The careful classification: a success is `Ok`, a failure is `Fail` only if `didNotHappen` says so of its error, and
 * everything else, interruption and defects among it, is `Unknown`.
 *
 * @category classification
 * @since 0.1.0
 */
export const classify = <A, E, Result>(options: {
  readonly result: (value: A) => Result
  readonly didNotHappen: (error: E) => boolean
}) =>
(exit: Exit.Exit<A, E>): Outcome<Result> => {
  if (Exit.isSuccess(exit)) return { _tag: "Ok", result: options.result(exit.value) }
  const { reasons } = exit.cause
  const isDefinite = reasons.length > 0 &&
    reasons.every((reason) => Cause.isFailReason(reason) && options.didNotHappen(reason.error))
  return { _tag: isDefinite ? "Fail" : "Unknown" }
}

/**
 * Pairs each `Invoke` with the next event of its client. An outcome that nobody asked for is left out.
 *
 * @category conversions
 * @since 0.1.0
 */
export const operations = <Action, Result>(
  events: ReadonlyArray<Event<Action, Result>>
): ReadonlyArray<Operation<Action, Result>> => {
  const found: Array<Operation<Action, Result>> = []
  const open = new Map<string, number>()
  for (const event of events) {
    if (event._tag === "Invoke") {
      open.set(event.client, found.length)
      const { action, client, order } = event
      found.push({ client, action, invoked: order, returned: undefined, outcome: { _tag: "Unknown" } })
      continue
    }
    const place = open.get(event.client)
    const operation = place === undefined ? undefined : found[place]
    if (place === undefined || operation === undefined) continue
    open.delete(event.client)
    const outcome: Outcome<Result> = event._tag === "Ok" ? { _tag: "Ok", result: event.result } : { _tag: event._tag }
    found[place] = { ...operation, returned: event.order, outcome }
  }
  return found
}

/**
 * A history as lines of JSON, one event on each. What is read is checked: a line that is no event, or stands out of
 * order, fails the whole text.
 *
 * @category conversions
 * @since 0.1.0
 */
export const lines = <Action, Result, ActionEncoded, ResultEncoded>(
  action: Schema.Codec<Action, ActionEncoded>,
  result: Schema.Codec<Result, ResultEncoded>
) => {
  const header = { order: Schema.Natural, at: Schema.Finite, client: Schema.String }
  const event = Schema.Union([
    Schema.TaggedStruct("Invoke", { ...header, action }),
    Schema.TaggedStruct("Ok", { ...header, result }),
    Schema.TaggedStruct("Fail", header),
    Schema.TaggedStruct("Unknown", header)
  ])
  const rising = Schema.makeFilter<ReadonlyArray<{ readonly order: number }>>((events) => {
    const place = events.findIndex(({ order }, place) => place > 0 && order <= (events[place - 1]?.order ?? -1))
    return place < 0 ? undefined : `line ${place + 1} is out of order`
  })
  const line = Schema.fromJsonString(Schema.toCodecJson(event))
  const decode = Schema.decodeEffect(Schema.Array(line).check(rising))
  const encode = Schema.encodeSync(line)
  return {
    encode: (events: ReadonlyArray<Event<Action, Result>>): string =>
      events.map((each) => `${encode(each)}\n`).join(""),
    decode: (text: string): Effect.Effect<ReadonlyArray<Event<Action, Result>>, Schema.SchemaError> =>
      decode(text.split("\n").filter((each) => each !== ""))
  }
}
