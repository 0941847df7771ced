import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { goesOn, lifeOn, opens, recorded } from "./afterlife.ts"
import { perform, steps, writesUpTo } from "./LongLife.ts"
import { type Call, type Fault, powerLoss, SimulatedDisk } from "./SimulatedDisk.ts"
import { temporaryDirectory } from "./temporaryDirectory.ts"
import { live, reason, write } from "./workload.ts"

/** A disk whose call number `place` fails, once. */
const faulty = (place: number, fault: Fault): SimulatedDisk => {
  const disk = new SimulatedDisk()
  let count = 0
  disk.faultAt = () => (count++ === place ? fault : undefined)
  return disk
}

const nothing = { keepsSector: () => false, keepsName: () => false }

/** Takes steps until one fails; how many did not, and whether another write was refused after a failed one. */
const untilItFails = (directory: string, disk: SimulatedDisk) =>
  live(lifeOn(directory, disk), (storage) =>
    Effect.gen(function*() {
      for (const [place, step] of steps.entries()) {
        const exit = yield* Effect.exit(perform(storage, step))
        if (Exit.isSuccess(exit)) continue
        const failure = yield* reason(exit)
        assert.match(failure.message, /EIO|ENOSPC/)
        const next = yield* Effect.exit(storage.write([write({})]))
        assert.strictEqual(Exit.isFailure(next), step._tag === "Write")
        return place
      }
      return steps.length
    }))

describe("a disk that fails once", () => {
  for (
    const [what, fault] of [
      ["is broken", { code: "EIO", isPartly: false }],
      ["is full", { code: "ENOSPC", isPartly: true }]
    ] as const
  ) {
    it.effect(`because it ${what}, wherever that is, keeps all that was acknowledged, and can be opened again`, ({ task }) =>
      Effect.gen(function*() {
        const directory = yield* temporaryDirectory
        const { calls } = (yield* recorded(directory)).disk
        task.meta.counts = { "failed calls": calls.length, "crash states": 2 * calls.length }
        const survived: Array<Call["_tag"]> = []
        for (const [place, call] of calls.entries()) {
          const disk = faulty(place, fault)
          const done = yield* Effect.catch(untilItFails(directory, disk), () => Effect.succeed(0))
          assert.strictEqual(disk.openFiles, 0)
          if (done === steps.length) survived.push(call._tag)
          const least = writesUpTo(steps, done)
          yield* opens(directory, powerLoss(disk.state, nothing), least, `call ${place} failed, then the power`)
          const again = yield* opens(directory, disk.state, least, `call ${place} failed`)
          if (place % 3 === 0) yield* goesOn(directory, again.disk, again.expected)
        }
        // What is taken away can also be taken away later.
        assert.deepStrictEqual([...new Set(survived)].sort(), ["Remove", "SyncDirectory"])
      }))
  }
})
