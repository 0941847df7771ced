import { assert, describe, it } from "@effect/vitest"
import { Describe, Engine, Log, type Message, type Output, type State } from "effect-raft/engine"
import * as Nodes from "./Nodes.ts"

const { accepted, append, chunk, flushed, got, hear, leading, membership, node, step, told } = Nodes

const terms = (count: number, term = 1): ReadonlyArray<number> => Array.from({ length: count }, () => term)

const applied = (state: State.State, index: number) => step(state, { _tag: "Applied", now: state.now, index })

const taken = (state: State.State, index: number) =>
  step(state, { _tag: "SnapshotTaken", now: state.now, index, size: 6, checksum: 7 })

const takes = (outputs: ReadonlyArray<Output.Output>): ReadonlyArray<string> =>
  told(outputs).filter((line) => line.startsWith("take a snapshot"))

const settings = { snapshotEntries: 4, entriesKept: 1 }

/** Follows n2, which has committed five of its six entries; the first four are handed over, and then more. */
const following = (): State.State => {
  const fresh = { ...node({ terms: terms(6), settings }), commit: 0, handed: 0, applied: 0 }
  return hear(fresh, append("n2", 1, [6, 1], [], 5))[0]
}

describe("§5.1 Snapshotting memory-based state machines", () => {
  it("each server takes snapshots independently: a follower needs no leader for it", () => {
    const [alone] = Nodes.timer(applied(following(), 4)[0], 5000)
    const [after, outputs] = taken(alone, 4)

    assert.deepStrictEqual([after.role._tag, after.leader], ["PreCandidate", undefined])
    assert.include(told(outputs).join("\n"), "snapshot=4@1")
  })

  it("a snapshot covers committed entries only", () => {
    const state = node({ terms: terms(6), commit: 5 })

    assert.deepStrictEqual(takes(step(state, { _tag: "RequestSnapshot", now: 0, request: 1 })[1]), [
      "take a snapshot at 5"
    ])
  })

  it("its last index and term stay known, for the consistency check of the first entry after it", () => {
    const [after] = taken(applied(following(), 4)[0], 4)
    const whole = node({ terms: [1, 1, 2], boundary: 3, term: 2 })
    const fits = (index: number, term: number) => {
      const [reply] = Nodes.messages(hear(whole, append("n2", 2, [index, term], [2]), 1)[1])
      return reply?._tag === "AppendReply" && reply.accepted
    }

    assert.deepStrictEqual([after.snapshot.index, after.snapshot.term], [4, 1])
    assert.isTrue(fits(3, 2))
    assert.throws(() => fits(3, 1), /contradicts what is committed at 3/)
    assert.isFalse(fits(4, 2))
  })

  it("has the latest configuration as of its last index", () => {
    const joint = { ...membership(["n1", "n2"]), outgoing: ["n1", "n2", "n3"] }
    const moving = { ...append("n2", 2, [6, 1], [2], 6), memberships: [{ index: 7, membership: joint }] }
    const [after] = taken(applied(hear(following(), moving, 1)[0], 4)[0], 4)

    assert.strictEqual(Describe.members(after.snapshot.membership), "n1,n2,n3")
    assert.strictEqual(Describe.members(Log.membership(after.log)), "n1,n2,n3 & n1,n2")
  })

  it("once it is complete the log up to its last index may go, and the previous snapshot", () => {
    const [after, outputs] = taken(applied(following(), 4)[0], 4)

    assert.strictEqual(after.log.boundary.index, 3)
    assert.include(told(outputs), "write 1: snapshot=4@1 size=6 boundary=3@1 members=n1,n2,n3")
  })

  it("a leader sends it when it has discarded the next entry that it needs to send", () => {
    const leader = leading({ terms: terms(6), term: 1, boundary: 5, size: 6 })
    const refused: Message.AppendReply = {
      _tag: "AppendReply",
      from: "n2",
      term: 2,
      sequence: 1,
      accepted: false,
      match: 6,
      last: 2,
      runs: [{ start: 1, term: 1 }]
    }
    const [asking, question] = hear(leader, refused)
    const [, outputs] = hear(asking, got("n2", 2, 5, 0))

    assert.include(told(question), "→ n2 InstallSnapshot snapshot=5@1 members=n1,n2,n3 at=0 of 6 round=1")
    assert.include(told(outputs), "→ n2 InstallSnapshot snapshot=5@1 members=n1,n2,n3 bytes=0-5 of 6 round=1")
    assert.include(
      told(hear(asking, accepted("n2", 2, 5))[1]).join("\n"),
      "→ n2 AppendEntries previous=5@1 entries=6@1 7@2"
    )
  })
})

