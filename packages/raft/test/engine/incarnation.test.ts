import { assert, describe, it } from "@effect/vitest"
import { Describe, Explain, Log, Membership, type Message, type State } from "effect-raft/engine"
import {
  accepted,
  append,
  described,
  flushed,
  granted,
  hear,
  leading,
  messages,
  node,
  standing,
  step,
  timer,
  told
} from "../Nodes.ts"

/** A message from a node that runs on this disk. */
const hearFrom = (state: State.State, message: Message.Message, incarnation: number, batch?: number) =>
  step(state, { _tag: "Receive", now: state.now, message, batch, incarnation })

const disks = (state: State.State): string =>
  Log.membership(state.log).members.map(({ id, incarnation = "-" }) => `${id}:${incarnation}`).join(" ")

const later = (state: State.State, milliseconds: number): State.State => ({ ...state, now: state.now + milliseconds })

/** Leads n1, n2, n3 on disk 11, and has heard nobody's disk. */
const leader = leading({ incarnation: 11 })
const oneHeard = hearFrom(leader, accepted("n2", 1, 1), 22)[0]
const recording = hearFrom(oneHeard, accepted("n3", 1, 1), 33)[0]

/** All have this on their disks. */
const agreed = (state: State.State): State.State =>
  (["n2", "n3"] as const).reduce((current, id) => {
    const disk = id === "n2" ? 22 : 33
    return hearFrom(current, accepted(id, current.term, state.log.last), disk)[0]
  }, flushed(state)[0])

const recorded = agreed(recording)

const change = (state: State.State, change: Membership.Change, expected?: number) =>
  step(state, { _tag: "ChangeMembership", now: state.now, request: 7, change, expected })

const heartbeat = (state: State.State): State.State => timer(state, state.now + 75)[0]

describe("the disks of the members", () => {
  it("are written down once everyone was heard, in one entry", () => {
    const outputs = hearFrom(oneHeard, accepted("n3", 1, 1), 33)[1]

    assert.deepStrictEqual([disks(oneHeard), oneHeard.log.last], ["n1:- n2:- n3:-", 1])
    assert.strictEqual(disks(recording), "n1:11 n2:22 n3:33")
    assert.include(told(outputs), "write 3: append=2@1 members=2:n1,n2,n3")
  })

  it("are written down at the second heartbeat, if not everyone was heard by then", () => {
    const first = heartbeat(oneHeard)
    const second = heartbeat(first)

    assert.deepStrictEqual([disks(first), disks(second)], ["n1:- n2:- n3:-", "n1:11 n2:22 n3:-"])
  })

  it("are written down later of whoever is heard later, and then of all", () => {
    const two = agreedBy("n2", heartbeat(heartbeat(oneHeard)))
    const [three] = hearFrom(two, accepted("n3", 1, 2), 33)

    assert.deepStrictEqual([disks(two), disks(three)], ["n1:11 n2:22 n3:-", "n1:11 n2:22 n3:33"])
  })

  it("are not written down again: once they are, nothing more is added", () => {
    const idle = heartbeat(heartbeat(recorded))

    assert.deepStrictEqual([recorded.commit, idle.log.last], [2, 2])
  })

  it("are not written down where they have no names", () => {
    const nameless = hearFrom(hearFrom(leading(), accepted("n2", 1, 1), 22)[0], accepted("n3", 1, 1), 33)[0]

    assert.strictEqual(heartbeat(heartbeat(nameless)).log.last, 1)
  })

  it("wait for the change that is under way", () => {
    const [joint] = change(oneHeard, { _tag: "Remove", id: "n3" })
    const heard = hearFrom(joint, accepted("n3", 1, 1), 33)[0]

    assert.strictEqual(disks(heard), "n1:- n2:-")
  })

  it("are kept by a change that says nothing of them", () => {
    const members = ["n1", "n2", "n4"].map((id) => ({ id, address: `${id}:9` }))
    const [replaced] = change(recorded, { _tag: "Replace", members, voters: ["n1", "n2", "n4"] })

    assert.strictEqual(disks(replaced), "n1:11 n2:22 n4:-")
  })
})

const agreedBy = (id: string, state: State.State): State.State =>
  hearFrom(flushed(state)[0], accepted(id, state.term, state.log.last), 22)[0]

