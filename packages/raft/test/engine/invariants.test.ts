import { assert, describe, it } from "@effect/vitest"
import {
  Durability,
  Engine,
  type Input,
  Invariants,
  Log,
  LogPosition,
  type Message,
  type Output,
  type Progress,
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

/** A node that has lost what came after its third entry. */
const damaged: State.State = { ...follower, lost: LogPosition.make(1, 9) }

const asking: Message.Message = {
  _tag: "RequestVote",
  from: "n2",
  term: damaged.term,
  last: LogPosition.make(1, 9),
  isTransfer: false
}

const granting = (message: Message.Message): Output.Output => ({ _tag: "Send", to: "n2", message, after: 0 })

/** The same leader, with this in what it knows of the first of the others. */
const knowing = (fields: Partial<Progress.Progress>): State.State => ({
  ...leader,
  role: { ...leads, progress: leads.progress.map((each, place) => (place === 0 ? { ...each, ...fields } : each)) }
})

const sending: Progress.Sending = {
  index: 3,
  next: 4,
  received: 2,
  stored: 1,
  isProbing: false,
  movedAt: 0,
  sentIn: 1
}

/** What a leader of term 1 would send of its first three entries. */
const snapshot: Log.Snapshot = { index: 3, term: 1, membership: membership(["n1", "n2", "n3"]), size: 10, checksum: 7 }

/** The same node, with memberships at these places of its log. */
const changed = <S extends State.State>(state: S, ...memberships: ReadonlyArray<Log.MembershipEntry>): S => ({
  ...state,
  log: { ...state.log, memberships }
})

const same = membership(["n1", "n2", "n3"])
const handingOver = { ...leader, transfer: { request: 1, term: 1, to: "n2", deadline: 9, isAsked: true } }
const longer = { ...leader, log: Log.append(leader.log, [{ start: 2, term: 1 }], 3, []) }

const reading = (read: Pick<State.PendingRead, "sequence" | "index">): State.State => ({
  ...leader,
  role: { ...leads, reads: [{ read: 1, asker: undefined, ...read }] }
})

/** For each sentence about a state, states of which it is not true, and it alone. */
const brokenStates: Readonly<Record<string, ReadonlyArray<State.State>>> = {
  "the log holds no term beyond the current one": [{ ...follower, term: 0 }],
  "what is committed is in the log": [{ ...follower, commit: 4 }],
  "what is durable is in the log": [{ ...follower, durability: { ...follower.durability, durable: 4 } }],
  "what was handed over is committed, and durable or in a snapshot; and what is applied was handed over": [
    { ...follower, handed: 2 },
    { ...follower, applied: 2 },
    { ...follower, commit: 2, handed: 2, durability: { ...follower.durability, durable: 1 } }
  ],
  "a snapshot covers what the log no longer holds, and nothing that is not committed": [
    { ...follower, snapshot: { ...snapshot, index: 2 } },
    { ...node({ terms: [1, 1, 1], boundary: 2 }), snapshot: { ...snapshot, index: 1 } }
  ],
  "no more of a snapshot is received than there is": [
    { ...follower, receiving: { snapshot, received: 11, writes: [] } }
  ],
  "a candidate or leader voted for itself": [{ ...candidate, votedFor: "n2" }],
  "a node knows itself as leader exactly when it leads": [
    { ...leader, leader: "n2" },
    { ...follower, leader: "n1" }
  ],
  "who may not vote does not campaign": [{ ...candidate, log: Log.empty() }],
  "memberships stand in order, in the log": [
    changed(follower, { index: 2, membership: same }, { index: 2, membership: same }),
    changed(follower, { index: 4, membership: same }),
    changed(node({ terms: [1, 1, 1], boundary: 2 }), { index: 2, membership: same })
  ],
  "a leader's log ends in its own term": [{ ...leader, term: 2 }],
  "a leader counts no more of another's log than its own holds, and sends on after that": [
    knowing({ match: 2, next: 3 }),
    knowing({ match: 1, next: 1 }),
    knowing({ next: 3 })
  ],
  "of a snapshot no more has arrived than was sent, and no more is stored than has arrived": [
    knowing({ mode: "snapshot", sending: { ...sending, received: 5 } }),
    knowing({ mode: "snapshot", sending: { ...sending, stored: 3 } }),
    knowing({ mode: "snapshot" }),
    knowing({ sending })
  ],
  "nobody takes part in elections of an epoch of which its log holds nothing": [
    { ...candidate, term: LogPosition.nextEpoch(candidate.term) },
    { ...leader, term: LogPosition.nextEpoch(leader.term) }
  ],
  "a node under repair does not stand": [{ ...candidate, lost: LogPosition.make(1, 9) }],
  "a read waits for a round that has begun, and for the leader's own term": [
    reading({ sequence: leads.sequence + 1, index: 1 }),
    reading({ sequence: 1, index: 0 })
  ],
  "a proposal waits only while nothing is committed in its place": [
    { ...follower, waiters: [{ batch: 1, from: 1, to: 1, term: 1 }] },
    { ...follower, waiters: [{ batch: 1, from: 3, to: 2, term: 1 }] }
  ],
  "writes complete in order": [{ ...follower, durability: { ...follower.durability, persisted: 1 } }]
}

const write = (id: number, parts: Partial<Output.Write>): Output.Write => ({
  _tag: "Write",
  write: id,
  hardState: undefined,
  truncateAfter: undefined,
  append: undefined,
  boundary: undefined,
  chunk: undefined,
  snapshot: undefined,
  ...parts
})

const send = (to: string, message: Message.Message): Output.Send => ({ _tag: "Send", to, message, after: 0 })

type Broken = readonly [
  before: State.State,
  after: State.State,
  outputs: ReadonlyArray<Output.Output>,
  inputs?: ReadonlyArray<Input.Input>
]

const shorter = { ...follower, log: Log.truncateAfter(follower.log, 2), durability: Durability.recovered(2) }
const waiting = { ...follower, waiters: [{ batch: 1, from: 2, to: 3, term: 1 }] }
const idle = { ...follower, commit: 3, handed: 3, applied: 3 }

/** The same node, once a snapshot stands for the first of its entries. */
const compacted = (index: number, boundary = index): State.State => ({
  ...idle,
  log: Log.beginAt(follower.log, { ...follower.log.boundary, index: boundary, term: 1 }),
  snapshot: { ...snapshot, index }
})

const snapshotted = compacted(3, 2)

const received = (message: Message.Message): Input.Input => ({ _tag: "Receive", now: 0, message, batch: undefined })

const ready = (index: number, validUntil = Number.POSITIVE_INFINITY): Output.ReadReady => ({
  _tag: "ReadReady",
  read: 1,
  index,
  validUntil
})

const chunk = (offset: number): Output.Write => write(1, { chunk: { snapshot, offset, length: 2, batch: 1 } })

const receiving = (received: number): State.State => ({ ...follower, receiving: { snapshot, received, writes: [] } })

const restore = (index: number): Output.RestoreSnapshot => ({
  _tag: "RestoreSnapshot",
  snapshot: { ...snapshot, index },
  after: 1
})

/** For each sentence about a step, steps of which it is not true, and it alone. */
const brokenSteps: Readonly<Record<string, ReadonlyArray<Broken>>> = {
  "term, commit, and what was handed over and applied never fall": [
    [{ ...idle, commit: 3 }, { ...idle, commit: 2 }, []],
    [{ ...idle, applied: 3 }, { ...idle, applied: 2 }, []]
  ],
  "within a term, a vote is cast once": [[
    { ...follower, votedFor: "n2" },
    { ...follower, votedFor: "n3" },
    [write(1, { hardState: { term: 1, votedFor: "n3" } })]
  ]],
  "within a term, the leader stays the same": [
    [{ ...follower, leader: "n2" }, { ...follower, leader: "n3" }, []]
  ],
  "within a term, a leader only appends": [[
    { ...leader, log: Log.append(leader.log, [{ start: 2, term: 1 }], 2, []) },
    leader,
    [write(1, { append: { from: 1, to: 1, runs: [], batch: undefined, memberships: [] } })]
  ]],
  "what is committed stays, or is in the snapshot": [
    [idle, { ...idle, log: shorter.log }, [
      write(1, { append: { from: 2, to: 2, runs: [], batch: 1, memberships: [] } })
    ]]
  ],
  "the log is whole, and its terms rise": [[
    follower,
    { ...follower, log: { ...follower.log, runs: [{ start: 1, term: 1 }, { start: 3, term: 1 }] } },
    [write(1, { append: { from: 3, to: 3, runs: [], batch: undefined, memberships: [] } })]
  ]],
  "a leader changes the membership only when the last change is committed, and an entry of its own term": [[
    changed(longer, { index: 2, membership: same }),
    changed(longer, { index: 2, membership: same }, { index: 3, membership: same }),
    [write(1, { append: { from: 3, to: 3, runs: [], batch: undefined, memberships: [] } })]
  ]],
  "no two memberships follow each other whose majorities need not meet, unless one was forced": [[
    follower,
    changed(follower, { index: 3, membership: membership(["n1", "n2", "n3", "n4"]) }),
    [write(1, { append: { from: 3, to: 3, runs: [], batch: undefined, memberships: [] } })]
  ]],
  "a truncation takes back one membership at most": [[
    changed(follower, { index: 2, membership: same }, { index: 3, membership: same }),
    follower,
    [write(1, { append: { from: 3, to: 3, runs: [], batch: undefined, memberships: [] } })]
  ]],
  "nothing is proposed to a leader that has asked another to stand": [[
    handingOver,
    { ...handingOver, waiters: [{ batch: 1, from: 2, to: 2, term: 1 }] },
    [{ _tag: "Accepted", batch: 1, from: 2, to: 2, term: 1 }]
  ]],
  "a changed term or vote is persisted as it now stands": [[
    follower,
    { ...follower, term: 2 },
    [write(1, { hardState: { term: 2, votedFor: "n2" } })]
  ]],
  "a changed log is written as it now stands": [[follower, shorter, [write(1, { truncateAfter: 2 })]]],
  "nothing is truncated that is committed": [[follower, follower, [write(1, { truncateAfter: 0 })]]],
  "what promises waits for the disk": [[
    follower,
    { ...follower, term: 2, durability: Durability.issue(follower.durability, { last: 3, keeps: 9, hardState: true }) },
    [write(1, { hardState: { term: 2, votedFor: undefined } }), send("n2", { ...granted("n1", 2), granted: false })]
  ]],
  "a vote goes to a log that holds all this one does": [[follower, follower, [send("n2", granted("n1", 1))]]],
  "a leader commits by counting only what a majority has on disk, in its own term": [[
    { ...leader, commit: 0, handed: 0, applied: 0 },
    { ...leader, role: { ...leads, progress: [] }, handed: 0, applied: 0 },
    []
  ]],
  "entries are handed over in order, without gaps but for what a snapshot brings": [
    [{ ...follower, commit: 3 }, { ...follower, commit: 3, handed: 3 }, [{ _tag: "Apply", from: 3, to: 3 }]],
    [follower, { ...follower, commit: 3, handed: 3 }, [restore(2), { _tag: "Apply", from: 2, to: 3 }]],
    [follower, { ...follower, commit: 3, handed: 3 }, [restore(2)]],
    [idle, idle, [{ _tag: "Apply", from: 4, to: 3 }]]
  ],
  "a snapshot never goes back, and is installed only above what is committed": [
    [snapshotted, { ...snapshotted, snapshot: { ...snapshot, index: 2 } }, []],
    [{ ...follower, commit: 2 }, { ...follower, commit: 3, handed: 2 }, [restore(2)]]
  ],
  "the log and the snapshot that stands for its beginning change in one write": [
    [idle, compacted(3, 2), [write(1, { boundary: compacted(3, 2).log.boundary })]],
    [idle, compacted(3, 2), [write(1, { boundary: compacted(3).log.boundary, snapshot })]]
  ],
  "a chunk is kept only where the one before it ended": [
    [receiving(4), receiving(8), [chunk(6)]],
    [follower, receiving(4), [chunk(2)]],
    [receiving(0), receiving(4), [chunk(0), chunk(4)]]
  ],
  "a node under repair votes for nobody": [
    [
      damaged,
      damaged,
      [granting({ _tag: "VoteReply", from: "n1", term: damaged.term, granted: true })],
      [{ _tag: "Receive", now: damaged.now, message: asking, batch: undefined }]
    ],
    [damaged, damaged, [
      granting({ _tag: "PreVoteReply", from: "n1", term: damaged.term, round: 1, granted: true })
    ]]
  ],
  "a repair ends only with a log that is as up to date as it was, and that is durable": [
    [damaged, follower, []],
    [
      { ...follower, lost: LogPosition.make(1, 3) },
      { ...follower, durability: { ...follower.durability, durable: 2 } },
      []
    ]
  ],
  "what is resolved is committed at its index and term": [
    [waiting, follower, [{ _tag: "Resolved", batch: 1, from: 2, to: 3 }]]
  ],
  "what is superseded has something else committed in its place": [
    [waiting, { ...follower, commit: 3 }, [{ _tag: "Superseded", batch: 1, from: 2, to: 3 }]]
  ],
  "every accepted proposal has one outcome, or waits for it": [[waiting, follower, []]],
  "a lease is no longer than what a majority has promised, and none while leadership is handed over": [
    [leader, leader, [ready(1, leader.now + 10_000)]],
    [handingOver, leader, [ready(1, leader.now + 1)]]
  ],
  "a read is answered at or above what was committed when it came, by a leader or with what a leader said": [
    [leader, leader, [ready(0)]],
    [leader, leader, [ready(2)]],
    [follower, follower, [ready(1)]],
    [
      follower,
      follower,
      [ready(1)],
      [received({ _tag: "ReadReply", from: "n2", term: 1, read: 2, round: 7, index: 1 })]
    ]
  ]
}

/** Sentences that follow from others: what breaks them breaks one of those. */
const implied: Readonly<Record<string, ReadonlyArray<string>>> = {
  "nobody takes part in elections of an epoch of which its log holds nothing": [
    "who may not vote does not campaign",
    "a leader's log ends in its own term"
  ],
  "a node under repair does not stand": ["who may not vote does not campaign"]
}

const brokenBy = <A>(sentences: Readonly<Record<string, (each: A) => boolean>>, each: A): ReadonlyArray<string> =>
  Object.entries(sentences).filter(([, holds]) => !holds(each)).map(([sentence]) => sentence)

describe("the invariants", () => {
  it("hold of a follower, a candidate and a leader", () => {
    for (const state of [follower, candidate, leader]) {
      for (const [sentence, holds] of Object.entries(Invariants.ofState)) assert.isTrue(holds(state), sentence)
    }
  })

  for (const sentence of Object.keys(Invariants.ofState)) {
    it(`say when it is not so that ${sentence}`, () => {
      const broken = brokenStates[sentence] ?? []
      const others = implied[sentence] ?? []

      assert.isNotEmpty(broken, "every sentence is shown to catch something")
      for (const state of broken) {
        const named = brokenBy(Invariants.ofState, state).filter((other) => !others.includes(other))
        assert.deepStrictEqual(named, [sentence])
      }
    })
  }

  for (const [sentence, holds] of Object.entries(Invariants.ofStep)) {
    it(`say of a step when it is not so that ${sentence}`, () => {
      const broken = brokenSteps[sentence] ?? []

      assert.isNotEmpty(broken, "every sentence is shown to catch something")
      for (const [before, after, outputs, inputs = []] of broken) {
        assert.deepStrictEqual(brokenBy(Invariants.ofStep, { before, inputs, after, outputs }), [sentence])
        const nothing = { before, inputs: [], after: before, outputs: [] }
        assert.isTrue(holds(nothing), "nothing happened, and nothing is wrong")
      }
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
