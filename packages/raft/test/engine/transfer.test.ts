import { assert, describe, it } from "@effect/vitest"
import { Describe, Engine, type Message, type Output, type State } from "effect-raft/engine"
import { accepted, append, flushed, hear, leading, node, step, timer } from "../Nodes.ts"

/** Leads n1, n2, n3; all have everything. */
const leader = hear(hear(leading(), accepted("n2", 1, 1))[0], accepted("n3", 1, 1))[0]

const transfer = (state: State.State, to: string, request = 5, within = 400) =>
  step(state, { _tag: "TransferLeadership", now: state.now, request, to, deadline: state.now + within })

const told = (outputs: ReadonlyArray<Output.Output>) => outputs.map(Describe.output)

const propose = (state: State.State) => step(state, { _tag: "Propose", now: state.now, batch: 8, count: 1 })

const timeoutNow = (index: number, term: number, from = "n2"): Message.TimeoutNow => ({
  _tag: "TimeoutNow",
  from,
  term,
  last: { index, term }
})

describe("a transfer of leadership", () => {
  it("asks a successor that has everything at once, and only once", () => {
    const [asking, outputs] = transfer(leader, "n3")
    const [, again] = timer(asking, asking.now + 75)

    assert.deepStrictEqual(told(outputs), ["→ n3 TimeoutNow last=1@1"])
    assert.notInclude(told(again).join("\n"), "TimeoutNow")
  })

  it("waits until the successor has all of the log on its disk", () => {
    const [longer] = flushed(propose(leader)[0])
    const [waiting, nothing] = transfer(longer, "n3")
    const [, outputs] = hear(waiting, accepted("n3", 1, 2))

    assert.deepStrictEqual(nothing, [])
    assert.include(told(outputs), "→ n3 TimeoutNow last=2@1")
  })

  it("is refused by who does not lead, to who does not vote, and done when it is to itself", () => {
    assert.deepStrictEqual(told(transfer(node(), "n3")[1]), ["transfer #5 failed: NotLeader"])
    assert.deepStrictEqual(told(transfer(leader, "n9")[1]), ["transfer #5 failed: NotVoter"])
    assert.deepStrictEqual(told(transfer(leader, "n1")[1]), ["transfer #5 done: n1 leads"])
  })

  it("replaces an earlier one", () => {
    const [longer] = flushed(propose(leader)[0])
    const [first] = transfer(longer, "n3")
    const [after, outputs] = transfer(first, "n2", 6)

    assert.deepStrictEqual(told(outputs), ["transfer #5 failed: Superseded"])
    assert.strictEqual(after.transfer?.to, "n2")
  })

  it("is not replaced once the successor was asked: only the next leader, or time, shows what came of it", () => {
    const [asked] = transfer(leader, "n3")
    const [after, outputs] = transfer(asked, "n2", 6)

    assert.deepStrictEqual(told(outputs), ["transfer #6 failed: Pending"])
    assert.strictEqual(after.transfer?.to, "n3")
  })

  it("ends when its time is up, and the leader takes commands again", () => {
    const [asking] = transfer(leader, "n3")
    const [early, nothing] = timer(asking, asking.now + 399)
    const [after, outputs] = timer(early, asking.now + 400)

    assert.notInclude(told(nothing).join("\n"), "transfer")
    assert.include(told(outputs), "transfer #5 failed: Timeout")
    assert.deepStrictEqual([after.role._tag, after.transfer], ["Leader", undefined])
    assert.include(told(propose(after)[1]), "accepted #8 as 2@1")
  })

  it("wakes the node when its time is up, whether it leads or not", () => {
    const [asking] = transfer(leader, "n3", 5, 10)
    const [deposed] = hear(asking, {
      _tag: "RequestVote",
      from: "n3",
      term: 2,
      last: { index: 1, term: 1 },
      isTransfer: true
    })

    assert.strictEqual(Engine.deadline(asking), asking.now + 10)
    assert.strictEqual(Engine.deadline(deposed), asking.now + 10)
    assert.include(told(timer(deposed)[1]), "transfer #5 failed: Timeout")
  })

  it("is told by the next leader, whoever that is", () => {
    const [asking] = transfer(leader, "n3")
    const [, wanted] = hear(asking, append("n3", 2, [1, 1]))
    const [, other] = hear(asking, append("n2", 2, [1, 1]))

    assert.include(told(wanted), "transfer #5 done: n3 leads")
    assert.include(told(other), "transfer #5 done: n2 leads")
  })

  it("is not told by a newer term alone: nobody leads it yet", () => {
    const [asking] = transfer(leader, "n3")
    const vote: Message.RequestVote = {
      _tag: "RequestVote",
      from: "n3",
      term: 2,
      last: { index: 1, term: 1 },
      isTransfer: true
    }
    const [after, outputs] = hear(asking, vote)

    assert.strictEqual(after.votedFor, "n3")
    assert.notInclude(told(outputs).join("\n"), "transfer #5")
  })
})

