import { assert, describe, it } from "@effect/vitest"
import { type Message, type Output, type Progress, type State } from "effect-raft/engine"
import { accepted, described, flushed, got, hear, leading, type Options, step, timer, told } from "../Nodes.ts"

const settings = { snapshotChunkBytes: 2, maxChunksInFlight: 3 }

/** Leads term 2 with entries 5 to 7, and a snapshot of ten bytes that stands for the first five. */
const leads = (options: Options = {}): State.State =>
  leading({ terms: [1, 1, 1, 1, 1, 1], term: 1, boundary: 4, snapshot: 5, size: 10, settings, ...options })

/** The log of `from` ends at `last`: nothing of what it was sent fits. */
const refused = (from: string, last: number, match = 6): Message.AppendReply => ({
  _tag: "AppendReply",
  from,
  term: 2,
  sequence: 1,
  accepted: false,
  match,
  last,
  runs: last === 0 ? [] : [{ start: 1, term: 1 }]
})

const has = (received: number, fields: Partial<Message.SnapshotReply> = {}): Message.SnapshotReply =>
  got("n2", 2, 5, received, fields)

/** What goes to n2, without what is alike in all of it. */
const sent = (outputs: ReadonlyArray<Output.Output>): ReadonlyArray<string> =>
  told(outputs)
    .filter((line) => line.startsWith("→ n2 "))
    .map((line) => line.replace("→ n2 InstallSnapshot snapshot=5@1 members=n1,n2,n3 ", "").replace(" of 10", ""))

const progressOf = (state: State.State, id = "n2"): Progress.Progress => {
  const progress = state.role._tag === "Leader" ? state.role.progress.find((each) => each.id === id) : undefined
  if (progress === undefined) throw new Error(`${state.id} knows nothing of ${id}`)
  return progress
}

const heartbeat = (state: State.State) => timer(state, state.now + 75)

const asked = hear(leads(), refused("n2", 2))
const sending = hear(asked[0], has(0))[0]

describe("a member that lacks what the log no longer holds", () => {
  it("is asked how much of the snapshot it has, before any of it is sent", () => {
    assert.deepStrictEqual(told(asked[1]), [
      "→ n2 InstallSnapshot snapshot=5@1 members=n1,n2,n3 at=0 of 10 round=1"
    ])
    assert.strictEqual(progressOf(asked[0]).mode, "snapshot")
  })

  it("is asked again at the next heartbeat, for the question may be lost", () => {
    assert.deepStrictEqual(sent(heartbeat(asked[0])[1]), ["at=0 round=2"])
  })

  it("is sent as many chunks as the window holds once it has said that it has nothing", () => {
    const [, outputs] = hear(asked[0], has(0))

    assert.deepStrictEqual(sent(outputs), ["bytes=0-1 round=1", "bytes=2-3 round=1", "bytes=4-5 round=1"])
  })

  it("is sent the rest when it has part of it, perhaps from an earlier leader", () => {
    const [, outputs] = hear(asked[0], has(6))

    assert.deepStrictEqual(sent(outputs), ["bytes=6-7 round=1", "bytes=8-9 round=1"])
  })

  it("is sent a last chunk with what remains", () => {
    const odd = hear(leads({ settings: { ...settings, snapshotChunkBytes: 4 } }), refused("n2", 2))[0]

    assert.deepStrictEqual(sent(hear(odd, has(0))[1]), ["bytes=0-3 round=1", "bytes=4-7 round=1", "bytes=8-9 round=1"])
  })

  it("is sent entries when the log still reaches back to where it ends", () => {
    const [, outputs] = hear(leads(), refused("n2", 4))

    assert.deepStrictEqual(sent(outputs), ["→ n2 AppendEntries previous=4@1 entries=5-6@1 7@2 commit=5 round=1"])
  })

  it("is found by a leader of which the whole log is in its snapshot", () => {
    const whole = leads({ boundary: 6, snapshot: 6 })
    const [, outputs] = hear(whole, refused("n2", 5))

    assert.include(told(outputs).join("\n"), "→ n2 InstallSnapshot snapshot=6@1")
    assert.include(told(hear(whole, accepted("n2", 2, 6))[1]).join("\n"), "→ n2 AppendEntries previous=6@1 entries=7@2")
  })
})

describe("the window", () => {
  it("moves with the member's disk, and not with what has only arrived", () => {
    const [arrived, nothing] = hear(sending, has(6, { stored: 0 }))
    const [, outputs] = hear(arrived, has(6, { stored: 4 }))

    assert.deepStrictEqual(sent(nothing), [])
    assert.deepStrictEqual(sent(outputs), ["bytes=6-7 round=1", "bytes=8-9 round=1"])
  })

  it("lets nothing be sent twice while answers come in order", () => {
    const [, first] = hear(sending, has(2))
    const [, second] = hear(hear(sending, has(2))[0], has(4))

    assert.deepStrictEqual([sent(first), sent(second)], [["bytes=6-7 round=1"], ["bytes=8-9 round=1"]])
  })

  it("is told of the disk by a late answer, which says no more of what has arrived", () => {
    const [arrived] = hear(sending, has(6, { stored: 0 }))
    const [, outputs] = hear(arrived, has(2))

    assert.deepStrictEqual(sent(outputs), ["bytes=6-7 round=1"])
  })
})

