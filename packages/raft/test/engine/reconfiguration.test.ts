import { assert, describe, it } from "@effect/vitest"
import { Describe, Engine, type Input, Log, type Membership, type Output, type State } from "effect-raft/engine"
import { accepted, append, flushed, hear, leading, membership, node, step, timer } from "../Nodes.ts"

/** Leads n1, n2, n3 with everything committed. */
const leader = hear(hear(leading(), accepted("n2", 1, 1))[0], accepted("n3", 1, 1))[0]

const change = (state: State.State, change: Membership.Change, request = 7, expected?: number) =>
  step(state, { _tag: "ChangeMembership", now: state.now, request, change, expected })

const later = (state: State.State, milliseconds: number): State.State => ({ ...state, now: state.now + milliseconds })

/** All others have everything on their disks, and so has this node. */
const caughtUp = (state: State.State, ...ids: ReadonlyArray<string>) => {
  const outputs: Array<Output.Output> = []
  let current = state
  const take = ([after, told]: readonly [State.State, ReadonlyArray<Output.Output>]) => {
    current = after
    outputs.push(...told)
  }
  take(flushed(current))
  for (const id of ids) take(hear(current, accepted(id, current.term, current.log.last)))
  return [current, outputs] as const
}

const told = (outputs: ReadonlyArray<Output.Output>) => outputs.map(Describe.output)
const members = (state: State.State): string => Describe.members(Log.membership(state.log))
const tags = (outputs: ReadonlyArray<Output.Output>) => outputs.map(({ _tag }) => _tag)

const addVoter = (id: string): Membership.Change => ({ _tag: "AddVoter", member: { id, address: id } })
const remove = (id: string): Membership.Change => ({ _tag: "Remove", id })

describe("a change of membership", () => {
  it("is in force as soon as it is in the log, with both sets of voters", () => {
    const [after, outputs] = change(leader, remove("n3"))

    assert.strictEqual(members(after), "n1,n2,n3 & n1,n2")
    assert.include(told(outputs), "write 3: append=2@1 members=2:n1,n2,n3 & n1,n2")
  })

  it("goes on by itself when a majority of both has it, and is done when the new one is committed", () => {
    const [begun] = change(leader, remove("n3"))
    const [joint, one] = caughtUp(begun, "n2")
    const [after, two] = caughtUp(joint, "n2")

    assert.strictEqual(members(joint), "n1,n2")
    assert.notInclude(tags(one), "ChangeDone")
    assert.include(told(two), "change #7 is done with entry 3")
    assert.strictEqual(after.commit, 3)
  })

  it("of a learner needs one step only", () => {
    const [begun] = change(leader, { _tag: "AddLearner", member: { id: "n4", address: "n4" } })
    const [after, outputs] = caughtUp(begun, "n2")

    assert.strictEqual(members(after), "n1,n2,n3 learners=n4")
    assert.include(told(outputs), "change #7 is done with entry 2")
  })

  it("is refused by who does not lead", () => {
    const [, outputs] = change(node(), remove("n3"))

    assert.deepStrictEqual(told(outputs), ["change #7 refused: NotLeader, this node does not lead"])
  })

  it("that makes no sense is refused, and nothing is written", () => {
    const [after, outputs] = change(leader, remove("n9"))

    assert.deepStrictEqual(told(outputs), ["change #7 refused: Invalid, n9 is no member"])
    assert.strictEqual(after.log, leader.log)
  })

  it("is refused when the operator saw another membership", () => {
    const [stale] = [change(leader, remove("n3"), 7, 1)[1]]
    const [fresh] = change(leader, remove("n3"), 7, 0)

    assert.deepStrictEqual(told(stale), ["change #7 refused: Stale, the membership in force is that of entry 0"])
    assert.strictEqual(members(fresh), "n1,n2,n3 & n1,n2")
  })

  it("ends with this leader: who deposes it is the one to know", () => {
    const [begun] = change(leader, remove("n3"))
    const [after, outputs] = hear(begun, append("n2", 2, [1, 1]))

    assert.include(told(outputs), "change #7 may happen or not")
    assert.strictEqual(after.role._tag, "Follower")
  })
})

