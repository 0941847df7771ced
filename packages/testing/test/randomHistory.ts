/**
 * Histories from a seed: small ones that are as often wrong as right, and big ones of a register that is never wrong.
 */
import * as Models from "@effect-raft/testing/Models"
import type { Operation, Outcome } from "@effect-raft/testing/Operation"

type Action = Models.RegisterAction<number>
type Result = Models.RegisterResult<number>

/** A whole number below `bound`. */
export type Chance = (bound: number) => number

/** Multiply and take the upper bits: enough for tests, and the same everywhere. */
export const makeChance = (seed: number): Chance => {
  let state = BigInt(seed) * 2654435769n + 12345n
  return (bound) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn
    return Number((state >> 33n) % BigInt(bound))
  }
}

export const register = Models.register<number>(0)

const randomAction = (next: Chance): Action => {
  const value = 1 + next(3)
  const kind = next(8)
  if (kind < 3) return { _tag: "Read" }
  return kind < 6 ? { _tag: "Write", value } : { _tag: "CompareAndSet", from: next(4), to: value }
}

interface Call {
  readonly action: Action
  readonly invoked: number
  result: Result | undefined
}

/** Up to seven operations of up to five clients: what a real register answers, but for a lie here and there. */
export const randomHistory = (next: Chance): ReadonlyArray<Operation<Action, Result>> => {
  const liars = next(3)
  const clients = 2 + next(4)
  const open = new Map<string, Call>()
  const history: Array<Operation<Action, Result>> = []
  let state = register.initial
  let left = 3 + next(5)
  for (let moment = 0; left > 0 || open.size > 0; moment++) {
    const client = `c${next(clients)}`
    const call = open.get(client)
    if (call === undefined) {
      if (left === 0) continue
      left -= 1
      open.set(client, { action: randomAction(next), invoked: moment, result: undefined })
    } else if (call.result === undefined && next(8) > 0) {
      const [after, result] = register.apply(state, call.action)
      state = after
      call.result = next(4) < liars ? lie(call.action, next) : result
    } else {
      open.delete(client)
      const outcome = end(call.result, next)
      history.push({ client, action: call.action, invoked: call.invoked, returned: moment, outcome })
    }
  }
  return history
}

/** Up to five unknown changes, one after the other, and then two clients who look at what came of them. */
export const unknownHistory = (next: Chance): ReadonlyArray<Operation<Action, Result>> => {
  const change = (): Action => {
    const value = 1 + next(4)
    return next(4) === 0 ? { _tag: "CompareAndSet", from: next(5), to: value } : { _tag: "Write", value }
  }
  const lost = Array.from({ length: 2 + next(4) }, (_, place): Operation<Action, Result> => {
    return { client: `u${place}`, action: change(), invoked: place, returned: undefined, outcome: { _tag: "Unknown" } }
  })
  const seen = Array.from({ length: 3 + next(3) }, (_, place): Operation<Action, Result> => {
    const isLook = next(3) > 0
    const action: Action = isLook
      ? (next(2) === 0 ? { _tag: "Read" } : { _tag: "CompareAndSet", from: next(5), to: 0 })
      : change()
    const result = action._tag === "Read" ? next(5) : action._tag === "Write" || next(2) === 0
    const invoked = 10 + place * 2
    return {
      client: `c${place % 2}`,
      action,
      invoked,
      returned: invoked + 1 + next(2) * 2 + 0.5,
      outcome: { _tag: "Ok", result }
    }
  })
  return [...lost, ...seen]
}

const lie = (action: Action, next: Chance): Result => (action._tag === "Read" ? next(4) : next(2) === 0)

const end = (result: Result | undefined, next: Chance): Outcome<Result> => {
  if (result === undefined) return { _tag: next(2) === 0 ? "Fail" : "Unknown" }
  if (next(8) === 0) return { _tag: "Unknown" }
  return next(40) === 0 ? { _tag: "Fail" } : { _tag: "Ok", result }
}

/** What `clients` see of `keys` registers that do everything right; some of them never learn what came of it. */
export const simulatedHistory = (options: {
  readonly operations: number
  readonly clients: number
  readonly keys: number
  readonly unknown: number
  readonly seed: number
}): ReadonlyArray<Operation<Models.KeyValueAction<number>, Result>> => {
  const next = makeChance(options.seed)
  const states = new Map<string, number>()
  const history: Array<Operation<Models.KeyValueAction<number>, Result>> = []
  const slots = Array.from({ length: options.clients }, () => idle)
  let moment = 0
  let value = 0
  while (history.length < options.operations) {
    const client = next(options.clients)
    const slot = slots[client] ?? idle
    moment += 1
    if (slot.action === undefined) {
      const key = `k${next(options.keys)}`
      const current = states.get(key) ?? 0
      const kind = next(10)
      const to = (value += 1)
      const action = kind < 5
        ? { _tag: "Read" as const, key }
        : kind < 9
        ? { _tag: "Write" as const, value: to, key }
        : { _tag: "CompareAndSet" as const, from: current, to, key }
      slots[client] = { action, invoked: moment, result: undefined }
      continue
    }
    const { action, invoked } = slot
    if (slot.result === undefined) {
      const [after, result] = register.apply(states.get(action.key) ?? 0, action)
      states.set(action.key, after)
      slots[client] = { ...slot, result }
      continue
    }
    const isUnknown = next(1000) < options.unknown * 1000
    const outcome: Outcome<Result> = isUnknown ? { _tag: "Unknown" } : { _tag: "Ok", result: slot.result }
    history.push({ client: `c${client}`, action, invoked, returned: moment, outcome })
    slots[client] = idle
  }
  // Those who are still waiting may have had their effect, too.
  for (const [client, { action, invoked }] of slots.entries()) {
    if (action !== undefined) {
      history.push({ client: `c${client}`, action, invoked, returned: undefined, outcome: { _tag: "Unknown" } })
    }
  }
  return history
}

interface Slot {
  readonly action: Models.KeyValueAction<number> | undefined
  readonly invoked: number
  readonly result: Result | undefined
}

const idle: Slot = { action: undefined, invoked: 0, result: undefined }
