import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Option } from "effect"
import { LastResort } from "effect-raft/engine"
import * as Entries from "effect-raft/Entries"
import * as MemoryStorage from "effect-raft/MemoryStorage"
import { TestClock } from "effect/testing"
import * as TestNodes from "./TestNodes.ts"

const { bytes, elapse, result, seeded } = TestNodes

type Nodes = TestNodes.TestNodes

const others = (nodes: Nodes, leader: TestNodes.Node): ReadonlyArray<TestNodes.Node> =>
  nodes.running().filter(({ id }) => id !== leader.id)

const propose = Effect.fnUntraced(function*(nodes: Nodes, word: string) {
  const leader = yield* nodes.awaitLeader
  assert.isTrue(Exit.isSuccess(yield* result(leader.raft.propose(bytes(word)))))
  return leader
})

const lives = (node: TestNodes.Node) => Effect.map(node.raft.status, ({ stopped }) => stopped === undefined)

describe("a node whose log is damaged", () => {
  it.effect("elects nobody until a leader has repaired it, and says so", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* propose(nodes, "a")
      yield* TestClock.adjust(1000)
      const [behind, damaged] = others(nodes, leader)
      if (behind === undefined || damaged === undefined) return assert.fail("there are not three")
      yield* nodes.stop(behind.id)
      yield* result(leader.raft.propose(bytes("b")))
      yield* nodes.stop(leader.id)
      yield* nodes.stop(damaged.id)
      const { last } = damaged.disk.recovered.log
      MemoryStorage.damage(damaged.disk, last)

      // The one that missed it, and the one that lost it: together they must not decide.
      yield* nodes.start(behind.id)
      yield* nodes.start(damaged.id)
      yield* TestClock.adjust(20_000)
      assert.strictEqual((yield* nodes.get(behind.id).raft.status).leader, undefined)
      const { reasons } = yield* nodes.get(damaged.id).raft.explain()
      assert.isTrue(reasons.some((reason) => reason.includes("has lost a part of its log")), reasons.join("\n"))

      yield* nodes.start(leader.id)
      yield* propose(nodes, "c")
      yield* TestClock.adjust(1000)
      assert.isUndefined(damaged.disk.damaged)
      assert.isAtLeast(damaged.disk.recovered.log.last, last)

      // Repaired, its vote counts as any other.
      yield* nodes.stop(leader.id)
      yield* propose(nodes, "d")
    })))
})

describe("a node whose disk was emptied", () => {
  it.effect("is not heard under its old name, and stops itself when a leader tells it so", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* propose(nodes, "a")
      yield* TestClock.adjust(1000)
      const wiped = others(nodes, leader)[0]?.id ?? assert.fail("there is nobody else")
      yield* nodes.stop(wiped)
      nodes.disks.delete(wiped)

      yield* nodes.start(wiped)
      const fatal = yield* elapse(nodes.get(wiped).raft.stopped, 3000)

      assert.isTrue(Exit.isSuccess(fatal) && fatal.value.message.includes("use another id"))
      const { reasons } = yield* (yield* nodes.awaitLeader).raft.explain()
      assert.isTrue(reasons.some((reason) => reason.startsWith(`${wiped} came with another disk`)), reasons.join("\n"))
      yield* propose(nodes, "b")
    })))

  it.effect("elects nobody: what only it and a dead node had acknowledged is not lost", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* propose(nodes, "a")
      yield* TestClock.adjust(1000)
      const [behind, wiped] = others(nodes, leader)
      if (behind === undefined || wiped === undefined) return assert.fail("there are not three")
      yield* nodes.stop(behind.id)
      yield* result(leader.raft.propose(bytes("b")))
      yield* nodes.stop(leader.id)
      yield* nodes.stop(wiped.id)
      nodes.disks.delete(wiped.id)

      // The one that missed it, and the one that forgot it: together they must not decide.
      yield* nodes.start(behind.id)
      yield* nodes.start(wiped.id)
      yield* TestClock.adjust(20_000)

      assert.strictEqual((yield* nodes.get(behind.id).raft.status).leader, undefined)
      yield* nodes.start(leader.id)
      const next = yield* nodes.awaitLeader
      assert.strictEqual(next.id, leader.id)
      assert.deepStrictEqual(next.applied, ["a", "b"])
    })))

  it.effect("takes part again under another name", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({ config: { snapshotEntries: 20, entriesKept: 2 } })
      for (let count = 0; count < 50; count++) yield* propose(nodes, `${count}`)
      yield* TestClock.adjust(1000)
      const leader = yield* nodes.awaitLeader
      const gone = others(nodes, leader)[0]?.id ?? assert.fail("there is nobody else")
      yield* nodes.stop(gone)
      yield* nodes.start("n4")

      assert.isTrue(Exit.isSuccess(yield* result(leader.raft.addVoter(TestNodes.member("n4")))))
      assert.isTrue(Exit.isSuccess(yield* result(leader.raft.remove(gone))))

      yield* propose(nodes, "last")
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(nodes.get("n4").applied, leader.applied)
    })))
})

