/**
 * The search for one order in which a history of one key makes sense.
 *
 * It walks over the returns. When a call falls due and has no place yet, it is placed now, possibly after other open
 * calls that make it fit (just-in-time linearisation, after Wing & Gong and Lowe). Where that leads nowhere it goes back
 * to the last choice, on a stack of its own: no recursion, however long the history. Five rules keep it small. All are
 * exact: none of them changes the verdict.
 *
 * - A read is placed as soon as it fits. It changes nothing, so it can be in no one's way.
 * - When a blind call is placed, every other open blind call may have taken its place right before it, unseen. It is
 *   then *free*: until it returns it may still be placed visibly, and need not be. A call of unknown outcome is free
 *   from the beginning, and for good.
 * - A blind call that is not due is placed only if something looks at it at once: an open read, or a call that is
 *   neither read nor blind. Whoever looks later can have it placed later, when it falls due at the latest.
 * - Having come to a stage in a state, with more calls settled and fewer used up, covers every other way to come to
 *   it in that state: what was possible there is possible here.
 * - Unknown calls that nothing still to come can tell apart are interchangeable: one of them is tried, and which of them
 *   were used makes no difference between two positions.
 *
 * Nobody may assume that the first way found is the true one.
 */
import * as Equal from "effect/Equal"
import type { Model } from "../Model.ts"
import type { Operation } from "../Operation.ts"
import { type Call, type Calls, place, prepare, type Stage } from "./Calls.ts"

/** The calls placed so far, the last first. */
interface Placed<Action, Result> {
  readonly call: Call<Action, Result>
  /** Took its place unseen, right before the last blind call that was placed. */
  readonly isHidden: boolean
  readonly before: Placed<Action, Result> | undefined
}

/** Where the search stands. `settled`: open calls of which nothing is due any more. `used`: those placed visibly. */
interface Position<State, Action, Result> {
  readonly stage: number
  readonly state: State
  readonly settled: bigint
  readonly used: bigint
  readonly placed: Placed<Action, Result> | undefined
  /** The last call placed was blind, at this stage, and nothing has looked at it yet. */
  readonly isUnseen: boolean
}

/** A position at which the due call needs a place, and the choices there that are still to be tried. */
interface Choice<State, Action, Result> {
  readonly at: Position<State, Action, Result>
  /** Tried after all others, if it is possible at all. */
  last: Position<State, Action, Result> | undefined
  /** Looked for only when the first choice, which concerns the due call alone, led nowhere. */
  others: Array<Position<State, Action, Result>> | undefined
  isBegun: boolean
}

export type Found<State, Action, Result> =
  | { readonly _tag: "Order" }
  | { readonly _tag: "Exhausted" }
  | {
    readonly _tag: "None"
    readonly stuck: Operation<Action, Result>
    readonly open: ReadonlyArray<Operation<Action, Result>>
    readonly prefix: ReadonlyArray<Operation<Action, Result>>
    readonly states: ReadonlyArray<State>
  }

/** How far any way led, what stood before it, and the states that were possible there. */
interface Furthest<State, Action, Result> {
  readonly stage: number
  readonly placed: Placed<Action, Result> | undefined
  readonly states: Map<string | number, State>
}

/** Looks for an order, visiting at most `maxStates` positions at which there was something to choose. */
export const search = <State, Action, Result>(
  model: Model<State, Action, Result>,
  operations: ReadonlyArray<Operation<Action, Result>>,
  maxStates: number
): Found<State, Action, Result> => {
  const calls = prepare(model, operations)
  const identify = model.identify ?? plainIdentity
  const seen = seenBefore<State, Action, Result>(identify)
  const stack: Array<Choice<State, Action, Result>> = []
  let furthest: Furthest<State, Action, Result> = { stage: -1, placed: undefined, states: new Map() }
  let visited = 0
  let hasRetreated = false

  let position: Position<State, Action, Result> | undefined = beginning(model)
  while (true) {
    if (position !== undefined) {
      const at = settle(model, calls, position)
      if (at.stage === calls.stages.length) return { _tag: "Order" }
      if (at.stage > furthest.stage) furthest = { stage: at.stage, placed: at.placed, states: new Map() }
      if (at.stage === furthest.stage) furthest.states.set(identify(at.state), at.state)
      if (!seen(hasRetreated ? canonical(calls, at) : at)) {
        visited = visited + 1
        if (visited > maxStates) return { _tag: "Exhausted" }
        stack.push({ at, last: undefined, others: undefined, isBegun: false })
      }
    }
    const choice = stack.at(-1)
    if (choice === undefined) return none(calls, furthest)
    position = nextOf(model, calls, choice)
    if (position === undefined) {
      stack.pop()
      hasRetreated = true
    }
  }
}

/** What is text or a number already is its own name. */
const plainIdentity = (state: unknown): string | number =>
  typeof state === "string" || typeof state === "number" ? state : JSON.stringify(state) ?? "nothing"

