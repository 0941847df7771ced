/**
 * What a system is supposed to do, one action after the other: a reducer.
 *
 * The three hints make the checker fast and may be left out. A wrong hint makes it wrong, so each says exactly what it
 * claims. When in doubt, leave it out: the answer stays the same, it only takes longer.
 *
 * @since 0.1.0
 */
import type { Operation } from "./Operation.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Model<State, Action, Result> {
  readonly initial: State
  /** The state after the action, and what it answers. Never changes the state that it is given. */
  readonly apply: (state: State, action: Action) => readonly [state: State, result: Result]
  /** Two states are one if this is equal. Without it: text and numbers are what they are, the rest is its JSON. */
  readonly identify?: (state: State) => string | number
  /** Whether an answer is the one the model gives. Without it: `Equal.equals`. */
  readonly isSameResult?: (expected: Result, actual: Result) => boolean
  /** Actions on different keys have nothing to do with each other, and each key starts from `initial`. */
  readonly keyOf?: (action: Action) => string
  /**
   * A hint: whenever this action gives this answer, it leaves the state as it was. With no answer (the outcome is
   * unknown): whatever the answer. A read; a compare-and-set that said no.
   */
  readonly isRead?: (action: Action, result: Result | undefined) => boolean
  /** A hint: neither the answer nor the state afterwards depends on the state before. A write; a delete. */
  readonly isBlind?: (action: Action) => boolean
  /**
   * A hint: in this history of one key, two actions of unknown outcome are interchangeable if their kind is the same:
   * none of the operations that return at `moment` or later, or never, can tell which of them took effect. Without it:
   * if their JSON is the same.
   */
  readonly kindOf?: (
    history: ReadonlyArray<Operation<Action, Result>>
  ) => (action: Action, moment: number) => string
}
