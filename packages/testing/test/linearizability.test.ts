/**
 * The judge, judged: histories that are known to be right or wrong, thousands of small ones against the definition
 * itself, and a big one.
 */
import * as History from "@effect-raft/testing/History"
import * as Linearizability from "@effect-raft/testing/Linearizability"
import type { Model } from "@effect-raft/testing/Model"
import * as Models from "@effect-raft/testing/Models"
import type { Operation, Outcome } from "@effect-raft/testing/Operation"
import { assert, describe, it } from "@effect/vitest"
import { isLinearizable } from "./bruteForce.ts"
import { makeChance, randomHistory, register, simulatedHistory, unknownHistory } from "./randomHistory.ts"

type Action = Models.RegisterAction<number>
type Result = Models.RegisterResult<number>

const read: Action = { _tag: "Read" }
const write = (value: number): Action => ({ _tag: "Write", value })
const cas = (from: number, to: number): Action => ({ _tag: "CompareAndSet", from, to })
const ok = <R>(result: R): Outcome<R> => ({ _tag: "Ok", result })
const done = { _tag: "Ok", result: true } as const
const fail = { _tag: "Fail" } as const
const unknown = { _tag: "Unknown" } as const

/** One operation: who, from when to when, what, and what came of it. */
const op = <A, R = Result>(
  client: string,
  invoked: number,
  returned: number | undefined,
  action: A,
  outcome: Outcome<R>
): Operation<A, R> => ({ client, invoked, returned, action, outcome })

const verdict = (...history: ReadonlyArray<Operation<Action, Result>>) =>
  Linearizability.check(history, Models.register<number>(0))._tag

/** Adds, and answers with the sum: everything looks, so that a thing done twice shows. */
const counter: Model<number, number, number> = { initial: 0, apply: (sum, add) => [sum + add, sum + add] }

describe("a history is linearizable when", () => {
  it("nothing happened", () => {
    assert.strictEqual(verdict(), "Linearizable")
  })

  it("a read during a write saw the value before it, or the one after it", () => {
    for (const seen of [0, 1]) {
      const during = op("c2", 2, 3, read, ok<Result>(seen))
      assert.strictEqual(verdict(op("c1", 1, 4, write(1), done), during), "Linearizable")
    }
  })

  it("an unknown write took effect long after its caller gave up", () => {
    const lost = op("c1", 1, 2, write(1), unknown)
    const before = op("c2", 3, 4, read, ok<Result>(0))
    const after = op("c2", 5, 6, read, ok<Result>(1))
    assert.strictEqual(verdict(lost, before, after), "Linearizable")
  })

  it("an operation that never returned took effect, or did not", () => {
    const open = op("c1", 1, undefined, write(1), unknown)
    for (const seen of [0, 1]) assert.strictEqual(verdict(open, op("c2", 3, 4, read, ok<Result>(seen))), "Linearizable")
  })

  it("two operations touch: the end of one and the beginning of the other are the same moment", () => {
    const wrote = op("c1", 1, 2, write(1), done)
    assert.strictEqual(verdict(wrote, op("c2", 2, 3, read, ok<Result>(0))), "Linearizable")
  })

  it("a write was overwritten before anyone saw it", () => {
    const first = op("c1", 1, 6, write(1), done)
    const second = op("c2", 2, 3, write(2), done)
    assert.strictEqual(
      verdict(first, second, op("c3", 4, 5, read, ok<Result>(2)), op("c3", 7, 8, read, ok<Result>(2))),
      "Linearizable"
    )
  })

  it("a compare-and-set said no to a value that only an unknown write can have put there", () => {
    const lost = op("c1", 1, 2, write(1), unknown)
    assert.strictEqual(verdict(lost, op("c2", 3, 4, cas(0, 5), ok<Result>(false))), "Linearizable")
  })
})

