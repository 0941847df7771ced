import { assert, describe, it } from "@effect/vitest"
import { Describe, Log, type Membership, type Message, type State } from "effect-raft/engine"
import * as Nodes from "./Nodes.ts"

const { accepted, append, flushed, hear, leading, messages, node, step, timer } = Nodes

const told = (outputs: Parameters<typeof messages>[0]) => outputs.map(Describe.output)

describe("§3.10 Leadership transfer extension", () => {
  const transfer = (state: State.State, to: string) =>
    step(state, { _tag: "TransferLeadership", now: state.now, request: 5, to, deadline: state.now + 500 })
  const propose = (state: State.State) => step(state, { _tag: "Propose", now: state.now, batch: 7, count: 1 })
  const leader = hear(leading(), accepted("n2", 1, 1))[0]

  it("the prior leader stops accepting new client requests", () => {
    const [, outputs] = propose(transfer(leader, "n2")[0])

    assert.deepStrictEqual(told(outputs), ["refused #7: Busy"])
  })

  it("the prior leader fully updates the target's log to match its own, and then sends TimeoutNow", () => {
    const [waiting, before] = transfer(leader, "n3")
    const [, outputs] = hear(waiting, accepted("n3", 1, 1))

    assert.notInclude(told(before).join("\n"), "TimeoutNow")
    assert.include(told(outputs), "→ n3 TimeoutNow last=1@1")
  })

  it("TimeoutNow has the effect of the target's election timer: it starts a new election", () => {
    const state = node({ terms: [1] })
    const [after, outputs] = hear(state, { _tag: "TimeoutNow", from: "n2", term: 1, last: { index: 1, term: 1 } })

    assert.strictEqual(Describe.state(after), "n1@2 candidate last=1@1 commit=0 vote=n1")
    assert.include(told(outputs), "→ n2 RequestVote last=1@1 transfer (after write 1)")
  })

  it("the transfer is aborted after an election timeout, and the prior leader resumes", () => {
    const [asking] = transfer(leader, "n2")
    const [heard] = hear({ ...asking, now: asking.now + 400 }, accepted("n2", 1, 1))
    const [after, outputs] = timer(heard, asking.now + 500)

    assert.include(told(outputs), "transfer #5 failed: Timeout")
    assert.include(told(propose(after)[1]), "accepted #7 as 2@1")
  })
})

describe("§4.1 Safety", () => {
  it("a server uses the latest membership in its log, whether or not that entry is committed", () => {
    const four = Nodes.membership(["n1", "n2", "n3", "n4"])
    const joint = { ...four, outgoing: ["n1", "n2", "n3"] }
    const message = { ...append("n2", 1, [0, 0], [1, 1]), memberships: [{ index: 2, membership: joint }] }
    const [after] = hear(node({ term: 1 }), message, 1)

    assert.deepStrictEqual([after.commit, Describe.members(Log.membership(after.log))], [0, "n1,n2,n3 & n1,n2,n3,n4"])
  })

  it("and falls back to the one before when that entry is removed from its log", () => {
    const joint = { ...Nodes.membership(["n1"]), outgoing: ["n1", "n2", "n3"] }
    const message = { ...append("n2", 1, [0, 0], [1, 1]), memberships: [{ index: 2, membership: joint }] }
    const [held] = hear(node({ term: 1 }), message, 1)
    const [after] = hear(held, append("n3", 2, [1, 1], [2]), 2)

    assert.strictEqual(Describe.members(Log.membership(after.log)), "n1,n2,n3")
  })

  it("a server takes entries from a leader that is not in its latest membership, and votes for any candidate", () => {
    const [following] = hear(node({ term: 1 }), append("n8", 1, [0, 0], [1]), 1)
    const vote = { _tag: "RequestVote", from: "n9", term: 2, last: { index: 0, term: 0 }, isTransfer: false } as const
    const [voting] = hear(node({ term: 1 }), vote)

    assert.deepStrictEqual([following.leader, following.log.last, voting.votedFor], ["n8", 1, "n9"])
  })
})

const change = (state: State.State, change: Membership.Change) =>
  step(state, { _tag: "ChangeMembership", now: state.now, request: 7, change, expected: undefined })

/** Everything is on its own disk and on those of the others. */
const agreed = (state: State.State, ...ids: ReadonlyArray<string>): State.State =>
  ids.reduce((current, id) => hear(current, accepted(id, current.term, state.log.last))[0], flushed(state)[0])

const members = (state: State.State): string => Describe.members(Log.membership(state.log))

describe("§4.2.1 Catching up new servers", () => {
  const leader = agreed(leading(), "n2", "n3")
  const [added] = change(leader, { _tag: "AddVoter", member: { id: "n4", address: "n4" } })

  it("a new server joins as a non-voting member, and is not counted", () => {
    assert.strictEqual(members(added), "n1,n2,n3 learners=n4+")
    assert.strictEqual(hear(flushed(added)[0], accepted("n4", 1, 2))[0].commit, 1)
  })

  it("a new server becomes a voter once a round took less than an election timeout, and not before", () => {
    const ready = agreed(added, "n2", "n3")
    const [longer] = step(ready, { _tag: "Propose", now: ready.now, batch: 8, count: 1 })
    const slow = hear({ ...longer, now: ready.now + 500 }, accepted("n4", 1, 2))[0]

    assert.strictEqual(members(ready), "n1,n2,n3 learners=n4+")
    assert.strictEqual(members(hear(ready, accepted("n4", 1, 2))[0]), "n1,n2,n3 & n1,n2,n3,n4")
    assert.strictEqual(members(slow), "n1,n2,n3 learners=n4+")
    assert.strictEqual(members(agreed(hear(slow, accepted("n4", 1, 3))[0], "n2", "n3")), "n1,n2,n3,n4")
  })
})

