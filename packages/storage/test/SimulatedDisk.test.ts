import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { lifeOn } from "./afterlife.ts"
import { SimulatedDisk } from "./SimulatedDisk.ts"
import { live, open, reason, states, writes } from "./workload.ts"

describe("a storage on a simulated disk", () => {
  it.effect("never touches the real one, and still has its directory to itself", () =>
    Effect.gen(function*() {
      const directory = join(tmpdir(), "effect-raft-that-nobody-makes")
      const disk = new SimulatedDisk()
      const life = lifeOn(directory, disk)

      yield* live(life, (storage) =>
        Effect.gen(function*() {
          yield* storage.write(writes)
          assert.strictEqual((yield* reason(open(life)))._tag, "Locked")
        }))

      assert.deepStrictEqual(yield* open(life), states[7])
      assert.isFalse(disk.isHeld)
      assert.isFalse(existsSync(directory))
    }))
})