describe("a newcomer that is to vote", () => {
  const [waiting] = caughtUp(change(leader, addVoter("n4"))[0], "n2", "n3")

  it("has no vote, and whoever asked for it no answer, until it has caught up", () => {
    assert.strictEqual(members(waiting), "n1,n2,n3 learners=n4+")
    const [after, outputs] = caughtUp(waiting, "n2", "n3")

    assert.strictEqual(members(after), "n1,n2,n3 learners=n4+")
    assert.notInclude(tags(outputs), "ChangeDone")
  })

  it("is promoted when it has run a round in less than an election timeout", () => {
    const [after] = hear(later(waiting, 499), accepted("n4", 1, 2))

    assert.strictEqual(members(after), "n1,n2,n3 & n1,n2,n3,n4")
  })

  it("begins another round when one took longer, and it goes to where the log ends by then", () => {
    const alive = ["n2", "n3"].reduce((state, id) => hear(state, accepted(id, 1, 2))[0], later(waiting, 400))
    const [proposed] = step(alive, { _tag: "Propose", now: alive.now, batch: 8, count: 3 })
    const [late] = hear(later(proposed, 100), accepted("n4", 1, 2))
    const [inTime] = hear(later(late, 400), accepted("n4", 1, 5))

    assert.strictEqual(members(late), "n1,n2,n3 learners=n4+")
    assert.strictEqual(members(caughtUp(inTime, "n2", "n3")[0]), "n1,n2,n3,n4")
  })

  // It has had everything before the others had, and was not heard of since.
  it("is not promoted when it was not heard for an election timeout, however far it came", () => {
    const [first] = hear(flushed(change(leader, addVoter("n4"))[0])[0], accepted("n4", 1, 2))
    const alive = ["n2", "n3"].reduce((state, id) => hear(state, accepted(id, 1, 1))[0], later(first, 400))
    const [silent] = hear(later(alive, 200), accepted("n2", 1, 2))
    const [heard] = hear(silent, accepted("n4", 1, 2))

    assert.deepStrictEqual([silent, heard].map(members), ["n1,n2,n3 learners=n4+", "n1,n2,n3 & n1,n2,n3,n4"])
  })

  it("gives way to another change, and whoever asked for it hears that it may happen or not", () => {
    const [after, outputs] = change(waiting, remove("n3"), 9)

    assert.include(told(outputs), "change #7 may happen or not")
    assert.strictEqual(members(after), "n1,n2,n3 & n1,n2 learners=n4+")
  })

  it("counts as heard from when it comes, however long the leader has led", () => {
    const alive = ["n2", "n3"].reduce((state, id) => hear(state, accepted(id, 1, 1))[0], later(leader, 9000))
    const replaced = membership(["n1", "n4", "n5"])
    const [begun] = change(alive, { _tag: "Replace", members: replaced.members, voters: replaced.voters })

    assert.strictEqual(timer(begun, begun.now + 499)[0].role._tag, "Leader")
    assert.strictEqual(timer(begun, begun.now + 500)[0].role._tag, "Follower")
  })

  // The entry that is committed was counted among the three; the fourth had no say in it.
  it("may be promoted in the step in which something else is committed", () => {
    const [proposed] = step(waiting, { _tag: "Propose", now: waiting.now, batch: 8, count: 1 })
    const inputs = [accepted("n2", 1, 3), accepted("n4", 1, 2)].map((message): Input.Input => ({
      _tag: "Receive",
      now: proposed.now,
      message,
      batch: undefined
    }))
    const [after] = Engine.stepAll(flushed(proposed)[0], inputs)

    assert.strictEqual(after.commit, 3)
    assert.strictEqual(members(after), "n1,n2,n3 & n1,n2,n3,n4")
  })
})

