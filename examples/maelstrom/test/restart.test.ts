import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { judge } from "./Clients.ts"
import { Maelstrom } from "./Maelstrom.ts"

const ids = ["n0", "n1", "n2"]

const temporaryDirectory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "maelstrom-"))),
  (directory) => Effect.promise(() => rm(directory, { recursive: true, force: true }))
)

it.live(
  "nothing that was acknowledged is lost when nodes are killed and started again on their files",
  () =>
    Effect.gen(function*() {
      const seed = 20_262
      const directory = yield* temporaryDirectory
      const maelstrom = yield* Maelstrom.make({ seed, ids, args: ["--data", directory] })
      yield* maelstrom.startAll
      const restart = Effect.fnUntraced(function*(id: string) {
        yield* maelstrom.kill(id)
        yield* Effect.sleep(500)
        yield* maelstrom.start(id)
        yield* Effect.sleep(500)
      })

      const seen = yield* judge(
        maelstrom,
        seed,
        Effect.gen(function*() {
          yield* Effect.sleep(500)
          yield* restart(maelstrom.leader.id)
          yield* restart(maelstrom.chance.pick(ids))
          yield* Effect.forEach(ids, restart, { concurrency: "unbounded" })
        })
      )

      assert.isAbove(seen.get("Ok true")?.length ?? 0, 20)
    }),
  120_000
)