describe("a chunk that was lost", () => {
  /** The first has arrived, the second has not, and so the third fits nowhere. */
  const gap = hear(hear(sending, has(2))[0], has(2, { offset: 4 }))

  it("is sent again, alone, when a later one does not fit", () => {
    assert.deepStrictEqual(sent(gap[1]), ["bytes=2-3 round=1"])
  })

  it("is sent again once, however many do not fit", () => {
    const [, more] = hear(gap[0], has(2, { offset: 6 }))

    assert.deepStrictEqual(sent(more), [])
  })

  it("is followed by as many as the window holds, once it has arrived", () => {
    const [, outputs] = hear(gap[0], has(4, { offset: 2 }))

    assert.deepStrictEqual(sent(outputs), ["bytes=4-5 round=1", "bytes=6-7 round=1", "bytes=8-9 round=1"])
  })

  it("shows in the answer to a later heartbeat, when nothing came after it", () => {
    const [beating] = heartbeat(sending)
    const [, outputs] = hear(beating, has(4, { stored: 0, sequence: 2 }))
    const [again] = hear(beating, has(4, { stored: 0, sequence: 2 }))
    const [, resent] = hear(heartbeat(again)[0], has(4, { stored: 0, sequence: 3 }))

    assert.deepStrictEqual(sent(outputs), [])
    assert.deepStrictEqual(sent(resent), ["bytes=4-5 round=3"])
  })

  it("does not show in the answer to an earlier one", () => {
    const [beating] = heartbeat(asked[0])
    const [late] = hear(beating, has(0, { sequence: 2 }))
    const [, outputs] = hear(late, has(0, { sequence: 1 }))

    assert.deepStrictEqual(sent(outputs), [])
  })
})

describe("a member that is started again while it receives", () => {
  const half = hear(sending, has(4))[0]

  it("is sent everything again from what it has left", () => {
    const [, outputs] = hear(heartbeat(half)[0], has(0, { sequence: 2, offset: 4 }))

    assert.deepStrictEqual(sent(outputs), ["bytes=0-1 round=2", "bytes=2-3 round=2", "bytes=4-5 round=2"])
  })

  it("is not taken for one by an answer that is older than what was sent last", () => {
    const [after, outputs] = hear(half, has(0, { sequence: 1 }))

    assert.deepStrictEqual(sent(outputs), [])
    assert.strictEqual(progressOf(after).sending?.received, 4)
  })
})

describe("a chunk that could not be sent", () => {
  const unsent = (state: State.State, offset: number) =>
    step(state, { _tag: "ChunkUnsent", now: state.now, to: "n2", offset })

  it("waits until more has arrived, and nothing before it is sent twice", () => {
    const [held, nothing] = unsent(sending, 2)
    const [, outputs] = hear(held, has(2))

    assert.deepStrictEqual(sent(nothing), [])
    assert.deepStrictEqual(sent(outputs), ["bytes=2-3 round=1", "bytes=4-5 round=1", "bytes=6-7 round=1"])
    assert.deepStrictEqual(sent(hear(unsent(sending, 4)[0], has(2))[1]), ["bytes=4-5 round=1", "bytes=6-7 round=1"])
  })

  it("is sent after the next heartbeat if nothing arrives", () => {
    const [held] = unsent(sending, 0)
    const [beating, question] = heartbeat(held)
    const [, outputs] = hear(beating, has(0, { sequence: 2 }))

    assert.deepStrictEqual(sent(question), ["at=0 round=2"])
    assert.deepStrictEqual(sent(outputs), ["bytes=0-1 round=2", "bytes=2-3 round=2", "bytes=4-5 round=2"])
  })

  it("matters only while a snapshot is on its way, and only if that had got so far", () => {
    const leader = leads()

    assert.deepStrictEqual(unsent(leader, 0)[0].role, leader.role)
    assert.deepStrictEqual(unsent(sending, 6)[0].role, sending.role)
    const [beyond] = hear(sending, has(6))
    assert.strictEqual(progressOf(unsent(beyond, 2)[0]).sending?.next, 6)
  })
})

