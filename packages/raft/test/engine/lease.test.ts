import { assert, describe, it } from "@effect/vitest"
import { Describe, Engine, Log, Settings, type State } from "effect-raft/engine"
import { accepted, flushed, hear, leading, membership, step, timer } from "../Nodes.ts"

const { electionTimeout, heartbeatInterval } = Settings.defaults
const lease = electionTimeout * 0.9

/** Leads, with the entry that opens its term committed by an answer to its first round. */
const committed = (): State.State => hear(leading(), accepted("n2", 1, 1, 1))[0]

const readAt = (state: State.State, now: number) => step(state, { _tag: "Read", now, read: 9, isLease: true })

const answers = (state: State.State, now: number): ReadonlyArray<string> =>
  readAt(state, now)[1].filter((output) => output._tag === "ReadReady").map(Describe.output)

describe("a lease (§6.4.1)", () => {
  it("answers at once, until an election timeout less the drift after the round was begun", () => {
    const leader = committed()
    const end = leader.now + lease

    assert.deepStrictEqual(answers(leader, end - 1), [`read #9 may be answered at 1 until ${end}`])
    assert.deepStrictEqual(answers(leader, end), [])
  })

  it("counts from when a round was begun, however late the answer came", () => {
    const begun = committed().now
    const beating = timer(committed(), begun + heartbeatInterval)[0]
    const late = { ...beating, now: begun + 300 }

    const [answered] = hear(late, accepted("n2", 1, 1, 2))

    const end = begun + heartbeatInterval + lease
    assert.deepStrictEqual(answers(answered, begun + 300), [`read #9 may be answered at 1 until ${end}`])
  })

  it("needs a majority: an answer of one of four others is none", () => {
    const five = leading({ voters: ["n1", "n2", "n3", "n4", "n5"] })
    const [one] = hear(five, accepted("n2", 1, 1, 1))
    assert.deepStrictEqual(answers(one, one.now), [])
    const [two] = hear(one, accepted("n3", 1, 1, 1))
    assert.strictEqual(answers(two, two.now).length, 1)
  })

  it("is none before an entry of the leader's own term is committed", () => {
    const [heard] = hear(leading({ terms: [1, 1], term: 1 }), accepted("n2", 2, 2, 1))
    assert.isBelow(heard.commit, 3)
    assert.deepStrictEqual(answers(heard, heard.now), [])
  })

  it("is void while leadership is handed over, and after that until a later entry is committed", () => {
    const leader = committed()
    const wish = {
      _tag: "TransferLeadership",
      now: leader.now,
      request: 1,
      to: "n2",
      deadline: leader.now + 100
    } as const
    const [asking] = step(leader, wish)
    assert.deepStrictEqual(answers(asking, asking.now), [])

    const [given] = step(asking, { _tag: "Timer", now: leader.now + 100 })
    const [heard] = hear(given, accepted("n3", 1, 1, 2))
    assert.strictEqual(given.transfer, undefined)
    assert.deepStrictEqual(answers(heard, heard.now), [])

    const [proposed] = step(heard, { _tag: "Propose", now: heard.now, batch: 1, count: 1 })
    const [later] = hear(flushed(proposed)[0], accepted("n3", 1, 2, 2))
    assert.strictEqual(later.commit, 2)
    assert.strictEqual(answers(later, later.now).length, 1)
  })

  it("is void from a change of the membership until those who vote now have answered", () => {
    const leader = committed()
    const member = { id: "n4", address: "n4" }
    const add = { _tag: "ChangeMembership", now: leader.now, request: 1, expected: undefined } as const
    const [changed] = step(leader, { ...add, change: { _tag: "AddLearner", member } })
    assert.deepStrictEqual(answers(changed, changed.now), [])

    const [answered] = hear(flushed(changed)[0], accepted("n2", 1, 2, 2))
    assert.strictEqual(answers(answered, answered.now).length, 1)
  })

  it("asks the others where it does not hold, and so is no worse than a read without it", () => {
    const [asking, outputs] = readAt(leading(), leading().now)
    assert.include(outputs.map(Describe.output).join("\n"), "→ n2 AppendEntries")
    assert.strictEqual(asking.role._tag === "Leader" && asking.role.reads.length, 1)
  })

  it("is kept by those who start again: for an election timeout they vote for nobody", () => {
    const recovered = { hardState: { term: 1, votedFor: undefined }, log: Log.empty(membership(["n1", "n2", "n3"])) }
    const [again] = Engine.start({ id: "n1", settings: Settings.defaults, seed: 1, now: 1000, recovered })
    const request = {
      _tag: "RequestVote",
      from: "n2",
      term: 2,
      last: { term: 0, index: 0 },
      isTransfer: false
    } as const

    assert.deepStrictEqual(hear(again, request)[1], [])
    const [, outputs] = hear({ ...again, now: 1000 + electionTimeout }, request)
    assert.include(outputs.map(Describe.output).join("\n"), "granted")
  })
})
