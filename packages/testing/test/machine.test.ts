import type * as Disk from "@effect-raft/testing/Disk"
import * as Machine from "@effect-raft/testing/Machine"
import { assert, describe, it } from "@effect/vitest"
import { Membership } from "effect-raft/engine"

const entries = (from: number, to: number): ReadonlyArray<Disk.Entry> =>
  Array.from({ length: to - from + 1 }, (_, place) => ({ term: 1, content: `${from + place}` }))

const apply = (from: number, to: number): Machine.Task => ({ _tag: "Apply", from, entries: entries(from, to) })

const restore = (index: number, after = 0): Machine.Task => ({
  _tag: "Restore",
  snapshot: { index, term: 1, membership: Membership.none, size: index, checksum: 1 },
  after
})

const machine = (...tasks: ReadonlyArray<Machine.Task>): Machine.Machine =>
  tasks.reduce(Machine.enqueue, Machine.make())

const run = (of: Machine.Machine, upTo: number, persisted = 0): Machine.Machine =>
  Machine.run(of, upTo, persisted, (index) => entries(1, index))

describe("a state machine that remembers everything", () => {
  it("applies as far as it is told, in order", () => {
    const some = run(machine(apply(1, 3), apply(4, 5)), 2)

    assert.deepStrictEqual(some.contents, entries(1, 2))
    assert.deepStrictEqual(run(some, 5).contents, entries(1, 5))
    assert.throws(() => run(machine(apply(2, 3)), 3), /entry 2 is to be applied to a state of 0/)
  })

  it("restores a snapshot once it is durable, and then drops what was to be applied before", () => {
    const waiting = run(machine(apply(1, 2), restore(7, 3), apply(8, 9)), 1)

    const restored = run(waiting, 9, 3)

    assert.deepStrictEqual(waiting.contents, entries(1, 1))
    assert.deepStrictEqual(restored.contents, entries(1, 9))
    assert.deepStrictEqual(run(waiting, 9, 2).contents, entries(1, 2))
    assert.deepStrictEqual(run(machine(apply(5, 6), restore(7)), 9).contents, entries(1, 7))
  })

  it("writes its state down as it is after the last entry before that was wanted", () => {
    const taken = run(machine(apply(1, 2), { _tag: "Take", index: 2 }, apply(3, 4)), 4)

    assert.deepStrictEqual(taken.taking, entries(1, 2))
    assert.throws(
      () => run(machine(apply(1, 2), { _tag: "Take", index: 3 }), 4),
      /a snapshot of 3 is wanted of a state of 2/
    )
  })

  it("tells states apart by what is written down, and two ways of writing the same", () => {
    const written = Machine.writeDown(entries(1, 3), 0)

    assert.deepStrictEqual(Machine.writeDown(entries(1, 3), 0), written)
    assert.notStrictEqual(Machine.writeDown(entries(2, 4), 0).checksum, written.checksum)
    assert.include(Machine.writeDown(entries(1, 3), 2), { index: 3, size: 5 })
  })
})
