import { assert, describe, it } from "@effect/vitest"
import { Describe, Engine, Explain, Log, Membership, type Message, type State } from "effect-raft/engine"
import {
  accepted,
  append,
  described,
  flushed,
  granted,
  hear,
  leading,
  node,
  standing,
  step,
  timer,
  told
} from "../Nodes.ts"

/** n1 and n2 keep everything; n3 keeps the terms of the log, and votes. */
const three = described({ n1: {}, n2: {}, n3: { isWitness: true } })

const begun = (current: Membership.Membership, change: Membership.Change): Membership.Membership => {
  const result = Membership.begin(current, change)
  if (typeof result === "string") throw new Error(result)
  return result
}

const heartbeat = (state: State.State) => timer(state, state.now + 75)

describe("a witness", () => {
  const witness = node({ id: "n3", terms: [1, 1], membership: three, commit: 1 })

  it("votes, and counts for commitment by what its log holds", () => {
    const vote = { _tag: "RequestVote", from: "n1", term: 2, last: { index: 2, term: 1 }, isTransfer: false } as const
    const candidate = flushed(standing(node({ membership: three })))[0]
    const leader = hear(candidate, granted("n3", 1))[0]

    assert.strictEqual(hear(witness, vote)[0].votedFor, "n1")
    assert.strictEqual(leader.role._tag, "Leader")
    assert.strictEqual(hear(flushed(leader)[0], accepted("n3", 1, 1))[0].commit, 1)
  })

  it("does not vote for a log that holds less than its own, like any other", () => {
    const vote = { _tag: "RequestVote", from: "n1", term: 2, last: { index: 1, term: 1 }, isTransfer: false } as const

    assert.isUndefined(hear(witness, vote)[0].votedFor)
  })

  it("takes entries without their payloads", () => {
    const [after, outputs] = hear(witness, append("n1", 1, [2, 1], [1, 1], 1))

    assert.strictEqual(after.log.last, 4)
    assert.include(told(outputs), "→ n1 AppendReply match=4 round=1 (after write 1)")
  })

  it("never stands, however long nobody leads, and waits again", () => {
    const [after, outputs] = timer(witness)

    assert.deepStrictEqual([after.role._tag, outputs], ["Follower", []])
    assert.isAbove(Engine.deadline(after), after.now)
  })

  it("does not stand when it is asked to, either", () => {
    const asked = hear(witness, { _tag: "TimeoutNow", from: "n1", term: 1, last: { index: 2, term: 1 } })[0]

    assert.strictEqual(asked.role._tag, "Follower")
  })

  it("says so to whoever asks why nobody leads", () => {
    assert.match(Explain.explain(witness).reasons[0] ?? "", /n3 is a witness, and so does not stand/)
  })

  it("has a star beside its name", () => {
    assert.strictEqual(Describe.members(three), "n1,n2,n3*")
  })
})

describe("leadership", () => {
  const leader = hear(hear(leading({ membership: three }), accepted("n3", 1, 1))[0], accepted("n2", 1, 1))[0]
  const transfer = (state: State.State, to: string) =>
    step(state, { _tag: "TransferLeadership", now: state.now, request: 5, to, deadline: state.now + 500 })

  it("is not handed to a witness", () => {
    assert.deepStrictEqual(told(transfer(leader, "n3")[1]), ["transfer #5 failed: NotVoter"])
    assert.strictEqual(transfer(leader, "n2")[0].transfer?.to, "n2")
  })

  it("does not go to a witness when the disk does not answer, though it has most of the log", () => {
    const [proposed] = step(leader, { _tag: "Propose", now: leader.now, batch: 1, count: 1 })
    const [ahead] = hear(proposed, accepted("n3", 1, 2))
    const [stalled] = step(ahead, { _tag: "DiskStalled", now: ahead.now, isStalled: true })

    assert.strictEqual(stalled.transfer?.to, "n2")
  })
})

