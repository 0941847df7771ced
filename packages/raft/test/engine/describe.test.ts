import { assert, describe, it } from "@effect/vitest"
import { Describe, type Input, Log, type Message, type Output } from "effect-raft/engine"
import { append, chunk, described, got, log, membership, node } from "../Nodes.ts"

const snapshot: Log.Snapshot = { index: 5, term: 2, membership: membership(["n1", "n2"]), size: 10, checksum: 7 }

/** What each message says, beside its name. */
const lines: ReadonlyArray<readonly [Message.Message, string]> = [
  [{ _tag: "RequestPreVote", from: "n2", term: 1, last: { index: 5, term: 1 }, round: 7 }, "RequestPreVote last=5@1"],
  [{ _tag: "PreVoteReply", from: "n2", term: 1, round: 7, granted: true }, "PreVoteReply granted"],
  [
    { _tag: "RequestVote", from: "n2", term: 1, last: { index: 5, term: 1 }, isTransfer: true },
    "RequestVote last=5@1 transfer"
  ],
  [{ _tag: "VoteReply", from: "n2", term: 1, granted: false }, "VoteReply refused"],
  [append("n2", 1, [3, 1]), "AppendEntries previous=3@1 commit=0 round=1"],
  [
    { _tag: "AppendReply", from: "n2", term: 1, sequence: 2, accepted: true, match: 4, last: 4, runs: [] },
    "AppendReply match=4 round=2"
  ],
  [
    {
      _tag: "AppendReply",
      from: "n2",
      term: 1,
      sequence: 2,
      accepted: false,
      match: 9,
      last: 4,
      runs: [{ start: 3, term: 1 }]
    },
    "AppendReply refused=9 last=4 holds=3-4@1 round=2"
  ],
  [chunk("n2", 2, snapshot, 4, 3), "InstallSnapshot snapshot=5@2 members=n1,n2 bytes=4-6 of 10 round=1"],
  [chunk("n2", 2, snapshot, 4, 0, 3), "InstallSnapshot snapshot=5@2 members=n1,n2 at=4 of 10 round=3"],
  [got("n2", 2, 5, 6), "SnapshotReply snapshot=5 has=6 round=1"],
  [got("n2", 2, 5, 6, { stored: 4 }), "SnapshotReply snapshot=5 has=6 stored=4 round=1"],
  [{ _tag: "TimeoutNow", from: "n2", term: 1, last: { index: 5, term: 1 } }, "TimeoutNow last=5@1"],
  [{ _tag: "RequestRead", from: "n2", term: 1, read: 8, round: 7, isLease: false }, "RequestRead #8"],
  [{ _tag: "RequestRead", from: "n2", term: 1, read: 8, round: 7, isLease: true }, "RequestRead #8 by lease"],
  [{ _tag: "ReadReply", from: "n2", term: 1, read: 8, round: 7, index: 4 }, "ReadReply #8 at 4"],
  [{ _tag: "Disowned", from: "n2", term: 1, reason: "Incarnation", incarnation: 99 }, "Disowned disk 99"],
  [{ _tag: "Disowned", from: "n2", term: 1, reason: "Epoch", incarnation: undefined }, "Disowned given up"]
]

const nothing = {
  _tag: "Write",
  write: 3,
  hardState: undefined,
  truncateAfter: undefined,
  append: undefined,
  boundary: undefined,
  chunk: undefined,
  snapshot: undefined
} as const

