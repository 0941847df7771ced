import { assert, describe, it } from "@effect/vitest"
import { Describe, Engine, Log, type Message, type State } from "effect-raft/engine"
import { append, chunk, flushed, hear, leading, membership, messages, node, step, timer, told } from "../Nodes.ts"

/** Everything up to entry 5 of term 2, in six bytes; n4 had joined by then. */
const snapshot: Log.Snapshot = {
  index: 5,
  term: 2,
  membership: membership(["n1", "n2", "n3", "n4"]),
  size: 6,
  checksum: 99
}

/** Holds three entries of term 1, of which two are committed. */
const follower = node({ terms: [1, 1, 1], term: 2, commit: 2 })

/** A message with its bytes. */
const take = (state: State.State, message: Message.InstallSnapshot) =>
  step(state, { _tag: "Receive", now: state.now, message, batch: message.length === 0 ? undefined : 7 })

const piece = (offset: number, length = 2, of = snapshot) => chunk("n2", 2, of, offset, length)
const question = (sequence = 1, of = snapshot) => chunk("n2", 2, of, 0, 0, sequence)

const persisted = (state: State.State, write: number) => step(state, { _tag: "Persisted", now: state.now, write })

const first = take(follower, piece(0))
const second = take(first[0], piece(2))
const whole = take(second[0], piece(4))

describe("a piece of a snapshot", () => {
  it("is from the leader of the term: who hears it follows, and waits anew", () => {
    const candidate = { ...flushed(take(follower, question())[0])[0] }
    const [asking] = timer(follower)
    const [after] = take({ ...asking, now: asking.now + 10 }, piece(0))

    assert.strictEqual(candidate.leader, "n2")
    assert.deepStrictEqual([after.role._tag, after.leader], ["Follower", "n2"])
    assert.isAtLeast(Engine.deadline(after), asking.now + 510)
  })

  it("is answered with what is here, once it is on the disk", () => {
    assert.deepStrictEqual(told(first[1]), [
      "write 1: chunk=0-1",
      "→ n2 SnapshotReply snapshot=5 has=2 round=1 (after write 1)"
    ])
    assert.deepStrictEqual(told(second[1]), [
      "write 2: chunk=2-3",
      "→ n2 SnapshotReply snapshot=5 has=4 round=1 (after write 2)"
    ])
  })

  it("is not taken before the one before it, and the answer says what is missing", () => {
    const [after, outputs] = take(first[0], piece(4))

    assert.deepStrictEqual(told(outputs), ["→ n2 SnapshotReply snapshot=5 has=2 stored=0 round=1"])
    assert.deepStrictEqual(after.receiving, first[0].receiving)
  })

  it("is not taken twice", () => {
    const [after, outputs] = take(second[0], piece(0))

    assert.deepStrictEqual(told(outputs), ["→ n2 SnapshotReply snapshot=5 has=4 stored=0 round=1"])
    assert.deepStrictEqual(after.receiving, second[0].receiving)
  })

  it("is not taken without its bytes", () => {
    const [after, outputs] = hear(first[0], piece(2))

    assert.deepStrictEqual(told(outputs), ["→ n2 SnapshotReply snapshot=5 has=2 stored=0 round=1"])
    assert.strictEqual(after.receiving?.received, 2)
  })

  it("changes nothing of the log before all is there", () => {
    assert.strictEqual(second[0].log, follower.log)
    assert.deepStrictEqual([second[0].commit, second[0].snapshot.index], [2, 0])
  })

  it("of an older term is not heard, and its sender told so", () => {
    const [after, outputs] = take(node({ terms: [1], term: 3 }), piece(0))

    assert.isUndefined(after.receiving)
    assert.deepStrictEqual(messages(outputs).map(({ _tag, term }) => [_tag, term]), [["AppendReply", 3]])
  })

  it("that a leader hears in its own term shows that there are two", () => {
    const leader = leading({ terms: [1], term: 1 })

    assert.throws(() => take(leader, piece(0)), /two leaders in one term/)
  })
})

