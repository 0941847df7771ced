import { assert, describe, it } from "@effect/vitest"
import { Membership } from "effect-raft/engine"
import * as MembershipCodec from "effect-raft/MembershipCodec"

const plain = Membership.make([{ id: "n1", address: "a:1" }, { id: "n2", address: "a:2" }])

const unsound: Record<string, Membership.Membership> = {
  "a voter that is no member": { ...plain, voters: ["n1", "n9"] },
  "a voter named twice": { ...plain, voters: ["n1", "n1"] },
  "an outgoing voter that nobody can reach": { ...plain, outgoing: ["n9"] },
  "a member that is also departing": { ...plain, departing: [{ id: "n1", address: "a:1" }] },
  "a promotion of nobody": { ...plain, promoting: ["n9"] }
}

describe("the payload of a membership", () => {
  it("says the same when it is read", () => {
    const joint = Membership.begin(plain, { _tag: "Replace", members: [{ id: "n3", address: "ü" }], voters: ["n3"] })
    assert.isTrue(typeof joint !== "string")
    if (typeof joint === "string") return
    for (const membership of [plain, joint, Membership.none]) {
      assert.deepStrictEqual(MembershipCodec.decode(MembershipCodec.encode(membership)), membership)
    }
  })

  it("is refused when it names nodes that are not there, or one twice", () => {
    for (const [what, membership] of Object.entries(unsound)) {
      assert.isUndefined(MembershipCodec.decode(MembershipCodec.encode(membership)), what)
    }
  })

  it("is refused when it is something else", () => {
    for (const bytes of [new Uint8Array(), Uint8Array.of(255, 254), new TextEncoder().encode(`{"members":1}`)]) {
      assert.isUndefined(MembershipCodec.decode(bytes))
    }
  })
})