/** What each output asks for. */
const wishes: ReadonlyArray<readonly [Output.Output, string]> = [
  [{ ...nothing, chunk: { snapshot, offset: 4, length: 3, batch: 1 } }, "write 3: chunk=4-6"],
  [
    { ...nothing, snapshot, boundary: { index: 4, term: 2, membership: snapshot.membership } },
    "write 3: snapshot=5@2 size=10 boundary=4@2 members=n1,n2"
  ],
  [
    { ...nothing, hardState: { term: 2, votedFor: undefined }, truncateAfter: 4 },
    "write 3: term=2 vote=- keep=4"
  ],
  [
    { _tag: "Send", to: "n2", message: got("n1", 2, 5, 6), after: 3 },
    "→ n2 SnapshotReply snapshot=5 has=6 round=1 (after write 3)"
  ],
  [{ _tag: "Accepted", batch: 1, from: 3, to: 4, term: 2 }, "accepted #1 as 3-4@2"],
  [{ _tag: "Refused", batch: 1, reason: "Busy" }, "refused #1: Busy"],
  [{ _tag: "Resolved", batch: 1, from: 3, to: 3 }, "resolved #1 3"],
  [{ _tag: "Superseded", batch: 1, from: 3, to: 4 }, "superseded #1 3-4"],
  [{ _tag: "Indeterminate", batch: 1, from: 3, to: 4 }, "indeterminate #1 3-4"],
  [
    { _tag: "ReadReady", read: 8, index: 4, validUntil: Number.POSITIVE_INFINITY },
    "read #8 may be answered at 4"
  ],
  [{ _tag: "ReadReady", read: 8, index: 4, validUntil: 900 }, "read #8 may be answered at 4 until 900"],
  [{ _tag: "ReadFailed", read: 8 }, "read #8 failed"],
  [{ _tag: "Apply", from: 3, to: 4 }, "apply 3-4"],
  [{ _tag: "RestoreSnapshot", snapshot, after: 3 }, "restore 5@2 (after write 3)"],
  [{ _tag: "RestoreSnapshot", snapshot, after: 0 }, "restore 5@2"],
  [{ _tag: "TakeSnapshot", index: 4 }, "take a snapshot at 4"],
  [{ _tag: "SnapshotDone", request: 8, index: 4 }, "snapshot #8 is done at 4"],
  [{ _tag: "ChangeDone", request: 8, index: 4 }, "change #8 is done with entry 4"],
  [
    { _tag: "ChangeRefused", request: 8, reason: "Invalid", detail: "nobody would vote" },
    "change #8 refused: Invalid, nobody would vote"
  ],
  [{ _tag: "ChangeUnknown", request: 8 }, "change #8 may happen or not"],
  [{ _tag: "TransferDone", request: 8, leader: "n2" }, "transfer #8 done: n2 leads"],
  [{ _tag: "TransferFailed", request: 8, reason: "Aborted" }, "transfer #8 failed: Aborted"]
]

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

  it("says what each message carries", () => {
    assert.deepStrictEqual(lines.map(([message]) => Describe.message(message)), lines.map(([, line]) => line))
  })

  it("says what each output asks for", () => {
    assert.deepStrictEqual(wishes.map(([output]) => Describe.output(output)), wishes.map(([, line]) => line))
  })

  it("tells a snapshot, where the log begins, and how much is received", () => {
    const compacted = node({ terms: [1, 1, 1, 1], boundary: 2, snapshot: 3, size: 10 })
    const receiving = { ...compacted, receiving: { snapshot, received: 4, writes: [] } }

    assert.strictEqual(Describe.state(compacted), "n1@1 follower last=4@1 commit=3 snapshot=3@1 first=3 vote=-")
    assert.include(Describe.state(receiving), " receiving=4/10 ")
  })

  it("marks witnesses with a star", () => {
    const mixed = described({ n1: {}, n2: { isWitness: true }, n3: { isWitness: true } })

    assert.strictEqual(Describe.members({ ...mixed, voters: ["n1", "n2"] }), "n1,n2* learners=n3*")
  })

  it("names every input", () => {
    const inputs: ReadonlyArray<Input.Input> = [
      { _tag: "Timer", now: 0 },
      { _tag: "Propose", now: 0, batch: 7, count: 2 },
      { _tag: "Read", now: 0, read: 8, isLease: false },
      { _tag: "Read", now: 0, read: 8, isLease: true },
      { _tag: "Persisted", now: 0, write: 3 },
      { _tag: "Applied", now: 0, index: 4 },
      { _tag: "Unsent", now: 0, to: "n2", from: 5 },
      { _tag: "ChangeMembership", now: 0, request: 9, change: { _tag: "Remove", id: "n3" }, expected: undefined },
      { _tag: "TransferLeadership", now: 0, request: 10, to: "n2", deadline: 5 },
      { _tag: "AbortTransfer", now: 0 },
      { _tag: "ChunkUnsent", now: 0, to: "n2", offset: 512 },
      { _tag: "RequestSnapshot", now: 0, request: 11 },
      { _tag: "SnapshotTaken", now: 0, index: 5, size: 10, checksum: 7 },
      {
        _tag: "ForceMembership",
        now: 0,
        request: 12,
        term: 2 ** 32,
        membership: membership(["n1"]),
        last: { index: 5, term: 1 }
      },
      { _tag: "DiskStalled", now: 0, isStalled: true },
      { _tag: "DiskStalled", now: 0, isStalled: false },
      { _tag: "Receive", now: 0, batch: undefined, message: { _tag: "VoteReply", from: "n2", term: 1, granted: true } }
    ]

    assert.deepStrictEqual(inputs.map(Describe.input), [
      "timer",
      "propose #7 (2)",
      "read #8",
      "read #8 by lease",
      "persisted 3",
      "applied 4",
      "unsent to n2 from 5",
      "change #9: Remove",
      "transfer #10 to n2",
      "transfer aborted",
      "unsent to n2 from byte 512",
      "snapshot #11 wanted",
      "snapshot taken at 5, 10 bytes",
      "force #12: n1 in term 4294967296",
      "the disk does not answer",
      "the disk answers again",
      "n2@1 → VoteReply granted"
    ])
  })
})
