import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option } from "effect"
import type { Membership } from "effect-raft/engine"
import { TestClock } from "effect/testing"
import * as TestClients from "./TestClients.ts"
import * as TestNodes from "./TestNodes.ts"

const { bytes, elapse, member, result, seeded, until } = TestNodes

const addVoter = (id: string): Membership.Change => ({ _tag: "AddVoter", member: member(id) })
const addLearner = (id: string): Membership.Change => ({ _tag: "AddLearner", member: member(id) })
const remove = (id: string): Membership.Change => ({ _tag: "Remove", id })
const promote = (id: string): Membership.Change => ({ _tag: "Promote", id })
const demote = (id: string): Membership.Change => ({ _tag: "Demote", id })
const replace = (...ids: ReadonlyArray<string>): Membership.Change => ({
  _tag: "Replace",
  members: ids.map(member),
  voters: ids
})

/** Asks whoever leads, until the change is done. */
const change = Effect.fnUntraced(function*(nodes: TestNodes.TestNodes, wanted: Membership.Change) {
  const leader = yield* nodes.awaitLeader
  const exit = yield* result(leader.raft.changeMembership(wanted))
  if (Exit.isFailure(exit)) assert.fail(`${wanted._tag}: ${exit.cause}`)
  return exit.value
})

/** The error with which a change fails. */
const refusal = Effect.fnUntraced(function*(node: TestNodes.Node, wanted: Membership.Change, expected?: number) {
  const exit = yield* result(Effect.flip(node.raft.changeMembership(wanted, { expected })))
  return Exit.isSuccess(exit) ? exit.value : assert.fail(`${wanted._tag} was not refused`)
})

/** `n1 n2 n3?`: the members as a node knows them; those with a question mark do not vote. */
const membersOf = (node: TestNodes.Node) =>
  Effect.map(
    node.raft.status,
    ({ members }) => members.map(({ id, role }) => (role === "voter" ? id : `${id}?`)).join(" ")
  )

const untilMembers = (node: TestNodes.Node, expected: string) =>
  until(Effect.map(membersOf(node), (members) => members === expected ? Option.some(node) : Option.none()))

const termOf = (node: TestNodes.Node) => Effect.map(node.raft.status, ({ term }) => term)

describe("a cluster", () => {
  it.effect("grows from one to three to five and shrinks back while clients write, and nothing is lost", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({ ids: ["n1"] })
      const clients = yield* TestClients.start(nodes)
      for (const id of ["n2", "n3", "n4", "n5"]) {
        yield* nodes.start(id)
        yield* change(nodes, addVoter(id))
      }
      const all = nodes.running()
      for (const node of all) yield* untilMembers(node, "n1 n2 n3 n4 n5")
      const middle = clients.acknowledged.length

      for (const id of ["n2", "n4"]) {
        yield* change(nodes, remove(id))
        yield* TestClock.adjust(1000)
        yield* nodes.stop(id)
      }
      yield* change(nodes, remove("n5"))
      yield* change(nodes, remove("n3"))
      yield* TestClock.adjust(1000)

      assert.isAbove(middle, 20)
      assert.isAbove(clients.acknowledged.length, middle + 20)
      assert.strictEqual(yield* membersOf(nodes.get("n1")), "n1")
      yield* clients.settle(["n1"])
    })))

  it.effect("takes in new nodes that all hold the same, from the first command on", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const clients = yield* TestClients.start(nodes)
      yield* TestClock.adjust(1000)

      for (const id of ["n4", "n5"]) {
        yield* nodes.start(id)
        yield* change(nodes, addVoter(id))
      }
      yield* TestClock.adjust(1000)

      yield* clients.settle(["n1", "n2", "n3", "n4", "n5"])
    })))

  it.effect("is replaced as a whole in one step, and the new nodes go on with everything acknowledged", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const clients = yield* TestClients.start(nodes)
      yield* TestClock.adjust(500)
      for (const id of ["n4", "n5", "n6"]) yield* nodes.start(id)

      yield* change(nodes, replace("n4", "n5", "n6"))
      yield* TestClock.adjust(1000)
      for (const id of ["n1", "n2", "n3"]) yield* nodes.stop(id)
      const leader = yield* nodes.awaitLeader
      const before = clients.acknowledged.length
      yield* TestClock.adjust(1000)

      assert.include(["n4", "n5", "n6"], leader.id)
      assert.strictEqual(yield* membersOf(leader), "n4 n5 n6")
      assert.isAbove(clients.acknowledged.length, before)
      yield* clients.settle(["n4", "n5", "n6"])
    })))

  it.effect("goes on without a follower that was removed, and without the leader", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({ ids: ["n1", "n2", "n3", "n4"] })
      const clients = yield* TestClients.start(nodes)
      const leader = yield* nodes.awaitLeader
      const follower = nodes.running().find((node) => node.id !== leader.id) ?? leader

      yield* change(nodes, remove(follower.id))
      assert.strictEqual((yield* nodes.awaitLeader).id, leader.id)
      yield* change(nodes, remove(leader.id))
      const next = yield* nodes.awaitLeader
      const before = clients.acknowledged.length
      yield* TestClock.adjust(1000)

      assert.notStrictEqual(next.id, leader.id)
      assert.isAbove(clients.acknowledged.length, before)
      yield* clients.settle(["n1", "n2", "n3", "n4"].filter((id) => id !== leader.id && id !== follower.id))
    })))
})

