import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Queue } from "effect"
import * as Entries from "effect-raft/Entries"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { temporaryDirectory } from "./temporaryDirectory.ts"
import { live, open, reason } from "./workload.ts"

const disk = Layer.empty

/** Another process that opens the directory and writes so many entries. */
const start = (directory: string, count: number) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [join(import.meta.dirname, "holder.ts"), directory, `${count}`], {
        stdio: ["pipe", "pipe", "inherit"]
      })
    ),
    (child) => kill(child)
  )

const kill = (child: ChildProcess) =>
  Effect.callback<void>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
    child.kill("SIGKILL")
  })

/** Waits until the process has said `line`; yields all that it said up to then. */
const hear = (child: ChildProcess, line: string) =>
  Effect.callback<string>((resume) => {
    let heard = ""
    child.stdout?.on("data", (chunk) => {
      heard += chunk
      if (heard.split("\n").slice(0, -1).includes(line)) resume(Effect.succeed(heard))
    })
    child.once("exit", (code) => resume(Effect.die(new Error(`the process ended with ${code} and had said: ${heard}`))))
  })

describe("a directory that another process has open", () => {
  it.effect("is locked, by whatever path it is reached, until that process is killed", () =>
    Effect.gen(function*() {
      const above = yield* temporaryDirectory
      const directory = join(above, "data")
      mkdirSync(directory)
      symlinkSync(directory, join(above, "link"))
      const child = yield* start(directory, 0)
      yield* hear(child, "open")

      for (const path of [directory, join(above, "link"), join(above, "link", "..", "data", ".")]) {
        assert.strictEqual((yield* reason(open({ directory: path, disk })))._tag, "Locked")
      }
      yield* kill(child)

      assert.deepStrictEqual(readdirSync(directory).sort(), ["0000000000000001.wal", "lock"])
      assert.strictEqual((yield* open({ directory, disk })).log.last, 0)
    }))

  it.effect("is refused to another process while this one has it", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      yield* live({ directory, disk }, () => Effect.flatMap(start(directory, 0), (child) => hear(child, "Locked")))

      const child = yield* start(directory, 0)
      yield* hear(child, "open")
    }))

  it.effect("holds everything that it had said is durable, wherever it was killed", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      let durable = 0
      for (const more of [1, 7, 40]) {
        const child = yield* start(directory, 100_000)
        const heard = yield* hear(child, `${durable + more}`)
        yield* kill(child)
        const said = Math.max(...heard.split("\n").slice(0, -1).filter((line) => line !== "open").map(Number))

        durable = yield* live({ directory, disk }, (storage) =>
          Effect.gen(function*() {
            const { last } = storage.found.log
            assert.isAtLeast(last, said)
            const entries = yield* storage.read(1, last, 100_000_000)
            for (let index = 1; index <= last; index++) {
              assert.strictEqual(`${Buffer.from(Entries.payloadAt(entries, index))}`, `entry ${index}`)
            }
            return last
          }))
      }
    }))
})

describe("a directory", () => {
  it.effect("goes to exactly one of many that open it at once", () =>
    Effect.gen(function*() {
      const directory = join(yield* temporaryDirectory, "some", "where", "deep")
      const refused = yield* Queue.unbounded<string>()
      const attempt = Effect.flatMap(reason(live({ directory, disk }, () => Effect.never)), ({ _tag }) =>
        Queue.offer(refused, _tag))
      const fibers = yield* Effect.forEach(Array.from({ length: 8 }), () =>
        Effect.forkChild(attempt))

      assert.deepStrictEqual(yield* Queue.takeN(refused, 7), Array.from({ length: 7 }, () => "Locked"))
      yield* Effect.forEach(fibers, Fiber.interrupt)
      assert.strictEqual((yield* open({ directory, disk })).log.last, 0)
    }))

  it.effect("is not held by a storage that could not open it", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      yield* live({ directory, disk }, () => Effect.void)
      const other = live({ directory, disk }, () => Effect.void, { cluster: "other", node: "n1", incarnation: 1 })

      assert.strictEqual((yield* reason(other))._tag, "Foreign")
      assert.strictEqual((yield* open({ directory, disk })).log.last, 0)
      assert.deepStrictEqual(readdirSync(directory).sort(), ["0000000000000001.wal", "lock"])
    }))

  it.effect("whose lock is something else is refused, with the reason", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      writeFileSync(join(directory, "lock"), "no database".repeat(500))

      const found = yield* reason(open({ directory, disk }))

      assert.isTrue(found._tag === "Failed" && found.operation === "lock" && found.path === join(directory, "lock"))
    }))

  it.effect("that cannot be made is refused, with the reason", () =>
    Effect.gen(function*() {
      const above = yield* temporaryDirectory
      writeFileSync(join(above, "file"), "")

      const found = yield* reason(open({ directory: join(above, "file", "data"), disk }))

      assert.isTrue(found._tag === "Failed" && found.operation === "mkdir")
    }))
})