describe("a transfer that the operator gives up", () => {
  const abort = (state: State.State) => step(state, { _tag: "AbortTransfer", now: state.now })
  const [longer] = flushed(propose(leader)[0])

  it("is over, and the leader takes commands again", () => {
    const [after, outputs] = abort(transfer(longer, "n3")[0])

    assert.deepStrictEqual(told(outputs), ["transfer #5 failed: Aborted"])
    assert.isUndefined(after.transfer)
    assert.include(told(propose(after)[1]), "accepted #8 as 3@1")
    assert.notInclude(told(hear(after, accepted("n3", 1, 2))[1]).join("\n"), "TimeoutNow")
  })

  it("is over also when the other was asked: its lease stays void until a later entry is committed", () => {
    const [after, outputs] = abort(transfer(leader, "n3")[0])
    const read = (state: State.State) =>
      told(step(state, { _tag: "Read", now: state.now, read: 9, isLease: true })[1]).filter((line) =>
        line.includes("until")
      )
    const [later] = hear(flushed(propose(after)[0])[0], accepted("n2", 1, 2))

    assert.deepStrictEqual(told(outputs), ["transfer #5 failed: Aborted"])
    assert.deepStrictEqual([read(after), read(later).length], [[], 1])
  })

  it("is told once, and may happen all the same: the other leads if it was asked", () => {
    const [after] = abort(transfer(leader, "n3")[0])
    const [deposed, outputs] = hear(after, append("n3", 2, [1, 1]))

    assert.deepStrictEqual(abort(after), [after, []])
    assert.strictEqual(deposed.leader, "n3")
    assert.notInclude(told(outputs).join("\n"), "transfer")
  })

  it("can be one of a node that leads no longer", () => {
    const [asked] = transfer(leader, "n3")
    const vote = { _tag: "RequestVote", from: "n3", term: 2, last: { index: 1, term: 1 }, isTransfer: true } as const
    const [voter] = hear(asked, vote)

    assert.deepStrictEqual(told(abort(voter)[1]), ["transfer #5 failed: Aborted"])
  })

  it("is nothing where there is none", () => {
    assert.deepStrictEqual(abort(leader), [leader, []])
    assert.deepStrictEqual(abort(node())[1], [])
  })
})

describe("commands during a transfer", () => {
  const narrow = hear(
    hear(leading({ settings: { maxEntriesPerMessage: 2 } }), accepted("n2", 1, 1))[0],
    accepted("n3", 1, 1)
  )[0]
  const longer = [1, 2, 3].reduce((state) => flushed(propose(state)[0])[0], narrow)

  it("are taken while the successor is far behind", () => {
    const [waiting] = transfer(longer, "n3")

    assert.include(told(propose(waiting)[1]), "accepted #8 as 5@1")
  })

  it("are refused once it is nearly there, and once it was asked", () => {
    const [near] = hear(transfer(longer, "n3")[0], accepted("n3", 1, 2))
    const [asked] = hear(near, accepted("n3", 1, 4))

    assert.deepStrictEqual(told(propose(near)[1]), ["refused #8: Busy"])
    assert.isTrue(asked.transfer?.isAsked)
    assert.deepStrictEqual(told(propose(asked)[1]), ["refused #8: Busy"])
  })

  it("that change the membership are refused", () => {
    const [waiting] = transfer(longer, "n3")
    const [, outputs] = step(waiting, {
      _tag: "ChangeMembership",
      now: waiting.now,
      request: 9,
      change: { _tag: "Remove", id: "n2" },
      expected: undefined
    })

    assert.deepStrictEqual(told(outputs), ["change #9 refused: Pending, leadership is being handed over"])
  })
})

describe("a node that is asked to stand", () => {
  const following = hear(node({ terms: [1, 1] }), append("n2", 1, [2, 1]))[0]

  it("stands at once, and says that the leader wants it", () => {
    const [after, outputs] = hear(following, timeoutNow(2, 1))

    assert.strictEqual(Describe.state(after), "n1@2 candidate last=2@1 commit=0 vote=n1")
    assert.include(told(outputs), "→ n3 RequestVote last=2@1 transfer (after write 1)")
  })

  it("does nothing when its log is another, or its term", () => {
    for (const message of [timeoutNow(1, 1), timeoutNow(3, 1), timeoutNow(0, 0)]) {
      const [after, outputs] = hear(following, message)

      assert.deepStrictEqual([Describe.state(after), outputs], [Describe.state(following), []])
    }
  })

  it("does nothing when it does not vote", () => {
    const learner = node({ id: "n4", terms: [1, 1] })

    assert.strictEqual(hear(learner, timeoutNow(2, 1))[0].role._tag, "Follower")
  })

  it("is heard by those who hear the leader", () => {
    const vote = { _tag: "RequestVote", from: "n3", term: 2, last: { index: 2, term: 1 } } as const

    assert.strictEqual(hear(following, { ...vote, isTransfer: false })[0].votedFor, undefined)
    assert.strictEqual(hear(following, { ...vote, isTransfer: true })[0].votedFor, "n3")
  })

  it("is not voted for when its log is behind, though the leader wants it", () => {
    const vote = { _tag: "RequestVote", from: "n3", term: 2, last: { index: 1, term: 1 }, isTransfer: true } as const

    assert.strictEqual(hear(following, vote)[0].votedFor, undefined)
  })
})
