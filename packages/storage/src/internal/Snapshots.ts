/**
 * The snapshots in a node's directory: the one that counts, and those that do not count yet.
 *
 * A snapshot that is being taken or received is a draft. Whole and durable, it gets a name of its own, by its entry and
 * its checksum. It counts once a record of the log says so; the one before then goes. From the time on when such a record
 * is being written, no other takes its place. What is in the directory and does not count when it is opened is left over
 * from a crash, and goes too.
 */
import { Log, type LogPosition } from "effect-raft/engine"
import type { SnapshotChunk, SnapshotTaken, StorageError } from "effect-raft/Storage"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { join } from "node:path"
import { Disk, failed, type File } from "./Disk.ts"
import { corrupt } from "./LogScan.ts"
import * as SnapshotFile from "./SnapshotFile.ts"

export interface Snapshots {
  /** Keeps the bytes as a snapshot of everything up to `index`. It does not count yet. */
  readonly take: <E>(
    index: LogPosition.Index,
    bytes: Stream.Stream<Uint8Array, E>
  ) => Effect.Effect<SnapshotTaken, StorageError | E>
  readonly receive: (chunk: SnapshotChunk) => Effect.Effect<void, StorageError>
  /** Sees to it that the snapshot is whole, durable and what it says it is. */
  readonly prepare: (snapshot: Log.Snapshot) => Effect.Effect<void, StorageError>
  /** It counts now. */
  readonly adopt: (snapshot: Log.Snapshot) => Effect.Effect<void, StorageError>
  readonly read: (snapshot: Log.Snapshot, offset: number, length: number) => Effect.Effect<Uint8Array, StorageError>
  /** Takes away what was in the directory when it was opened, and does not count. */
  readonly sweep: Effect.Effect<void>
}

/** A snapshot that another node sends, as far as it has come. */
interface Receiving {
  readonly snapshot: Log.Snapshot
  readonly writer: SnapshotFile.SnapshotWriter
  readonly scope: Scope.Closeable
}

/** A snapshot that is whole and has its name, and does not count yet. */
interface Waiting {
  readonly index: LogPosition.Index
  readonly isTaken: boolean
}

/** The snapshot that counts, open to be read; one of size 0 has no file. */
interface Counting {
  readonly snapshot: Log.Snapshot
  readonly file: File | undefined
  readonly scope: Scope.Closeable
  readers: number
  isReplaced: boolean
}

const suffix = ".snapshot"
const takenDraft = "taken.draft"
const receivedDraft = "received.draft"

const nameOf = (index: number, { checksum, size }: SnapshotTaken): string =>
  `${String(index).padStart(16, "0")}-${size}-${checksum.toString(16).padStart(8, "0")}${suffix}`

/** Refuses a directory with a snapshot and no log: what was promised to others is not in it any more. */
export const assertNone = Effect.fnUntraced(function*(directory: string) {
  const found = (yield* (yield* Disk).list(directory)).find((name) => name.endsWith(suffix))
  if (found !== undefined) return yield* corrupt(join(directory, found), 0, "there is a snapshot, and no log with it")
})

/** Looks at what is there, and changes nothing. `counting` is the snapshot of which the log speaks. */
export const open = Effect.fnUntraced(function*(
  directory: string,
  seed: number,
  syncBytes: number,
  counting: Log.Snapshot | undefined
) {
  const disk = yield* Disk
  const outer = yield* Effect.scope
  const store = new Store(disk, directory, seed, syncBytes, outer)
  const name = counting !== undefined && counting.size > 0 ? nameOf(counting.index, counting) : undefined
  const names = yield* disk.list(directory)
  if (counting !== undefined) {
    if (name !== undefined && !names.includes(name)) {
      return yield* corrupt(join(directory, name), 0, `the snapshot at ${counting.index} is missing`)
    }
    yield* store.adopt(counting)
  }
  const leftOver = names.filter((each) =>
    each === takenDraft || each === receivedDraft || (each.endsWith(suffix) && each !== name)
  )
  const snapshots: Snapshots = {
    take: (index, bytes) => store.take(index, bytes),
    receive: (chunk) => store.receive(chunk),
    prepare: (snapshot) => store.prepare(snapshot),
    adopt: (snapshot) => store.adopt(snapshot),
    read: (snapshot, offset, length) => store.read(snapshot, offset, length),
    sweep: Effect.forEach(leftOver, (each) => Effect.ignore(disk.remove(join(directory, each))), { discard: true })
  }
  return snapshots
})

