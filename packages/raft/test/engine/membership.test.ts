import { assert, describe, it } from "@effect/vitest"
import { Membership } from "effect-raft/engine"
import { membership } from "../Nodes.ts"

const three = membership(["n1", "n2", "n3"])
const member = (id: string): Membership.Member => ({ id, address: `${id}.example:1` })
const ids = (members: ReadonlyArray<Membership.Member>): string => members.map(({ id }) => id).join()

const begun = (current: Membership.Membership, change: Membership.Change): Membership.Membership => {
  const result = Membership.begin(current, change)
  if (typeof result === "string") throw new Error(result)
  return result
}

const learning = begun(three, { _tag: "AddLearner", member: member("n4") })

/** What each change begins with: outgoing, voters, members, departing, promoting. */
const beginnings: ReadonlyArray<readonly [string, Membership.Membership, Membership.Change, string]> = [
  ["a learner comes at once", three, { _tag: "AddLearner", member: member("n4") }, "- n1,n2,n3 n1,n2,n3,n4 - -"],
  ["a voter comes as a learner", three, { _tag: "AddVoter", member: member("n4") }, "- n1,n2,n3 n1,n2,n3,n4 - n4"],
  ["a learner is to vote", learning, { _tag: "Promote", id: "n4" }, "- n1,n2,n3 n1,n2,n3,n4 - n4"],
  ["a voter goes in two steps", three, { _tag: "Remove", id: "n3" }, "n1,n2,n3 n1,n2 n1,n2 n3 -"],
  ["a learner goes at once", learning, { _tag: "Remove", id: "n4" }, "- n1,n2,n3 n1,n2,n3 - -"],
  ["a voter becomes a learner in two steps", three, { _tag: "Demote", id: "n1" }, "n1,n2,n3 n2,n3 n1,n2,n3 - -"],
  [
    "everyone is replaced in two steps",
    three,
    { _tag: "Replace", members: [member("n5"), member("n4")], voters: ["n5", "n4"] },
    "n1,n2,n3 n4,n5 n4,n5 n1,n2,n3 -"
  ],
  [
    "the same voters in another order are the same",
    three,
    { _tag: "Replace", members: [member("n3"), member("n1"), member("n2")], voters: ["n2", "n3", "n1"] },
    "- n1,n2,n3 n1,n2,n3 - -"
  ],
  [
    "who is replaced does not wait for promotion any more",
    begun(three, { _tag: "AddVoter", member: member("n4") }),
    { _tag: "Replace", members: ["n1", "n2", "n4"].map(member), voters: ["n1", "n2"] },
    "n1,n2,n3 n1,n2 n1,n2,n4 n3 -"
  ]
]

const nonsense: ReadonlyArray<readonly [Membership.Change, string]> = [
  [{ _tag: "AddVoter", member: member("n3") }, "n3 is a member already"],
  [{ _tag: "AddLearner", member: member("n3") }, "n3 is a member already"],
  [{ _tag: "AddLearner", member: member("") }, "a member has an empty id"],
  [{ _tag: "Promote", id: "n3" }, "n3 votes already"],
  [{ _tag: "Promote", id: "n9" }, "n9 is no member"],
  [{ _tag: "Demote", id: "n9" }, "n9 is no member"],
  [{ _tag: "Remove", id: "n9" }, "n9 is no member"],
  [{ _tag: "Replace", members: [member("n4")], voters: [] }, "nobody would vote"],
  [{ _tag: "Replace", members: [member("n4")], voters: ["n5"] }, "a voter is no member"],
  [{ _tag: "Replace", members: [member("n4")], voters: ["n4", "n4"] }, "a voter is named twice"],
  [{ _tag: "Replace", members: [member("n4"), member("n4")], voters: ["n4"] }, "two members have the same id"]
]

const tell = ({ departing, members, outgoing, promoting, voters }: Membership.Membership): string =>
  [outgoing.join(), voters.join(), ids(members), ids(departing), promoting.join()].map((each) => each || "-").join(" ")

