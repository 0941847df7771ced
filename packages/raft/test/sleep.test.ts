import { assert, describe, it } from "@effect/vitest"
import * as Engine from "../src/engine/Engine.ts"
import type { Message } from "../src/engine/Message.ts"
import * as Settings from "../src/engine/Settings.ts"
import type { State } from "../src/engine/State.ts"

const hour = 3_600_000

const members = ["n1", "n2", "n3"].map((id) => ({ id, address: id, role: "voter" as const }))

/** What the node answers, when it hears this. */
const hear = (state: State, now: number, message: Message) =>
  Engine.step(state, { _tag: "Receive", now, envelope: { message, entries: undefined } })

/** A follower that has just heard its leader. */
const follower = () => {
  const [start] = Engine.start({ id: "n1", settings: Settings.defaults, seed: 1, now: 0, bootstrap: { members } })
  const [heard] = hear(start, 1000, {
    _tag: "AppendEntries",
    from: "n2",
    term: 1,
    previous: { term: 0, index: 0 },
    last: 0,
    commit: 0,
    sequence: 1,
    runs: [],
    memberships: []
  })
  return heard
}

const isGranted = (state: State, now: number): boolean => {
  const last = { term: 1, index: 1 }
  const [, outputs] = hear(state, now, { _tag: "RequestPreVote", from: "n3", term: 1, last, round: 7 })
  return outputs.some((each) => each._tag === "Send" && each.message._tag === "PreVoteReply" && each.message.granted)
}

describe("a clock that goes ahead for time that may not have passed", () => {
  it("does not end what a follower has promised to its leader", () => {
    const { electionTimeout } = Settings.defaults
    const asleep = Engine.sleep(follower(), hour)
    assert.isFalse(isGranted(asleep, 1000 + hour + electionTimeout - 1))
    assert.isTrue(isGranted(asleep, 1000 + hour + electionTimeout))
  })

  it("does not make a follower stand before it has waited", () => {
    const awake = follower()
    assert.strictEqual(Engine.deadline(Engine.sleep(awake, hour)), Engine.deadline(awake) + hour)
  })

  it("is time that has passed for a leader", () => {
    const [alone] = Engine.start({
      id: "n1",
      settings: Settings.defaults,
      seed: 1,
      now: 0,
      bootstrap: { members: members.slice(0, 1) }
    })
    const [leader] = Engine.step(alone, { _tag: "Timer", now: 0 })
    assert.strictEqual(leader.role._tag, "Leader")
    assert.strictEqual(Engine.sleep(leader, hour), leader)
  })
})
