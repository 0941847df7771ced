/**
 * A history prepared for the search: calls, and the stages at which they fall due.
 *
 * A call that was answered must be placed before its return, so its return is a stage. Of a call whose outcome is
 * unknown nothing is ever due: it stays available from its beginning on, for good. Each call has a bit of its own for as
 * long as it is open; bits of the answered are given out again, so sets of calls stay as small as what is concurrent.
 */
import * as Equal from "effect/Equal"
import type { Model } from "../Model.ts"
import type { Operation } from "../Operation.ts"

export interface Call<Action, Result> {
  readonly operation: Operation<Action, Result>
  readonly bit: bigint
  /** Answered: it must be placed, and with this result. Otherwise any result will do. */
  readonly answer: { readonly result: Result } | undefined
  readonly isRead: boolean
  readonly isBlind: boolean
}

/** The return of a call: the last moment at which it may take its place. */
export interface Stage<Action, Result> {
  readonly due: Call<Action, Result>
  /** The answered calls that have begun and not yet returned, `due` among them. */
  readonly open: ReadonlyArray<Call<Action, Result>>
  /** How many of the unknown calls have begun. */
  readonly unknown: number
}

export interface Calls<Action, Result> {
  readonly stages: ReadonlyArray<Stage<Action, Result>>
  /** In the order in which they began. */
  readonly unknown: ReadonlyArray<Call<Action, Result>>
  /** Unknown calls that have begun are interchangeable from a moment on if they are of the same kind then. */
  readonly kindOf: (action: Action, moment: number) => string
}

/** The state after the call, if the answer fits. */
export const place = <State, Action, Result>(
  model: Model<State, Action, Result>,
  state: State,
  { answer, operation }: Call<Action, Result>
): { readonly state: State } | undefined => {
  const [after, result] = model.apply(state, operation.action)
  return answer === undefined || isSame(model, result, answer.result) ? { state: after } : undefined
}

const isSame = <State, Action, Result>(model: Model<State, Action, Result>, expected: Result, actual: Result) =>
  model.isSameResult === undefined ? Equal.equals(expected, actual) : model.isSameResult(expected, actual)

/**
 * Sweeps over the history once. What failed did not happen and is left out; so is a read of unknown outcome, which
 * neither changes anything nor says anything.
 */
export const prepare = <State, Action, Result>(
  model: Model<State, Action, Result>,
  operations: ReadonlyArray<Operation<Action, Result>>
): Calls<Action, Result> => {
  const bits = freeBits()
  const kindOf = model.kindOf?.(operations) ?? ((action: Action) => JSON.stringify(action))
  const moments = momentsOf(operations)
  const calls = new Map<Operation<Action, Result>, Call<Action, Result>>()
  const open = new Set<Call<Action, Result>>()
  const unknown: Array<Call<Action, Result>> = []
  const stages: Array<Stage<Action, Result>> = []
  for (const { isReturn, operation } of moments) {
    const due = calls.get(operation)
    if (isReturn && due !== undefined) {
      stages.push({ due, open: [...open], unknown: unknown.length })
      open.delete(due)
      bits.release(due.bit)
      continue
    }
    const call = callOf(model, operation, bits.take)
    if (call === undefined) continue
    if (call.answer === undefined) unknown.push(call)
    else {
      calls.set(operation, call)
      open.add(call)
    }
  }
  return { stages, unknown, kindOf }
}

const callOf = <State, Action, Result>(
  model: Model<State, Action, Result>,
  operation: Operation<Action, Result>,
  takeBit: () => bigint
): Call<Action, Result> | undefined => {
  const { action, outcome } = operation
  if (outcome._tag === "Fail") return undefined
  const answer = outcome._tag === "Ok" ? { result: outcome.result } : undefined
  const isRead = model.isRead?.(action, answer?.result) ?? false
  if (isRead && answer === undefined) return undefined
  const call = { operation, bit: takeBit(), answer, isRead, isBlind: false }
  // A blind call with an answer that it never gives can be placed nowhere, and so is not one to hide behind another.
  const isBlind = !isRead && (model.isBlind?.(action) ?? false) && place(model, model.initial, call) !== undefined
  return { ...call, isBlind }
}

/** Beginnings and ends in order. At the same moment the beginning comes first: the record is never made stricter. */
const momentsOf = <Action, Result>(operations: ReadonlyArray<Operation<Action, Result>>) =>
  operations
    .flatMap((operation) => {
      const { invoked, outcome, returned } = operation
      const begin = { moment: invoked, isReturn: false, operation }
      if (outcome._tag !== "Ok") return [begin]
      return [begin, { moment: returned ?? Number.POSITIVE_INFINITY, isReturn: true, operation }]
    })
    .sort((left, right) => left.moment - right.moment || Number(left.isReturn) - Number(right.isReturn))

const freeBits = () => {
  const free: Array<bigint> = []
  let next = 1n
  return {
    take: (): bigint => {
      const bit = free.pop()
      if (bit !== undefined) return bit
      const fresh = next
      next <<= 1n
      return fresh
    },
    release: (bit: bigint): void => void free.push(bit)
  }
}