const beginning = <State, Action, Result>({ initial: state }: Model<State, Action, Result>) =>
  ({ stage: 0, state, settled: 0n, used: 0n, placed: undefined, isUnseen: false }) satisfies Position<
    State,
    Action,
    Result
  >

/** Places the reads that fit, and passes every stage at which there is nothing to choose. */
const settle = <State, Action, Result>(
  model: Model<State, Action, Result>,
  { stages }: Calls<Action, Result>,
  position: Position<State, Action, Result>
): Position<State, Action, Result> => {
  const { state } = position
  let { isUnseen, placed, settled, stage, used } = position
  for (let current = stages[stage]; current !== undefined; current = stages[stage]) {
    const { due, open } = current
    for (const call of open) {
      if (!call.isRead || (settled & call.bit) !== 0n || place(model, state, call) === undefined) continue
      settled |= call.bit
      placed = { call, isHidden: false, before: placed }
      isUnseen = false
    }
    const isFree = due.isBlind && (used & due.bit) === 0n
    if ((settled & due.bit) === 0n || isFree) break
    settled &= ~due.bit
    used &= ~due.bit
    isUnseen = false
    stage += 1
  }
  return { stage, state, settled, used, placed, isUnseen }
}

/** Remembers positions, and says of a new one whether an old one covers it. */
const seenBefore = <State, Action, Result>(identify: (state: State) => string | number) => {
  const stages = new Map<number, Map<string | number, Array<Position<State, Action, Result>>>>()
  return (position: Position<State, Action, Result>): boolean => {
    const states = stages.get(position.stage) ?? new Map<string | number, Array<Position<State, Action, Result>>>()
    const key = identify(position.state)
    const known = states.get(key) ?? []
    if (known.some((other) => covers(other, position))) return true
    stages.set(position.stage, states.set(key, known))
    known.push(position)
    return false
  }
}

/**
 * Which of several interchangeable calls were used is all the same: as if it had been those that began first. It takes
 * a look at every unknown call, so a search that goes straight through does without.
 */
const canonical = <State, Action, Result>(
  { kindOf, stages, unknown }: Calls<Action, Result>,
  position: Position<State, Action, Result>
): Position<State, Action, Result> => {
  const stage = stages[position.stage]
  const moment = stage?.due.operation.returned ?? Number.POSITIVE_INFINITY
  const firstUnused = new Map<string, Array<bigint>>()
  let { used } = position
  for (let place = 0; place < (stage?.unknown ?? 0); place++) {
    const call = unknown[place]
    if (call === undefined) continue
    const kind = kindOf(call.operation.action, moment)
    const free = firstUnused.get(kind) ?? []
    firstUnused.set(kind, free)
    const instead = (used & call.bit) === 0n ? undefined : free.shift()
    if (instead !== undefined) used = (used & ~call.bit) | instead
    if ((used & call.bit) === 0n) free.push(call.bit)
  }
  return { ...position, used }
}

const covers = <State, Action, Result>(
  one: Position<State, Action, Result>,
  other: Position<State, Action, Result>
): boolean =>
  (one.settled & other.settled) === other.settled && (one.used & other.used) === one.used &&
  (!one.isUnseen || other.isUnseen)

/** The next position to try from here, `undefined` if all were. */
const nextOf = <State, Action, Result>(
  model: Model<State, Action, Result>,
  calls: Calls<Action, Result>,
  choice: Choice<State, Action, Result>
): Position<State, Action, Result> | undefined => {
  const { at } = choice
  const stage = calls.stages[at.stage]
  if (stage === undefined) return undefined
  if (!choice.isBegun) {
    choice.isBegun = true
    const visible = stage.due.isRead ? undefined : step(model, stage, at, stage.due)
    const hidden = (at.settled & stage.due.bit) === 0n ? undefined : hide(at, stage.due)
    const isVisibleFirst = hidden === undefined || isSeenNext(model, calls, at, visible)
    choice.last = isVisibleFirst ? hidden : visible
    const first = isVisibleFirst ? visible : hidden
    if (first !== undefined) return first
  }
  choice.others ??= [...(choice.last === undefined ? [] : [choice.last]), ...othersAt(model, calls, stage, at)]
  return choice.others.pop()
}

/** A guess, for speed alone: does the next read that tells the two apart see the state after, not the state before? */
const isSeenNext = <State, Action, Result>(
  model: Model<State, Action, Result>,
  { stages }: Calls<Action, Result>,
  before: Position<State, Action, Result>,
  after: Position<State, Action, Result> | undefined
): boolean => {
  if (after === undefined) return false
  const horizon = Math.min(stages.length, before.stage + 2 * (stages[before.stage]?.open.length ?? 0))
  for (let stage = before.stage + 1; stage < horizon; stage++) {
    const due = stages[stage]?.due
    if (due === undefined || !due.isRead || (before.settled & due.bit) !== 0n) continue
    const fitsAfter = place(model, after.state, due) !== undefined
    if (fitsAfter !== (place(model, before.state, due) !== undefined)) return fitsAfter
  }
  return false
}

