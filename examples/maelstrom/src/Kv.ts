/**
 * What the nodes agree on: registers that are read, written, and compared-and-set.
 *
 * Keys and values are texts here, the ones that `Json` gives, so that two of them are equal if their values are.
 */
import { HashMap, Option, Schema } from "effect"
import * as Replicated from "effect-raft/Replicated"

/** What a compare-and-set did: it set, there was no such key, or the key had this value. */
const Swap = Schema.TaggedUnion({
  Swapped: {},
  Missing: {},
  Mismatch: { actual: Schema.String }
})

const { Mismatch, Missing, Swapped } = Swap.cases

export class Kv extends Replicated.Service<Kv>()("example/maelstrom/Kv", {
  state: Schema.HashMap(Schema.String, Schema.String),
  commands: {
    Write: Replicated.command({ payload: { key: Schema.String, value: Schema.String }, success: Schema.Null }),
    Cas: Replicated.command({
      payload: { key: Schema.String, from: Schema.String, to: Schema.String },
      success: Swap
    })
  },
  queries: {
    /** Null: there is no such key. */
    Read: Replicated.query({ payload: { key: Schema.String }, success: Schema.NullOr(Schema.String) })
  }
}) {
  static readonly layer = Kv.toLayer(HashMap.empty(), {
    Write: (state, { key, value }) => [HashMap.set(state, key, value), null],
    Cas: (state, { from, key, to }) => {
      const actual = Option.getOrUndefined(HashMap.get(state, key))
      if (actual === undefined) return [state, Missing.make({})]
      if (actual !== from) return [state, Mismatch.make({ actual })]
      return [HashMap.set(state, key, to), Swapped.make({})]
    },
    Read: (state, { key }) => Option.getOrNull(HashMap.get(state, key))
  })
}
