import { assert, describe, it } from "@effect/vitest"
import { Describe, Log, type Output, type State } from "effect-raft/engine"
import {
  accepted,
  append,
  described,
  flushed,
  got,
  hear,
  leading,
  node,
  type Options,
  step,
  timer,
  told
} from "../Nodes.ts"

const terms = (count: number): ReadonlyArray<number> => Array.from({ length: count }, () => 1)

/** Takes a snapshot every four entries, and keeps one entry before it. */
const settings = { snapshotEntries: 4, entriesKept: 1 }

const applied = (state: State.State, index: number) => step(state, { _tag: "Applied", now: state.now, index })

/** Has applied everything up to `index`, as it was handed over. */
const through = (state: State.State, index: number): State.State => {
  let current = state
  while (current.applied < index) current = applied(current, Math.min(index, current.handed))[0]
  return current
}

const taken = (state: State.State, index: number, size = 10) =>
  step(state, { _tag: "SnapshotTaken", now: state.now, index, size, checksum: 7 })

const request = (state: State.State, request: number) =>
  step(state, { _tag: "RequestSnapshot", now: state.now, request })

/** Follows n2, with as many entries on its disk, of which so many are committed; nothing is applied yet. */
const following = (last: number, commit: number, options: Options = {}) => {
  const state = { ...node({ terms: terms(last), settings, ...options }), commit: 0, handed: 0, applied: 0 }
  return hear(state, append("n2", 1, [last, 1], [], commit))
}

const tells = (outputs: ReadonlyArray<Output.Output>, word: string): ReadonlyArray<string> =>
  told(outputs).filter((line) => line.includes(word))

describe("a snapshot is due", () => {
  it("at the multiples of a number of entries, whenever the entries came, so that all nodes take the same ones", () => {
    const [asked, outputs] = following(7, 7)
    const [early, none] = following(7, 3)
    const [, late] = hear(early, append("n2", 1, [7, 1], [], 7))

    assert.deepStrictEqual(told(outputs).slice(1), ["apply 1-4", "take a snapshot at 4"])
    assert.deepStrictEqual(tells(none, "snapshot"), [])
    assert.deepStrictEqual(tells(late, "snapshot"), ["take a snapshot at 4"])
    assert.deepStrictEqual([asked.snapshotting?.index, asked.snapshotting?.write], [4, undefined])
  })

  it("while the state machine goes on: what follows is handed over with the next step", () => {
    const [after, outputs] = applied(following(7, 7)[0], 2)

    assert.deepStrictEqual(told(outputs), ["apply 5-7"])
    assert.strictEqual(after.snapshotting?.index, 4)
  })

  it("once, and not again while it is being taken, nor after it counts", () => {
    const [, later] = applied(through(following(11, 11)[0], 4), 8)
    const [kept] = flushed(taken(through(following(7, 7)[0], 7), 4)[0])

    assert.deepStrictEqual(tells(later, "take"), [])
    assert.deepStrictEqual(tells(timer(kept, kept.now)[1], "take"), [])
  })

  it("at the next multiple when another was passed while one was being taken, so that all nodes take the same ones", () => {
    const going = through(following(13, 11)[0], 11)
    const [kept, none] = flushed(taken(going, 4)[0])
    const [, outputs] = hear(kept, append("n2", 1, [13, 1], [], 13))

    assert.deepStrictEqual([going.handed, tells(none, "take")], [11, []])
    assert.deepStrictEqual(tells(outputs, "take"), ["take a snapshot at 12"])
  })

  it("after a number of bytes, if that comes first", () => {
    const bytes = { ...settings, snapshotEntries: 1000, snapshotBytes: 100 }
    const receive = (state: State.State, at: number, size: number) =>
      flushed(
        step(state, {
          _tag: "Receive",
          now: 0,
          message: append("n2", 1, [at, at === 0 ? 0 : 1], [1], at + 1),
          batch: 1,
          bytes: size
        })[0]
      )
    const [small, none] = receive(node({ settings: bytes, term: 1 }), 0, 99)
    const [, outputs] = receive(small, 1, 1)

    assert.deepStrictEqual(tells(none, "take"), [])
    assert.deepStrictEqual(tells(outputs, "take"), ["take a snapshot at 2"])
  })

  it("whenever someone wants one, and all who do at the same time have the same", () => {
    const [idle] = applied(following(3, 3)[0], 3)
    const [one, outputs] = request(idle, 8)
    const [two] = request(one, 9)
    const [first, done] = flushed(taken(two, 3)[0])

    assert.deepStrictEqual(told(outputs), ["take a snapshot at 3"])
    assert.deepStrictEqual(tells(done, "snapshot #"), ["snapshot #8 is done at 3", "snapshot #9 is done at 3"])
    assert.isUndefined(first.snapshotting)
  })

  // What the second one has seen may not be in the one that is being taken.
  it("again for who asks while one is being taken, if anything is new by then", () => {
    const [begun] = request(applied(following(3, 3)[0], 3)[0], 8)
    const [more] = hear(flushed(hear(begun, append("n2", 1, [3, 1], [1]), 1)[0])[0], append("n2", 1, [4, 1], [], 4))
    const [asked] = request(more, 9)
    const [, outputs] = flushed(taken(asked, 3)[0])

    assert.deepStrictEqual(tells(outputs, "snapshot"), ["snapshot #8 is done at 3", "take a snapshot at 4"])
  })

  it("of nothing new is the one that there is", () => {
    const [kept] = flushed(taken(applied(following(4, 4)[0], 4)[0], 4)[0])

    assert.deepStrictEqual(told(request(kept, 8)[1]), ["snapshot #8 is done at 4"])
    assert.deepStrictEqual(told(request(node(), 8)[1]), ["snapshot #8 is done at 0"])
  })

  it("of nothing new is done only once the one that there is counts, also after a crash", () => {
    const snapshot = { ...following(4, 4)[0].snapshot, index: 9, term: 1, size: 2 }
    const install = { _tag: "InstallSnapshot", from: "n2", term: 1, snapshot, offset: 0, length: 2 } as const
    const message = { ...install, sequence: 1 }
    const [installed] = step(following(3, 3)[0], { _tag: "Receive", now: 0, message, batch: 1 })
    const [asked, nothing] = request(installed, 8)

    assert.deepStrictEqual(told(nothing), [])
    assert.include(told(flushed(asked)[1]), "snapshot #8 is done at 9")
  })
})

