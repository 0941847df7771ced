import { assert, describe, it } from "@effect/vitest"
import { Membership, Quorum } from "effect-raft/engine"
import { membership } from "../Nodes.ts"

const nodes = ["n1", "n2", "n3", "n4", "n5"]

describe("a majority", () => {
  for (const [size, needed] of [[1, 1], [2, 2], [3, 2], [4, 3], [5, 3]] as const) {
    it(`of ${size} is ${needed}`, () => {
      const of = membership(nodes.slice(0, size))

      const smallest = [0, 1, 2, 3, 4, 5].find((count) => Quorum.isMajority(of, nodes.slice(0, count)))
      assert.strictEqual(smallest, needed)
    })
  }

  it("has reached the highest value that enough have reached, in whatever order they are listed", () => {
    const values: Record<string, number> = { n1: 9, n2: 2, n3: 10, n4: 1, n5: 7 }
    const reached = [nodes, nodes.toReversed(), ["n3", "n5", "n1", "n4", "n2"]].map((voters) =>
      Quorum.reached({ ...Membership.none, voters }, (id) => values[id] ?? 0)
    )

    assert.deepStrictEqual(reached, [7, 7, 7])
  })

  it("is needed in both memberships while two are in force (§4.3)", () => {
    const joint = { ...Membership.none, voters: ["n1", "n2", "n3"], outgoing: ["n3", "n4", "n5"] }

    assert.isFalse(Quorum.isMajority(joint, ["n1", "n2", "n3"]))
    assert.isFalse(Quorum.isMajority(joint, ["n3", "n4", "n5"]))
    assert.isTrue(Quorum.isMajority(joint, ["n1", "n3", "n4"]))
  })

  it("does not count who may not vote", () => {
    assert.isFalse(Quorum.isMajority(membership(["n1", "n2", "n3"]), ["n1", "n8", "n9"]))
  })

  it("does not exist where nobody votes", () => {
    assert.isFalse(Quorum.isMajority(membership([]), ["n1"]))
    assert.strictEqual(Quorum.reached(membership([]), () => 5), Number.NEGATIVE_INFINITY)
  })
})