describe("while a snapshot is on its way", () => {
  it("heartbeats go on, and ask how far it is", () => {
    const [one, first] = heartbeat(hear(sending, has(6, { stored: 0 }))[0])
    const [, second] = heartbeat(one)

    assert.deepStrictEqual([sent(first), sent(second)], [["at=6 round=2"], ["at=6 round=3"]])
  })

  it("a member whose disk is slow is heard, and confirms that this node leads", () => {
    const [asking] = step(hear(sending, has(6, { stored: 0 }))[0], { _tag: "Read", now: 1200, read: 9, isLease: false })
    const [committed] = hear({ ...asking, now: 1300 }, accepted("n3", 2, 7, 1))
    const [after, outputs] = hear(committed, has(6, { stored: 0, sequence: 2 }))

    assert.strictEqual(progressOf(after).heardAt, 1300)
    assert.include(told(outputs), "read #9 may be answered at 7")
  })

  it("an answer to a heartbeat that says how far its old log agrees does not end it", () => {
    const [after, outputs] = hear(sending, accepted("n2", 2, 2))

    assert.deepStrictEqual(sent(outputs), [])
    assert.deepStrictEqual([progressOf(after).mode, progressOf(after).match], ["snapshot", 2])
    assert.deepStrictEqual(sent(hear(after, has(2))[1]), ["bytes=6-7 round=1"])
  })

  it("an old refusal does not end it either, nor entries that were not sent", () => {
    // As far as its refusal showed, its log could agree up to entry 2.
    const [asked] = hear(leads(), { ...refused("n2", 3), runs: [{ start: 3, term: 1 }] })
    const [sending] = hear(asked, has(0))
    const [refusing] = hear(sending, refused("n2", 1, 2))
    const [unsent] = step(sending, { _tag: "Unsent", now: sending.now, to: "n2", from: 1 })

    assert.strictEqual(progressOf(sending).next, 3)
    assert.deepStrictEqual(progressOf(refusing), progressOf(sending))
    assert.deepStrictEqual(progressOf(unsent), progressOf(sending))
  })

  it("the others are served, and commands are committed", () => {
    const [follower] = hear(sending, accepted("n3", 2, 7))
    const [proposed, outputs] = step(follower, { _tag: "Propose", now: follower.now, batch: 8, count: 1 })
    const [after] = hear(flushed(proposed)[0], accepted("n3", 2, 8))

    assert.include(told(outputs), "→ n3 AppendEntries previous=7@2 entries=8@2 commit=7 round=1")
    assert.deepStrictEqual(sent(outputs), [])
    assert.strictEqual(after.commit, 8)
  })

  it("an answer about another snapshot says only that the member is there", () => {
    const before = { ...sending, now: sending.now + 100 }
    const [after, outputs] = hear(before, got("n2", 2, 4, 9))

    assert.deepStrictEqual(sent(outputs), [])
    assert.deepStrictEqual(progressOf(after).sending, progressOf(before).sending)
    assert.strictEqual(progressOf(after).heardAt, before.now)
  })

  it("an answer that cannot be true counts for nothing", () => {
    assert.deepStrictEqual(hear(sending, has(11))[0].role, hear(sending, got("n2", 2, 4, 0))[0].role)
    assert.deepStrictEqual(hear(sending, has(2, { sequence: 9 }))[0].role, sending.role)
    assert.deepStrictEqual(hear(sending, has(2, { stored: 3 }))[0].role, sending.role)
    assert.deepStrictEqual(hear(sending, has(2, { stored: -1 }))[0].role, sending.role)
  })

  it("a newer snapshot is sent from its beginning", () => {
    const [committed] = hear(hear(sending, has(4))[0], accepted("n3", 2, 7))
    const taking = { ...committed, snapshotting: { index: 7, requests: [], write: undefined } }
    const [after, outputs] = step(taking, { _tag: "SnapshotTaken", now: taking.now, index: 7, size: 20, checksum: 1 })

    assert.include(told(outputs), "→ n2 InstallSnapshot snapshot=7@2 members=n1,n2,n3 at=0 of 20 round=1")
    assert.strictEqual(progressOf(after).sending?.received, 0)
  })
})

describe("a snapshot has arrived", () => {
  it("when the member's log agrees up to there: the entries after it follow", () => {
    const [after, outputs] = hear(sending, accepted("n2", 2, 5))

    assert.deepStrictEqual(sent(outputs), ["→ n2 AppendEntries previous=5@1 entries=6@1 7@2 commit=5 round=1"])
    assert.deepStrictEqual([progressOf(after).mode, progressOf(after).sending], ["replicate", undefined])
  })

  it("or is not needed any more when it agrees up to where the log begins", () => {
    assert.deepStrictEqual(sent(hear(sending, accepted("n2", 2, 4))[1]), [
      "→ n2 AppendEntries previous=4@1 entries=5-6@1 7@2 commit=5 round=1"
    ])
  })
})

describe("a witness", () => {
  it("is told where the log begins, and sent nothing of the state", () => {
    const three = described({ n1: {}, n2: { isWitness: true }, n3: {} })
    const [after, outputs] = hear(leads({ membership: three }), refused("n2", 2))
    const [, more] = hear(after, has(0))

    assert.deepStrictEqual(told(outputs), [
      "→ n2 InstallSnapshot snapshot=5@1 members=n1,n2*,n3 at=0 of 0 round=1"
    ])
    assert.deepStrictEqual(sent(more), [])
  })
})
