import { assert, describe, it } from "@effect/vitest"
import { Describe, type Input, Log } from "effect-raft/engine"
import { append, log, membership, node } from "../Nodes.ts"

describe("the notation", () => {
  it("leaves out what is as one would expect", () => {
    const state = node({ terms: [1, 1], term: 2 })
    const busy = { ...state, commit: 2, leader: "n2", durability: { ...state.durability, durable: 1 } }

    assert.strictEqual(Describe.state(state), "n1@2 follower last=2@1 commit=0 vote=-")
    assert.strictEqual(Describe.state(busy), "n1@2 follower last=2@1 durable=1 commit=2 applied=0 vote=- leader=n2")
  })

  it("writes runs as ranges", () => {
    const picture = log([1, 1, 1, 2, 4, 4])

    assert.strictEqual(Describe.runs(picture.runs, picture.last), "1-3@1 4@2 5-6@4")
    assert.strictEqual(Describe.runs(Log.runsBetween(picture, 2, 4), 4), "2-3@1 4@2")
  })

  it("says what a message carries", () => {
    const message = append("n2", 3, [4, 1], [2, 2, 3], 4)

    assert.strictEqual(Describe.message(message), "AppendEntries previous=4@1 entries=5-6@2 7@3 commit=4 round=1")
  })

  it("writes a membership as its voters, those before them, and the learners", () => {
    const three = membership(["n1", "n2", "n3"])
    const joint = { ...three, voters: ["n1", "n2"], outgoing: ["n1", "n3"], promoting: ["n3"] }
    const moving = { ...append("n2", 3, [1, 1], [3]), memberships: [{ index: 2, membership: joint }] }

    assert.strictEqual(Describe.members(three), "n1,n2,n3")
    assert.strictEqual(Describe.members(joint), "n1,n3 & n1,n2 learners=n3+")
    assert.include(Describe.message(moving), "entries=2@3 members=2:n1,n3 & n1,n2 learners=n3+ commit=0")
  })

  it("names every input", () => {
    const inputs: ReadonlyArray<Input.Input> = [
      { _tag: "Timer", now: 0 },
      { _tag: "Propose", now: 0, batch: 7, count: 2 },
      { _tag: "Read", now: 0, read: 8, isLease: false },
      { _tag: "Persisted", now: 0, write: 3 },
      { _tag: "Applied", now: 0, index: 4 },
      { _tag: "Unsent", now: 0, to: "n2", from: 5 },
      { _tag: "ChangeMembership", now: 0, request: 9, change: { _tag: "Remove", id: "n3" }, expected: undefined },
      { _tag: "TransferLeadership", now: 0, request: 10, to: "n2", deadline: 5 },
      { _tag: "Receive", now: 0, batch: undefined, message: { _tag: "VoteReply", from: "n2", term: 1, granted: true } }
    ]

    assert.deepStrictEqual(inputs.map(Describe.input), [
      "timer",
      "propose #7 (2)",
      "read #8",
      "persisted 3",
      "applied 4",
      "unsent to n2 from 5",
      "change #9: Remove",
      "transfer #10 to n2",
      "n2@1 → VoteReply granted"
    ])
  })
})