describe("a witness", () => {
  it.effect("lets one of two nodes go on, keeps no command, never leads and answers nothing", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({ witnesses: ["n3"], config: { snapshotEntries: 30, entriesKept: 5 } })
      const leader = yield* propose(nodes, "a")
      assert.notStrictEqual(leader.id, "n3")
      for (let count = 0; count < 70; count++) yield* propose(nodes, `${count}`)
      const other = others(nodes, leader).find(({ id }) => id !== "n3") ?? assert.fail("there are not three")

      yield* nodes.stop(other.id)
      yield* propose(nodes, "b")
      yield* TestClock.adjust(1000)

      const witness = nodes.get("n3")
      const kinds = witness.disk.slabs.flatMap((slab) =>
        slab.ends.map((_, place) => Entries.kindAt(slab, slab.first + place))
      )
      assert.isFalse(kinds.includes(Entries.Kind.command))
      assert.isAbove((yield* witness.raft.status).snapshot, 0)
      assert.deepStrictEqual(witness.applied, [])
      assert.isTrue(Exit.isFailure(yield* result(witness.raft.read("count", { consistency: "stale" }))))
      yield* nodes.stop(leader.id)
      yield* nodes.start(other.id)
      yield* TestClock.adjust(10_000)
      // The other one lacks what was committed meanwhile, and the witness knows it.
      assert.strictEqual((yield* nodes.get(other.id).raft.status).leader, undefined)
      yield* nodes.start(leader.id)
      assert.strictEqual((yield* nodes.awaitLeader).id, leader.id)
    })))

  it.effect("that was away is told where the log begins, and needs no state for it", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({ witnesses: ["n3"], config: { snapshotEntries: 30, entriesKept: 5 } })
      yield* propose(nodes, "a")
      yield* nodes.stop("n3")
      for (let count = 0; count < 100; count++) yield* propose(nodes, `${count}`)

      yield* nodes.start("n3")
      const leader = yield* propose(nodes, "b")
      const { commit } = yield* leader.raft.status

      yield* nodes.until(
        Effect.map(nodes.get("n3").raft.status, (status) => status.commit >= commit ? Option.some(true) : Option.none())
      )
      assert.strictEqual(nodes.get("n3").disk.recovered.snapshot?.size, 0)
    })))
})

describe("priorities", () => {
  it.effect("decide who stands first, and who never does", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({ priorities: { n1: 0, n2: 3, n3: 1 } })
      assert.strictEqual((yield* nodes.awaitLeader).id, "n2")

      yield* nodes.stop("n2")
      assert.strictEqual((yield* nodes.awaitLeader).id, "n3")

      yield* nodes.start("n2")
      yield* nodes.until(Effect.map(nodes.get("n2").raft.status, ({ leader }) => Option.fromUndefinedOr(leader)))
      yield* nodes.stop("n3")
      assert.strictEqual((yield* nodes.awaitLeader).id, "n2")
    })))
})

