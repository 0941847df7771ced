import * as Script from "@effect-raft/testing/Script"
import { assert, describe, it } from "@effect/vitest"
import * as Canonical from "../src/internal/model/Canonical.ts"
import * as Naming from "../src/internal/model/Naming.ts"

const begin = ["settings electionTimeout=1 heartbeatInterval=0.5", "node n1 n2 n3"]

/** The number of the state to which a story leads. */
const numberAfter = (story: ReadonlyArray<string>, options: { fixed?: string; isOrdered?: boolean } = {}): number => {
  const { cluster, text } = Script.play([...begin, ...story].map((line) => `> ${line}`).join("\n"))
  assert.notMatch(text, /^✗/m)
  const fixed = new Set(options.fixed === undefined ? [] : [options.fixed])
  const naming = Naming.make(cluster, fixed, cluster.flights)
  return Canonical.numberOf(naming, [], cluster.flights, options.isOrdered ?? false)
}

/** The same story about other nodes. */
const renamed = (story: ReadonlyArray<string>): ReadonlyArray<string> => {
  const names: Readonly<Record<string, string>> = { n1: "n3", n2: "n1", n3: "n2" }
  return story.map((line) => line.replace(/n\d/g, (name) => names[name] ?? name))
}

const stories: Readonly<Record<string, ReadonlyArray<string>>> = {
  "a question": ["timeout n1"],
  "a vote": ["timeout n1", "deliver n1→n2", "deliver n2→n1", "deliver n1→n2"],
  "a leader": ["timeout n1", "deliver"],
  "entries on their way": ["timeout n1", "deliver", "propose n1", "deliver n1→n2", "cut n2→n1"],
  "a leader alone": ["timeout n1", "deliver", "propose n1", "drop n1→n2", "drop n1→n3"],
  "a slow disk": ["timeout n1", "deliver", "disk n2 slow", "propose n1", "deliver"],
  "a dead node": ["timeout n1", "deliver", "crash n3 keeping 0"],
  "a dead leader": ["timeout n1", "deliver", "crash n1 keeping 0"],
  "another leader": ["timeout n1", "deliver", "timeout n2", "deliver"],
  "a read": ["timeout n1", "deliver", "read n1"],
  "a read elsewhere": ["timeout n1", "deliver", "read n2"],
  "a removal": ["timeout n1", "deliver", "change n1 remove n3", "deliver n1→n2"],
  "another removal": ["timeout n1", "deliver", "change n1 remove n1", "deliver n1→n2"],
  "a transfer": ["timeout n1", "deliver", "transfer n1 to n2 within 1"],
  "a later time": ["timeout n1", "deliver", "wait 0.5"]
}

describe("the number of a state", () => {
  it("is the same whatever the nodes are called", () => {
    for (const [name, story] of Object.entries(stories)) {
      assert.strictEqual(numberAfter(story), numberAfter(renamed(story)), name)
    }
  })

  it("is another one if a node is called by its name", () => {
    const story = ["timeout n1", "deliver"]

    assert.notStrictEqual(numberAfter(story, { fixed: "n1" }), numberAfter(renamed(story), { fixed: "n1" }))
  })

  it("tells stories apart that lead to different states", () => {
    const numbers = new Set(Object.values(stories).map((story) => numberAfter(story)))

    assert.strictEqual(numbers.size, Object.keys(stories).length)
  })

  it("does not depend on how long the cluster has been running", () => {
    const late = ["timeout n1", "deliver", "run 20"]

    assert.strictEqual(numberAfter([...late, "timeout n1"]), numberAfter([...late, "run 30", "timeout n1"]))
  })

  it("depends on the order of messages only where they keep it", () => {
    const story = ["timeout n1", "deliver", "propose n1", "propose n1"]
    const otherwise = [...story, "postpone n1→n2 AppendEntries first"]

    assert.strictEqual(numberAfter(story), numberAfter(otherwise))
    assert.notStrictEqual(numberAfter(story, { isOrdered: true }), numberAfter(otherwise, { isOrdered: true }))
  })
})
