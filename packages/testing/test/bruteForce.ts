/**
 * Linearizability by its definition: try every order. For a handful of operations only, and with no rule that the real
 * checker has, so that the two cannot be wrong together.
 */
import type { Model } from "@effect-raft/testing/Model"
import type { Operation } from "@effect-raft/testing/Operation"

export const isLinearizable = <State, Action, Result>(
  history: ReadonlyArray<Operation<Action, Result>>,
  { apply, initial }: Model<State, Action, Result>
): boolean => {
  const endOf = ({ outcome, returned }: Operation<Action, Result>) =>
    outcome._tag === "Ok" && returned !== undefined ? returned : Number.POSITIVE_INFINITY
  const extend = (state: State, rest: ReadonlyArray<Operation<Action, Result>>): boolean => {
    if (rest.every(({ outcome }) => outcome._tag === "Unknown")) return true
    const firstEnd = Math.min(...rest.map(endOf))
    return rest.some((operation) => {
      if (operation.invoked > firstEnd) return false
      const [after, result] = apply(state, operation.action)
      if (operation.outcome._tag === "Ok" && operation.outcome.result !== result) return false
      return extend(after, rest.filter((other) => other !== operation))
    })
  }
  return extend(initial, history.filter(({ outcome }) => outcome._tag !== "Fail"))
}