/** Lets a free call go by: it took its place unseen. */
const hide = <State, Action, Result>(
  at: Position<State, Action, Result>,
  call: Call<Action, Result>
): Position<State, Action, Result> => {
  const placed = { call, isHidden: true, before: at.placed }
  return { ...at, stage: at.stage + 1, settled: at.settled & ~call.bit, placed, isUnseen: false }
}

/** Places one call visibly, if it fits. */
const step = <State, Action, Result>(
  model: Model<State, Action, Result>,
  { open }: Stage<Action, Result>,
  at: Position<State, Action, Result>,
  call: Call<Action, Result>
): Position<State, Action, Result> | undefined => {
  const after = place(model, at.state, call)
  if (after === undefined) return undefined
  let settled = call.answer === undefined ? at.settled : at.settled | call.bit
  if (call.isBlind) { for (const other of open) if (other.isBlind) settled |= other.bit }
  const placed = { call, isHidden: false, before: at.placed }
  return { stage: at.stage, state: after.state, settled, used: at.used | call.bit, placed, isUnseen: call.isBlind }
}

/** Every other call that may come before the due one; those after which it fits are last, and so tried first. */
const othersAt = <State, Action, Result>(
  model: Model<State, Action, Result>,
  calls: Calls<Action, Result>,
  stage: Stage<Action, Result>,
  at: Position<State, Action, Result>
): Array<Position<State, Action, Result>> => {
  const { due, open } = stage
  const candidates = candidatesAt(calls, stage, at)
  const lookers = [...open.filter((call) => call.isRead && (at.settled & call.bit) === 0n), ...candidates]
    .filter((call) => !call.isBlind)
  const helpful: Array<Position<State, Action, Result>> = []
  const others: Array<Position<State, Action, Result>> = []
  for (const call of candidates) {
    if (call === due || (call.isBlind && at.isUnseen)) continue
    const next = step(model, stage, at, call)
    if (next === undefined) continue
    const isSeen = () => lookers.some((looker) => looksAt(model, next.state, looker))
    if (call.isBlind && !isSeen()) continue
    if (place(model, next.state, due) === undefined) others.push(next)
    else helpful.push(next)
  }
  return [...others, ...helpful]
}

/** Fits, and makes a difference: a call of unknown outcome fits anywhere, and where it changes nothing it is not needed. */
const looksAt = <State, Action, Result>(
  model: Model<State, Action, Result>,
  state: State,
  call: Call<Action, Result>
) => {
  const after = place(model, state, call)
  return after !== undefined && (call.answer !== undefined || !Equal.equals(after.state, state))
}

/** The calls that change something, have begun and are not used up; of unknown calls of a kind, one is enough. */
const candidatesAt = <State, Action, Result>(
  { kindOf, unknown }: Calls<Action, Result>,
  { due, open, unknown: begun }: Stage<Action, Result>,
  { used }: Position<State, Action, Result>
): ReadonlyArray<Call<Action, Result>> => {
  const candidates = open.filter((call) => !call.isRead && (used & call.bit) === 0n)
  const kinds = new Set<string>()
  const moment = due.operation.returned ?? Number.POSITIVE_INFINITY
  for (let place = 0; place < begun; place++) {
    const call = unknown[place]
    if (call === undefined || (used & call.bit) !== 0n) continue
    const kind = kindOf(call.operation.action, moment)
    if (kinds.has(kind)) continue
    kinds.add(kind)
    candidates.push(call)
  }
  return candidates
}

const none = <State, Action, Result>(
  { stages }: Calls<Action, Result>,
  furthest: Furthest<State, Action, Result>
): Found<State, Action, Result> => {
  const stage = stages[furthest.stage]
  if (stage === undefined) throw new Error("a search that began nowhere found nothing")
  return {
    _tag: "None",
    stuck: stage.due.operation,
    open: stage.open.filter((call) => call !== stage.due).map(({ operation }) => operation),
    prefix: inOrder(furthest.placed),
    states: [...furthest.states.values()]
  }
}

/** The placed calls from the first to the last, each hidden one right before the blind one that hid it. */
const inOrder = <Action, Result>(
  last: Placed<Action, Result> | undefined
): ReadonlyArray<Operation<Action, Result>> => {
  const backwards: Array<Operation<Action, Result>> = []
  let hidden: Array<Operation<Action, Result>> = []
  for (let placed = last; placed !== undefined; placed = placed.before) {
    const { call, isHidden } = placed
    if (isHidden) hidden.push(call.operation)
    else backwards.push(call.operation)
    if (isHidden || !call.isBlind) continue
    backwards.push(...hidden)
    hidden = []
  }
  return backwards.reverse()
}
