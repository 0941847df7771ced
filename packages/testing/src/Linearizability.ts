/**
 * Is there one order of all operations, compatible with what was before what, in which every answer is the right one?
 *
 * Usable by itself: give it a history from anywhere and a model, a reducer that says what a correct system does. It
 * judges histories, not systems: `Linearizable` says that these clients saw nothing wrong, never that no one could.
 * What failed did not happen. What is unknown, or never returned, may take effect at any later time, once, or never.
 *
 * @since 0.1.0
 */
import { type Found, search } from "./internal/Search.ts"
import type { Model } from "./Model.ts"
import type { Operation } from "./Operation.ts"
import * as Picture from "./Picture.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options<Action, Result> {
  /**
   * How many positions the search may visit for one key before it gives up, 1,000,000 unless said otherwise. One takes
   * some hundred bytes.
   */
  readonly maxStates?: number
  /** How many operations the picture of a violation shows at most, 16 unless said otherwise. */
  readonly maxPictured?: number
  /** What to write on the bars of the picture. */
  readonly label?: (operation: Operation<Action, Result>) => string
}

/**
 * Why no order exists, as little of it as explains it.
 *
 * @category models
 * @since 0.1.0
 */
export interface NotLinearizable<State, Action, Result> {
  readonly _tag: "NotLinearizable"
  /** The key on which it happened, `undefined` for a model without keys. */
  readonly key: string | undefined
  /** The longest order found that is right so far: replayed on the model, every answer fits. */
  readonly prefix: ReadonlyArray<Operation<Action, Result>>
  /** The operation that has no place, in this order or any other that leads as far. */
  readonly stuck: Operation<Action, Result>
  /** What was under way when `stuck` returned. */
  readonly open: ReadonlyArray<Operation<Action, Result>>
  /** Every state that was possible when `stuck` returned. It fits on none. */
  readonly states: ReadonlyArray<State>
  /** `stuck`, what was under way with it, and what came just before; `stuck` is on the row marked with `>`. */
  readonly picture: string
}

/**
 * `Undecided`: no key is wrong as far as the search went, and on `key` it went to its limit without an answer.
 *
 * @category models
 * @since 0.1.0
 */
export type Verdict<State, Action, Result> =
  | { readonly _tag: "Linearizable" }
  | NotLinearizable<State, Action, Result>
  | { readonly _tag: "Undecided"; readonly key: string | undefined }

/**
 * Judges a history. Time grows with its length and with what is concurrent on one key. To find an order is quick also
 * for a long history; to be sure that there is none can take very long where thousands of operations on one key come
 * with hundreds of unknown ones, or dozens are concurrent. Use more keys there, or shorter histories.
 *
 * @category checking
 * @since 0.1.0
 */
export const check = <State, Action, Result>(
  history: ReadonlyArray<Operation<Action, Result>>,
  model: Model<State, Action, Result>,
  options: Options<Action, Result> = {}
): Verdict<State, Action, Result> => {
  const { keyOf } = model
  const keys = Map.groupBy(history, ({ action }) => keyOf?.(action))
  let undecided: Verdict<State, Action, Result> | undefined
  for (const [key, operations] of keys) {
    const found = search(model, operations, options.maxStates ?? 1_000_000)
    if (found._tag === "None") return evidence(key, operations, found, options)
    if (found._tag === "Exhausted") undecided ??= { _tag: "Undecided", key }
  }
  return undecided ?? { _tag: "Linearizable" }
}

const evidence = <State, Action, Result>(
  key: string | undefined,
  operations: ReadonlyArray<Operation<Action, Result>>,
  { open, prefix, states, stuck }: Extract<Found<State, Action, Result>, { readonly _tag: "None" }>,
  { label, maxPictured = 16 }: Options<Action, Result>
): NotLinearizable<State, Action, Result> => {
  const end = stuck.returned ?? Number.POSITIVE_INFINITY
  // What was answered longest ago explains least; what was never answered may explain anything.
  const recent = operations
    .filter((operation) => operation !== stuck && operation.invoked < end)
    .sort((left, right) => (left.returned ?? end) - (right.returned ?? end))
    .slice(-Math.max(0, maxPictured - 1))
  const marked = new Set([stuck])
  const picture = Picture.draw([...recent, stuck], { label, marked })
  return { _tag: "NotLinearizable", key, prefix, stuck, open, states, picture }
}
