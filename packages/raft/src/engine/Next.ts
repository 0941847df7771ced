/**
 * What one step yields, and the few ways to build it.
 */
import * as Durability from "./Durability.ts"
import type { Boundary, Snapshot } from "./Log.ts"
import type { Index, NodeId } from "./LogPosition.ts"
import type { Message } from "./Message.ts"
import type { Append, Chunk, Output, Write } from "./Output.ts"
import type { Role, State } from "./State.ts"

/** The state afterwards, and what it asks of the world. */
export type Next = readonly [state: State, outputs: ReadonlyArray<Output>]

const nothing: ReadonlyArray<Output> = []

export const next = (state: State, ...outputs: ReadonlyArray<Output>): Next => [
  state,
  outputs.length === 0 ? nothing : outputs
]

/** Runs steps left to right, carrying the state and collecting outputs in order. */
export const flow = (...steps: ReadonlyArray<(state: State) => Next>) => (state: State): Next => {
  let current = state
  let outputs: ReadonlyArray<Output> = nothing
  for (const step of steps) {
    const [after, emitted] = step(current)
    current = after
    if (emitted.length > 0) outputs = outputs.length === 0 ? emitted : [...outputs, ...emitted]
  }
  return [current, outputs]
}

/** What a write may carry; the log in the state must show it already. */
export interface Change {
  readonly hardState?: true
  readonly isRepaired?: true
  readonly truncateAfter?: Index
  readonly append?: Append
  readonly boundary?: Boundary
  readonly chunk?: Chunk
  readonly snapshot?: Snapshot
}

/** Issues one atomic write of what has changed. */
export const write = <R extends Role>(state: State<R>, change: Change): readonly [State<R>, Write] => {
  const durability = Durability.issue(state.durability, {
    last: state.log.last,
    keeps: change.truncateAfter ?? Durability.everything,
    hardState: change.hardState === true
  })
  return [
    { ...state, durability },
    {
      _tag: "Write",
      write: durability.issued,
      hardState: change.hardState === true ? { term: state.term, votedFor: state.votedFor } : undefined,
      truncateAfter: change.truncateAfter,
      append: change.append,
      boundary: change.boundary,
      chunk: change.chunk,
      snapshot: change.snapshot,
      ...(change.isRepaired && { isRepaired: true })
    }
  ]
}

/** A message that waits until `after` is durable, and in any case until the sender's term and vote are. */
export const send = (state: State, to: NodeId, message: Message, after: Durability.WriteId = 0): Output => {
  const needed = Math.max(after, state.durability.hardStateWrite)
  return { _tag: "Send", to, message, after: needed > state.durability.persisted ? needed : 0 }
}

/** Stops everything: to go on would be to lose what was promised. The driver turns this into `Fatal`. */
export const halt = (sentence: string): never => {
  throw new Error(`raft: ${sentence}`)
}