describe("the answer to a question how much has come", () => {
  it("tells what has come from what is on the disk", () => {
    const [half] = persisted(second[0], 1)

    assert.deepStrictEqual(told(take(second[0], question())[1]), [
      "→ n2 SnapshotReply snapshot=5 has=4 stored=0 round=1"
    ])
    assert.deepStrictEqual(told(take(half, question(2))[1]), ["→ n2 SnapshotReply snapshot=5 has=4 stored=2 round=2"])
    assert.deepStrictEqual(told(take(flushed(second[0])[0], question())[1]), [
      "→ n2 SnapshotReply snapshot=5 has=4 round=1"
    ])
  })

  it("says that nothing has come of a snapshot that is new", () => {
    const other = { ...snapshot, checksum: 98 }
    const [after, outputs] = take(second[0], question(1, other))

    assert.deepStrictEqual(told(outputs), ["→ n2 SnapshotReply snapshot=5 has=0 round=1"])
    assert.deepStrictEqual(after.receiving, { snapshot: other, received: 0, writes: [] })
  })

  it("says what an earlier leader had sent of the same one, and the next sends the rest", () => {
    const [asked, outputs] = take(flushed(second[0])[0], chunk("n3", 3, snapshot, 0, 0))
    const [after] = take(asked, chunk("n3", 3, snapshot, 4, 2))

    assert.include(told(outputs).join("\n"), "→ n3 SnapshotReply snapshot=5 has=4 round=1")
    assert.strictEqual(after.snapshot.index, 5)
  })

  it("remembers no more of its writes than are on their way", () => {
    const long = { ...snapshot, size: 1000 }
    let state = follower
    for (let offset = 0; offset < 900; offset += 2) state = flushed(take(state, piece(offset, 2, long))[0])[0]

    assert.deepStrictEqual(state.receiving?.writes.length, 2)
    assert.deepStrictEqual(told(take(state, question(1, long))[1]), ["→ n2 SnapshotReply snapshot=5 has=900 round=1"])
  })

  it("is that nothing has come when the node was started again", () => {
    const again = node({ terms: [1, 1, 1], term: 2 })

    assert.deepStrictEqual(told(take(again, question())[1]), ["→ n2 SnapshotReply snapshot=5 has=0 round=1"])
  })
})

describe("the last piece of a snapshot", () => {
  it("puts it in the place of the log, in one write, and then of the state", () => {
    assert.deepStrictEqual(told(whole[1]), [
      "write 3: chunk=4-5 snapshot=5@2 size=6 boundary=5@2 members=n1,n2,n3,n4 keep=2",
      "restore 5@2 (after write 3)",
      "→ n2 AppendReply match=5 round=1 (after write 3)"
    ])
    assert.strictEqual(
      Describe.state(whole[0]),
      "n1@2 follower last=5@2 durable=2 commit=5 applied=2 snapshot=5@2 first=6 vote=- leader=n2"
    )
  })

  it("puts the membership of then in force", () => {
    assert.deepStrictEqual(Log.membership(whole[0].log), snapshot.membership)
  })

  it("leaves nothing of what stood after it in the log: it stood on what nobody can compare any more", () => {
    const long = node({ terms: [1, 1, 1, 1, 1, 1, 1, 1], term: 2, commit: 2 })
    const [after] = take(take(take(long, piece(0))[0], piece(2))[0], piece(4))

    assert.deepStrictEqual([after.log.last, after.log.runs], [5, []])
  })

  it("lets the entries after it follow, and hands them over only once the snapshot is on the disk", () => {
    const more = { ...append("n2", 2, [5, 2], [2, 2], 7) }
    const [longer] = hear(whole[0], more, 8)
    const [early] = hear(longer, append("n2", 2, [7, 2], [], 7))
    const [late, outputs] = flushed(early)

    assert.deepStrictEqual([early.commit, early.handed], [7, 5])
    assert.deepStrictEqual(told(outputs), ["apply 6-7"])
    assert.strictEqual(late.handed, 7)
  })

  it("is enough when there is only one", () => {
    assert.strictEqual(take(follower, piece(0, 6))[0].snapshot.index, 5)
  })

  it("is a question when the snapshot is empty, as a witness is sent it", () => {
    const empty = { ...snapshot, size: 0, checksum: 0 }
    const [after, outputs] = take(follower, question(1, empty))
    const [, later] = take(flushed(after)[0], question(2, empty))

    assert.deepStrictEqual(told(outputs), [
      "write 1: snapshot=5@2 size=0 boundary=5@2 members=n1,n2,n3,n4 keep=2",
      "restore 5@2 (after write 1)",
      "→ n2 AppendReply match=2 round=1"
    ])
    assert.deepStrictEqual(told(later), ["→ n2 AppendReply match=5 round=2"])
  })

  it("is answered again by what is on the disk, should the answer be lost", () => {
    const [, waiting] = take(whole[0], question(2))
    const [, done] = take(flushed(whole[0])[0], question(3))

    assert.deepStrictEqual(told(waiting), ["→ n2 AppendReply match=2 round=2"])
    assert.deepStrictEqual(told(done), ["→ n2 AppendReply match=5 round=3"])
  })

  it("makes the outcome of what waited there unknown, and of nothing else", () => {
    const waiters = [{ batch: 1, from: 3, to: 4, term: 1 }, { batch: 2, from: 5, to: 7, term: 1 }]
    const [after, outputs] = take({ ...second[0], waiters }, piece(4))

    assert.includeMembers([...told(outputs)], ["indeterminate #1 3-4", "indeterminate #2 5"])
    assert.deepStrictEqual(after.waiters, [{ batch: 2, from: 6, to: 7, term: 1 }])
  })

  it("takes the place of a snapshot of its own that was being taken, and whoever waits for that has the next", () => {
    const taking = { ...second[0], snapshotting: { index: 2, requests: [1], write: undefined }, snapshotRequests: [2] }
    const [installed, nothing] = take(taking, piece(4))
    const [after, outputs] = flushed(installed)
    const [late] = step(after, { _tag: "SnapshotTaken", now: after.now, index: 2, size: 9, checksum: 9 })

    assert.notInclude(told(nothing).join("\n"), "is done at")
    assert.deepStrictEqual(told(outputs), ["snapshot #1 is done at 5", "snapshot #2 is done at 5"])
    assert.deepStrictEqual([after.snapshotting, late.snapshot], [undefined, snapshot])
  })
})

