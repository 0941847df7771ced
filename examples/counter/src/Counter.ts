/**
 * A counter that every node agrees on.
 *
 * The schemas say what the counter is, the functions what it does. Where it is kept and how its nodes reach each other
 * is not said here: `main.ts` and the test put different layers below the very same class.
 */
import { Schema } from "effect"
import { Replicated } from "effect-raft"

export class Counter extends Replicated.Service<Counter>()("example/Counter", {
  state: Schema.Int,
  commands: { Add: Replicated.command({ payload: { amount: Schema.Int }, success: Schema.Int }) },
  queries: { Total: Replicated.query({ success: Schema.Int }) }
}) {
  static readonly layer = Counter.toLayer(0, {
    Add: (total, { amount }) => [total + amount, total + amount],
    Total: (total) => total
  })
}
