/**
 * A process of its own that opens a directory and says whether it could, then writes, and says what is durable, until it
 * is killed.
 */
import * as FileStorage from "@effect-raft/storage/FileStorage"
import { Context, Effect, Layer } from "effect"
import * as Entries from "effect-raft/Entries"
import { Storage } from "effect-raft/Storage"
import { writeSync } from "node:fs"

const [directory = "", count = "0"] = process.argv.slice(2)

// Not through a stream: what is said must be out before the next write begins.
const say = (line: string) => Effect.sync(() => writeSync(1, `${line}\n`))

const program = Effect.gen(function*() {
  const storage = Context.get(yield* Layer.build(FileStorage.layer({ directory })), Storage)
  const { log } = yield* storage.open({ cluster: "test", node: "n1", incarnation: 7 })
  yield* say("open")
  for (let index = log.last + 1; index <= log.last + Number(count); index++) {
    const entries = Entries.commands(index, 1, [Buffer.from(`entry ${index}`)])
    yield* storage.write([{ hardState: undefined, truncateAfter: undefined, entries, boundary: undefined }])
    yield* say(`${index}`)
  }
  return yield* Effect.callback<never>(() => {
    // Something must hold the process open.
    process.stdin.resume()
  })
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.catch((error) => say(error.reason._tag))))
