import { assert, describe, it } from "@effect/vitest"
import { Engine, type Log, type State } from "effect-raft/engine"
import { node } from "../Nodes.ts"

// 1-2@1 3-4@3, committed up to 3.
const state = node({ terms: [1, 1, 3, 3], commit: 3 })

const outcomeOf = (of: State.State, index: number, term: number): State.Outcome => Engine.outcomeOf(of, { index, term })

describe("the fate of an entry", () => {
  it("is known once something is committed at its place", () => {
    assert.strictEqual(outcomeOf(state, 2, 1), "Committed")
    assert.strictEqual(outcomeOf(state, 3, 3), "Committed")
    assert.strictEqual(outcomeOf(state, 3, 2), "Rejected")
  })

  // Another node may still hold what was truncated here, and commit it under a later leader.
  it("is open until then, whatever stands there", () => {
    assert.strictEqual(outcomeOf(state, 4, 3), "InProgress")
    assert.strictEqual(outcomeOf(state, 4, 2), "InProgress")
    assert.strictEqual(outcomeOf(state, 9, 3), "InProgress")
  })

  it("is no longer known where a snapshot stands for the log", () => {
    const boundary: Log.Boundary = { ...state.log.boundary, index: 2, term: 1 }
    const compacted = { ...state, log: { ...state.log, boundary, runs: [{ start: 3, term: 3 }] } }

    assert.strictEqual(outcomeOf(compacted, 1, 1), "Unknown")
    assert.strictEqual(outcomeOf(compacted, 2, 1), "Committed")
    assert.strictEqual(outcomeOf(compacted, 2, 2), "Rejected")
  })
})
