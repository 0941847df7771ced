/**
 * Models of what people most often replicate.
 *
 * @since 0.1.0
 */
import * as Equal from "effect/Equal"
import type { Model } from "./Model.ts"

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
  isBlind: (action) => action._tag === "Write"
})

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