describe("a history is not linearizable when", () => {
  it("a read is stale", () => {
    const wrote = op("c1", 1, 2, write(1), done)
    assert.strictEqual(verdict(wrote, op("c2", 3, 4, read, ok<Result>(0))), "NotLinearizable")
  })

  it("two reads see two writes in turn, back and forth", () => {
    const writes = [op("c1", 1, 20, write(1), done), op("c2", 2, 21, write(2), done)]
    const reads = [1, 2, 1].map((seen, turn) => op("c3", 3 + 2 * turn, 4 + 2 * turn, read, ok<Result>(seen)))
    assert.strictEqual(verdict(...writes, ...reads), "NotLinearizable")
  })

  it("an update is lost: two compare-and-sets replaced the same value", () => {
    const first = op("c1", 1, 4, cas(0, 1), done)
    assert.strictEqual(verdict(first, op("c2", 2, 3, cas(0, 2), done)), "NotLinearizable")
  })

  it("a read saw a write of the future", () => {
    const early = op("c2", 1, 2, read, ok<Result>(1))
    assert.strictEqual(verdict(early, op("c1", 3, 4, write(1), done)), "NotLinearizable")
  })

  it("a command was applied twice", () => {
    const once = op("c1", 1, 2, 1, ok(1))
    const next = op("c1", 3, 4, 1, ok(3))
    assert.strictEqual(Linearizability.check([once, next], counter)._tag, "NotLinearizable")
  })

  it("an unknown write happened twice", () => {
    const lost = op("c1", 1, 2, write(1), unknown)
    const seen = op("c2", 3, 4, read, ok<Result>(1))
    const over = op("c2", 5, 6, write(2), done)
    const again = op("c2", 7, 8, read, ok<Result>(1))
    assert.strictEqual(verdict(lost, seen, over), "Linearizable")
    assert.strictEqual(verdict(lost, seen, over, again), "NotLinearizable")
  })

  it("what failed happened all the same", () => {
    const refused = op("c1", 1, 2, write(1), fail)
    assert.strictEqual(verdict(refused, op("c2", 3, 4, read, ok<Result>(0))), "Linearizable")
    assert.strictEqual(verdict(refused, op("c2", 3, 4, read, ok<Result>(1))), "NotLinearizable")
  })

  it("one key of many is wrong", () => {
    const on = (key: string, action: Action) => ({ ...action, key })
    const history = [
      op("c1", 1, 2, on("a", write(1)), done),
      op("c1", 3, 4, on("b", read), ok<Result>(0)),
      op("c1", 5, 6, on("a", read), ok<Result>(0))
    ]
    const found = Linearizability.check(history, Models.keyValue<number>(0))
    assert.strictEqual(found._tag === "NotLinearizable" && found.key, "a")
  })
})

describe("the evidence", () => {
  it("names the operation that has no place, what was possible instead, and draws it", () => {
    const history = [
      op("c1", 1, 2, write(1), done),
      op("c2", 3, 7, write(2), unknown),
      op("c1", 4, 5, read, ok<Result>(2)),
      op("c3", 6, 8, read, ok<Result>(1)),
      op("c1", 9, 10, write(3), done)
    ]

    const found = Linearizability.check(history, Models.register<number>(0), { label })

    if (found._tag !== "NotLinearizable") return assert.fail(found._tag)
    assert.strictEqual(found.stuck, history[3])
    assert.deepStrictEqual(found.states, [2])
    assert.deepStrictEqual(found.prefix, history.slice(0, 3))
    assert.strictEqual(
      found.picture,
      [
        "  c1  |--write 1--| |--read = 2--|",
        "  c2               |--write 2------?",
        "> c3                              |--read = 1--|"
      ].join("\n")
    )
  })

  it("is an order that the model agrees with, and has room for every write that nobody saw", () => {
    const next = makeChance(7)
    for (let turn = 0; turn < 2000; turn++) {
      const history = randomHistory(next)
      const found = Linearizability.check(history, register)
      if (found._tag !== "NotLinearizable") continue
      const end = found.stuck.returned ?? 0
      const answered = history.filter(({ outcome, returned = end }) => outcome._tag === "Ok" && returned < end)
      assert.includeMembers([...found.prefix], answered)
      let state = register.initial
      for (const { action, outcome } of found.prefix) {
        const [after, result] = register.apply(state, action)
        if (outcome._tag === "Ok") assert.strictEqual(result, outcome.result)
        state = after
      }
    }
  })
})

