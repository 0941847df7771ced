import * as Disk from "@effect-raft/testing/Disk"
import * as SnapshotInvariants from "@effect-raft/testing/SnapshotInvariants"
import { assert, describe, it } from "@effect/vitest"
import { Engine, Log, Membership, Settings, type State } from "effect-raft/engine"

const three = Membership.make(["n1", "n2", "n3"].map((id) => ({ id, address: id })))
const two = Membership.make(["n1", "n2"].map((id) => ({ id, address: id })))

/** Four entries that are committed. */
const committed: ReadonlyArray<Disk.Entry> = ["a", "b", "c", "d"].map((content) => ({ term: 1, content }))

const boundary = (index: number, membership = three, term = 1): Log.Boundary => ({ index, term, membership })

const snapshot = (index: number, bytes = committed.slice(0, index)): Disk.StoredSnapshot => ({
  ...boundary(index),
  size: bytes.length,
  checksum: 1,
  bytes
})

interface Changed {
  readonly id?: string
  readonly state?: Partial<State.State>
  readonly stored?: Partial<Disk.Stored>
  readonly contents?: ReadonlyArray<Disk.Entry>
}

/** A node with a snapshot of three entries, whose log begins after the second. */
const node = ({ contents = committed, id = "n1", state = {}, stored = {} }: Changed = {}): SnapshotInvariants.Held => {
  const [started] = Engine.start({ id: "n1", settings: Settings.defaults, seed: 1, now: 0 })
  const { bytes: _, ...known } = snapshot(3)
  return {
    id,
    entries: committed,
    contents,
    state: { ...started, applied: 4, log: { ...started.log, boundary: boundary(2) }, snapshot: known, ...state },
    stored: { ...Disk.empty, entries: committed, boundary: { index: 2, term: 1 }, snapshot: snapshot(3), ...stored }
  }
}

const known = (): SnapshotInvariants.Snapshots => ({ ...SnapshotInvariants.make(), founding: three })

const check = (...nodes: ReadonlyArray<SnapshotInvariants.Held>): void => {
  const snapshots = known()
  for (const each of nodes) SnapshotInvariants.checkNode(snapshots, each, committed)
}

describe("the invariants of snapshots", () => {
  it("hold of a node that has one", () => {
    check(node())
  })

  it("notice a state machine that holds something else, or less than the node takes for applied", () => {
    const other = committed.map((entry, place) => place === 1 ? { ...entry, content: "x" } : entry)

    assert.throws(
      () => check(node({ contents: other })),
      /state machines hold what is committed, and the same \(2 on n1\)/
    )
    assert.throws(() => check(node({ contents: committed.slice(0, 3) })), /takes for applied is in its state machine/)
  })

  it("notice entries without payloads on a node that is no witness", () => {
    const log = { ...Log.empty(), boundary: boundary(2) }
    const contents = committed.map(Disk.withhold)

    assert.throws(() => check(node({ contents, state: { log } })), /nobody but a witness lacks payloads/)
    check(node({ contents, state: { log: { ...log, memberships: [{ index: 3, membership: two }] } }, id: "n3" }))
  })

  it("notice a state machine that is set back", () => {
    const earlier = node({ contents: committed.slice(0, 2), state: { applied: 2 } })

    assert.throws(() => check(node(), earlier), /a state machine is never set back \(n1: 4 to 2\)/)
  })

  it("notice a boundary or a snapshot that is not committed like that", () => {
    const log = Log.empty()

    const wrongTerm = node({ state: { log: { ...log, boundary: boundary(2, three, 2) } } })
    const pastTheEnd = node({ state: { snapshot: { ...boundary(5), size: 5, checksum: 1 } } })

    assert.throws(() => check(wrongTerm), /a boundary stands for what is committed/)
    assert.throws(() => check(pastTheEnd), /a snapshot stands for what is committed/)
  })

  it("notice the membership of another entry", () => {
    const wrong = node({ state: { snapshot: { ...boundary(3, two), size: 3, checksum: 1 } } })
    const unknown = node({ state: { snapshot: { ...boundary(3, Membership.none), size: 3, checksum: 1 } } })

    assert.throws(() => check(wrong), /the membership of a snapshot is the one in force there/)
    assert.throws(() => check(unknown), /the membership of a snapshot is the one in force there/)
  })

  it("notice a disk that gave up its log for nothing, or whose snapshot holds something else", () => {
    const none = node({ stored: { snapshot: snapshot(1) } })
    const other = node({ stored: { snapshot: snapshot(3, [{ term: 1, content: "x" }, ...committed.slice(1, 3)]) } })

    assert.throws(() => check(none), /a disk has a snapshot for what it no longer has of the log/)
    assert.throws(() => check(other), /a snapshot on a disk holds what is committed \(1 on n1\)/)
  })

  it("notice an answer that a crash would make untrue", () => {
    const snapshots = known()
    const done = { _tag: "SnapshotDone", request: 7, index: 4 } as const
    const received = { snapshot: snapshot(4), bytes: committed.slice(0, 2) }
    const reply = { _tag: "SnapshotReply", from: "n1", term: 1, sequence: 1, offset: 0, index: 4, received: 3 } as const
    snapshots.open.set(7, "n1")

    assert.throws(() => SnapshotInvariants.checkDone(snapshots, node(), done), /a snapshot that is done is on the disk/)
    assert.throws(() => SnapshotInvariants.checkDone(snapshots, node(), done), /is told once/)
    assert.throws(
      () => SnapshotInvariants.released(node({ stored: { received } }), { ...reply, stored: 3 }),
      /what is said to be stored of a snapshot is on the disk/
    )
    SnapshotInvariants.released(node({ stored: { received } }), { ...reply, stored: 2 })
  })
})