describe("a removed node", () => {
  it.effect("that followed is told, and does not disturb the others", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* nodes.awaitLeader
      const removed = nodes.running().find((node) => node.id !== leader.id) ?? leader
      const rest = nodes.running().filter((node) => node !== removed).map(({ id }) => id).join(" ")

      yield* change(nodes, remove(removed.id))
      yield* untilMembers(removed, rest)
      const term = yield* termOf(leader)
      yield* TestClock.adjust(20_000)

      assert.strictEqual(yield* termOf(leader), term)
      assert.strictEqual(yield* termOf(removed), term)
      assert.strictEqual((yield* removed.raft.status).role, "follower")
      assert.strictEqual((yield* nodes.awaitLeader).id, leader.id)
    })))

  it.effect("that led steps down once that is committed, another is elected, and terms stay as they are", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* nodes.awaitLeader
      const before = yield* termOf(leader)

      yield* change(nodes, remove(leader.id))
      const next = yield* nodes.awaitLeader
      const term = yield* termOf(next)
      yield* TestClock.adjust(20_000)

      assert.notStrictEqual(next.id, leader.id)
      assert.strictEqual((yield* leader.raft.status).role, "follower")
      assert.strictEqual(yield* termOf(next), term)
      assert.strictEqual(term, before + 1)
      const error = yield* Effect.flip(leader.raft.propose(bytes("late")))
      assert.strictEqual(error._tag, "NotLeader")
    })))

  it.effect("that was away when it was removed comes back and does not disturb the others", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* nodes.awaitLeader
      const away = nodes.running().find((node) => node.id !== leader.id) ?? leader
      yield* nodes.stop(away.id)
      yield* change(nodes, remove(away.id))
      yield* TestClock.adjust(5000)
      const term = yield* termOf(leader)

      yield* nodes.start(away.id)
      yield* TestClock.adjust(20_000)

      assert.strictEqual(yield* termOf(leader), term)
      assert.strictEqual((yield* nodes.awaitLeader).id, leader.id)
    })))

  it.effect("can be added again, and is brought up to date", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const clients = yield* TestClients.start(nodes)
      const leader = yield* nodes.awaitLeader
      const other = nodes.running().find((node) => node.id !== leader.id) ?? leader

      yield* change(nodes, remove(other.id))
      yield* TestClock.adjust(2000)
      yield* change(nodes, addVoter(other.id))

      assert.strictEqual(yield* membersOf(leader), "n1 n2 n3")
      yield* clients.settle(["n1", "n2", "n3"])
    })))
})

