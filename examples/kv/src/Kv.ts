/**
 * The store: what every node agrees on, and what may be done with it.
 *
 * The state is a persistent map, so a function gives the next state without touching the last one, and any string is a
 * key like another ("__proto__" included). A key's value carries the index of the log entry that wrote it: two clients
 * that hold the same value and index hold the same write.
 */
import { HashMap, Option, Schema } from "effect"
import { Replicated } from "effect-raft"

const Key = Schema.String

/** A value, and the entry of the log that wrote it. */
const Written = Schema.Struct({ value: Schema.String, index: Schema.Int })
export type Written = typeof Written.Type

/** What `Cas` answers: it swapped, or this is what it found instead; null when it found nothing. */
const Swap = Schema.TaggedUnion({
  Swapped: { index: Schema.Int },
  Mismatch: { actual: Schema.NullOr(Schema.String) }
})
export type Swap = typeof Swap.Type

/** Entries in the order of their keys' UTF-16 code units, as of the entry `index` of the log. */
const Listing = Schema.Struct({
  entries: Schema.Array(Schema.Tuple([Key, Schema.String])),
  index: Schema.Int
})
export type Listing = typeof Listing.Type

type State = HashMap.HashMap<string, Written>

const valueOf = (state: State, key: string): string | null =>
  Option.match(HashMap.get(state, key), { onNone: () => null, onSome: ({ value }) => value })

const swapped = Swap.cases.Swapped.make
const mismatch = Swap.cases.Mismatch.make

export class Kv extends Replicated.Service<Kv>()("example/Kv", {
  state: Schema.HashMap(Key, Written),
  commands: {
    Put: Replicated.command({
      payload: { key: Key, value: Schema.String },
      success: Schema.Struct({ index: Schema.Int, previous: Schema.NullOr(Schema.String) })
    }),
    Delete: Replicated.command({
      payload: { key: Key },
      success: Schema.Struct({ index: Schema.Int, existed: Schema.Boolean })
    }),
    /** Writes `value` if the key's value is `expect`; null expects that there is none. */
    Cas: Replicated.command({
      payload: { key: Key, expect: Schema.NullOr(Schema.String), value: Schema.String },
      success: Swap
    })
  },
  queries: {
    Get: Replicated.query({ payload: { key: Key }, success: Schema.NullOr(Written) }),
    /** All whose keys begin with `prefix`. */
    List: Replicated.query({ payload: { prefix: Schema.String }, success: Listing })
  }
}) {
  static readonly layer = Kv.toLayer(HashMap.empty(), {
    Put: (state, { key, value }, { index }) => [
      HashMap.set(state, key, { value, index }),
      { index, previous: valueOf(state, key) }
    ],
    Delete: (state, { key }, { index }) => [
      HashMap.remove(state, key),
      { index, existed: HashMap.has(state, key) }
    ],
    Cas: (state, { expect, key, value }, { index }) => {
      const actual = valueOf(state, key)
      if (actual !== expect) return [state, mismatch({ actual })]
      return [HashMap.set(state, key, { value, index }), swapped({ index })]
    },
    Get: (state, { key }) => Option.getOrNull(HashMap.get(state, key)),
    List: (state, { prefix }, index) => {
      const keys = [...HashMap.keys(state)].filter((key) => key.startsWith(prefix)).sort()
      return { entries: keys.map((key) => [key, valueOf(state, key) ?? ""] as const), index }
    }
  })
}
