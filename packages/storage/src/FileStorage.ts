/**
 * `Storage` in a directory: append-only log files of records with checksums, and a snapshot. One write is one record, and
 * a batch of writes is one system call and one data sync, off the event loop.
 *
 * The directory belongs to one node for good, and to one process at a time. What a crash tore at the end of the file is
 * cut off when it is opened. A record that fails its checksum before that is reported as `damaged`: what comes before it is
 * sound, and the first write cuts it off with all that follows. Any other damage is refused before anything is changed.
 * After a failed write the storage refuses everything: a sync that failed once may lie the next time.
 *
 * Payloads stay on the disk; in memory is a row of numbers per record. The log is a row of files; the oldest go when a
 * snapshot stands for all that is in them.
 *
 * @since 0.1.0
 */
import { Storage, type StorageError } from "effect-raft/Storage"
import * as Config from "effect/Config"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { resolve } from "node:path"
import { DirectoryLock } from "./internal/DirectoryLock.ts"
import { Disk, failed, makeDirectory } from "./internal/Disk.ts"
import * as Session from "./internal/Session.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Where the files are. Made when absent; never shared by two nodes. */
  readonly directory: string
  /**
   * The largest record, in bytes: one write with all its entries. A larger one fails before anything is written, and
   * one that is found is refused. 256 MiB by default, from 4 KiB to 1 GiB.
   */
  readonly maxRecordBytes?: number | undefined
  /**
   * How much of the file is in memory at once while it is read back, unless one record is larger. 1 MiB by default,
   * from 4 KiB to 1 GiB.
   */
  readonly scanBytes?: number | undefined
  /**
   * How large a file of the log may grow before another is begun, in bytes; by one batch it may be larger. Behind a
   * snapshot whole files go, so about this much more is on the disk than must be. 64 MiB by default, from 4 KiB to 1 GiB.
   */
  readonly segmentBytes?: number | undefined
  /**
   * How much of a snapshot is written before it is synced, in bytes. A large one that is synced only at its end makes
   * every write of the log wait meanwhile. 16 MiB by default, from 4 KiB to 1 GiB.
   */
  readonly syncBytes?: number | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export const defaults = {
  maxRecordBytes: 256 * 1024 * 1024,
  scanBytes: 1024 * 1024,
  segmentBytes: 64 * 1024 * 1024,
  syncBytes: 16 * 1024 * 1024
} as const

const smallest = 4096
const largest = 1024 * 1024 * 1024

const check = (options: Options): Effect.Effect<Session.Options, StorageError> => {
  const refuse = (detail: string) => Effect.fail(failed("configure", options.directory, new Error(detail)))
  if (options.directory === "") return refuse("directory is empty")
  const limits = {
    maxRecordBytes: options.maxRecordBytes ?? defaults.maxRecordBytes,
    scanBytes: options.scanBytes ?? defaults.scanBytes,
    segmentBytes: options.segmentBytes ?? defaults.segmentBytes,
    syncBytes: options.syncBytes ?? defaults.syncBytes
  }
  for (const field of ["maxRecordBytes", "scanBytes", "segmentBytes", "syncBytes"] as const) {
    const value = limits[field]
    if (!Number.isInteger(value) || value < smallest || value > largest) {
      return refuse(`${field} is ${value}, but must be a whole number from ${smallest} to ${largest}`)
    }
  }
  return Effect.succeed({ directory: resolve(options.directory), ...limits })
}

/** How many calls may be under way; more of them wait. Closing waits until none is. */
const maxCalls = 1024

/**
 * A storage in the directory. `open` takes hold of it; when the scope closes, a snapshot that is being taken is given up,
 * whatever else is under way is finished, and it is let go. Fails with `Failed` when an option makes no sense.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: Options) {
  const settings = yield* check(options)
  const { directory } = settings
  const scope = yield* Scope.Scope
  const disk = yield* Disk
  const lock = yield* DirectoryLock
  const calls = yield* Semaphore.make(maxCalls)
  const closing = yield* Deferred.make<never, StorageError>()
  let session: Session.Session | undefined
  let refusal = failed("use", directory, new Error("it is not open"))

  const onDisk = Effect.provideService(Disk, disk)

  const leave = (detail: string): void => {
    session = undefined
    refusal = failed("use", directory, new Error(detail))
  }

  /** No call is left alone in the middle, and so none finds its file closed. */
  const whileOpen = <A>(call: (session: Session.Session) => Effect.Effect<A, StorageError>) =>
    Effect.suspend(() => (session === undefined ? Effect.fail(refusal) : call(session))).pipe(
      Effect.uninterruptible,
      calls.withPermit
    )

  const enter: Storage["Service"]["open"] = (identity) =>
    Effect.uninterruptible(Effect.gen(function*() {
      // A directory that could not be opened is let go at once.
      const inner = yield* Scope.fork(scope)
      const opening = Effect.gen(function*() {
        yield* makeDirectory(directory)
        yield* lock.acquire(directory)
        return yield* Session.open(settings, identity)
      })
      const opened = yield* opening.pipe(
        Effect.provideService(Disk, disk),
        Scope.provide(inner),
        Effect.onExit((exit) => (exit._tag === "Failure" ? Scope.close(inner, exit) : Effect.void))
      )
      yield* Scope.addFinalizer(
        inner,
        Effect.suspend(() => {
          leave("it was closed")
          return Effect.andThen(Deferred.fail(closing, refusal), calls.withPermits(maxCalls)(Effect.void))
        })
      )
      session = opened
      return Session.loaded(opened)
    }))

  return Storage.of({
    open: enter,
    write: (writes) =>
      whileOpen((current) => {
        if (writes.length === 0) return Effect.void
        return onDisk(
          Effect.tapError(Session.append(current, writes), () => Effect.sync(() => leave("a write has failed")))
        )
      }),
    read: (from, to, maxBytes) => whileOpen((current) => Session.read(current, from, to, maxBytes)),
    // Unlike the others it can be interrupted, and is when the storage is closed: nobody knows how long it takes to say
    // what a large state is.
    takeSnapshot: (index, bytes) =>
      Effect.suspend(() => session === undefined ? Effect.fail(refusal) : session.snapshots.take(index, bytes)).pipe(
        Effect.raceFirst(Deferred.await(closing)),
        calls.withPermit
      ),
    readSnapshot: (snapshot, offset, length) => whileOpen((current) => current.snapshots.read(snapshot, offset, length))
  })
})

/**
 * Storage in a directory, which is let go with the layer.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Storage, StorageError> => Layer.effect(Storage, make(options))

/**
 * The same, from the program's configuration: `layerConfig({ directory: Config.String("DATA_DIRECTORY") })`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (config: Config.Wrap<Options>): Layer.Layer<Storage, StorageError | Config.ConfigError> =>
  Layer.effect(Storage, Effect.flatMap(Config.unwrap(config), make))
