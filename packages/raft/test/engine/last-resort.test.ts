import { assert, describe, it } from "@effect/vitest"
import {
  Describe,
  Engine,
  Explain,
  LastResort,
  Log,
  LogPosition,
  Membership,
  type Message,
  type State
} from "effect-raft/engine"
import {
  accepted,
  append,
  chunk,
  described,
  flushed,
  granted,
  hear,
  leading,
  membership,
  messages,
  node,
  standing,
  step,
  timer,
  told
} from "../Nodes.ts"

const epoch = 2 ** 32

const five = membership(["n1", "n2", "n3", "n4", "n5"])

const summary = (id: string, fields: Partial<LastResort.Summary> = {}): LastResort.Summary => ({
  id,
  term: 3,
  last: { term: 3, index: 9 },
  commit: 7,
  membership: five,
  ...fields
})

const planned = (...summaries: ReadonlyArray<LastResort.Summary>): LastResort.Plan => {
  const plan = LastResort.plan(summaries)
  if (typeof plan === "string") throw new Error(plan)
  return plan
}

const force = (state: State.State, plan: LastResort.Plan) =>
  step(state, {
    _tag: "ForceMembership",
    now: state.now,
    request: 7,
    term: plan.term,
    membership: plan.membership,
    last: plan.last
  })

const later = (state: State.State, milliseconds: number): State.State => ({ ...state, now: state.now + milliseconds })

describe("an epoch", () => {
  it("is a range of terms that no election before it reaches", () => {
    assert.deepStrictEqual([0, 1, epoch - 1, epoch, epoch + 1, 2 * epoch].map(LogPosition.epochOf), [0, 0, 0, 1, 1, 2])
    assert.deepStrictEqual([0, 7, epoch - 1, epoch, epoch + 9].map(LogPosition.nextEpoch), [
      epoch,
      epoch,
      epoch,
      2 * epoch,
      2 * epoch
    ])
  })

  it("can begin two million times before a term is no longer a safe integer", () => {
    const last = LogPosition.nextEpoch((2 ** 21 - 2) * epoch)

    assert.isTrue(Number.isSafeInteger(last))
    assert.strictEqual(LogPosition.epochOf(last + 1), 2 ** 21 - 1)
  })
})

