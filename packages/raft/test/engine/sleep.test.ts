import { assert, describe, it } from "@effect/vitest"
import { Engine, Membership, type Message, Settings, type State } from "effect-raft/engine"
import { leading } from "../Nodes.ts"

const hour = 3_600_000

const { electionTimeout } = Settings.defaults

const bootstrap = Membership.make(["n1", "n2", "n3"].map((id) => ({ id, address: id })))

const hear = (state: State.State, now: number, message: Message.Message) =>
  Engine.step(state, { _tag: "Receive", now, message, batch: undefined })

/** A follower that has just heard its leader. */
const follower = (): State.State => {
  const [start] = Engine.start({ id: "n1", settings: Settings.defaults, seed: 1, now: 0, bootstrap })
  const nothing = { previous: { term: 0, index: 0 }, last: 0, commit: 0, sequence: 1, runs: [], memberships: [] }
  return hear(start, 1000, { _tag: "AppendEntries", from: "n2", term: 1, ...nothing })[0]
}

const wouldVote = (state: State.State, now: number): boolean => {
  const last = { term: 1, index: 1 }
  const [, outputs] = hear(state, now, { _tag: "RequestPreVote", from: "n3", term: 1, last, round: 7 })
  return outputs.some((each) => each._tag === "Send" && each.message._tag === "PreVoteReply" && each.message.granted)
}

describe("a clock that goes ahead for time that may not have passed", () => {
  it("does not end what a follower has promised to its leader", () => {
    const state = Engine.sleep(follower(), hour)
    assert.isFalse(wouldVote(state, 1000 + hour + electionTimeout - 1))
    assert.isTrue(wouldVote(state, 1000 + hour + electionTimeout))
  })

  it("does not make a follower stand before it has waited", () => {
    const state = follower()
    assert.strictEqual(Engine.deadline(Engine.sleep(state, hour)), Engine.deadline(state) + hour)
  })

  it("has gone on for a leader, whose lease is over", () => {
    const leader = leading()
    assert.strictEqual(Engine.sleep(leader, hour), leader)
  })
})
