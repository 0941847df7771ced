/**
 * The model checker takes states for one that differ in nothing that matters. Here small models are searched once more
 * without that, every state by all that is in it, and nothing may be found that the other search does not know.
 */
import * as EngineCluster from "@effect-raft/testing/EngineCluster"
import * as Script from "@effect-raft/testing/Script"
import { assert, describe, it } from "@effect/vitest"
import * as Canonical from "../src/internal/model/Canonical.ts"
import * as Moves from "../src/internal/model/Moves.ts"
import * as Naming from "../src/internal/model/Naming.ts"

interface Small {
  readonly setup: ReadonlyArray<string>
  readonly allowance: Partial<Moves.Allowance>
  readonly wishes?: ReadonlyArray<string>
  readonly readers?: Moves.Limits["readers"]
}

const reign = ["node n1 n2 n3", "timeout n1", "deliver"]

const models: Readonly<Record<string, Small>> = {
  "commands on slow disks, and a crash": {
    setup: [...reign, "disk n2 slow", "disk n3 slow"],
    allowance: { proposals: 1, crashes: 1 }
  },
  "two nodes that crash before they have voted": {
    setup: ["node n1 n2", "disk n1 slow", "disk n2 slow"],
    allowance: { timeouts: 1, crashes: 1 }
  },
  "leases of two nodes": {
    setup: ["node n1 n2", "timeout n1", "deliver"],
    allowance: { timeouts: 2, heartbeats: 1, leaseReads: 1 }
  },
  "reads on any node": { setup: reign, allowance: { timeouts: 0, heartbeats: 1, reads: 1 }, readers: "all" },
  "a leader that is removed": {
    setup: ["node n1 n2", "timeout n1", "deliver"],
    allowance: { timeouts: 1, crashes: 1 },
    wishes: ["change ? remove n1"]
  },
  "a snapshot on a slow disk": {
    setup: [
      "settings electionTimeout=1 heartbeatInterval=0.5 snapshotEntries=2 entriesKept=0 snapshotChunkBytes=2",
      "node n1 n2 voters=n1,n2,n3 term=1 log=1-3@1 snapshot=2 first=3 commit=3",
      "node n3 voters=n1,n2,n3 term=1 log=1@1",
      "isolate n3",
      "timeout n1",
      "deliver",
      "heal",
      "timeout n1",
      "drop n1→n2 AppendEntries",
      "disk n3 slow"
    ],
    allowance: { crashes: 1, losses: 1 }
  }
}

const limitsOf = ({ allowance, readers = "leaders", wishes = [] }: Small): Moves.Limits => {
  const none = { timeouts: 0, heartbeats: 0, losses: 0, repetitions: 0, crashes: 0, proposals: 0, reads: 0 }
  const others = { maxTerm: 9, maxFlights: 99, isOrdered: true, keepsSpent: false }
  return { allowance: { ...none, leaseReads: 0, ...allowance }, wishes, readers, ...others }
}

const numberOf = (world: Moves.World, fixed: ReadonlySet<string>): number => {
  const flights = Moves.openFlights(world)
  return Canonical.numberOf(Naming.make(world.cluster, fixed, flights), world.left, flights, true)
}

/** What anyone can see of a state, without any names: not as the checker looks at it, or both would miss the same. */
const sketchOf = ({ cluster: { flights, history, nodes }, left, spent }: Moves.World): string => {
  const seen = [...nodes.values()].map(({ disk, held, id, isUp, state, stored }) => {
    const { entries, hardState } = stored
    const kept = [hardState.term, hardState.votedFor === id, entries.map(({ term }) => term), stored.snapshot?.index]
    if (!isUp) return JSON.stringify(kept)
    const { commit, durability, forwarded, leader, log, role, term, votedFor } = state
    const part = [role._tag, term, votedFor === undefined, leader === undefined, forwarded.length]
    return JSON.stringify([
      kept,
      part,
      log.runs,
      log.last,
      commit,
      durability.durable,
      disk.waiting.length,
      held.length
    ])
  })
  const said = flights.filter((flight) => !spent.includes(flight)).map(({ message }) => {
    const { from: _, ...others } = message
    return JSON.stringify({ ...others, round: 0, read: 0, sequence: 0, snapshot: 0, memberships: 0 })
  })
  const reads = [...history.reads.values()]
  return JSON.stringify([seen.sort(), said.sort(), reads, history.committed.length, history.outcomes.size, left])
}

/** What nobody decides by. */
const idle = ["seed", "tidings", "freshAt", "refused"]

/** Everything in a state. */
const textOf = (world: Moves.World): string => {
  const { cluster: { history, nodes, now }, left } = world
  const { accepted, committed, committedIn, outcomes, reads } = history
  const held = [...nodes.values()].map(({ contents, disk, held, isUp, state, stored }) =>
    isUp ? [stored, state, disk.waiting, held, contents.length] : [stored]
  )
  const flights = Moves.openFlights(world).map(({ message, to }) => [to, message])
  const told = [committed, committedIn, [...outcomes], [...reads], [...accepted]]
  return JSON.stringify(
    [held, flights, left, now, told],
    (key, value: unknown) => idle.includes(key) ? undefined : value === Number.NEGATIVE_INFINITY ? "never" : value
  )
}

/** Every state that can be reached, where those with the same name are one. */
const search = (model: Small, nameOf: (world: Moves.World) => string | number): ReadonlyArray<Moves.World> => {
  const limits = limitsOf(model)
  const lines = ["settings electionTimeout=1 heartbeatInterval=0.5", ...model.setup].map((line) => `> ${line}`)
  const { cluster, text } = Script.play(lines.join("\n"))
  assert.notMatch(text, /^✗/m)
  const first = Moves.begin(EngineCluster.copy(cluster, undefined, () => {}), limits)
  const known = new Set([nameOf(first)])
  const found = [first]
  for (const world of found) {
    for (const move of Moves.movesOf(limits, world)) {
      const after = Moves.after(limits, world, move)
      const name = nameOf(after)
      if (known.has(name)) continue
      known.add(name)
      found.push(after)
    }
  }
  return found
}

describe("the search of a model", () => {
  for (const [name, model] of Object.entries(models)) {
    it(`misses nothing of ${name}`, () => {
      const fixed = new Set(model.wishes === undefined ? [] : ["n1"])
      const all = search(model, textOf)
      const few = search(model, (world) => numberOf(world, fixed))

      const sketches = (worlds: ReadonlyArray<Moves.World>) => [...new Set(worlds.map(sketchOf))].sort()
      assert.deepStrictEqual(sketches(few), sketches(all))
      assert.isBelow(few.length, all.length)
    })
  }
})
