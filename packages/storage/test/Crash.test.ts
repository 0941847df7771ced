import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Chance } from "effect-raft/engine"
import { all, goesOn, opens, recorded } from "./afterlife.ts"
import { type Luck, powerLoss } from "./SimulatedDisk.ts"
import { temporaryDirectory } from "./temporaryDirectory.ts"

/** What decides the luck. See the guide on testing. */
const firstSeed = Number(process.env["SEED"] ?? 1)

const lucky = (seed: number): Luck => {
  let state = seed
  const draw = () => {
    const [value, next] = Chance.draw(state)
    state = next
    return value % 2 === 0
  }
  return { keepsSector: draw, keepsName: draw }
}

const lucks: ReadonlyArray<readonly [string, Luck]> = [
  ["everything", { keepsSector: () => true, keepsName: () => true }],
  ["nothing", { keepsSector: () => false, keepsName: () => false }],
  ["names but no bytes", { keepsSector: () => false, keepsName: () => true }],
  ["bytes but no names", { keepsSector: () => true, keepsName: () => false }],
  ["some of it", lucky(firstSeed)],
  ["some more of it", lucky(firstSeed + 1)],
  ["other parts of it", lucky(firstSeed + 2)]
]

describe("a node that dies after any call of its disk", () => {
  for (const [place, [what, luck]] of lucks.entries()) {
    it.effect(`finds all that was acknowledged, and goes on, if ${what} of what was not synced is there`, ({ task }) =>
      Effect.gen(function*() {
        const directory = yield* temporaryDirectory
        const { acknowledged, disk: original } = yield* recorded(directory)
        task.meta.counts = { "crash states": original.calls.length + 1 }
        assert.isAbove(original.calls.length, 100)
        for (let count = 0; count <= original.calls.length; count++) {
          const state = powerLoss(original.history[count] ?? original.state, luck)
          const least = acknowledged[count] ?? 0
          const { disk, expected } = yield* opens(directory, state, least, `after call ${count}`)
          // Every third place in each of the cases is every place twice.
          if (count % 3 === place % 3) yield* goesOn(directory, disk, expected)
        }
      }))
  }
})

describe("a node that dies while it is opened after it has died", () => {
  for (const [what, luck] of lucks.slice(0, 4)) {
    it.effect(`still finds all of it, if ${what} of what was not synced is there`, ({ task }) =>
      Effect.gen(function*() {
        let states = 0
        const directory = yield* temporaryDirectory
        const { acknowledged, disk: original } = yield* recorded(directory)
        for (let count = 0; count <= original.calls.length; count += 5) {
          const least = acknowledged[count] ?? 0
          const first = original.history[count] ?? original.state
          for (const start of [first, powerLoss(first, lucky(firstSeed + count))]) {
            const { disk, expected } = yield* opens(directory, start, least, `after call ${count}`)
            const found = all.indexOf(expected)
            states += disk.history.length + 2
            for (const again of disk.history) {
              yield* opens(directory, powerLoss(again, luck), least, `after call ${count}, and again`)
            }
            // Who has seen it may have told others.
            yield* opens(directory, powerLoss(disk.state, luck), found, `after call ${count}, and opened`)
          }
        }
        task.meta.counts = { "crash states": states }
      }))
  }
})
