/** Opening what is left of a long life on a simulated disk, and going on from there: what crash and fault tests share. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import {
  boundaryAt,
  entries,
  expectations,
  type Expected,
  isAllThere,
  perform,
  snapshotOf,
  stateOf,
  type Step,
  steps,
  withoutSizes,
  writesUpTo
} from "./LongLife.ts"
import { SimulatedDisk, type State } from "./SimulatedDisk.ts"
import { isClean } from "./tidiness.ts"
import { type Life, live, write } from "./workload.ts"

export const lifeOn = (directory: string, disk: SimulatedDisk): Life => ({
  directory,
  disk: disk.layer,
  segmentBytes: 4096
})

/** Runs all steps on one disk; how many writes had been acknowledged by each of its calls. */
export const recorded = Effect.fnUntraced(function*(directory: string) {
  const disk = new SimulatedDisk()
  const acknowledged: Array<number> = []
  const note = (count: number) => {
    while (acknowledged.length <= disk.calls.length) acknowledged.push(count)
  }
  yield* live(
    lifeOn(directory, disk),
    (storage) =>
      Effect.forEach(steps, (step, place) =>
        Effect.map(perform(storage, step), () => {
          // Until the call that ends it, only what came before was acknowledged.
          while (acknowledged.length < disk.calls.length) acknowledged.push(writesUpTo(steps, place))
          note(writesUpTo(steps, place + 1))
        }), { discard: true })
  )
  return { disk, acknowledged }
})

export const all = expectations(steps)

/** Which of the states that the writes went through was found; at least `least` writes must be in it. */
const findIn = (found: Expected["recovered"], least: number, what: string): Expected => {
  const plain = JSON.stringify(withoutSizes(found))
  const expected = all.slice(least).find(({ recovered }) => JSON.stringify(withoutSizes(recovered)) === plain)
  return expected ?? assert.fail(`${what}: found ${plain}, which is none of the states after ${least} writes`)
}

/** What else a node does on the disk it was left. */
export const goesOn = Effect.fnUntraced(function*(directory: string, disk: SimulatedDisk, from: Expected) {
  const { last, runs } = from.recovered.log
  const term = 9
  const state = stateOf(1500, 9)
  const more: ReadonlyArray<Step> = [
    { _tag: "Write", writes: [write({ entries: entries(last + 1, term, 3) }), write({ truncateAfter: last + 2 })] },
    { _tag: "Take", index: last + 1, bytes: state },
    {
      _tag: "Write",
      writes: [write({ snapshot: snapshotOf(last + 1, term, state), boundary: boundaryAt(last + 1, term) })]
    },
    { _tag: "Write", writes: [write({ entries: entries(last + 3, term, 1) })] }
  ]
  const expected = expectations(more, [state], from).at(-1) ?? from
  yield* live(lifeOn(directory, disk), (storage) => Effect.forEach(more, (step) => perform(storage, step)))
  yield* live(lifeOn(directory, disk), (storage) => {
    assert.deepStrictEqual(withoutSizes(storage.found), expected.recovered, `${runs.length}`)
    return isAllThere(storage, expected)
  })
  isClean(disk)
})

/** Opens what is there, which must be one of the states; then nothing is left over, and all of it can be read. */
export const opens = Effect.fnUntraced(function*(directory: string, start: State, least: number, what: string) {
  const disk = new SimulatedDisk(start)
  const expected = yield* live(lifeOn(directory, disk), (storage) => {
    const state = findIn(storage.found, least, what)
    isClean(disk)
    return Effect.as(isAllThere(storage, state), state)
  })
  assert.strictEqual(disk.openFiles, 0)
  return { disk, expected }
})