describe("when three of five are lost for good", () => {
  const lost = Effect.gen(function*() {
    const nodes = yield* TestNodes.make({ ids: ["n1", "n2", "n3", "n4", "n5"] })
    const leader = yield* propose(nodes, "a")
    yield* TestClock.adjust(1000)
    const gone = [leader, ...others(nodes, leader).slice(0, 2)].map(({ id }) => id)
    for (const id of gone) yield* nodes.stop(id)
    yield* TestClock.adjust(5000)
    return { nodes, gone }
  })

  const planned = Effect.fnUntraced(function*(nodes: Nodes) {
    const plan = LastResort.plan(yield* Effect.forEach(nodes.running(), ({ raft }) => raft.summary))
    return typeof plan === "string" ? assert.fail(plan) : plan
  })

  it.effect("the others go on with a membership that is forced, and keep what they have", () =>
    seeded(Effect.gen(function*() {
      const { gone, nodes } = yield* lost
      const plan = yield* planned(nodes)
      assert.deepStrictEqual([plan.lost, plan.mayLose], [[...gone].sort(), true])

      assert.isTrue(Exit.isSuccess(yield* result(nodes.get(plan.leader).raft.forceMembership(plan))))
      yield* propose(nodes, "b")
      yield* TestClock.adjust(3000)

      for (const node of nodes.running()) assert.deepStrictEqual(node.applied, ["a", "b"])
      const { members } = yield* nodes.get(plan.leader).raft.status
      assert.deepStrictEqual(members.map(({ role }) => role), ["voter", "voter"])
    })))

  it.effect("those who come back elect nobody once they have heard of it, also when they are started again", () =>
    seeded(Effect.gen(function*() {
      const { gone, nodes } = yield* lost
      const plan = yield* planned(nodes)
      yield* result(nodes.get(plan.leader).raft.forceMembership(plan))
      yield* propose(nodes, "b")

      // One hears of it, and then all three are by themselves.
      yield* nodes.start(gone[0] ?? "")
      yield* TestClock.adjust(3000)
      yield* nodes.stop(gone[0] ?? "")
      yield* nodes.network.partition([gone, plan.survivors])
      for (const id of gone) yield* nodes.start(id)
      yield* TestClock.adjust(20_000)

      const back = yield* Effect.forEach(gone, (id) => nodes.get(id).raft.status)
      const { reasons } = yield* nodes.get(gone[0] ?? "").raft.explain()
      assert.isTrue(reasons.some((reason) => reason.includes("a membership was forced")), reasons.join("\n"))
      // Two of the five are not fenced yet, and are no majority.
      assert.deepStrictEqual(back.map(({ leader }) => leader), [undefined, undefined, undefined])
      yield* nodes.network.heal
      yield* TestClock.adjust(5000)
      const last = yield* propose(nodes, "c")
      assert.deepStrictEqual(last.applied, ["a", "b", "c"])
      for (const id of gone) assert.isTrue(yield* lives(nodes.get(id)))
    })))

  it.effect("nothing is forced while a majority is left, nor on a node that has gone on since", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* propose(nodes, "a")
      const summaries = yield* Effect.forEach(nodes.running(), ({ raft }) => raft.summary)
      assert.match(String(LastResort.plan(summaries)), /a majority is left/)
      const alone = LastResort.plan([yield* leader.raft.summary])
      if (typeof alone === "string") return assert.fail(alone)
      yield* propose(nodes, "b")

      const error = yield* result(Effect.flip(leader.raft.forceMembership(alone)))

      assert.isTrue(Exit.isSuccess(error) && error.value._tag === "MembershipError")
    })))
})
