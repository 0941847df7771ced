/** A state machine that takes its time: what is said of it must wait for it, and what is kept of it must be of one moment. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Option } from "effect"
import type { StateMachine } from "effect-raft/StateMachine"
import { TestClock } from "effect/testing"
import * as TestNodes from "./TestNodes.ts"

const { bytes, elapse, result, seeded, until } = TestNodes

type Machine = StateMachine["Service"]

/** How long one command takes on a node, in milliseconds, and one look. */
interface Pace {
  readonly apply?: number
  readonly read?: number
}

const paced = (paces: Map<string, Pace>) => (id: string, machine: Machine): Machine => ({
  ...machine,
  apply: (commands) =>
    Effect.flatMap(Effect.sleep((paces.get(id)?.apply ?? 0) * commands.length), () => machine.apply(commands)),
  read: (query, applied) => Effect.andThen(Effect.sleep(paces.get(id)?.read ?? 0), machine.read(query, applied))
})

const start = Effect.fnUntraced(function*(config: TestNodes.Options["config"] = {}) {
  const paces = new Map<string, Pace>()
  const nodes = yield* TestNodes.make({ config, machine: paced(paces) })
  const leader = yield* nodes.awaitLeader
  const other = nodes.running().find(({ id }) => id !== leader.id) ?? assert.fail("there is nobody else")
  return { leader, nodes, other, paces }
})

describe("a slow state machine", () => {
  it.effect("answers a read on its node with all that was acknowledged elsewhere", () =>
    seeded(Effect.gen(function*() {
      const { leader, other, paces } = yield* start()
      paces.set(other.id, { apply: 300 })
      assert.isTrue(Exit.isSuccess(yield* result(leader.raft.propose(bytes("a")))))
      assert.deepStrictEqual(other.applied, [])

      const read = yield* result(other.raft.read("count", { consistency: "linearizable" }))

      assert.deepStrictEqual(read, Exit.succeed(1))
    })))

  it.effect("is no fresher than what it has applied", () =>
    seeded(Effect.gen(function*() {
      const { leader, other, paces } = yield* start()
      paces.set(other.id, { apply: 2000 })
      yield* TestClock.adjust(500)
      const stale = { consistency: "stale", maxAge: 400 } as const
      assert.deepStrictEqual(
        yield* elapse(Effect.exit(other.raft.read("count", stale)), 1),
        Exit.succeed(Exit.succeed(0))
      )
      yield* result(leader.raft.propose(bytes("a")))

      yield* TestClock.adjust(1500)
      const late = yield* elapse(Effect.flip(other.raft.read("count", stale)), 1)
      yield* TestClock.adjust(1000)
      const again = yield* elapse(other.raft.read("count", stale), 1)

      assert.isTrue(Exit.isSuccess(late) && late.value._tag === "NotLeader")
      assert.deepStrictEqual(again, Exit.succeed(1))
    })))

  it.effect("that answers when the lease is over has not answered", () =>
    seeded(Effect.gen(function*() {
      const { leader, nodes, paces } = yield* start()
      yield* TestClock.adjust(500)
      const prompt = yield* elapse(leader.raft.read("count", { consistency: "lease" }), 1)
      assert.deepStrictEqual(prompt, Exit.succeed(0))
      paces.set(leader.id, { read: 700 })
      yield* nodes.network.isolate(leader.id)

      const read = yield* elapse(Effect.exit(leader.raft.read("count", { consistency: "lease" })), 20_000)

      assert.isTrue(Exit.isSuccess(read) && Exit.isFailure(read.value), JSON.stringify(read))
    })))

  it.effect("is kept in a snapshot as it was right after its entry, however much was handed over meanwhile", () =>
    seeded(Effect.gen(function*() {
      const { leader, nodes, paces } = yield* start({ snapshotEntries: 10, entriesKept: 2 })
      for (const id of ["n1", "n2", "n3"]) paces.set(id, { apply: 20 })
      const words = Array.from({ length: 57 }, (_, place) => `word ${place}`)
      const all = Effect.forEach(words, (word) => leader.raft.propose(bytes(word)), { concurrency: "unbounded" })
      assert.isTrue(Exit.isSuccess(yield* result(all)))
      yield* TestClock.adjust(5000)
      for (const { id } of nodes.running()) yield* nodes.stop(id)

      for (const id of ["n1", "n2", "n3"]) yield* nodes.start(id)
      yield* until(Effect.sync(() => {
        const isThere = nodes.running().every(({ applied }) => applied.length >= words.length)
        return isThere ? Option.some(true) : Option.none()
      }))

      for (const { applied, disk } of nodes.running()) {
        assert.isAbove(disk.recovered.snapshot?.index ?? 0, 20)
        assert.deepStrictEqual(applied, words)
      }
    })))
})