describe("a learner", () => {
  it.effect("that should vote and cannot be reached stays one, and nobody waits for it", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({ ids: ["n1", "n2"] })
      const leader = yield* nodes.awaitLeader

      const adding = yield* result(Effect.flip(leader.raft.changeMembership(addVoter("n3"))))
      const written = yield* result(leader.raft.propose(bytes("a")))

      assert.strictEqual(Exit.isSuccess(adding) ? adding.value._tag : "", "Unknown")
      assert.deepStrictEqual(written, Exit.succeed(1))
      assert.strictEqual(yield* membersOf(leader), "n1 n2 n3?")
      yield* nodes.start("n3")
      yield* untilMembers(nodes.get("n3"), "n1 n2 n3")
      yield* until(Effect.sync(() => nodes.get("n3").applied.length === 1 ? Option.some(true) : Option.none()))
    })))

  it.effect("has everything, counts for nothing, and votes once it is promoted; a demoted voter is one again", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({ ids: ["n1", "n2"] })
      const clients = yield* TestClients.start(nodes)
      yield* nodes.start("n3")
      yield* change(nodes, addLearner("n3"))
      yield* untilMembers(nodes.get("n3"), "n1 n2 n3?")
      yield* TestClock.adjust(3000)
      assert.strictEqual(yield* membersOf(yield* nodes.awaitLeader), "n1 n2 n3?")

      yield* change(nodes, promote("n3"))
      yield* untilMembers(nodes.get("n3"), "n1 n2 n3")
      yield* change(nodes, demote("n3"))
      yield* untilMembers(nodes.get("n3"), "n1 n2 n3?")

      yield* clients.settle(["n1", "n2", "n3"])
    })))

  it.effect("does not stand in for a voter: with half of the voters gone, nothing is committed", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({ ids: ["n1", "n2"] })
      yield* nodes.start("n3")
      yield* change(nodes, addLearner("n3"))
      const leader = yield* nodes.awaitLeader
      yield* nodes.stop(leader.id === "n1" ? "n2" : "n1")

      const lost = yield* result(Effect.flip(leader.raft.propose(bytes("a"))))
      yield* TestClock.adjust(5000)

      assert.strictEqual(Exit.isSuccess(lost) ? lost.value._tag : "", "Unknown")
      for (const node of nodes.running()) assert.strictEqual((yield* node.raft.status).role === "leader", false)
    })))
})

describe("a change is refused", () => {
  it.effect("by a node that does not lead, with the leader's name", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* nodes.awaitLeader
      const follower = nodes.running().find((node) => node.id !== leader.id) ?? leader

      const error = yield* refusal(follower, addVoter("n4"))

      assert.isTrue(error._tag === "NotLeader" && error.leader === leader.id)
    })))

  it.effect("to the second of two operators who saw the same membership", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* nodes.awaitLeader
      const { membershipIndex: expected } = yield* leader.raft.status

      const first = yield* result(leader.raft.changeMembership(remove("n1"), { expected }))
      const second = yield* refusal(yield* nodes.awaitLeader, remove("n2"), expected)

      assert.isTrue(Exit.isSuccess(first))
      assert.isTrue(second._tag === "MembershipError" && second.reason === "Stale")
      assert.strictEqual(yield* membersOf(yield* nodes.awaitLeader), "n2 n3")
    })))

  it.effect("while another is under way", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* nodes.awaitLeader
      const others = nodes.running().filter((node) => node.id !== leader.id).map(({ id }) => id)
      yield* result(leader.raft.propose(bytes("a")))
      yield* Effect.forEach(others, nodes.stop)
      const first = yield* Effect.forkChild(Effect.exit(leader.raft.changeMembership(addLearner("n4"))), {
        startImmediately: true
      })

      const second = yield* refusal(leader, addLearner("n5"))
      yield* Effect.forEach(others, (id) => nodes.start(id))

      assert.isTrue(second._tag === "MembershipError" && second.reason === "Pending")
      assert.isTrue(Exit.isSuccess(yield* until(Effect.sync(() => Option.fromUndefinedOr(first.pollUnsafe())))))
      assert.strictEqual(yield* membersOf(leader), "n1 n2 n3 n4?")
    })))

  it.effect("when it makes no sense, with a word why, and nothing has changed", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({ ids: ["n1"] })
      const leader = yield* nodes.awaitLeader
      const twice = [member("n1"), member("n1")]
      yield* result(leader.raft.propose(bytes("a")))
      const { membershipIndex } = yield* leader.raft.status
      const cases: ReadonlyArray<readonly [Membership.Change, string]> = [
        [addVoter("n1"), "n1 is a member already"],
        [addLearner("n1"), "n1 is a member already"],
        [addVoter(""), "a member has an empty id"],
        [promote("n1"), "n1 votes already"],
        [promote("n9"), "n9 is no member"],
        [demote("n9"), "n9 is no member"],
        [remove("n9"), "n9 is no member"],
        [remove("n1"), "nobody would vote"],
        [demote("n1"), "nobody would vote"],
        [{ _tag: "Replace", members: twice, voters: ["n1"] }, "two members have the same id"],
        [{ _tag: "Replace", members: [member("n1")], voters: ["n1", "n1"] }, "a voter is named twice"],
        [{ _tag: "Replace", members: [member("n1")], voters: ["n2"] }, "a voter is no member"]
      ]
      for (const [wanted, detail] of cases) {
        const error = yield* refusal(leader, wanted)
        assert.deepStrictEqual([error._tag, error.message], ["MembershipError", detail])
      }
      assert.strictEqual((yield* leader.raft.status).membershipIndex, membershipIndex)
    })))
})

