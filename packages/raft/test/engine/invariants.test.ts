import { assert, describe, it } from "@effect/vitest"
import {
  Durability,
  Engine,
  type Input,
  Invariants,
  Log,
  type Message,
  type Output,
  type State
} from "effect-raft/engine"
import { accepted, append, flushed, granted, hear, leading, membership, node, standing, timer } from "../Nodes.ts"

const follower = node({ terms: [1, 1, 1], commit: 1 })
const candidate = flushed(standing(node()))[0]
const leader = hear(leading(), accepted("n2", 1, 1))[0]

const role = <R extends State.Role["_tag"]>(state: State.State, tag: R): Extract<State.Role, { readonly _tag: R }> => {
  const isRole = (role: State.Role): role is Extract<State.Role, { readonly _tag: R }> => role._tag === tag
  if (!isRole(state.role)) throw new Error(`${state.id} is no ${tag}`)
  return state.role
}

const leads = role(leader, "Leader")
const firstProgress = leads.progress[0]

/** The same node, with memberships at these places of its log. */
const changed = <S extends State.State>(state: S, ...memberships: ReadonlyArray<Log.MembershipEntry>): S => ({
  ...state,
  log: { ...state.log, memberships }
})

const same = membership(["n1", "n2", "n3"])
const handingOver = { ...leader, transfer: { request: 1, term: 1, to: "n2", deadline: 9, isAsked: true } }
const longer = { ...leader, log: Log.append(leader.log, [{ start: 2, term: 1 }], 3, []) }

/** For each sentence about a state, a state of which it is not true. */
const brokenStates: Readonly<Record<string, State.State>> = {
  "the log holds no term beyond the current one": { ...follower, term: 0 },
  "what is committed is in the log": { ...follower, commit: 4 },
  "what is durable is in the log": { ...follower, durability: { ...follower.durability, durable: 4 } },
  "what was handed over is committed and durable, and what is applied was handed over": { ...follower, handed: 2 },
  "a candidate or leader voted for itself": { ...candidate, votedFor: "n2" },
  "a node knows itself as leader exactly when it leads": { ...leader, leader: "n2" },
  "who may not vote does not campaign": { ...candidate, log: Log.empty() },
  "memberships stand in order, in the log": changed(follower, { index: 2, membership: same }, {
    index: 2,
    membership: same
  }),
  "a leader's log ends in its own term": { ...leader, term: 2 },
  "a leader counts no more of another's log than its own holds, and sends on after that": {
    ...leader,
    role: { ...leads, progress: firstProgress === undefined ? [] : [{ ...firstProgress, match: 1, next: 1 }] }
  },
  "a read waits for a round that has begun, and for the leader's own term": {
    ...leader,
    role: { ...leads, reads: [{ read: 1, sequence: leads.sequence + 1, index: 1 }] }
  },
  "a proposal waits only while nothing is committed in its place": {
    ...follower,
    waiters: [{ batch: 1, from: 1, to: 1, term: 1 }]
  },
  "writes complete in order": { ...follower, durability: { ...follower.durability, persisted: 1 } }
}

const write = (id: number, parts: Partial<Output.Write>): Output.Write => ({
  _tag: "Write",
  write: id,
  hardState: undefined,
  truncateAfter: undefined,
  append: undefined,
  boundary: undefined,
  ...parts
})

const send = (to: string, message: Message.Message): Output.Send => ({ _tag: "Send", to, message, after: 0 })

type Steps = Readonly<
  Record<string, readonly [before: State.State, after: State.State, outputs: ReadonlyArray<Output.Output>]>
>

const shorter = { ...follower, log: Log.truncateAfter(follower.log, 2), durability: Durability.recovered(2) }
const waiting = { ...follower, waiters: [{ batch: 1, from: 2, to: 3, term: 1 }] }