describe("a change of membership while disks are written down", () => {
  const remove: Membership.Change = { _tag: "Remove", id: "n3" }

  it("waits until that is committed, and then begins", () => {
    const [waiting, nothing] = change(recording, remove)
    const after = agreed(waiting)

    assert.deepStrictEqual(told(nothing), [])
    assert.strictEqual(Describe.members(Log.membership(waiting.log)), "n1,n2,n3")
    assert.strictEqual(Describe.members(Log.membership(after.log)), "n1,n2,n3 & n1,n2")
  })

  it("is the only one that waits", () => {
    const [waiting] = change(recording, remove)
    const [, outputs] = change(waiting, { _tag: "Remove", id: "n2" })

    assert.deepStrictEqual(told(outputs), ["change #7 refused: Pending, another change is under way"])
  })

  it("still finds the membership that was expected: nobody came or went", () => {
    const [begun] = change(recorded, remove, 0)
    const [, refused] = change(recorded, remove, 1)

    assert.strictEqual(Describe.members(Log.membership(begun.log)), "n1,n2,n3 & n1,n2")
    assert.deepStrictEqual(told(refused), [
      "change #7 refused: Stale, the membership in force is that of entry 2"
    ])
  })

  it("still finds it on a leader that has the entries from another", () => {
    // What comes over the wire is equal, and never the same.
    const copy = structuredClone(recorded.log.memberships)
    const half = copy.map(({ index, membership }) => ({
      index,
      membership: Membership.record(
        { ...membership, members: membership.members.map(({ address, id }) => ({ address, id })) },
        (id) => (id === "n3" ? undefined : 11)
      )
    }))
    const [begun] = change({ ...recorded, log: { ...recorded.log, memberships: structuredClone(half) } }, remove, 0)

    assert.strictEqual(Describe.members(Log.membership(begun.log)), "n1,n2,n3 & n1,n2")
  })

  it("does not find it when an address was changed beside", () => {
    const moved = recorded.log.memberships.map(({ index, membership }) => ({
      index,
      membership: { ...membership, members: membership.members.map((each) => ({ ...each, address: "elsewhere" })) }
    }))
    const [, outputs] = change({ ...recorded, log: { ...recorded.log, memberships: moved } }, remove, 0)

    assert.deepStrictEqual(told(outputs), [
      "change #7 refused: Stale, the membership in force is that of entry 2"
    ])
  })

  it("did not happen when this node no longer leads before it begins", () => {
    const [waiting] = change(recording, remove)
    const [, outputs] = hear(waiting, append("n2", 2, [1, 1]))

    assert.include(told(outputs), "change #7 refused: NotLeader, this node does not lead")
  })

  it("is refused when it makes no sense by then, or another was expected", () => {
    const nonsense = hearFrom(flushed(change(recording, { _tag: "Remove", id: "n9" })[0])[0], accepted("n2", 1, 2), 22)
    const stale = hearFrom(flushed(change(recording, remove, 1)[0])[0], accepted("n2", 1, 2), 22)

    assert.include(told(nonsense[1]), "change #7 refused: Invalid, n9 is no member")
    assert.include(told(stale[1]), "change #7 refused: Stale, the membership in force is that of entry 2")
    assert.isUndefined(stale[0].role._tag === "Leader" ? stale[0].role.wanted : "no leader")
  })

  it("serves the learner that it removes until the removal is committed, and an election timeout longer", () => {
    const five = described({ n1: {}, n2: {}, n3: {} })
    const learning = { ...five, members: [...five.members, { id: "n4", address: "n4" }] }
    const [first] = hearFrom(leading({ incarnation: 11, membership: learning }), accepted("n2", 1, 1), 22)
    const all = hearFrom(hearFrom(first, accepted("n3", 1, 1), 33)[0], accepted("n4", 1, 1), 44)[0]
    const [begun] = hearFrom(flushed(change(all, { _tag: "Remove", id: "n4" })[0])[0], accepted("n2", 1, 2), 22)
    const { role } = begun

    assert.deepStrictEqual([begun.commit, begun.log.last, disks(begun)], [2, 3, "n1:11 n2:22 n3:33"])
    const served = role._tag === "Leader" ? role.progress.find(({ id }) => id === "n4")?.servedUntil : undefined
    assert.strictEqual(served, Number.POSITIVE_INFINITY)
  })
})