describe("a plan", () => {
  it("gives the lead to whoever has most of the log: the last term counts first", () => {
    const longer = summary("n1", { last: { term: 2, index: 40 } })
    const newer = summary("n2", { last: { term: 3, index: 5 } })

    assert.strictEqual(planned(longer, newer).leader, "n2")
    assert.strictEqual(planned(newer, longer).leader, "n2")
    assert.strictEqual(planned(summary("n1"), summary("n2", { last: { term: 3, index: 10 } })).leader, "n2")
  })

  it("lets the leader vote alone, and the other survivors learn until they have caught up", () => {
    const plan = planned(summary("n1"), summary("n4"))

    assert.strictEqual(Describe.members(plan.membership), "n1 learners=n4+")
    assert.deepStrictEqual([plan.survivors, plan.lost], [["n1", "n4"], ["n2", "n3", "n5"]])
  })

  it("does not give a vote to a learner that had none", () => {
    const learning = { ...five, voters: ["n1", "n2", "n3", "n5"] }
    const plan = planned(summary("n1", { membership: learning }), summary("n4", { membership: learning }))

    assert.strictEqual(Describe.members(plan.membership), "n1 learners=n4")
  })

  it("ends a change that was under way: those on their way out are given up", () => {
    const joint = {
      ...membership(["n1", "n4", "n5"]),
      outgoing: ["n1", "n2", "n3"],
      departing: [{ id: "n2", address: "n2" }, { id: "n3", address: "n3" }]
    }
    const plan = planned(summary("n1", { membership: joint }), summary("n2", { membership: joint, commit: 3 }))

    assert.deepStrictEqual(Describe.members(plan.membership), "n1")
    assert.sameMembers([...plan.lost], ["n3", "n4", "n5"])
    assert.deepStrictEqual([plan.membership.outgoing, plan.membership.departing], [[], []])
  })

  it("begins the epoch after that of every survivor", () => {
    assert.strictEqual(planned(summary("n1"), summary("n2")).term, epoch)
    assert.strictEqual(planned(summary("n1"), summary("n2", { term: epoch + 4 })).term, 2 * epoch)
  })

  it("says what is surely committed, and how much after that will be", () => {
    const plan = planned(summary("n1", { commit: 4 }), summary("n2", { commit: 6, last: { term: 2, index: 8 } }))

    assert.deepStrictEqual([plan.leader, plan.committed, plan.undecided, plan.last], [
      "n1",
      6,
      3,
      { term: 3, index: 9 }
    ])
  })

  it("counts nothing as kept that the leader does not have", () => {
    const plan = planned(summary("n1", { commit: 12 }), summary("n2", { commit: 12 }))

    assert.deepStrictEqual([plan.committed, plan.undecided], [9, 0])
  })

  it("says that something acknowledged may be lost only where a majority is", () => {
    const four = membership(["n1", "n2", "n3", "n4"])
    const [half, other] = [summary("n1", { membership: four }), summary("n2", { membership: four })]

    assert.isTrue(planned(summary("n1"), summary("n2")).mayLose)
    assert.isFalse(planned(half, other).mayLose)
    assert.isTrue(planned(half).mayLose)
  })

  it("gives the leader a priority with which it stands for election when it is started again", () => {
    const never = described({ n1: { priority: 0 }, n2: {}, n3: {} })
    const plan = planned(summary("n1", { membership: never }))

    assert.isTrue(Membership.mayLead(plan.membership, "n1"))
  })

  it("keeps what was written down of the survivors", () => {
    const known = described({ n1: { incarnation: 11, metadata: { zone: "a" } }, n2: { priority: 3 }, n3: {} })
    const { members } = planned(summary("n1", { membership: known })).membership

    assert.deepStrictEqual(members, [{ id: "n1", address: "n1", incarnation: 11, metadata: { zone: "a" } }])
  })

  const joint = { ...membership(["n1", "n2"]), outgoing: ["n3"], departing: [{ id: "n3", address: "n3" }] }
  const witness = described({ n1: { isWitness: true }, n2: {}, n3: {} })
  const newest = { term: 4, index: 1 }
  const refusals: ReadonlyArray<readonly [string, ReadonlyArray<LastResort.Summary>, string]> = [
    ["nobody is left", [], "there is no survivor"],
    ["one is named twice", [summary("n1"), summary("n1")], "a survivor is named twice"],
    ["one is no member", [summary("n1"), summary("n9")], "n9 is no member"],
    [
      "a majority is left",
      [summary("n1"), summary("n2"), summary("n3")],
      "a majority is left: it can elect a leader and change the membership"
    ],
    [
      "the best is on its way out",
      [summary("n1", { membership: joint }), summary("n3", { membership: joint, last: newest })],
      "n3 has most of the log, and is on its way out"
    ],
    [
      "the best is a witness",
      [summary("n1", { membership: witness, last: newest })],
      "n1 has most of the log, and is a witness"
    ]
  ]
  for (const [when, summaries, why] of refusals) {
    it(`there is none when ${when}`, () => {
      assert.strictEqual(LastResort.plan(summaries), why)
    })
  }
})

describe("what a survivor says", () => {
  it("is what is on its disk, and no more", () => {
    const state = node({ terms: [1, 1, 2], commit: 1 })
    const [written] = hear({ ...state, term: 2 }, append("n2", 2, [3, 2], [2, 2]), 1)

    assert.deepStrictEqual(LastResort.summarize(written), {
      id: "n1",
      term: 2,
      last: { term: 2, index: 3 },
      commit: 1,
      membership: membership(["n1", "n2", "n3"])
    })
    assert.deepStrictEqual(LastResort.summarize(flushed(written)[0]).last, { term: 2, index: 5 })
  })

  it("names the membership of the last entry on its disk", () => {
    const three = membership(["n1", "n2", "n3"])
    const other = { ...three, members: [...three.members, { id: "n4", address: "n4" }] }
    const moving = { ...append("n2", 1, [1, 1], [1]), memberships: [{ index: 2, membership: other }] }
    const [written] = hear(node({ terms: [1] }), moving, 1)

    assert.strictEqual(LastResort.summarize(written).membership.members.length, 3)
    assert.strictEqual(LastResort.summarize(flushed(written)[0]).membership.members.length, 4)
  })
})

/** Is left of n1, n2, n3 with two entries, of which it knows one to be committed. */
const survivor = later(node({ terms: [1, 1], commit: 1 }), 600)
const plan = planned(LastResort.summarize(survivor))
const forced = force(survivor, plan)
const leader = flushed(forced[0])[0]

