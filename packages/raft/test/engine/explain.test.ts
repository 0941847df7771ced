import { assert, describe, it } from "@effect/vitest"
import { Explain, Membership } from "effect-raft/engine"
import { accepted, described, flushed, got, hear, leading, node, step, timer } from "../Nodes.ts"

describe("why nobody leads", () => {
  it("names who refused, who was for it, and who has not answered", () => {
    const [asking] = timer(node({ term: 1 }))
    const round = asking.role._tag === "PreCandidate" ? asking.role.round : 0
    const [refused] = hear(asking, { _tag: "PreVoteReply", from: "n2", term: 1, round, granted: false })

    const { reasons } = Explain.explain({ ...refused, now: refused.now + 40 })

    assert.deepStrictEqual(reasons, [
      "n1 has asked whether it could win in term 1; n1,n2,n3 vote, and a majority must agree",
      "in favour: n1",
      "n2 refused 40 ms ago",
      "n3 has not answered"
    ])
  })

  it("says that a node waits to be added, does not vote, or waits for a leader", () => {
    assert.match(Explain.explain(node({ voters: [] })).reasons[0] ?? "", /waits to be added/)
    assert.match(Explain.explain(node({ voters: ["n2", "n3"] })).reasons[0] ?? "", /does not vote/)
    assert.match(Explain.explain(node()).reasons[0] ?? "", /has heard of no leader in term 0/)
  })

  it("says that the disk does not answer", () => {
    const [stalled] = step(node(), { _tag: "DiskStalled", now: 0, isStalled: true })
    assert.match(Explain.explain(stalled).reasons[0] ?? "", /the disk of n1 does not answer/)
  })
})

describe("why an entry is not committed", () => {
  it("names those whose disks do not have it, and what they refused", () => {
    const leader = leading({ terms: [1, 1], term: 1 })
    const { reasons } = Explain.explain({ ...leader, now: leader.now + 20 })

    assert.deepStrictEqual(reasons, [
      "n1 leads term 2",
      "entry 3 is not on the disks of a majority of n1,n2,n3",
      "n2 has entries up to 0, and was heard 20 ms ago",
      "n3 has entries up to 0, and was heard 20 ms ago"
    ])
  })

  it("says that it is, or that there is none", () => {
    const [leader] = hear(leading(), accepted("n2", 1, 1, 1))
    assert.include(Explain.explain(leader).reasons, "entry 1 is committed")
    assert.include(Explain.explain(leader, 7).reasons, "there is no entry 7: the log ends at 1")
  })

  it("shows what the leader knows of each member", () => {
    const [leader] = hear(leading(), accepted("n2", 1, 1, 1))
    assert.deepStrictEqual(
      Explain.explain(leader).members.map(({ behind, id, isVoter, match }) => ({ behind, id, isVoter, match })),
      [{ id: "n2", isVoter: true, match: 1, behind: 0 }, { id: "n3", isVoter: true, match: 0, behind: 1 }]
    )
  })

  it("of an earlier term waits for the leader's own entry (§3.6.2)", () => {
    const leader = leading({ terms: [1, 1], term: 1 })
    assert.include(
      Explain.explain(leader, 2).reasons,
      "it is of an earlier term: it is committed together with entry 3"
    )
  })
})

describe("why a member is sent a snapshot", () => {
  const refused = {
    _tag: "AppendReply",
    from: "n2",
    term: 2,
    sequence: 1,
    accepted: false,
    match: 5,
    last: 0,
    runs: []
  } as const
  const compacted = { terms: [1, 1, 1, 1, 1], term: 1, boundary: 4, snapshot: 5, size: 600_000 }
  const viewOf = (state: Parameters<typeof Explain.explain>[0], id: string) =>
    Explain.explain(state).members.find((each) => each.id === id)

  it("shows how much of it is on its disk, while it is sent one", () => {
    const [asked] = hear(leading(compacted), refused)
    const [sending] = hear(asked, got("n2", 2, 5, 300_000, { stored: 262_144 }))

    assert.deepStrictEqual(viewOf(sending, "n2")?.snapshot, { stored: 262_144, size: 600_000 })
    assert.strictEqual(viewOf(sending, "n2")?.mode, "snapshot")
    assert.isUndefined(viewOf(sending, "n3")?.snapshot)
  })

  it("shows what it refused", () => {
    const [asked] = hear(leading(compacted), refused)

    assert.deepStrictEqual(viewOf({ ...asked, now: asked.now + 30 }, "n2")?.refused, { index: 5, ago: 30 })
  })
})

describe("who does not stand", () => {
  const three = described({ n1: { priority: 0 }, n2: { isWitness: true }, n3: {} })

  it("says so, first of all what it is", () => {
    const reasons = (id: string) => Explain.explain(node({ id, membership: three })).reasons

    assert.match(reasons("n1")[0] ?? "", /n1 has priority 0, and so does not stand/)
    assert.match(reasons("n2")[0] ?? "", /n2 is a witness, and so does not stand/)
    assert.match(reasons("n2")[1] ?? "", /it waits \d+ ms more for a leader/)
    assert.match(reasons("n3")[0] ?? "", /n3 has heard of no leader/)
  })

  it("says that it has been given up, rather than that it waits to vote", () => {
    const fenced = { ...node({ voters: ["n2", "n3"] }), term: 2 ** 32 }

    assert.match(Explain.explain(fenced).reasons[0] ?? "", /n1 is given up, and can only come back under another id/)
  })
})

describe("a disk that does not answer", () => {
  it("makes a leader hand over to whoever has most of the log, once", () => {
    const [one] = hear(leading(), accepted("n2", 1, 1, 1))
    const [stalled, outputs] = step(one, { _tag: "DiskStalled", now: one.now, isStalled: true })

    assert.strictEqual(stalled.transfer?.to, "n2")
    assert.isTrue(outputs.some((output) => output._tag === "Send" && output.message._tag === "TimeoutNow"))
    assert.deepStrictEqual(timer(stalled, stalled.now)[1], [])
  })

  it("keeps a follower from standing, and no longer", () => {
    const [stalled] = step(node(), { _tag: "DiskStalled", now: 0, isStalled: true })
    const [waited] = timer(stalled)
    assert.strictEqual(waited.role._tag, "Follower")
    const [better] = step(waited, { _tag: "DiskStalled", now: waited.now, isStalled: false })
    assert.strictEqual(timer(better)[0].role._tag, "PreCandidate")
  })

  it("changes nothing for a leader that has nobody to hand over to", () => {
    const alone = flushed(leading({ voters: ["n1"] }))[0]
    const [stalled] = step(alone, { _tag: "DiskStalled", now: alone.now, isStalled: true })
    assert.strictEqual(stalled.role._tag, "Leader")
    assert.strictEqual(stalled.transfer, undefined)
    assert.strictEqual(Membership.isSoleVoter(stalled.log.boundary.membership, "n1"), true)
  })
})