const four = membership(["n1", "n2", "n3", "n4"])
const snapshot: Log.Snapshot = { index: 5, term: 2, membership: four, size: 6, checksum: 9 }

const take = (state: State.State, offset: number, length: number, term = 2) =>
  step(state, {
    _tag: "Receive",
    now: state.now,
    message: chunk("n2", term, snapshot, offset, length),
    batch: length === 0 ? undefined : 1
  })

describe("§5.1 Figure 5.3, what a receiver of InstallSnapshot does", () => {
  const receiver = node({ terms: [1, 1, 1], term: 2, commit: 1 })

  it("1. it replies immediately if the term is an older one", () => {
    const [after, outputs] = take({ ...receiver, term: 3 }, 0, 2)

    assert.deepStrictEqual(told(outputs), ["→ n2 AppendReply refused=5 last=0 round=1"])
    assert.isUndefined(after.receiving)
  })

  it("2. it begins a new snapshot with the first chunk", () => {
    const other = { ...receiver, receiving: { snapshot: { ...snapshot, index: 4 }, received: 4, writes: [] } }
    const [after, outputs] = take(other, 0, 2)

    assert.include(told(outputs), "write 1: chunk=0-1")
    assert.deepStrictEqual([after.receiving?.snapshot, after.receiving?.received], [snapshot, 2])
  })

  it("3. it writes data at its offset, which is where the data before it ended", () => {
    const [first] = take(receiver, 0, 2)

    assert.include(told(take(first, 2, 2)[1]), "write 2: chunk=2-3")
    assert.notInclude(told(take(first, 4, 1)[1]).join("\n"), "write")
  })

  it("4. it replies and waits for more while that was not the last", () => {
    const [after, outputs] = take(receiver, 0, 4)

    assert.include(told(outputs), "→ n2 SnapshotReply snapshot=5 has=4 round=1 (after write 1)")
    assert.strictEqual(after.snapshot.index, 0)
  })

  it("5. with the last it saves index, term and configuration, if they are newer than those it has", () => {
    const [after, outputs] = take(receiver, 0, 6)
    const newer = node({ terms: [1, 2, 2, 2, 2, 2], term: 2, boundary: 6 })

    assert.include(
      told(outputs),
      "write 1: chunk=0-5 snapshot=5@2 size=6 boundary=5@2 members=n1,n2,n3,n4 keep=1"
    )
    assert.deepStrictEqual(after.snapshot, snapshot)
    assert.strictEqual(take(newer, 0, 6)[0].snapshot.index, 6)
  })

  it("6. with an entry of the same index and term it keeps what follows, and replies", () => {
    const holding = node({ terms: [1, 2, 2, 2, 2, 2, 2], term: 2, commit: 1 })
    const [after, outputs] = take(holding, 0, 6)

    assert.strictEqual(after.log.last, 7)
    assert.include(told(outputs), "→ n2 AppendReply match=5 round=1")
  })

  it("7. otherwise it discards the entire log", () => {
    const conflicting = node({ terms: [1, 1, 1, 1, 1, 1, 1], term: 2, commit: 1 })
    const [after] = take(conflicting, 0, 6)

    assert.deepStrictEqual([after.log.last, after.log.runs], [5, []])
  })

  it("8. and resets the state machine with the snapshot, and loads its configuration", () => {
    const [after, outputs] = take(receiver, 0, 6)

    assert.include(told(outputs), "restore 5@2 (after write 1)")
    assert.deepStrictEqual(Log.membership(after.log), four)
  })
})