describe("§4.2.2 Removing the current leader", () => {
  const leader = agreed(leading(), "n2", "n3")
  const leaving = flushed(agreed(change(leader, { _tag: "Remove", id: "n1" })[0], "n2", "n3"))[0]

  it("a leader that is not in its membership does not include itself in majorities", () => {
    assert.strictEqual(members(leaving), "n2,n3")
    assert.strictEqual(hear(leaving, accepted("n2", 1, 3))[0].commit, 2)
  })

  it("a leader that is not in its membership steps down once the new membership is committed", () => {
    const after = agreed(leaving, "n2", "n3")

    assert.deepStrictEqual([after.commit, after.role._tag], [3, "Follower"])
  })

  it("a server that is not part of its own latest membership still starts elections, until that is committed", () => {
    const outgoing = { ...leaving, role: { _tag: "Follower" } as const, leader: undefined }
    const gone = { ...outgoing, commit: 3, handed: 3, applied: 3 }

    assert.strictEqual(timer(outgoing)[0].role._tag, "PreCandidate")
    assert.strictEqual(timer(gone)[0].role._tag, "Follower")
  })
})

describe("§4.3 Arbitrary configuration changes using joint consensus", () => {
  const [joint] = change(agreed(leading(), "n2", "n3"), {
    _tag: "Replace",
    members: ["n1", "n4", "n5"].map((id) => ({ id, address: id })),
    voters: ["n1", "n4", "n5"]
  })

  it("entries go to all servers of both memberships", () => {
    const { role } = joint

    assert.strictEqual(members(joint), "n1,n2,n3 & n1,n4,n5")
    assert.sameMembers(role._tag === "Leader" ? role.progress.map(({ id }) => id) : [], ["n2", "n3", "n4", "n5"])
  })

  it("agreement needs majorities of both", () => {
    assert.strictEqual(agreed(joint, "n2", "n3").commit, 1)
    assert.strictEqual(agreed(joint, "n4", "n5").commit, 1)
    assert.strictEqual(agreed(joint, "n3", "n5").commit, 2)
  })

  it("so do elections", () => {
    const follower = node({ term: 1 })
    const log = Log.append(follower.log, [{ start: 1, term: 1 }], 1, [{
      index: 1,
      membership: Log.membership(joint.log)
    }])
    const state = { ...follower, log, durability: { ...follower.durability, durable: 1 } }
    const [asking] = timer(state)
    const round = asking.role._tag === "PreCandidate" ? asking.role.round : 0
    const welcome = (from: string): Message.PreVoteReply => ({
      _tag: "PreVoteReply",
      from,
      term: 1,
      round,
      granted: true
    })
    const roleAfter = (...ids: ReadonlyArray<string>) =>
      ids.reduce((current, id) => hear(current, welcome(id))[0], asking).role._tag

    assert.deepStrictEqual([roleAfter("n2", "n3"), roleAfter("n4", "n5"), roleAfter("n3", "n5")], [
      "PreCandidate",
      "PreCandidate",
      "Candidate"
    ])
  })

  it("once the joint membership is committed, the leader puts the new one alone in force", () => {
    const after = agreed(joint, "n3", "n5")

    assert.deepStrictEqual([members(after), after.log.last], ["n1,n4,n5", 3])
  })
})

describe("§4.2.4 Availability argument", () => {
  it("a change that is half done is finished by whoever leads next", () => {
    const joint = { ...Nodes.membership(["n1", "n2"]), outgoing: ["n1", "n2", "n3"] }
    const message = { ...append("n3", 1, [0, 0], [1, 1]), memberships: [{ index: 2, membership: joint }] }
    const [held] = flushed(hear(node({ term: 1 }), message, 1)[0])
    const standing = flushed(Nodes.standing({ ...held, now: 5000 }))[0]
    const [elected] = hear(standing, Nodes.granted("n2", standing.term))
    const after = agreed(elected, "n2")

    assert.deepStrictEqual([members(elected), members(after)], ["n1,n2,n3 & n1,n2", "n1,n2"])
  })

  it("a server that is removed and stands for election does not disturb those who hear a leader", () => {
    const [following] = hear(node({ terms: [1], voters: ["n1", "n2"] }), append("n2", 1, [1, 1]))
    const question = { _tag: "RequestPreVote", from: "n3", term: 1, last: { index: 9, term: 1 }, round: 7 } as const
    const [after, outputs] = hear(following, question)

    assert.deepStrictEqual([after.term, after.leader], [1, "n2"])
    assert.deepStrictEqual(told(outputs), ["→ n3 PreVoteReply refused"])
  })
})