describe("a snapshot that was taken", () => {
  const going = through(following(7, 7)[0], 7)

  it("takes the place of the beginning of the log in one write, and some entries before it stay", () => {
    const [after, outputs] = taken(going, 4)

    assert.deepStrictEqual(told(outputs), ["write 1: snapshot=4@1 size=10 boundary=3@1 members=n1,n2,n3"])
    assert.strictEqual(
      Describe.state(after),
      "n1@1 follower last=7@1 commit=7 snapshot=4@1 first=4 vote=- leader=n2"
    )
  })

  it("is done once that write is on the disk: until then a crash would take it away", () => {
    const [asked] = request(applied(following(3, 3)[0], 3)[0], 8)
    const [counting, nothing] = taken(asked, 3)

    assert.deepStrictEqual(tells(nothing, "done"), [])
    assert.deepStrictEqual(tells(flushed(counting)[1], "done"), ["snapshot #8 is done at 3"])
  })

  it("has the term and the membership of its last entry, and not of later ones", () => {
    const joint = { ...described({ n1: {}, n2: {} }), outgoing: ["n1", "n2", "n3"] }
    const moving = { ...append("n2", 2, [5, 1], [2], 6), memberships: [{ index: 6, membership: joint }] }
    const [longer] = flushed(hear(following(5, 5)[0], moving, 1)[0])
    const [after] = taken(through(longer, 5), 4)

    assert.deepStrictEqual([after.snapshot.term, after.snapshot.membership.voters], [1, ["n1", "n2", "n3"]])
    assert.deepStrictEqual(Log.membership(after.log).outgoing, ["n1", "n2", "n3"])
  })

  it("says nothing when it is not the one that is awaited", () => {
    const [counting] = taken(going, 4)

    assert.deepStrictEqual(taken(going, 3), [going, []])
    assert.deepStrictEqual(taken(counting, 4), [counting, []])
    assert.deepStrictEqual(taken(node({ terms: terms(4), commit: 4 }), 4)[1], [])
  })

  it("leaves the log as it is when all of it is to be kept", () => {
    const all = through(following(7, 7, { settings: { snapshotEntries: 4, entriesKept: 100 } })[0], 7)
    const [after, outputs] = taken(all, 4)

    assert.deepStrictEqual(told(outputs), ["write 1: snapshot=4@1 size=10 boundary=0@0 members=n1,n2,n3"])
    assert.deepStrictEqual([after.log.boundary.index, after.snapshot.index], [0, 4])
  })
})

