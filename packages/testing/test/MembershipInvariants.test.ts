import type * as Disk from "@effect-raft/testing/Disk"
import * as MembershipInvariants from "@effect-raft/testing/MembershipInvariants"
import { assert, describe, it } from "@effect/vitest"
import { Engine, Log, Membership, Settings, type State } from "effect-raft/engine"

const membership = (...ids: ReadonlyArray<string>): Membership.Membership =>
  Membership.make(ids.map((id) => ({ id, address: id })))

const three = membership("n1", "n2", "n3")
const joint: Membership.Membership = { ...membership("n1", "n4", "n5"), outgoing: three.voters }

/** A node whose log is these memberships, and that believes in those. */
const node = (
  memberships: ReadonlyArray<Membership.Membership>,
  believed = memberships
): MembershipInvariants.Held => {
  const entries = memberships.map((each): Disk.Entry => ({ term: 1, content: "", membership: each }))
  const places = believed.map((each, place) => ({ index: place + 1, membership: each }))
  const [state] = Engine.start({ id: "n1", settings: Settings.defaults, seed: 1, now: 0 })
  const log: Log.Log = { ...Log.empty(three), runs: [{ start: 1, term: 1 }], memberships: places, last: entries.length }
  return { id: "n1", state: { ...state, log }, entries, founding: three }
}

const check = (held: MembershipInvariants.Held, committed = 9): void =>
  MembershipInvariants.checkLog(MembershipInvariants.make(), held, committed)

const change = (change: Membership.Change, request: State.Handle = 1) =>
  ({ _tag: "ChangeMembership", now: 0, request, change, expected: undefined }) as const

describe("who can decide", () => {
  it("is most of the voters, and of the outgoing ones too", () => {
    assert.isTrue(MembershipInvariants.canDecide(three, ["n1", "n2"]))
    assert.isFalse(MembershipInvariants.canDecide(three, ["n1", "n8", "n9"]))
    assert.isFalse(MembershipInvariants.canDecide(joint, ["n1", "n2"]))
    assert.isFalse(MembershipInvariants.canDecide(joint, ["n4", "n5"]))
    assert.isTrue(MembershipInvariants.canDecide(joint, ["n1", "n2", "n4"]))
    assert.isFalse(MembershipInvariants.canDecide(Membership.none, ["n1"]))
  })
})

describe("the invariants of membership", () => {
  it("hold of a change through both memberships", () => {
    check(node([joint, membership("n1", "n4", "n5")]))
  })

  it("notice a node that believes in another membership than the last in its log", () => {
    assert.throws(() => check(node([joint], [])), /the membership of a node is the last in its log/)
    assert.throws(() => check(node([joint], [three])), /the membership of a node is the last in its log/)
  })

  it("notice two changes that are under way at a time", () => {
    check(node([three, three]), 1)
    assert.throws(() => check(node([three, three]), 0), /one change of membership is under way at a time/)
  })

  it("notice two memberships that can decide without each other", () => {
    const skipped = node([membership("n1", "n4", "n5")])

    assert.throws(() => check(skipped), /majorities of a membership and the next have a node in common/)
    // One at a time is fine, which is what single-server changes rest on; two at a time is not.
    check(node([membership("n1", "n2", "n3", "n4")]))
    assert.throws(() => check(node([membership("n1", "n2", "n3", "n4", "n5")])), /have a node in common/)
  })

  it("notice a second answer, and one to a question that nobody asked", () => {
    const changes = MembershipInvariants.make()
    MembershipInvariants.asked(changes, "n1", change({ _tag: "Remove", id: "n3" }))
    const answer = { _tag: "ChangeUnknown", request: 1 } as const
    MembershipInvariants.answered(changes, answer, [], undefined)

    assert.throws(() => MembershipInvariants.answered(changes, answer, [], undefined), /a request has one answer/)
  })

  it("notice a change that is said to be done and is not", () => {
    const done = { _tag: "ChangeDone", request: 1, index: 1 } as const
    const committed: ReadonlyArray<Disk.Entry> = [{ term: 1, content: "", membership: membership("n1", "n2") }]
    const say = (wanted: Membership.Change, entries: ReadonlyArray<Disk.Entry>) => {
      const changes = MembershipInvariants.make()
      MembershipInvariants.asked(changes, "n1", change(wanted))
      MembershipInvariants.answered(changes, done, entries, undefined)
    }
    const leaving: ReadonlyArray<Disk.Entry> = [{ term: 1, content: "", membership: joint }]

    say({ _tag: "Remove", id: "n3" }, committed)
    assert.throws(() => say({ _tag: "Remove", id: "n2" }, committed), /nothing of it is left to do/)
    assert.throws(() => say({ _tag: "Promote", id: "n3" }, committed), /nothing of it is left to do/)
    assert.throws(() => say({ _tag: "Remove", id: "n2" }, leaving), /nothing of it is left to do/)
    assert.throws(() => say({ _tag: "Remove", id: "n3" }, []), /nothing of it is left to do/)
  })

  it("notice a transfer that names whom it was meant for, and not who leads", () => {
    const changes = MembershipInvariants.make()
    MembershipInvariants.asked(changes, "n1", { _tag: "TransferLeadership", now: 0, request: 1, to: "n3", deadline: 9 })
    const done = { _tag: "TransferDone", request: 1, leader: "n3" } as const

    assert.throws(() => MembershipInvariants.answered(changes, done, [], "n2"), /whom a transfer names leads/)
  })

  it("expect no answer from the dead", () => {
    const changes = MembershipInvariants.make()
    MembershipInvariants.asked(changes, "n1", change({ _tag: "Remove", id: "n3" }, 1))
    MembershipInvariants.asked(changes, "n2", change({ _tag: "Remove", id: "n3" }, 2))
    MembershipInvariants.died(changes, "n1")

    assert.deepStrictEqual([...changes.open.keys()], [2])
  })

  it("let a membership follow another only by force in a new epoch", () => {
    const forced = membership("n5")
    const held = node([joint, forced])

    assert.throws(() => check(held), /majorities of a membership and the next have a node in common/)
    check({ ...held, entries: held.entries.map((entry, place) => ({ ...entry, term: place === 1 ? 2 ** 32 : 1 })) })
  })

  it("notice that a disk counts which has forgotten what it promised", () => {
    const changes = MembershipInvariants.make()
    changes.forgetful.add(9)
    const members = three.members.map((member) => ({ ...member, incarnation: 1 }))
    const log = Log.empty({ ...three, members })
    const [started] = Engine.start({ id: "n1", settings: Settings.defaults, seed: 1, now: 0 })
    const asking = (granted: ReadonlyArray<string>): State.State => ({
      ...started,
      log,
      role: { _tag: "Candidate", granted, refused: [] }
    })
    const message = { _tag: "VoteReply", from: "n3", term: 1, granted: true } as const
    const heard = (incarnation: number) =>
      [{ _tag: "Receive", now: 0, message, batch: undefined, incarnation }] as const

    assert.throws(
      () => MembershipInvariants.checkStrangers(changes, asking([]), heard(9), asking(["n3"])),
      /a disk that has forgotten counts for nothing \(n3 on n1\)/
    )
    MembershipInvariants.checkStrangers(changes, asking([]), heard(9), asking([]))
    MembershipInvariants.checkStrangers(changes, asking([]), heard(1), asking(["n3"]))
  })
})
