import { assert, describe, it } from "@effect/vitest"
import { Engine, Log, type State } from "effect-raft/engine"
import { accepted, append, chunk, flushed, hear, leading, membership, node, step, timer } from "../Nodes.ts"

const later = (state: State.State, milliseconds: number): State.State => ({ ...state, now: state.now + milliseconds })

const applied = (state: State.State, index: number) => step(state, { _tag: "Applied", now: state.now, index })[0]

/** Follows n2, which leads term 1 and has committed its third entry; everything is on the disk, and nothing applied. */
const following = (commit = 3): State.State => {
  const behind = { ...node({ terms: [1, 1, 1] }), commit: 3, handed: 3 }
  return hear(later(behind, 100), append("n2", 1, [3, 1], [], commit))[0]
}

describe("how old a follower's state is", () => {
  it("is not known before it has heard from a leader", () => {
    assert.strictEqual(Engine.age(node({ terms: [1], commit: 1 })), Number.POSITIVE_INFINITY)
    assert.strictEqual(Engine.age(applied(node(), 0)), Number.POSITIVE_INFINITY)
  })

  it("is not known before it has applied what the leader said was committed", () => {
    const heard = following()

    assert.strictEqual(Engine.age(heard), Number.POSITIVE_INFINITY)
    assert.strictEqual(Engine.age(applied(heard, 2)), Number.POSITIVE_INFINITY)
  })

  it("counts from when the leader said it, however much later that is applied", () => {
    assert.strictEqual(Engine.age(applied(later(following(), 70), 3)), 70)
  })

  it("counts from the last time it was said once everything is applied", () => {
    const fresh = applied(following(), 3)
    const [again] = hear(later(fresh, 75), append("n2", 1, [3, 1], [], 3))

    assert.strictEqual(Engine.age(later(fresh, 75)), 75)
    assert.strictEqual(Engine.age(again), 0)
  })

  it("goes by what was said first while that is not applied, so that a node under load is ever fresh", () => {
    const heard = following(2)
    const [more] = hear(later(heard, 50), append("n2", 1, [3, 1], [], 3))

    assert.strictEqual(Engine.age(applied(more, 2)), 50)
  })

  it("is not known before an entry of the leader's own term is committed: until then it does not know what is", () => {
    const heard = hear(later(node({ terms: [1, 1, 2], term: 2, commit: 1 }), 100), append("n2", 2, [3, 2], [], 1))[0]
    const [told] = hear(heard, append("n2", 2, [3, 2], [], 3))

    assert.strictEqual(Engine.age(heard), Number.POSITIVE_INFINITY)
    assert.strictEqual(Engine.age(applied(told, 3)), 0)
  })

  it("is not made less by a snapshot, which does not say when it was all there was", () => {
    const snapshot = { index: 5, term: 1, membership: membership(["n1", "n2", "n3"]), size: 4, checksum: 1 }
    const fresh = applied(following(), 3)
    const message = chunk("n2", 1, snapshot, 0, 4)
    const [installed] = step(later(fresh, 40), { _tag: "Receive", now: fresh.now + 40, message, batch: 1 })

    assert.strictEqual(installed.commit, 5)
    assert.strictEqual(Engine.age(applied(flushed(installed)[0], 5)), 40)
  })
})

describe("how old a leader's state is", () => {
  const leader = applied(hear(leading(), accepted("n2", 1, 1))[0], 1)

  it("counts from when the last round was begun that a majority has answered", () => {
    const [beating] = timer(leader, leader.now + 75)
    const [answered] = hear(later(beating, 25), accepted("n3", 1, 1, 2))

    assert.strictEqual(Engine.age(timer(beating, beating.now + 25)[0]), 100)
    assert.strictEqual(Engine.age(timer(answered, answered.now)[0]), 25)
  })

  it("is not known before an entry of its own term is committed, whoever follows it", () => {
    const elected = leading({ terms: [1, 1], term: 1 })
    const [followed] = hear(elected, accepted("n2", 2, 2))
    const [idle] = timer(later(followed, 10), followed.now + 10)

    assert.strictEqual(idle.commit, 0)
    assert.strictEqual(Engine.age(idle), Number.POSITIVE_INFINITY)
  })

  it("is not known before what it has committed is applied", () => {
    const [committed] = hear(leading(), accepted("n2", 1, 1))

    assert.strictEqual(Engine.age(timer(committed, committed.now)[0]), Number.POSITIVE_INFINITY)
    assert.strictEqual(Log.lastPosition(committed.log).index, 1)
  })
})