describe("a membership that is forced", () => {
  it("is in force at once, with the term and the vote in the same write", () => {
    assert.deepStrictEqual(told(forced[1]), [`write 1: term=${epoch} vote=n1 append=3@${epoch} members=3:n1`])
    assert.strictEqual(Describe.state(forced[0]), `n1@${epoch} leader last=3@${epoch} durable=2 commit=1 vote=n1`)
  })

  it("commits what the survivor had, and is done, once it is on the disk", () => {
    const [after, outputs] = flushed(forced[0])

    assert.strictEqual(after.commit, 3)
    assert.include(told(outputs), "change #7 is done with entry 3")
    assert.include(told(outputs), "apply 2-3")
  })

  it("survives a restart as it is", () => {
    const recovered = { hardState: { term: leader.term, votedFor: leader.votedFor }, log: leader.log }
    const [again] = Engine.start({ id: "n1", settings: leader.settings, seed: 2, now: 0, recovered })

    const [standing] = timer(again)
    assert.strictEqual(flushed(standing)[0].role._tag, "Leader")
    assert.strictEqual(standing.term, epoch + 1)
  })

  it("makes the other survivors learn, and then vote", () => {
    const two = later(node({ terms: [1, 1], membership: five }), 600)
    const pair = planned(LastResort.summarize(two), { ...LastResort.summarize(two), id: "n4" })
    const [alone] = flushed(force(two, pair)[0])
    const [joint] = hear(alone, accepted("n4", epoch, 3))
    const [voting] = hear(flushed(joint)[0], accepted("n4", epoch, 4))

    assert.strictEqual(Describe.members(Log.membership(alone.log)), "n1 learners=n4+")
    assert.strictEqual(Describe.members(Log.membership(joint.log)), "n1 & n1,n4")
    assert.strictEqual(Describe.members(Log.membership(voting.log)), "n1,n4")
  })
})