describe("a change of membership", () => {
  for (const [sentence, current, change, told] of beginnings) {
    it(`begins so that ${sentence}`, () => {
      assert.strictEqual(tell(begun(current, change)), told)
    })
  }

  for (const [change, why] of nonsense) {
    it(`does not begin when ${why} (${change._tag})`, () => {
      assert.strictEqual(Membership.begin(three, change), why)
    })
  }

  it("never leaves a cluster without a voter", () => {
    const one = membership(["n1"])

    assert.strictEqual(Membership.begin(one, { _tag: "Remove", id: "n1" }), "nobody would vote")
    assert.strictEqual(Membership.begin(one, { _tag: "Demote", id: "n1" }), "nobody would vote")
  })

  it("gives a learner its vote in two steps, and no longer waits for it", () => {
    const waiting = begun(three, { _tag: "AddVoter", member: member("n4") })
    const joint = Membership.promote(waiting, "n4")

    assert.strictEqual(tell(joint), "n1,n2,n3 n1,n2,n3,n4 n1,n2,n3,n4 - -")
    assert.strictEqual(tell(Membership.leave(joint)), "- n1,n2,n3,n4 n1,n2,n3,n4 - -")
  })

  it("takes a demoted learner off the list of those who are to vote", () => {
    const waiting = begun(three, { _tag: "AddVoter", member: member("n4") })

    assert.strictEqual(tell(begun(waiting, { _tag: "Demote", id: "n4" })), "- n1,n2,n3 n1,n2,n3,n4 - -")
  })

  it("keeps the addresses, and takes new ones", () => {
    const moved = { id: "n2", address: "elsewhere:1" }
    const change = {
      _tag: "Replace",
      members: [member("n1"), moved, member("n3")],
      voters: ["n1", "n2", "n3"]
    } as const

    assert.deepStrictEqual(begun(three, change).members[1], moved)
    assert.deepStrictEqual(learning.members[3], member("n4"))
  })
})

describe("a membership", () => {
  const joint = begun(three, { _tag: "Replace", members: ["n1", "n4"].map(member), voters: ["n1", "n4"] })

  it("reaches those who are on their way out", () => {
    assert.deepStrictEqual(Membership.others(joint, "n1"), ["n4", "n2", "n3"])
    assert.deepStrictEqual(Membership.others(Membership.leave(joint), "n1"), ["n4"])
  })

  it("counts as voters those of both while two are in force", () => {
    assert.deepStrictEqual(["n1", "n2", "n4", "n5"].map((id) => Membership.isVoter(joint, id)), [
      true,
      true,
      true,
      false
    ])
    assert.isFalse(Membership.isVoter(learning, "n4"))
    assert.isTrue(Membership.isMember(learning, "n4"))
  })

  it("has a sole voter only when it is the only one in force", () => {
    const leaving = begun(membership(["n1", "n2"]), { _tag: "Remove", id: "n2" })

    assert.isFalse(Membership.isSoleVoter(leaving, "n1"))
    assert.isTrue(Membership.isSoleVoter(Membership.leave(leaving), "n1"))
  })
})

describe("what is written down of disks", () => {
  const known: Membership.Member = { ...member("n1"), incarnation: 11, metadata: { zone: "a" }, priority: 2 }
  const before = Membership.make([known, member("n2"), member("n3")])
  const after = Membership.record(before, (id) => (id === "n3" ? undefined : 22))

  it("is added where nothing was, and is not replaced", () => {
    assert.deepStrictEqual(after.members.map(({ incarnation }) => incarnation), [11, 22, undefined])
    assert.deepStrictEqual({ ...after, members: [] }, { ...before, members: [] })
  })

  it("is told from every other change, by value", () => {
    const change = (fields: Partial<Membership.Member>) => ({
      ...after,
      members: after.members.map((each) => (each.id === "n1" ? { ...each, ...fields } : each))
    })
    const others: ReadonlyArray<Membership.Membership> = [
      change({ address: "elsewhere:1" }),
      change({ incarnation: 12 }),
      change({ priority: 3 }),
      change({ isWitness: true }),
      change({ metadata: { zone: "b" } }),
      change({ metadata: { zone: "a", rack: "1" } }),
      change({ id: "n9" }),
      { ...after, members: after.members.slice(1) },
      { ...after, voters: ["n1", "n2"] },
      { ...after, promoting: ["n3"] },
      { ...after, outgoing: ["n1"] }
    ]

    assert.isTrue(Membership.isRecorded(before, after))
    assert.isTrue(Membership.isRecorded(before, structuredClone(after)))
    for (const other of others) assert.isFalse(Membership.isRecorded(before, other))
    assert.isFalse(Membership.isRecorded({ ...before, outgoing: ["n1"] }, after))
  })
})