describe("a snapshot that is not needed", () => {
  it("is agreed to when the log holds its last entry, which is then known to be committed", () => {
    const holding = node({ terms: [1, 2, 2, 2, 2, 2], term: 2, commit: 1 })
    const [after, outputs] = take(holding, piece(0))

    assert.deepStrictEqual(told(outputs), ["→ n2 AppendReply match=5 round=1", "apply 2-5"])
    assert.deepStrictEqual([after.log, after.snapshot.index, after.receiving], [holding.log, 0, undefined])
  })

  it("is agreed to once that entry is on the disk", () => {
    const [written] = hear(follower, append("n2", 2, [3, 1], [2, 2]), 1)

    assert.include(told(take(written, piece(0))[1]), "→ n2 AppendReply match=5 round=1 (after write 1)")
    assert.include(told(take(written, question())[1]), "→ n2 AppendReply match=3 round=1")
  })

  // The state machine is past it, and would not see the entries in between again (Yh).
  it("is not installed over what is committed", () => {
    const ahead = node({ terms: [1, 2, 2, 2, 2, 2, 2], term: 2, commit: 7 })
    const [after, outputs] = take(ahead, piece(0, 6))

    assert.deepStrictEqual(told(outputs), ["→ n2 AppendReply match=5 round=1"])
    assert.deepStrictEqual([after.commit, after.applied, after.log], [7, 7, ahead.log])
  })

  it("is agreed to when it is older than the own one, which no longer tells", () => {
    const compacted = node({ terms: [1, 2, 2, 2, 2, 2, 2], term: 2, boundary: 6 })

    assert.deepStrictEqual(told(take(compacted, piece(0))[1]), ["→ n2 AppendReply match=5 round=1"])
  })

  it("and contradicts what is committed stops the node: one of the two was never committed", () => {
    const other = node({ terms: [1, 1, 1, 1, 1], term: 2, commit: 5 })

    assert.throws(() => take(other, piece(0)), /a snapshot that contradicts what is committed at 5/)
  })
})

describe("a node that starts with a snapshot", () => {
  const started = (): ReturnType<typeof Engine.start> => {
    const { log } = node({ terms: [1, 1, 2, 2, 2, 2], boundary: 3 })
    return Engine.start({
      id: "n1",
      settings: follower.settings,
      seed: 1,
      now: 0,
      recovered: { hardState: { term: 2, votedFor: undefined }, log, snapshot }
    })
  }

  it("begins its state machine with it, and knows that much to be committed", () => {
    const [state, outputs] = started()

    assert.deepStrictEqual(told(outputs), ["restore 5@2"])
    assert.deepStrictEqual([state.commit, state.handed, state.applied], [5, 5, 0])
  })

  it("hands over what follows", () => {
    const [state] = started()
    const [, outputs] = hear(step(state, { _tag: "Applied", now: 0, index: 5 })[0], append("n2", 2, [6, 2], [], 6))

    assert.include(told(outputs), "apply 6")
  })
})

describe("what is asked of a log whose beginning is in a snapshot", () => {
  const compacted = node({ terms: [1, 1, 2, 2, 2, 2], term: 3, boundary: 4 })

  it("is granted where it is older than that: all of it is committed", () => {
    const [after, outputs] = hear(compacted, append("n2", 3, [2, 1], [2, 2, 2, 2, 3]), 1)
    const [, older] = hear(compacted, append("n2", 3, [0, 0], [1, 1]), 1)

    assert.deepStrictEqual(told(outputs), ["write 1: append=7@3", "→ n2 AppendReply match=7 round=1 (after write 1)"])
    assert.strictEqual(Describe.runs(after.log.runs, after.log.last), "5-6@2 7@3")
    assert.deepStrictEqual(told(older), ["→ n2 AppendReply match=4 round=1"])
  })

  it("is compared where it begins, and a contradiction there stops the node", () => {
    assert.deepStrictEqual(told(hear(compacted, append("n2", 3, [4, 2]))[1]), ["→ n2 AppendReply match=4 round=1"])
    assert.throws(() => hear(compacted, append("n2", 3, [4, 1])), /contradicts what is committed at 4/)
  })

  it("is unknown of an outcome", () => {
    assert.strictEqual(Engine.outcomeOf(compacted, { index: 3, term: 2 }), "Unknown")
    assert.strictEqual(Engine.outcomeOf(compacted, { index: 4, term: 2 }), "Committed")
  })
})
