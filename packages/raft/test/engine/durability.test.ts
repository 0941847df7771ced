import { assert, describe, it } from "@effect/vitest"
import { Chance, Durability } from "effect-raft/engine"

/** One write as it reaches the disk. Contents are numbers that are never used twice, so that equal means the same. */
interface Write {
  readonly id: Durability.WriteId
  readonly keeps: number
  readonly adds: ReadonlyArray<number>
}

interface Run {
  seed: Chance.Seed
  durability: Durability.Durability
  accepted: ReadonlyArray<number>
  disk: ReadonlyArray<number>
  queue: ReadonlyArray<Write>
  contents: number
}

type Persist = typeof Durability.persist

const draw = (run: Run, below: number): number => {
  const [value, seed] = Chance.between(run.seed, 0, below)
  run.seed = seed
  return value
}

const carryOut = (disk: ReadonlyArray<number>, { adds, keeps }: Write) => [...disk.slice(0, keeps), ...adds]

const agreeing = (left: ReadonlyArray<number>, right: ReadonlyArray<number>): number => {
  let length = 0
  while (length < left.length && left[length] === right[length]) length++
  return length
}

/** Adds entries; every other time in the place of others, so that the same index is written again and again. */
const write = (run: Run): void => {
  const keeps = draw(run, 2) === 0 ? draw(run, run.accepted.length + 1) : Durability.everything
  const adds = Array.from({ length: draw(run, 4) }, () => ++run.contents)
  run.accepted = [...run.accepted.slice(0, keeps), ...adds]
  run.durability = Durability.issue(run.durability, { last: run.accepted.length, keeps, hardState: adds.length === 0 })
  run.queue = [...run.queue, { id: run.durability.issued, keeps, adds }]
}

const complete = (run: Run, writes: number, persist: Persist): void => {
  const done = run.queue.slice(0, writes)
  run.disk = done.reduce(carryOut, run.disk)
  run.queue = run.queue.slice(writes)
  run.durability = persist(run.durability, done.at(-1)?.id ?? run.durability.persisted)
}

const crash = (run: Run): void => {
  run.disk = run.queue.slice(0, draw(run, run.queue.length + 1)).reduce(carryOut, run.disk)
  run.accepted = run.disk
  run.queue = []
  run.durability = Durability.recovered(run.disk.length)
}

/** What is wrong after a schedule of writes, completions and crashes; undefined when nothing is. */
const fault = (seed: Chance.Seed, persist: Persist): string | undefined => {
  const run: Run = { seed, durability: Durability.recovered(0), accepted: [], disk: [], queue: [], contents: 0 }
  for (let happened = 0; happened < 14; happened++) {
    const kind = draw(run, 12)
    if (kind < 7) write(run)
    else if (kind < 11) complete(run, draw(run, run.queue.length + 1), persist)
    else crash(run)
    if (run.durability.durable > agreeing(run.accepted, run.disk)) return "believes durable what is not"
    const index = draw(run, run.accepted.length + 1)
    const covering = Durability.writeCovering(run.durability, index)
    const then = run.queue.filter(({ id }) => id <= covering).reduce(carryOut, run.disk)
    if (agreeing(run.accepted, then) < index) return "waits for a write that does not cover"
  }
  complete(run, run.queue.length, persist)
  return run.durability.durable === run.accepted.length ? undefined : "never believes durable what is"
}

const faults = (schedules: number, persist: Persist): ReadonlyArray<string> =>
  Array.from({ length: schedules }, (_, seed) => fault(seed * 7919, persist)).filter((each) => each !== undefined)

describe("durability", () => {
  it("is never believed beyond what the disk holds, and always up to it, in 100,000 schedules", () => {
    assert.deepStrictEqual(faults(100_000, Durability.persist), [])
  })

  it("would be believed too early without regard for truncations on their way", () => {
    const naive: Persist = (durability, id) => {
      const last = durability.pending.findLast((each) => each.write <= id)?.last ?? 0
      return { ...Durability.persist(durability, id), durable: Math.max(durability.durable, last) }
    }

    assert.include(faults(1000, naive), "believes durable what is not")
  })

  it("falls with a truncation, and returns with the write that replaces what went", () => {
    const written = Durability.issue(Durability.recovered(4), { last: 6, keeps: 2, hardState: false })

    assert.deepStrictEqual([written.durable, Durability.persist(written, 1).durable], [2, 6])
  })

  it("of an entry waits for the write after the last truncation below it", () => {
    const first = Durability.issue(Durability.recovered(0), { last: 4, keeps: Durability.everything, hardState: false })
    const second = Durability.issue(first, { last: 4, keeps: 2, hardState: false })
    const third = Durability.issue(second, { last: 6, keeps: 2, hardState: false })

    const covering = [0, 2, 3, 6].map((index) => Durability.writeCovering(third, index))
    assert.deepStrictEqual(covering, [0, 1, 3, 3])
    const durable = [1, 2, 3].map((id) => Durability.persist(third, id).durable)
    assert.deepStrictEqual(durable, [2, 2, 6])
  })
})
