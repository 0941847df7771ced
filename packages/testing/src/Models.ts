/**
 * Models of what people most often replicate.
 *
 * @since 0.1.0
 */
import * as Equal from "effect/Equal"
import type { Model } from "./Model.ts"
import type { Operation } from "./Operation.ts"

/**
 * @category models
 * @since 0.1.0
 */
export type RegisterAction<Value> =
  | { readonly _tag: "Read" }
  | { readonly _tag: "Write"; readonly value: Value }
  | { readonly _tag: "CompareAndSet"; readonly from: Value; readonly to: Value }

/**
 * What was read; `true` for a write; whether a compare-and-set has set.
 *
 * @category models
 * @since 0.1.0
 */
export type RegisterResult<Value> = Value | boolean

/**
 * One value that is read, written, and compared-and-set. It is compared by `Equal.equals`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const register = <Value>(
  initial: Value
): Model<Value, RegisterAction<Value>, RegisterResult<Value>> => ({
  initial,
  apply: (state, action) => {
    switch (action._tag) {
      case "Read":
        return [state, state]
      case "Write":
        return [action.value, true]
      case "CompareAndSet":
        return Equal.equals(state, action.from) ? [action.to, true] : [state, false]
    }
  },
  isRead: (action, result) => action._tag === "Read" || (action._tag === "CompareAndSet" && result === false),
  isBlind: (action) => action._tag === "Write",
  kindOf
})

/** A value that nobody will read or ask for is any other such value: it says only that the one before it is gone. */
const kindOf = <Value>(
  history: ReadonlyArray<Operation<RegisterAction<Value>, RegisterResult<Value>>>
): (action: RegisterAction<Value>, moment: number) => string => {
  const lastMention = new Map<string, number>()
  const mention = (value: unknown, moment: number) => {
    const text = JSON.stringify(value)
    lastMention.set(text, Math.max(moment, lastMention.get(text) ?? moment))
  }
  for (const { action, outcome, returned = Number.POSITIVE_INFINITY } of history) {
    const isAnswered = outcome._tag === "Ok"
    if (action._tag === "CompareAndSet") mention(action.from, isAnswered ? returned : Number.POSITIVE_INFINITY)
    if (action._tag === "Read" && isAnswered) mention(outcome.result, returned)
  }
  const value = (of: Value, moment: number) => {
    const text = JSON.stringify(of)
    return (lastMention.get(text) ?? -1) >= moment ? text : "unseen"
  }
  return (action, moment) => {
    if (action._tag === "Read") return "read"
    if (action._tag === "Write") return value(action.value, moment)
    return `${JSON.stringify(action.from)} to ${value(action.to, moment)}`
  }
}

/**
 * @category models
 * @since 0.1.0
 */
export type KeyValueAction<Value> = RegisterAction<Value> & { readonly key: string }

/**
 * Many registers, each with a key.
 *
 * @category constructors
 * @since 0.1.0
 */
export const keyValue = <Value>(
  initial: Value
): Model<Value, KeyValueAction<Value>, RegisterResult<Value>> => ({
  ...register(initial),
  keyOf: ({ key }) => key
})