describe("a membership with witnesses", () => {
  const member = (id: string, fields: Partial<Membership.Member> = {}): Membership.Member => ({
    id,
    address: id,
    ...fields
  })
  const nonsense: ReadonlyArray<readonly [string, Membership.Change, string]> = [
    [
      "in which only witnesses vote",
      { _tag: "Replace", members: [member("n1"), member("n3", { isWitness: true })], voters: ["n3"] },
      "nobody would lead"
    ],
    [
      "in which nobody who votes ever stands",
      { _tag: "Replace", members: [member("n1", { priority: 0 }), member("n2")], voters: ["n1"] },
      "nobody would lead"
    ],
    ["of which the last that could lead goes", { _tag: "Remove", id: "n1" }, "nobody would lead"],
    ["of which the last that could lead loses its vote", { _tag: "Demote", id: "n1" }, "nobody would lead"],
    [
      "in which a member becomes a witness",
      { _tag: "Replace", members: [member("n1", { isWitness: true }), member("n2")], voters: ["n2"] },
      "n1 cannot become a witness, or cease to be one: remove it and add it under another id"
    ],
    [
      "in which a witness becomes a member like others",
      { _tag: "Replace", members: [member("n1"), member("n3")], voters: ["n1"] },
      "n3 cannot become a witness, or cease to be one: remove it and add it under another id"
    ],
    [
      "with a priority that is no whole number",
      { _tag: "AddLearner", member: member("n4", { priority: 1.5 }) },
      "n4 has a priority that is not a whole number, 0 or more"
    ],
    [
      "with a priority below 0",
      { _tag: "AddLearner", member: member("n4", { priority: -1 }) },
      "n4 has a priority that is not a whole number, 0 or more"
    ]
  ]
  const two = described({ n1: {}, n3: { isWitness: true } })
  for (const [what, change, why] of nonsense) {
    it(`${what} does not come about`, () => {
      assert.strictEqual(Membership.begin(two, change), why)
    })
  }

  it("comes about by a change like any other", () => {
    const witness = member("n4", { isWitness: true })
    const learning = begun(membershipOf("n1", "n2"), { _tag: "AddVoter", member: witness })

    assert.strictEqual(Describe.members(learning), "n1,n2 learners=n4*+")
    assert.isTrue(Membership.isWitness(Membership.promote(learning, "n4"), "n4"))
    assert.isTrue(Membership.isWitness(begun(two, { _tag: "Remove", id: "n3" }), "n3"), "also on its way out")
  })
})

const membershipOf = (...ids: ReadonlyArray<string>): Membership.Membership =>
  Membership.make(ids.map((id) => ({ id, address: id })))

describe("a priority", () => {
  const priorities = described({
    n1: { priority: 3 },
    n2: {},
    n3: { priority: 2 },
    n4: { priority: 0 },
    n5: { priority: 9, isWitness: true }
  })

  it("tells how many steps a member stands behind the first; without one it is 1", () => {
    assert.deepStrictEqual(["n1", "n2", "n3", "n4", "n9"].map((id) => Membership.rank(priorities, id)), [0, 2, 1, 3, 2])
    assert.deepStrictEqual(["n1", "n2"].map((id) => Membership.rank(membershipOf("n1", "n2"), id)), [0, 0])
  })

  it("of who does not vote holds nobody up", () => {
    const learner = { ...priorities, voters: ["n2", "n3"] }

    assert.deepStrictEqual(["n2", "n3"].map((id) => Membership.rank(learner, id)), [1, 0])
  })

  it("of 0 keeps a member from standing by itself, and no other does", () => {
    assert.deepStrictEqual(
      ["n1", "n2", "n4", "n5", "n9"].map((id) => Membership.mayLead(priorities, id)),
      [true, true, false, false, true]
    )
  })

  it("makes a member wait an election timeout longer for each step behind the first", () => {
    const waits = (id: string) =>
      Array.from({ length: 50 }, (_, seed) => Engine.deadline(node({ id, membership: priorities, seed })))

    const ranges = ["n1", "n3", "n2"].map((id) => [Math.min(...waits(id)), Math.max(...waits(id))] as const)
    ranges.forEach(([earliest, latest], place) => {
      assert.isAtLeast(earliest, 500 + 500 * place)
      assert.isBelow(latest, 1000 + 500 * place)
    })
  })

  it("of 0 does not keep a member from standing when it is asked to", () => {
    const never = node({ id: "n4", terms: [1], membership: priorities })
    const [waited] = timer(never)
    const [asked] = hear(never, { _tag: "TimeoutNow", from: "n1", term: 1, last: { index: 1, term: 1 } })

    assert.deepStrictEqual([waited.role._tag, asked.role._tag], ["Follower", "Candidate"])
    assert.match(Explain.explain(waited).reasons[0] ?? "", /n4 has priority 0, and so does not stand/)
  })

  it("does not keep anyone from voting, nor from being voted for", () => {
    const vote: Message.RequestVote = {
      _tag: "RequestVote",
      from: "n4",
      term: 2,
      last: { index: 1, term: 1 },
      isTransfer: true
    }

    assert.strictEqual(hear(node({ terms: [1], membership: priorities }), vote)[0].votedFor, "n4")
  })

  it("can be changed, and is in force at once", () => {
    const leader = hear(leading(), accepted("n2", 1, 1))[0]
    const { members, voters } = described({ n1: { priority: 5 }, n2: {}, n3: {} })
    const [after] = step(leader, {
      _tag: "ChangeMembership",
      now: leader.now,
      request: 7,
      change: { _tag: "Replace", members, voters },
      expected: undefined
    })

    assert.strictEqual(Membership.rank(Log.membership(after.log), "n2"), 4)
    assert.strictEqual(heartbeat(after)[0].role._tag, "Leader")
  })
})