describe("§5.1.1 Snapshotting concurrently", () => {
  it("new updates are taken while a snapshot is being written", () => {
    const [after, outputs] = applied(following(), 4)
    const [more] = hear(after, append("n2", 1, [6, 1], [1, 1], 8), 1)

    assert.include(told(outputs), "apply 5")
    assert.strictEqual(more.commit, 8)
    assert.include(told(flushed(more)[1]), "apply 7-8")
  })
})

describe("§5.1.2 When to snapshot", () => {
  it("a log that has reached a size in bytes is snapshotted, and one that has reached a number of entries", () => {
    const large = node({ settings: { snapshotBytes: 1000 }, term: 1 })
    const receive = (bytes: number) => {
      const message = append("n2", 1, [0, 0], [1], 1)
      return flushed(step(large, { _tag: "Receive", now: 0, message, batch: 1, bytes })[0])[1]
    }

    assert.deepStrictEqual([takes(receive(999)), takes(receive(1000))], [[], ["take a snapshot at 1"]])
    assert.strictEqual(following().snapshotting?.index, 4)
  })

  it("and by whoever asks for one", () => {
    const idle = node({ terms: [1, 1], commit: 2 })

    assert.deepStrictEqual(takes(step(idle, { _tag: "RequestSnapshot", now: 0, request: 1 })[1]), [
      "take a snapshot at 2"
    ])
  })
})

describe("§5.1.3 Implementation concerns", () => {
  it("a leader streams it in chunks, and the log goes on for the others", () => {
    const chunks = { snapshotChunkBytes: 2, maxChunksInFlight: 2 }
    const leader = leading({ terms: terms(6), term: 1, boundary: 5, size: 6, settings: chunks })
    const lost = { _tag: "AppendReply", from: "n2", term: 2, sequence: 1, accepted: false } as const
    const [asking] = hear(leader, { ...lost, match: 6, last: 0, runs: [] })
    const [sending, outputs] = hear(asking, got("n2", 2, 5, 0))
    const [other] = hear(sending, accepted("n3", 2, 7))

    assert.strictEqual(told(outputs).filter((line) => line.includes("InstallSnapshot")).length, 2)
    assert.strictEqual(other.commit, 7)
  })

  it("an entry that a snapshot stands for is never taken for one that is not there, nor for term 0", () => {
    const compacted = node({ terms: [1, 1, 2], boundary: 3 })

    assert.deepStrictEqual([1, 2, 3, 4].map((index) => Log.termAt(compacted.log, index)), [
      "compacted",
      "compacted",
      2,
      "beyond"
    ])
    assert.strictEqual(Engine.outcomeOf(compacted, { index: 2, term: 1 }), "Unknown")
  })

  it("what a follower that keeps up still needs is not discarded, though the snapshot has it", () => {
    const leader = leading({ terms: terms(9), term: 1, settings: { entriesKept: 2 } })
    const near = hear(hear(leader, accepted("n2", 2, 10))[0], accepted("n3", 2, 7))[0]
    const [asked] = step(applied(near, 10)[0], { _tag: "RequestSnapshot", now: near.now, request: 1 })

    assert.strictEqual(taken(asked, 10)[0].log.boundary.index, 7)
  })

  it("a server that starts again begins with its snapshot, and commits from there", () => {
    const recovered = {
      hardState: { term: 2, votedFor: undefined },
      log: node({ terms: [1, 1, 1, 2, 2, 2], boundary: 4 }).log,
      snapshot
    }
    const [state, outputs] = Engine.start({ id: "n1", settings: node().settings, seed: 1, now: 0, recovered })

    assert.deepStrictEqual(told(outputs), ["restore 5@2"])
    assert.deepStrictEqual([state.commit, state.handed], [5, 5])
  })
})
