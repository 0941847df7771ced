/**
 * Clients that write while something else happens: each word once, to whoever leads, whatever comes of it.
 */
import { assert } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as TestNodes from "./TestNodes.ts"

/** The node that leads the newest term, as far as the running ones know. */
const newestLeader = Effect.fnUntraced(function*(nodes: TestNodes.TestNodes) {
  let newest: { readonly node: TestNodes.Node; readonly term: number } | undefined
  for (const node of nodes.running()) {
    const { role, term } = yield* node.raft.status
    if (role === "leader" && term > (newest?.term ?? 0)) newest = { node, term }
  }
  return newest?.node
})

/** Three clients that write until they are stopped. */
export const start = Effect.fnUntraced(function*(nodes: TestNodes.TestNodes) {
  const acknowledged: Array<string> = []
  const refusals: Array<string> = []
  const refused: Array<string> = []

  const write = Effect.fnUntraced(function*(word: string) {
    const leader = yield* newestLeader(nodes)
    if (leader === undefined) return
    const outcome = yield* Effect.result(leader.raft.propose(TestNodes.bytes(word)))
    if (outcome._tag === "Success") return void acknowledged.push(word)
    refusals.push(outcome.failure._tag)
    if (outcome.failure._tag === "NotLeader" || outcome.failure._tag === "Busy") refused.push(word)
  })
  const client = Effect.fnUntraced(function*(name: string) {
    for (let turn = 0;; turn++) {
      yield* write(`${name}${turn}`)
      yield* Effect.sleep(5)
    }
  })
  const fibers = yield* Effect.forEach(["a", "b", "c"], (name) => Effect.forkChild(client(name)))

  /** Stops them, and sees that these nodes agree, that what was acknowledged is there once, and what was refused is not. */
  const settle = Effect.fnUntraced(function*(ids: ReadonlyArray<string>) {
    yield* Fiber.interruptAll(fibers)
    yield* TestClock.adjust(2000)
    const [first, ...others] = ids.map((id) => nodes.get(id).applied)
    const words = new Set(first)
    assert.strictEqual(words.size, first?.length, "a word was applied twice")
    assert.deepStrictEqual(acknowledged.filter((word) => !words.has(word)), [], "an acknowledged word is missing")
    assert.deepStrictEqual(refused.filter((word) => words.has(word)), [], "a refused word was applied")
    for (const other of others) assert.deepStrictEqual(other, first)
  })

  return { acknowledged, refusals, settle }
})
