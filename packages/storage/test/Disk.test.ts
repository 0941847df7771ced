import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { Failed, StorageError } from "effect-raft/Storage"
import { existsSync, readdirSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import type { File } from "../src/internal/Disk.ts"
import { temporaryDirectory } from "./temporaryDirectory.ts"
import {
  commands,
  diskWith,
  filesWith,
  headerSize,
  type Life,
  live,
  logPath,
  open,
  put,
  readLog,
  reason,
  record,
  states,
  write,
  writes
} from "./workload.ts"

const refusal = (operation: string, code: string, path = "log") =>
  Effect.fail(
    new StorageError({ reason: new Failed({ operation, path, cause: Object.assign(new Error(code), { code }) }) })
  )

const entry = (index: number) => write({ entries: commands(index, 1, `entry ${index}`) })

/** Calls on files, in order, by name; sizes for writes. */
const recording = (calls: Array<string>) =>
  diskWith((disk) => {
    const note = <A, E, R>(call: string, effect: Effect.Effect<A, E, R>) =>
      Effect.andThen(Effect.sync(() => calls.push(call)), effect)
    const noted = (file: File, name: string): File => ({
      ...file,
      write: (buffers, position) => note(`write ${name} at ${position}`, file.write(buffers, position)),
      truncate: (size) => note(`truncate ${name} to ${size}`, file.truncate(size)),
      sync: note(`sync ${name}`, file.sync),
      syncData: note(`sync data of ${name}`, file.syncData)
    })
    const base = (path: string) => basename(path).replace("0000000000000001.wal", "log")
    return {
      makeDirectory: (path) => note(`make ${base(path)}`, disk.makeDirectory(path)),
      syncDirectory: (path) => note(`sync ${base(path)}`, disk.syncDirectory(path)),
      rename: (from, to) => note(`rename ${base(from)} to ${base(to)}`, disk.rename(from, to)),
      open: (path, as) => Effect.map(disk.open(path, as), (file) => noted(file, base(path)))
    }
  })

describe("the order of what the disk is asked", () => {
  it.effect("makes a new log durable before it has its name, and its name before it is used", () =>
    Effect.gen(function*() {
      const above = yield* temporaryDirectory
      const calls: Array<string> = []

      yield* open({ directory: join(above, "x", "data"), disk: recording(calls) })

      assert.deepStrictEqual(calls, [
        "make data",
        "sync x",
        `sync ${basename(above)}`,
        "write log.draft at 0",
        "sync log.draft",
        "rename log.draft to log",
        "sync data",
        "sync log",
        "sync data"
      ])
    }))

  it.effect("is one write and one sync for a batch, however many writes it has", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      yield* open({ directory })
      const calls: Array<string> = []

      yield* live({ directory, disk: recording(calls) }, (storage) => {
        calls.length = 0
        return storage.write(Array.from({ length: 2000 }, (_, place) => entry(place + 1)))
      })

      assert.deepStrictEqual(calls, [`write log at ${headerSize}`, "sync data of log"])
      assert.strictEqual((yield* open({ directory })).log.last, 2000)
    }))

  it.effect("cuts off a tear and writes the last batch once more, and syncs both, before anyone believes it", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const { bytes, ends } = yield* record(directory, [writes.slice(0, 2), writes.slice(2, 4), writes.slice(4)])
      put(directory, bytes.subarray(0, (ends[3] ?? 0) - 1))
      const calls: Array<string> = []

      const found = yield* open({ directory, disk: recording(calls) })

      assert.deepStrictEqual(found, states[6])
      const end = readLog(directory).length
      assert.deepStrictEqual(calls, [
        `make ${basename(directory)}`,
        `truncate log to ${end}`,
        `write log at ${ends[2]}`,
        "sync log",
        `sync ${basename(directory)}`
      ])
      assert.deepStrictEqual(readLog(directory), bytes.subarray(0, end))
    }))

  it.effect("begins anew where a log was begun and never named", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      writeFileSync(`${logPath(directory)}.draft`, "half a header".repeat(1000))

      assert.deepStrictEqual(yield* open({ directory }), states[0])
      assert.isFalse(existsSync(`${logPath(directory)}.draft`))
      assert.strictEqual(readLog(directory).length, headerSize)
    }))
})