/** For each sentence about a step, a step of which it is not true. */
const brokenSteps: Steps = {
  "term, commit, and what was handed over and applied never fall": [{ ...follower, term: 2 }, follower, []],
  "within a term, a vote is cast once": [
    { ...follower, votedFor: "n2" },
    { ...follower, votedFor: "n3" },
    [write(1, { hardState: { term: 1, votedFor: "n3" } })]
  ],
  "within a term, the leader stays the same": [{ ...follower, leader: "n2" }, { ...follower, leader: "n3" }, []],
  "within a term, a leader only appends": [
    { ...leader, log: Log.append(leader.log, [{ start: 2, term: 1 }], 2, []) },
    leader,
    [write(1, { append: { from: 1, to: 1, runs: [], batch: undefined, memberships: [] } })]
  ],
  "what is committed stays": [
    { ...follower, commit: 3, handed: 3, applied: 3 },
    { ...shorter, commit: 3, handed: 2 },
    []
  ],
  "the log is whole, and its terms rise": [
    follower,
    { ...follower, log: { ...follower.log, runs: [{ start: 2, term: 1 }] } },
    [write(1, { append: { from: 3, to: 3, runs: [], batch: undefined, memberships: [] } })]
  ],
  "a leader changes the membership only when the last change is committed, and an entry of its own term": [
    changed(longer, { index: 2, membership: same }),
    changed(longer, { index: 2, membership: same }, { index: 3, membership: same }),
    []
  ],
  "no two memberships follow each other whose majorities need not meet": [
    follower,
    changed(follower, { index: 3, membership: membership(["n1", "n2", "n3", "n4"]) }),
    []
  ],
  "a truncation takes back one membership at most": [
    changed(follower, { index: 2, membership: same }, { index: 3, membership: same }),
    follower,
    []
  ],
  "nothing is proposed to a leader that has asked another to stand": [
    handingOver,
    handingOver,
    [{ _tag: "Accepted", batch: 1, from: 1, to: 1, term: 1 }]
  ],
  "a changed term or vote is persisted as it now stands": [
    follower,
    { ...follower, term: 2 },
    [write(1, { hardState: { term: 2, votedFor: "n2" } })]
  ],
  "a changed log is written as it now stands": [follower, shorter, [write(1, { truncateAfter: 2 })]],
  "nothing is truncated that is committed": [follower, follower, [write(1, { truncateAfter: 0 })]],
  "what promises waits for the disk": [
    follower,
    { ...follower, term: 2, durability: Durability.issue(follower.durability, { last: 3, keeps: 9, hardState: true }) },
    [write(1, { hardState: { term: 2, votedFor: undefined } }), send("n2", granted("n1", 2))]
  ],
  "a vote goes to a log that holds all this one does": [follower, follower, [send("n2", granted("n1", 1))]],
  "a leader commits by counting only what a majority has on disk, in its own term": [
    { ...leader, commit: 0, handed: 0, applied: 0 },
    {
      ...leader,
      role: { ...leads, progress: [] },
      durability: { ...leader.durability, durable: 0 },
      handed: 0,
      applied: 0
    },
    []
  ],
  "entries are handed over in order, without gaps": [
    { ...follower, commit: 3 },
    { ...follower, commit: 3, handed: 3 },
    [{ _tag: "Apply", from: 3, to: 3 }]
  ],
  "what is resolved is committed at its index and term": [
    waiting,
    follower,
    [{ _tag: "Resolved", batch: 1, from: 2, to: 3 }]
  ],
  "what is superseded has something else committed in its place": [
    waiting,
    { ...follower, commit: 3 },
    [{ _tag: "Superseded", batch: 1, from: 2, to: 3 }]
  ],
  "every accepted proposal has one outcome, or waits for it": [waiting, follower, []],
  "a lease is no longer than what a majority has promised, and none while leadership is handed over": [
    leader,
    leader,
    [{ _tag: "ReadReady", read: 1, index: 1, validUntil: leader.now + 10_000 }]
  ],
  "a read is answered at or above what was committed when it came": [
    leader,
    leader,
    [{ _tag: "ReadReady", read: 1, index: 0, validUntil: Number.POSITIVE_INFINITY }]
  ]
}

describe("the invariants", () => {
  it("hold of a follower, a candidate and a leader", () => {
    for (const state of [follower, candidate, leader]) {
      for (const [sentence, holds] of Object.entries(Invariants.ofState)) assert.isTrue(holds(state), sentence)
    }
  })

  for (const [sentence, holds] of Object.entries(Invariants.ofState)) {
    it(`say when it is not so that ${sentence}`, () => {
      const broken = brokenStates[sentence]

      assert.isDefined(broken, "every sentence is shown to catch something")
      if (broken !== undefined) assert.isFalse(holds(broken))
    })
  }

  for (const [sentence, holds] of Object.entries(Invariants.ofStep)) {
    it(`say of a step when it is not so that ${sentence}`, () => {
      const [before, after, outputs] = brokenSteps[sentence] ?? []

      assert.isDefined(before, "every sentence is shown to catch something")
      if (before === undefined || after === undefined || outputs === undefined) return
      assert.isFalse(holds({ before, inputs: [], after, outputs }))
      assert.isTrue(holds({ before, inputs: [], after: before, outputs: [] }), "nothing happened, and nothing is wrong")
    })
  }

  it("name the sentence that does not hold", () => {
    const broken = { ...follower, term: 0 }

    assert.throws(() => Invariants.check(follower, [], [broken, []]), /n1: not so: the log holds no term beyond/)
  })

  // What was said earlier in a step stays true when a later input changes the term or the log.
  it("do not blame a message for what the same step did after it", () => {
    const inputs: ReadonlyArray<Message.Message> = [
      append("n2", 1, [3, 1], [1]),
      { _tag: "RequestPreVote", from: "n3", term: 1, last: { index: 9, term: 1 }, round: 1 },
      append("n3", 2, [1, 1], [2])
    ]
    const received = inputs.map((message): Input.Input => ({ _tag: "Receive", now: 0, message, batch: 1 }))
    const [after, outputs] = Engine.stepAll(follower, received)

    assert.deepStrictEqual(Log.lastPosition(after.log), { index: 2, term: 2 })
    assert.strictEqual(outputs.filter(({ _tag }) => _tag === "Send").length, 3)
  })

  it("hold through an election by timer", () => {
    assert.strictEqual(timer(follower)[0].role._tag, "PreCandidate")
  })
})
