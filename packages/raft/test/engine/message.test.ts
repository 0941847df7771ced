import { assert, describe, it } from "@effect/vitest"
import { Describe, Engine, Membership, Message } from "effect-raft/engine"
import { chunk, got, membership, node } from "../Nodes.ts"

const entries = (fields: Partial<Message.AppendEntries>): Message.AppendEntries => ({
  _tag: "AppendEntries",
  from: "n2",
  term: 3,
  previous: { term: 1, index: 2 },
  last: 5,
  runs: [{ start: 3, term: 1 }, { start: 5, term: 3 }],
  memberships: [],
  commit: 5,
  sequence: 1,
  ...fields
})

const contradictions: Record<string, Partial<Message.AppendEntries>> = {
  "names fewer entries than it says": { runs: [], last: 5 },
  "leaves a gap after previous": { runs: [{ start: 4, term: 1 }] },
  "lets terms fall": { runs: [{ start: 3, term: 3 }, { start: 5, term: 2 }] },
  "names a term before that of previous": { previous: { term: 2, index: 2 } },
  "names a term beyond its own": { term: 2 },
  "begins a run past its end": { last: 4 },
  "puts a membership before its entries": { memberships: [{ index: 2, membership: Membership.none }] },
  "puts a membership past its end": { memberships: [{ index: 6, membership: Membership.none }] },
  "puts a membership into a heartbeat": { runs: [], last: 2, memberships: [{ index: 2, membership: Membership.none }] },
  "puts two memberships into one place": {
    memberships: [{ index: 4, membership: Membership.none }, { index: 4, membership: Membership.none }]
  },
  "gives the start of the log a term": { previous: { term: 1, index: 0 }, runs: [], last: 0 }
}

const snapshot = { index: 5, term: 3, membership: membership(["n1", "n2", "n3"]), size: 10, checksum: 7 }

const aboutSnapshots: Record<string, Message.Message> = {
  "is of the start of the log": chunk("n2", 3, { ...snapshot, index: 0 }, 0, 0),
  "is of no term": chunk("n2", 3, { ...snapshot, term: 0 }, 0, 0),
  "is of a term beyond its sender's": chunk("n2", 2, snapshot, 0, 0),
  "begins before the snapshot": chunk("n2", 3, snapshot, -1, 1),
  "has less than nothing": chunk("n2", 3, snapshot, 5, -1),
  "goes on past the snapshot": chunk("n2", 3, snapshot, 8, 3),
  "has more on the disk than has come": got("n2", 3, 5, 2, { stored: 3 }),
  "has less than nothing on the disk": got("n2", 3, 5, 2, { stored: -1 })
}

describe("a message that contradicts itself", () => {
  it("is told from one that does not", () => {
    assert.isTrue(Message.isConsistent(entries({})))
    assert.isTrue(Message.isConsistent(entries({ runs: [], last: 2 })))
    assert.isTrue(Message.isConsistent(entries({
      memberships: [{ index: 3, membership: Membership.none }, { index: 5, membership: Membership.none }]
    })))
    for (const [what, fields] of Object.entries(contradictions)) {
      assert.isFalse(Message.isConsistent(entries(fields)), what)
    }
  })

  it("about a snapshot is told from one that does not", () => {
    assert.isTrue(Message.isConsistent(chunk("n2", 3, snapshot, 0, 0)))
    assert.isTrue(Message.isConsistent(chunk("n2", 3, snapshot, 8, 2)))
    assert.isTrue(Message.isConsistent(chunk("n2", 3, { ...snapshot, size: 0 }, 0, 0)))
    assert.isTrue(Message.isConsistent(got("n2", 3, 5, 2, { stored: 2 })))
    for (const [what, message] of Object.entries(aboutSnapshots)) {
      assert.isFalse(Message.isConsistent(message), what)
    }
  })

  it("is not heard: the node neither answers nor stops", () => {
    const before = node({ terms: [1, 1], term: 3, commit: 1 })
    for (const message of [...Object.values(contradictions).map(entries), ...Object.values(aboutSnapshots)]) {
      const [after, outputs] = Engine.step(before, { _tag: "Receive", now: 1, message, batch: undefined })
      assert.deepStrictEqual(outputs, [])
      assert.strictEqual(Describe.state(after), Describe.state(before))
    }
  })
})