describe("a leader that is voted out", () => {
  const [begun] = change(leader, remove("n1"))
  const [joint] = caughtUp(begun, "n2", "n3")
  const leaving = flushed(joint)[0]

  it("leads on, and does not count itself", () => {
    const [after] = hear(leaving, accepted("n2", 1, 3))

    assert.strictEqual(members(leaving), "n2,n3")
    assert.deepStrictEqual([after.role._tag, after.commit], ["Leader", 2])
  })

  it("steps down when that is committed, having told the others", () => {
    const [one] = hear(leaving, accepted("n2", 1, 3))
    const [after, outputs] = hear(one, accepted("n3", 1, 3))

    assert.strictEqual(after.role._tag, "Follower")
    assert.include(told(outputs), "change #7 is done with entry 3")
    assert.include(told(outputs), "→ n2 AppendEntries previous=3@1 commit=3 round=3")
  })

  it("may answer a read with its last step", () => {
    const [asked] = step(leaving, { _tag: "Read", now: leaving.now, read: 9, isLease: false })
    const [one] = hear(asked, accepted("n2", 1, 3, 4))
    const [after, outputs] = hear(one, accepted("n3", 1, 3, 4))

    assert.strictEqual(after.role._tag, "Follower")
    assert.include(told(outputs), "read #9 may be answered at 2")
  })
})

describe("a member that was removed", () => {
  const [joint] = caughtUp(change(leader, remove("n3"))[0], "n2")
  const [removed] = caughtUp(joint, "n2")
  const sentTo = (outputs: ReadonlyArray<Output.Output>) =>
    outputs.flatMap((each) => each._tag === "Send" ? [each.to] : [])
  const propose = (state: State.State) => step(state, { _tag: "Propose", now: state.now, batch: 8, count: 1 })

  it("is still served for an election timeout after that is committed", () => {
    const alive = hear(later(removed, 499), accepted("n2", 1, 3))[0]
    const gone = hear(later(alive, 1), accepted("n2", 1, 3))[0]

    assert.include(sentTo(timer(alive, alive.now)[1]), "n3")
    assert.deepStrictEqual(sentTo(propose(gone)[1]), ["n2"])
  })

  it("is not let go while the removal may be taken back", () => {
    const alive = hear(later(joint, 600), accepted("n2", 1, 2))[0]

    assert.include(sentTo(timer(alive, alive.now)[1]), "n3")
  })

  it("does not count, whatever it says", () => {
    const [proposed] = propose(removed)
    const [after] = hear(flushed(proposed)[0], accepted("n3", 1, 4))

    assert.strictEqual(after.commit, 3)
    assert.deepStrictEqual(hear(after, accepted("n9", 1, 4))[0].commit, 3)
  })
})

describe("whoever leads next", () => {
  const joint = { ...membership(["n1", "n2"]), outgoing: ["n1", "n2", "n3"], departing: [{ id: "n3", address: "n3" }] }
  const recovered = (): State.State => {
    const { settings } = node()
    const log = Log.append(node({ terms: [1] }).log, [{ start: 2, term: 1 }], 2, [{ index: 2, membership: joint }])
    return Engine.start({
      id: "n1",
      settings,
      seed: 1,
      now: 0,
      recovered: { hardState: { term: 1, votedFor: "n1" }, log }
    })[0]
  }
  const elected = (): State.State => {
    const [asking] = timer(recovered())
    if (asking.role._tag !== "PreCandidate") return asking
    const { round } = asking.role
    const [standing] = hear(asking, { _tag: "PreVoteReply", from: "n2", term: 1, round, granted: true })
    return hear(flushed(standing)[0], { _tag: "VoteReply", from: "n2", term: 2, granted: true })[0]
  }

  it("finds the change in its log, and finishes it once it is committed with an entry of its own term", () => {
    const leads = elected()
    const [own] = caughtUp(leads, "n2")
    const [after] = caughtUp(own, "n2")

    assert.deepStrictEqual([leads, own].map(members), ["n1,n2,n3 & n1,n2", "n1,n2"])
    assert.deepStrictEqual([leads.log.last, own.log.last, after.commit], [3, 4, 4])
  })

  it("serves those who are on their way out", () => {
    const { role } = elected()
    assert.deepStrictEqual(role._tag === "Leader" ? role.progress.map(({ id }) => id) : [], ["n2", "n3"])
  })
})
