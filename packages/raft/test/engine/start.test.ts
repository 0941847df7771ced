import { assert, describe, it } from "@effect/vitest"
import { Describe, Engine, Settings } from "effect-raft/engine"
import { flushed, log, membership, node, timer } from "../Nodes.ts"

const common = { id: "n1", settings: Settings.defaults, seed: 1, now: 1000 }

describe("a node that starts", () => {
  it("on a new disk with a first membership writes it, and waits for a leader", () => {
    const [state, outputs] = Engine.start({ ...common, bootstrap: membership(["n1", "n2", "n3"]) })

    assert.deepStrictEqual(outputs.map(Describe.output), ["write 1: boundary=0@0 members=n1,n2,n3"])
    assert.isAtLeast(Engine.deadline(state), 1500)
  })

  it("with a log or a membership of its own does not take another", () => {
    const others = membership(["n7", "n8", "n9"])
    const known = { hardState: { term: 0, votedFor: undefined }, log: log([], ["n1", "n2"]) }
    const [state, outputs] = Engine.start({ ...common, recovered: known, bootstrap: others })

    assert.deepStrictEqual(outputs, [])
    assert.deepStrictEqual(state.log.boundary.membership.voters, ["n1", "n2"])
  })

  it("without any membership never campaigns", () => {
    let [state] = Engine.start(common)
    for (let round = 0; round < 5; round++) {
      const [after, outputs] = timer(state)
      assert.deepStrictEqual([after.role._tag, outputs.length], ["Follower", 0])
      state = after
    }
  })

  it("alone in its cluster does not wait", () => {
    const [state] = Engine.start({ ...common, bootstrap: membership(["n1"]) })
    const [candidate] = timer(state, 1000)

    assert.strictEqual(Engine.deadline(state), 1000)
    assert.strictEqual(flushed(candidate)[0].role._tag, "Leader")
  })

  it("trusts a broken queue of writes with nothing more", () => {
    const state = node()

    assert.throws(() => Engine.step(state, { _tag: "Persisted", now: 0, write: 1 }), /write 1 cannot complete/)
    assert.throws(() => Engine.step(state, { _tag: "Applied", now: 0, index: 1 }), /entry 1 cannot be applied/)
  })

  it("never lets time run backwards", () => {
    const [state] = timer(node(), 300)

    assert.strictEqual(timer(state, 200)[0].now, 300)
  })
})