describe("a change that was interrupted", () => {
  it.effect("is finished by whoever leads next, when every node is restarted in the middle of it", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const leader = yield* nodes.awaitLeader
      yield* elapse(leader.raft.propose(bytes("a")), 100)
      for (const id of ["n4", "n5"]) yield* nodes.start(id)
      // The followers hear of both memberships, and the leader hears of nobody: it cannot finish.
      for (const id of ["n1", "n2", "n3"]) if (id !== leader.id) yield* nodes.network.cut(id, leader.id)
      const waiting = yield* Effect.forkChild(Effect.exit(leader.raft.changeMembership(replace("n1", "n4", "n5"))))
      yield* TestClock.adjust(100)
      const joint = yield* Effect.forEach(nodes.running(), membersOf)
      for (const { id } of nodes.running()) yield* nodes.stop(id)
      yield* Fiber.join(waiting)

      yield* nodes.network.heal
      for (const id of ["n1", "n2", "n3", "n4", "n5"]) yield* nodes.start(id)
      yield* until(Effect.gen(function*() {
        const all = yield* Effect.forEach(nodes.running(), membersOf)
        return all.every((members) => members === "n1 n4 n5") ? Option.some(true) : Option.none()
      }))

      assert.include(joint, "n1 n4 n5 n2 n3")
      const next = yield* nodes.awaitLeader
      assert.include(["n1", "n4", "n5"], next.id)
      assert.deepStrictEqual(yield* result(next.raft.propose(bytes("b"))), Exit.succeed(2))
    })))
})

describe("a node that starts again", () => {
  it.effect("knows its membership from its disk; whom it is told to found a cluster with counts no more", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      yield* nodes.start("n4")
      yield* change(nodes, addVoter("n4"))
      yield* change(nodes, remove("n1"))
      yield* untilMembers(nodes.get("n4"), "n2 n3 n4")
      for (const id of ["n1", "n2", "n3", "n4"]) yield* nodes.stop(id)

      for (const id of ["n2", "n3", "n4"]) yield* nodes.start(id, [member("n9"), member(id)])

      for (const node of nodes.running()) assert.strictEqual(yield* membersOf(node), "n2 n3 n4")
      assert.include(["n2", "n3", "n4"], (yield* nodes.awaitLeader).id)
    })))

  it.effect("without a membership never campaigns, however long nobody comes", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make({ ids: [] })
      yield* nodes.start("n1")

      yield* TestClock.adjust(60_000)

      const { members, role, term } = yield* nodes.get("n1").raft.status
      assert.deepStrictEqual({ members, role, term }, { members: [], role: "follower", term: 0 })
      const error = yield* Effect.flip(nodes.get("n1").raft.propose(bytes("a")))
      assert.isTrue(error._tag === "NotLeader" && error.leader === undefined)
    })))
})

describe("what became of a command", () => {
  it.effect("can be asked by its position, once something is committed there", () =>
    seeded(Effect.gen(function*() {
      const nodes = yield* TestNodes.make()
      const old = yield* nodes.awaitLeader
      yield* nodes.network.isolate(old.id)
      const error = yield* result(Effect.flip(old.raft.propose(bytes("lost"))))
      const position = Exit.isSuccess(error) && error.value._tag === "Unknown" ? error.value.position : undefined
      if (position === undefined) return assert.fail(`${error}`)
      const open = yield* old.raft.outcomeOf(position)
      const leader = yield* nodes.awaitLeader
      yield* result(leader.raft.propose(bytes("kept")))
      yield* nodes.network.heal
      yield* TestClock.adjust(2000)

      assert.strictEqual(open, "InProgress")
      assert.strictEqual(yield* old.raft.outcomeOf(position), "Rejected")
      const { commit, term } = yield* leader.raft.status
      assert.strictEqual(yield* old.raft.outcomeOf({ term, index: commit }), "Committed")
    })))
})