describe("a disk that writes less than it was given", () => {
  for (const most of [1, 7, 100, 4097]) {
    it.effect(`is given the rest (${most} bytes at a time)`, () =>
      Effect.gen(function*() {
        const directory = yield* temporaryDirectory
        const disk = filesWith((file) => ({
          sync: Effect.void,
          syncData: Effect.void,
          read: (buffer, position) => file.read(buffer.subarray(0, most), position),
          write: (buffers, position) => {
            const first = buffers[0]
            return first === undefined ? Effect.succeed(0) : file.write([first.subarray(0, most)], position)
          }
        }))
        const large = write({ entries: commands(5, 3, "x".repeat(10_000), "y") })

        yield* live({ directory, disk }, (storage) => storage.write([...writes, large]))

        assert.strictEqual((yield* open({ directory, disk })).log.last, 6)
        yield* live({ directory }, (storage) =>
          Effect.map(storage.read(1, 6, 100_000), (entries) => assert.strictEqual(entries.ends.length, 6)))
      }))
  }

  it.effect("and then nothing at all is not waited for", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      yield* open({ directory })
      const disk = filesWith(() => ({ write: () => Effect.succeed(0) }))

      const found = yield* reason(live({ directory, disk }, (storage) => storage.write([entry(1)])))

      assert.isTrue(found._tag === "Failed" && found.operation === "write")
    }))
})

describe("a disk that fails", () => {
  const failing: ReadonlyArray<readonly [string, (calls: { count: number }) => (file: File) => Partial<File>]> = [
    ["has no space left", (calls) => () => ({ write: () => (calls.count++, refusal("write", "ENOSPC")) })],
    ["takes a part and has no space left", (calls) => (file) => ({
      write: (buffers, position) =>
        calls.count++ === 0
          ? file.write([(buffers[0] ?? Buffer.of()).subarray(0, 30)], position)
          : refusal("write", "ENOSPC")
    })],
    ["cannot sync", (calls) => () => ({
      syncData: Effect.suspend(() => (calls.count++ === 0 ? refusal("sync", "EIO") : Effect.void))
    })]
  ]

  for (const [name, fault] of failing) {
    it.effect(`because it ${name} is asked nothing more, and keeps what it had acknowledged`, () =>
      Effect.gen(function*() {
        const directory = yield* temporaryDirectory
        yield* live({ directory }, (storage) => storage.write([entry(1), entry(2)]))
        const calls = { count: 0 }
        let broken = false
        const disk = filesWith((file) => {
          const faulty = fault(calls)(file)
          return {
            write: (buffers, position) => (broken ? faulty.write ?? file.write : file.write)(buffers, position),
            syncData: Effect.suspend(() => (broken ? faulty.syncData ?? file.syncData : file.syncData))
          }
        })

        yield* live({ directory, disk }, (storage) =>
          Effect.gen(function*() {
            yield* storage.write([entry(3)])
            broken = true
            const first = yield* reason(storage.write([entry(4)]))
            const after = calls.count
            const second = yield* reason(storage.write([entry(4)]))
            const third = yield* reason(storage.read(1, 3, 1000))

            assert.match(first.message, /ENOSPC|EIO/)
            assert.deepStrictEqual([first._tag, second._tag, third._tag], ["Failed", "Failed", "Failed"])
            assert.strictEqual(calls.count, after)
          }))

        const { log } = yield* open({ directory })
        assert.include([3, 4], log.last)
        yield* live({ directory }, (storage) => storage.write([entry(log.last + 1)]))
        assert.strictEqual((yield* open({ directory })).log.last, log.last + 1)
      }))
  }

  it.effect("while it is opened keeps nobody from trying again", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const once = (change: (file: File) => Partial<File>): Life => ({ directory, disk: filesWith(change) })
      const lives = [
        once(() => ({ write: () => refusal("write", "ENOSPC") })),
        once(() => ({ sync: refusal("sync", "EIO") })),
        { directory, disk: diskWith(() => ({ rename: () => refusal("rename", "EIO") })) },
        { directory, disk: diskWith(() => ({ syncDirectory: () => refusal("sync", "EIO") })) },
        once(() => ({ read: () => refusal("read", "EIO") }))
      ]
      for (const life of lives) assert.strictEqual((yield* reason(open(life)))._tag, "Failed")
      assert.deepStrictEqual(yield* open({ directory }), states[0])

      yield* live({ directory }, (storage) => storage.write(writes))
      for (const life of lives.filter((_, place) => place !== 2)) {
        assert.strictEqual((yield* reason(open(life)))._tag, "Failed")
      }
      assert.deepStrictEqual(yield* open({ directory }), states[7])
    }))
})