class Store {
  readonly #disk: Disk
  readonly #directory: string
  readonly #seed: number
  readonly #syncBytes: number
  readonly #outer: Scope.Scope
  /** There is one draft, so one at a time. */
  readonly #taking = Semaphore.makeUnsafe(1)
  #receiving: Receiving | undefined
  #counting: Counting | undefined
  /** By their names. */
  readonly #waiting = new Map<string, Waiting>()
  /** The names of those of which a record is being written that says that they count. */
  readonly #claimed = new Set<string>()

  constructor(disk: Disk, directory: string, seed: number, syncBytes: number, outer: Scope.Scope) {
    this.#disk = disk
    this.#directory = directory
    this.#seed = seed
    this.#syncBytes = syncBytes
    this.#outer = outer
  }

  take<E>(
    index: LogPosition.Index,
    bytes: Stream.Stream<Uint8Array, E>
  ): Effect.Effect<SnapshotTaken, StorageError | E> {
    const draft = join(this.#directory, takenDraft)
    const writing = Effect.scoped(Effect.gen({ self: this }, function*() {
      const file = yield* this.#disk.open(draft, "empty")
      const writer = new SnapshotFile.SnapshotWriter(file, this.#seed, this.#syncBytes)
      yield* Stream.runForEach(bytes, (piece) => writer.push(piece))
      return yield* writer.finish(index)
    }))
    return Effect.flatMap(writing, (taken) => Effect.as(this.#nameTaken(draft, index, taken), taken)).pipe(
      Effect.onError(() => Effect.ignore(this.#disk.remove(draft))),
      this.#taking.withPermit
    )
  }

  receive({ bytes, offset, snapshot }: SnapshotChunk): Effect.Effect<void, StorageError> {
    return Effect.gen({ self: this }, function*() {
      if (offset === 0) yield* this.#begin(snapshot)
      const receiving = this.#receiving
      const isNext = receiving !== undefined && Log.isSameSnapshot(receiving.snapshot, snapshot)
        && receiving.writer.taken.size === offset
      if (!isNext) return yield* Effect.die(new Error(`a chunk at ${offset} does not follow what was received`))
      yield* receiving.writer.push(bytes)
    })
  }

  prepare(snapshot: Log.Snapshot): Effect.Effect<void, StorageError> {
    return Effect.gen({ self: this }, function*() {
      const isEmpty = snapshot.size === 0 && snapshot.checksum === 0
      if (isEmpty) return
      const name = nameOf(snapshot.index, snapshot)
      this.#claimed.add(name)
      if (this.#waiting.has(name)) return
      const draft = join(this.#directory, receivedDraft)
      const receiving = this.#receiving
      if (receiving === undefined || !Log.isSameSnapshot(receiving.snapshot, snapshot)) {
        return yield* corrupt(draft, 0, `nothing is there of the snapshot at ${snapshot.index}`)
      }
      const taken = yield* receiving.writer.finish(snapshot.index)
      yield* this.#forget()
      if (taken.size !== snapshot.size || taken.checksum !== snapshot.checksum) {
        return yield* corrupt(draft, 0, `what was received is not the snapshot at ${snapshot.index}`)
      }
      yield* this.#name(draft, taken, { index: snapshot.index, isTaken: false })
    })
  }

  adopt(snapshot: Log.Snapshot): Effect.Effect<void, StorageError> {
    return Effect.gen({ self: this }, function*() {
      this.#claimed.clear()
      const before = this.#counting
      if (before !== undefined && Log.isSameSnapshot(before.snapshot, snapshot)) return
      const name = nameOf(snapshot.index, snapshot)
      const scope = yield* Scope.fork(this.#outer)
      const file = snapshot.size === 0 ? undefined : yield* this.#opened(name, snapshot, scope)
      this.#counting = { snapshot, file, scope, readers: 0, isReplaced: false }
      const gone = this.#letGo(({ index }) => index <= snapshot.index)
      if (before?.file !== undefined) gone.push(nameOf(before.snapshot.index, before.snapshot))
      for (const each of gone) if (each !== name || file === undefined) yield* this.#remove(each)
      if (before === undefined) return
      before.isReplaced = true
      yield* closeUnread(before)
    })
  }

  read(snapshot: Log.Snapshot, offset: number, length: number): Effect.Effect<Uint8Array, StorageError> {
    return Effect.suspend(() => {
      const counting = this.#counting
      if (
        counting === undefined || !Log.isSameSnapshot(counting.snapshot, snapshot) || offset + length > snapshot.size
      ) {
        const detail = `bytes ${offset} to ${offset + length} of the snapshot at ${snapshot.index} are not there`
        return Effect.fail(failed("read", this.#directory, new Error(detail)))
      }
      if (counting.file === undefined) return Effect.succeed(new Uint8Array(0))
      counting.readers++
      return Effect.ensuring(
        SnapshotFile.read(counting.file, this.#seed, snapshot.size, offset, length),
        Effect.suspend(() => {
          counting.readers--
          return closeUnread(counting)
        })
      )
    })
  }

  #opened(name: string, snapshot: Log.Snapshot, scope: Scope.Scope): Effect.Effect<File, StorageError> {
    return Effect.gen({ self: this }, function*() {
      const file = yield* Scope.provide(this.#disk.open(join(this.#directory, name), "existing"), scope)
      yield* SnapshotFile.verify(file, this.#seed, snapshot.index, snapshot)
      return file
    })
  }

  /** What was received of another is forgotten. */
  #begin(snapshot: Log.Snapshot): Effect.Effect<void, StorageError> {
    return Effect.gen({ self: this }, function*() {
      yield* this.#forget()
      const scope = yield* Scope.fork(this.#outer)
      const file = yield* Scope.provide(this.#disk.open(join(this.#directory, receivedDraft), "empty"), scope)
      this.#receiving = { snapshot, scope, writer: new SnapshotFile.SnapshotWriter(file, this.#seed, this.#syncBytes) }
    })
  }

  #forget(): Effect.Effect<void> {
    const receiving = this.#receiving
    this.#receiving = undefined
    return receiving === undefined ? Effect.void : Scope.close(receiving.scope, Exit.void)
  }

  /** From a draft to a snapshot that may come to count. */
  #name(draft: string, taken: SnapshotTaken, waiting: Waiting): Effect.Effect<void, StorageError> {
    const name = nameOf(waiting.index, taken)
    return this.#disk.rename(draft, join(this.#directory, name)).pipe(
      Effect.andThen(this.#disk.syncDirectory(this.#directory)),
      Effect.map(() => void this.#waiting.set(name, waiting))
    )
  }

  /** The same for one that was taken here. It has the place of the one before, unless that is about to count. */
  #nameTaken(draft: string, index: LogPosition.Index, taken: SnapshotTaken): Effect.Effect<void, StorageError> {
    return Effect.uninterruptible(Effect.gen({ self: this }, function*() {
      yield* this.#name(draft, taken, { index, isTaken: true })
      const { snapshot } = this.#counting ?? {}
      const inUse = [nameOf(index, taken), snapshot && nameOf(snapshot.index, snapshot), ...this.#claimed]
      for (const each of this.#letGo(({ isTaken }, name) => isTaken && !inUse.includes(name))) {
        yield* this.#remove(each)
      }
    }))
  }

  /** The names of those that wait and no longer count for anything. */
  #letGo(isGone: (waiting: Waiting, name: string) => boolean): Array<string> {
    const gone = [...this.#waiting].filter(([name, waiting]) => isGone(waiting, name)).map(([name]) => name)
    for (const name of gone) this.#waiting.delete(name)
    return gone
  }

  /** Should it not go, it is only left over. */
  #remove(name: string): Effect.Effect<void> {
    return Effect.ignore(this.#disk.remove(join(this.#directory, name)))
  }
}

const closeUnread = (counting: Counting): Effect.Effect<void> =>
  counting.isReplaced && counting.readers === 0 ? Scope.close(counting.scope, Exit.void) : Effect.void