describe("what a leader keeps of its log", () => {
  /** Leads with ten entries, all of them applied; n2 agrees up to `one` and n3 up to `other`. */
  const leads = (one: number, other: number): State.State => {
    const leader = leading({ terms: terms(9), term: 1, settings: { snapshotEntries: 1000, entriesKept: 3 } })
    const heard = hear(hear(leader, accepted("n2", 2, one))[0], accepted("n3", 2, other))[0]
    return request(applied(flushed(heard)[0], 10)[0], 8)[0]
  }
  const begins = (state: State.State): number => taken(state, 10)[0].log.boundary.index

  it("is a number of entries before the snapshot", () => {
    assert.strictEqual(begins(leads(10, 10)), 7)
  })

  it("is more when a follower that keeps up still needs it", () => {
    assert.strictEqual(begins(leads(10, 5)), 5)
  })

  it("is not more for one that is far behind: it is sent the snapshot", () => {
    assert.strictEqual(begins(leads(10, 3)), 7)
  })
})

describe("while a leader sends a snapshot", () => {
  const refused = {
    _tag: "AppendReply",
    from: "n3",
    term: 2,
    sequence: 1,
    accepted: false,
    match: 8,
    last: 0,
    runs: []
  } as const
  const leader = leading({
    terms: terms(8),
    term: 1,
    boundary: 6,
    snapshot: 7,
    size: 100,
    settings: { snapshotEntries: 9, entriesKept: 1 }
  })
  const sending = hear(leader, refused)[0]
  const busy = hear(sending, accepted("n2", 2, 9))

  it("no other is taken, for the one on its way would have to be begun again", () => {
    assert.strictEqual(busy[0].handed, 9)
    assert.deepStrictEqual(tells(busy[1], "take"), [])
    assert.deepStrictEqual(tells(request(busy[0], 8)[1], "take"), [])
  })

  const nothing = {
    _tag: "SnapshotReply",
    from: "n3",
    term: 2,
    sequence: 1,
    offset: 0,
    index: 7,
    received: 0,
    stored: 0
  } as const

  it("another waits for a member that gets on, and no longer for one that does not", () => {
    const alive = hear({ ...busy[0], now: busy[0].now + 1999 }, nothing)
    const late = hear({ ...alive[0], now: busy[0].now + 2000 }, accepted("n2", 2, 9))

    assert.deepStrictEqual(tells(alive[1], "take"), [])
    assert.deepStrictEqual(tells(late[1], "take"), ["take a snapshot at 9"])
  })

  it("another does not wait for a member that is not heard", () => {
    const [, outputs] = hear({ ...busy[0], now: busy[0].now + 500 }, accepted("n2", 2, 9))

    assert.deepStrictEqual(tells(outputs, "take"), ["take a snapshot at 9"])
  })

  it("another waits on when more of it was on the member's disk meanwhile", () => {
    const [asked] = hear({ ...busy[0], now: busy[0].now + 1000 }, got("n3", 2, 7, 0))
    const [moved] = hear(asked, got("n3", 2, 7, 50))
    const [waiting, nothing] = hear({ ...moved, now: busy[0].now + 2999 }, got("n3", 2, 7, 50))
    const [, outputs] = hear({ ...waiting, now: busy[0].now + 3000 }, accepted("n2", 2, 9))

    assert.deepStrictEqual(tells(nothing, "take"), [])
    assert.deepStrictEqual(tells(outputs, "take"), ["take a snapshot at 9"])
  })

  it("the next waits until that has arrived, and no longer", () => {
    const [, outputs] = hear(busy[0], { ...accepted("n3", 2, 7) })

    assert.deepStrictEqual(tells(outputs, "take"), ["take a snapshot at 9"])
  })
})

describe("a witness", () => {
  const witness = described({ n1: { isWitness: true }, n2: {}, n3: {} })

  it("gives up the beginning of its log once that is applied, and has no state to write down", () => {
    const [handed, none] = following(7, 7, { membership: witness })
    const [after, outputs] = applied(handed, 4)

    assert.deepStrictEqual(tells(none, "take"), [])
    assert.deepStrictEqual(tells(outputs, "write"), [
      "write 1: snapshot=4@1 size=0 boundary=3@1 members=n1*,n2,n3"
    ])
    assert.strictEqual(after.log.boundary.index, 3)
  })
})
