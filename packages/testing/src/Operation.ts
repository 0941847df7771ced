/**
 * What one client asked once, between which two moments, and what came of it.
 *
 * Moments are order numbers: places in one sequence of everything that all clients saw. They say what was before what,
 * and nothing else; no clock is good enough for that. An operation may have taken effect at any point between its two
 * moments, and no one may assume which.
 *
 * @since 0.1.0
 */

/**
 * What the caller learned. `Ok`: it happened, once, and this was the answer. `Fail`: it did not happen and never will.
 * `Unknown`: it may have happened, may still happen at any later time, or never will.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome<Result> =
  | { readonly _tag: "Ok"; readonly result: Result }
  | { readonly _tag: "Fail" }
  | { readonly _tag: "Unknown" }

/**
 * @category models
 * @since 0.1.0
 */
export interface Operation<Action, Result> {
  /** Who asked. A client asks one thing at a time. */
  readonly client: string
  /** What was asked. */
  readonly action: Action
  /** The moment before it was asked. */
  readonly invoked: number
  /** The moment after the outcome was known, `undefined` if it never was; the outcome is then `Unknown`. */
  readonly returned: number | undefined
  readonly outcome: Outcome<Result>
}