describe("a node that comes under a member's name with another disk", () => {
  const known = described({ n1: { incarnation: 11 }, n2: { incarnation: 22 }, n3: { incarnation: 33 } })
  const disowned = (incarnation: number, from = "n2", term = 5): Message.Disowned => ({
    _tag: "Disowned",
    from,
    term,
    reason: "Incarnation",
    incarnation
  })

  it("gets no vote, and does not count for one", () => {
    const voter = node({ terms: [1], membership: known })
    const vote = { _tag: "RequestVote", from: "n3", term: 9, last: { index: 1, term: 1 }, isTransfer: true } as const
    const candidate = flushed(standing(node({ membership: known, incarnation: 11 })))[0]

    const [asked, silence] = hearFrom(voter, vote, 99)
    assert.deepStrictEqual([asked.term, asked.votedFor, told(silence)], [1, undefined, []])
    assert.strictEqual(hearFrom(candidate, granted("n3", 1), 99)[0].role._tag, "Candidate")
    assert.strictEqual(hearFrom(candidate, granted("n3", 1), 33)[0].role._tag, "Leader")
  })

  it("gets no answer to a pre-vote, and its answer does not count", () => {
    const voter = node({ terms: [1], membership: known })
    const [asking] = timer(node({ membership: known }))
    const round = asking.role._tag === "PreCandidate" ? asking.role.round : 0
    const question = { _tag: "RequestPreVote", from: "n3", term: 1, last: { index: 1, term: 1 }, round } as const
    const answer = { _tag: "PreVoteReply", from: "n3", term: 0, round, granted: true } as const

    assert.deepStrictEqual(told(hearFrom(voter, question, 99)[1]), [])
    assert.deepStrictEqual(told(hearFrom(voter, question, 33)[1]), ["→ n3 PreVoteReply granted"])
    assert.strictEqual(hearFrom(asking, answer, 99)[0].role._tag, "PreCandidate")
    assert.strictEqual(hearFrom(asking, answer, 33)[0].role._tag, "Candidate")
  })

  it("is not counted for commitment, nor as heard, and a leader tells it so", () => {
    const [proposed] = step(recorded, { _tag: "Propose", now: recorded.now, batch: 8, count: 1 })
    const waiting = later(flushed(proposed)[0], 300)
    const [after, outputs] = hearFrom(waiting, accepted("n2", 1, 3), 99)

    assert.strictEqual(after.commit, 2)
    assert.deepStrictEqual(after.role, waiting.role)
    assert.deepStrictEqual(messages(outputs), [{ ...disowned(99, "n1", 1) }])
    assert.strictEqual(hearFrom(waiting, accepted("n2", 1, 3), 22)[0].commit, 3)
  })

  it("is told by nobody else", () => {
    const follower = hear(node({ terms: [1], membership: known }), append("n2", 1, [1, 1]))[0]

    assert.deepStrictEqual(hearFrom(follower, accepted("n3", 1, 1), 99)[1], [])
    assert.deepStrictEqual(hearFrom(follower, append("n3", 7, [1, 1]), 99)[0].term, 1)
  })

  it("is named to whoever asks, once, with the disk it came with last", () => {
    const follower = node({ terms: [1], membership: known })
    const first = hearFrom(follower, accepted("n3", 1, 1), 98)[0]
    const second = hearFrom(later(first, 40), accepted("n3", 1, 1), 99)[0]

    assert.deepStrictEqual(second.strangers, [{ id: "n3", incarnation: 99, at: 40 }])
    const reason = "n3 came with another disk (99) 5 ms ago, and is not heard: it has lost what it had promised. "
      + "Remove it, and add it under another id"
    assert.include(Explain.explain(later(second, 5)).reasons, reason)
  })

  it("stops when it hears that it is meant, and not when another disk is", () => {
    const wiped = node({ id: "n3", incarnation: 99, voters: [] })

    assert.throws(() => hear(wiped, disowned(99)), /n2 knows n3 by another disk, .* use another id/)
    assert.strictEqual(hear(wiped, disowned(98))[0].role._tag, "Follower")
    assert.strictEqual(hear(node({ id: "n3", voters: [] }), disowned(99))[0].role._tag, "Follower")
  })

  it("stops whatever it thought it was", () => {
    const candidate = standing(node({ incarnation: 99 }))

    assert.throws(() => hear(leading({ incarnation: 99 }), disowned(99)), /by another disk/)
    assert.throws(() => hear(candidate, disowned(99)), /by another disk/)
    assert.throws(() => hear(timer(node({ incarnation: 99 }))[0], disowned(99)), /by another disk/)
  })
})

describe("a member whose disk is not written down yet", () => {
  it("is heard, whatever disk it comes with", () => {
    const half = described({ n1: { incarnation: 11 }, n2: {}, n3: { incarnation: 33 } })
    const voter = node({ terms: [1], membership: half })
    const vote = { _tag: "RequestVote", from: "n2", term: 2, last: { index: 1, term: 1 }, isTransfer: false } as const

    assert.strictEqual(hearFrom(voter, vote, 99)[0].votedFor, "n2")
    assert.strictEqual(hear(node({ terms: [1], membership: half }), { ...vote, from: "n3" })[0].votedFor, "n3")
  })

  it("is a stranger on any disk but the one that its leader heard first: that one's acknowledgements count", () => {
    const [first] = hearFrom(leader, accepted("n2", 1, 1), 21)
    const [second] = hearFrom(hearFrom(first, accepted("n2", 1, 1), 22)[0], accepted("n3", 1, 1), 33)

    assert.strictEqual(disks(second), "n1:11 n2:21 n3:33")
    assert.deepStrictEqual(second.strangers.map(({ id, incarnation }) => [id, incarnation]), [["n2", 22]])
  })
})