describe("a plan is not carried out", () => {
  const refusals: ReadonlyArray<readonly [string, State.State, LastResort.Plan, RegExp]> = [
    [
      "when the log has grown",
      { ...survivor, log: Log.append(survivor.log, [{ start: 3, term: 1 }], 3, []) },
      plan,
      /the log is not what it was when the plan was made/
    ],
    ["by another node", later(node({ id: "n2", terms: [1, 1] }), 600), plan, /the plan is for another node/],
    ["twice", leader, { ...plan, last: { term: epoch, index: 3 } }, /the plan is older than this node's term/],
    [
      "while a leader is heard",
      hear(survivor, append("n2", 1, [2, 1]))[0],
      plan,
      /a leader was heard within the last election timeout/
    ],
    [
      "before a leader would have been heard",
      Engine.start({
        id: "n1",
        settings: survivor.settings,
        seed: 1,
        now: 0,
        recovered: { hardState: { term: 1, votedFor: undefined }, log: survivor.log }
      })[0],
      plan,
      /this node leads or has only started/
    ]
  ]
  for (const [when, state, plan, why] of refusals) {
    it(`${when}`, () => {
      const [after, outputs] = force(state, plan)

      assert.match(told(outputs).join("\n"), new RegExp(`^change #7 refused: Invalid, .*${why.source}`))
      assert.strictEqual(after.log, state.log)
      assert.strictEqual(after.term, state.term)
    })
  }

  // It was made of too few: those who are taken for lost follow this very leader.
  it("by a leader, which hears a majority or will soon know that it does not", () => {
    const leads = leading({ terms: [1, 1], term: 1 })
    const [after, outputs] = force(leads, planned(LastResort.summarize(leads)))

    assert.match(told(outputs).join("\n"), /refused: Invalid, a leader was heard/)
    assert.strictEqual(after.term, leads.term)
  })

  it("is, once no leader was heard for an election timeout", () => {
    const heard = hear(survivor, append("n2", 1, [2, 1]))[0]
    const deposed = timer(leading({ terms: [1], term: 1 }), 2000)[0]
    const remaining = planned(LastResort.summarize(deposed))

    assert.strictEqual(force(later(heard, 500), plan)[0].role._tag, "Leader")
    assert.strictEqual(force(deposed, remaining)[0].term, epoch)
  })
})

describe("a node that was given up, and returns", () => {
  const vote = (from: string, term: number): Message.RequestVote => ({
    _tag: "RequestVote",
    from,
    term,
    last: { index: 2, term: 1 },
    isTransfer: false
  })
  const returning = later(node({ id: "n2", terms: [1, 1] }), 5000)
  const epochReply: Message.Disowned = {
    _tag: "Disowned",
    from: "n1",
    term: epoch,
    reason: "Epoch",
    incarnation: undefined
  }
  const [fenced] = flushed(hear(returning, epochReply)[0])

  it("is told the term by the leader, whatever it says", () => {
    const question: Message.RequestPreVote = {
      _tag: "RequestPreVote",
      from: "n2",
      term: 1,
      last: { index: 2, term: 1 },
      round: 1
    }
    for (const message of [question, vote("n2", 2), append("n2", 1, [2, 1], [1], 3), accepted("n2", 1, 2)]) {
      const [after, outputs] = hear(leader, message)

      assert.deepStrictEqual(messages(outputs), [epochReply])
      assert.strictEqual(after, leader)
    }
  })

  it("is heard like anyone else when the leader has a place for it", () => {
    const two = later(node({ terms: [1, 1], membership: five }), 600)
    const pair = planned(LastResort.summarize(two), { ...LastResort.summarize(two), id: "n4" })
    const [alone] = flushed(force(two, pair)[0])
    const [, outputs] = hear(alone, vote("n4", 2))

    assert.deepStrictEqual(told(outputs), ["→ n4 VoteReply refused"])
  })

  it("takes part in no election from then on, and votes for nobody", () => {
    const [waited, nothing] = timer(fenced)
    const voter = later(fenced, 5000)
    const question = { _tag: "RequestPreVote", from: "n3", term: epoch, last: { index: 9, term: 1 }, round: 1 } as const

    assert.deepStrictEqual([fenced.term, waited.role._tag, nothing], [epoch, "Follower", []])
    assert.deepStrictEqual(told(hear(voter, vote("n3", epoch + 1))[1]).at(-1), "→ n3 VoteReply refused (after write 2)")
    assert.deepStrictEqual(told(hear(voter, question)[1]), ["→ n3 PreVoteReply refused"])
    assert.strictEqual(
      hear(voter, { _tag: "TimeoutNow", from: "n3", term: epoch, last: { index: 2, term: 1 } })[0].role
        ._tag,
      "Follower"
    )
  })

  it("takes part in none after a restart either, for the term is on its disk", () => {
    const recovered = { hardState: { term: fenced.term, votedFor: undefined }, log: fenced.log }
    const [again] = Engine.start({ id: "n2", settings: fenced.settings, seed: 2, now: 0, recovered })

    assert.strictEqual(timer(again)[0].role._tag, "Follower")
  })

  it("gives up an election that it had begun", () => {
    const candidate = standing(node({ id: "n2", terms: [1, 1] }))

    assert.strictEqual(hear(candidate, epochReply)[0].role._tag, "Follower")
    assert.strictEqual(hear(timer(returning)[0], epochReply)[0].role._tag, "Follower")
  })

  it("takes part again once a leader of the epoch has brought its log up to there", () => {
    const [caughtUp] = flushed(hear(fenced, append("n1", epoch, [2, 1], [epoch]), 1)[0])

    assert.strictEqual(timer(caughtUp)[0].role._tag, "PreCandidate")
  })

  it("takes part again with a snapshot of the epoch in the place of its log", () => {
    const snapshot = { index: 5, term: epoch, membership: membership(["n1", "n2", "n3"]), size: 2, checksum: 1 }
    const message = chunk("n1", epoch, snapshot, 0, 2)
    const [installed] = step(fenced, { _tag: "Receive", now: fenced.now, message, batch: 1 })

    assert.strictEqual(timer(flushed(installed)[0])[0].role._tag, "PreCandidate")
  })

  it("says why it does not stand", () => {
    assert.match(Explain.explain(fenced).reasons[0] ?? "", /a membership was forced while n2 was away/)
  })
})

describe("a node that joins in a later epoch", () => {
  const early = {
    index: 2,
    term: 1,
    membership: membership(["n1", "n2", "n3"]),
    size: 2,
    checksum: 1
  }

  const empty = node({ id: "n6", voters: [] })
  const first = { _tag: "Receive", now: 0, message: chunk("n1", epoch, early, 0, 2), batch: 1 } as const
  const [installed] = flushed(step(empty, first)[0])
  const joining = {
    ...append("n1", epoch, [2, 1], [epoch, epoch, epoch]),
    memberships: [
      { index: 3, membership: membership(["n1"]) },
      { index: 4, membership: { ...membership(["n1", "n6"]), outgoing: ["n1"] } },
      { index: 5, membership: membership(["n1", "n6"]) }
    ]
  }
  const [caughtUp] = flushed(hear(installed, joining, 2)[0])

  it("takes a snapshot that is older than the epoch, and the entries after it, and then takes part", () => {
    assert.strictEqual(timer(installed)[0].role._tag, "Follower")
    assert.strictEqual(timer(caughtUp)[0].role._tag, "PreCandidate")
  })

  it("can be voted for by those of its epoch", () => {
    const candidate = flushed(standing(caughtUp))[0]

    assert.strictEqual(candidate.term, epoch + 1)
    assert.strictEqual(hear(candidate, granted("n1", epoch + 1))[0].role._tag, "Leader")
  })
})