const label = ({ action, outcome }: Operation<Action, Result>) =>
  action._tag === "Write" ? `write ${action.value}` : `read = ${outcome._tag === "Ok" ? outcome.result : "?"}`

describe("the checker", () => {
  const plain: Model<number, Action, Result> = { initial: register.initial, apply: register.apply }

  it("agrees with the definition on thousands of small histories, with its hints and without", () => {
    const verdicts = { Linearizable: 0, NotLinearizable: 0 }
    const next = makeChance(1)
    for (let turn = 0; turn < 8000; turn++) {
      const history = randomHistory(next)
      const expected = isLinearizable(history, register) ? "Linearizable" : "NotLinearizable"
      for (const model of [register, plain]) {
        const found = Linearizability.check(history, model)._tag
        if (found !== expected) assert.fail(`${found}, and it is ${expected}:\n${History.picture(history)}`)
      }
      verdicts[expected] += 1
    }
    // Both must be common, or the agreement means little.
    assert.isAbove(Math.min(verdicts.Linearizable, verdicts.NotLinearizable), 2000)
  })

  it("agrees with the definition where much is unknown", () => {
    const next = makeChance(2)
    for (let turn = 0; turn < 4000; turn++) {
      const history = unknownHistory(next)
      const expected = isLinearizable(history, register) ? "Linearizable" : "NotLinearizable"
      const found = Linearizability.check(history, register)._tag
      if (found !== expected) assert.fail(`${found}, and it is ${expected}:\n${History.picture(history)}`)
    }
  })

  it("accepts whatever a correct system did, however much of it was concurrent", () => {
    // See the guide on testing.
    const first = Number(process.env["SEED"] ?? 0)
    for (let seed = first; seed < first + 3000; seed++) {
      const size = { operations: 4 + seed % 40, clients: 2 + seed % 7, keys: 1, unknown: (seed % 3) / 10 }
      const history = simulatedHistory({ ...size, seed })
      const found = Linearizability.check(history, Models.keyValue<number>(0))
      if (found._tag === "NotLinearizable") assert.fail(`seed ${seed}\n${found.picture}`)
    }
  })

  it("gives up at its limit, and says so", () => {
    const adds = Array.from(
      { length: 16 },
      (_, client) => op<number, number>(`c${client}`, client, 100, 2 ** client, unknown)
    )
    const history = [...adds, op("r", 101, 102, 0, ok(0.5))]
    assert.strictEqual(Linearizability.check(history, counter, { maxStates: 1000 })._tag, "Undecided")
  })

  it("judges a long history on one key without running out of stack", () => {
    const history = simulatedHistory({ operations: 20_000, clients: 10, keys: 1, unknown: 0.02, seed: 3 })
    assert.strictEqual(Linearizability.check(history, Models.keyValue<number>(0))._tag, "Linearizable")
  })

  it("judges a big history on many keys, and finds the one stale read in it", () => {
    const history = simulatedHistory({ operations: 100_000, clients: 50, keys: 500, unknown: 0.02, seed: 4 })
    assert.strictEqual(Linearizability.check(history, Models.keyValue<number>(0))._tag, "Linearizable")
    const end = history.length * 2
    const key = "k7"
    const wrote = op("c0", end + 1, end + 2, { _tag: "Write" as const, value: -1, key }, done)
    const stale = op("c1", end + 3, end + 4, { _tag: "Read" as const, key }, ok<Result>(-2))
    const found = Linearizability.check([...history, wrote, stale], Models.keyValue<number>(0))
    assert.strictEqual(found._tag === "NotLinearizable" && found.stuck, stale)
  })
})