describe("a storage", () => {
  it.effect("that is closed during a write finishes it first, also if nobody waits for it any more", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const began = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const order: Array<string> = []
      const disk = filesWith((file) => ({
        syncData: Effect.andThen(Deferred.succeed(began, undefined), Deferred.await(gate)).pipe(
          Effect.andThen(file.syncData),
          Effect.andThen(Effect.sync(() => order.push("synced")))
        )
      }))
      const life = yield* Effect.forkChild(
        live({ directory, disk }, (storage) =>
          Effect.gen(function*() {
            yield* Effect.forkDetach(storage.write([entry(1)]), { startImmediately: true })
            yield* Deferred.await(began)
          })).pipe(Effect.andThen(Effect.sync(() => order.push("closed"))))
      )
      yield* Deferred.await(began)
      for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow
      assert.deepStrictEqual(order, [])
      assert.strictEqual((yield* reason(open({ directory })))._tag, "Locked")

      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(life)

      assert.deepStrictEqual(order, ["synced", "closed"])
      assert.strictEqual((yield* open({ directory })).log.last, 1)
    }))

  it.effect("that is closed gives up a snapshot whose bytes never end, and leaves nothing of it", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const begun = yield* Deferred.make<void>()
      const endless = Stream.concat(
        Stream.make(Buffer.alloc(100_000)),
        Stream.fromEffect(Effect.andThen(Deferred.succeed(begun, undefined), Effect.never))
      )

      const taking = yield* live({ directory }, (storage) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkDetach(reason(storage.takeSnapshot(0, endless)))
          yield* Deferred.await(begun)
          assert.include(readdirSync(directory), "taken.draft")
          return fiber
        }))

      assert.match((yield* Fiber.join(taking)).message, /it was closed/)
      assert.deepStrictEqual(readdirSync(directory).sort(), [basename(logPath(directory)), "lock"])
    }))

  it.effect("finishes a write whose fiber is interrupted, and goes on behind it", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const began = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const disk = filesWith((file) => ({
        syncData: Effect.andThen(Deferred.succeed(began, undefined), Deferred.await(gate)).pipe(
          Effect.andThen(file.syncData)
        )
      }))
      yield* live({ directory, disk }, (storage) =>
        Effect.gen(function*() {
          const writing = yield* Effect.forkChild(storage.write([entry(1), entry(2)]))
          yield* Deferred.await(began)
          const interrupting = yield* Effect.forkChild(Fiber.interrupt(writing), { startImmediately: true })
          yield* Deferred.succeed(gate, undefined)
          yield* Fiber.join(interrupting)

          yield* storage.write([entry(3)])
          assert.strictEqual((yield* storage.read(1, 3, 1000)).ends.length, 3)
        }))

      assert.strictEqual((yield* open({ directory })).log.last, 3)
    }))

  it.effect("refuses a record larger than its limit before anything is written", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const large = write({ entries: commands(2, 1, "x".repeat(5000)) })

      const found = yield* reason(
        live({ directory, maxRecordBytes: 4096 }, (storage) => storage.write([entry(1), large]))
      )

      assert.include(found.message, "maxRecordBytes is 4096")
      assert.strictEqual(readLog(directory).length, headerSize)
    }))

  it.effect("treats a write that does not fit as a mistake in the program, and writes nothing of its batch", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory

      const defect = yield* live(
        { directory },
        (storage) =>
          Effect.catchDefect(
            Effect.as(storage.write([entry(1), entry(3)]), undefined),
            (cause) => Effect.succeed(cause)
          )
      )

      assert.match(`${defect}`, /entries begin at 3, but the log ends at 1/)
      assert.strictEqual((yield* open({ directory })).log.last, 0)
    }))

  it.effect("says which entries are there when others are asked for", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      yield* live({ directory }, (storage) =>
        Effect.gen(function*() {
          yield* storage.write([entry(1), entry(2)])
          for (const [from, to] of [[0, 1], [1, 3], [3, 3], [2, 1]] as const) {
            assert.include((yield* reason(storage.read(from, to, 1000))).message, "1 to 2 are")
          }
        }))
    }))

  it.effect("refuses options that make no sense", () =>
    Effect.gen(function*() {
      for (
        const options of [{ maxRecordBytes: 0 }, { scanBytes: 1.5 }, { maxRecordBytes: Number.NaN }, {
          scanBytes: 2 ** 31
        }, { syncBytes: 4095 }]
      ) {
        assert.include((yield* reason(open({ directory: "unused", ...options }))).message, "whole number from 4096")
      }
      assert.include((yield* reason(open({ directory: "" }))).message, "directory is empty")
    }))
})
