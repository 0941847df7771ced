/**
 * The calls that `FileStorage` makes to the operating system, and nothing more: each is one call of `node:fs`.
 *
 * They are a reference so that a test can put a disk in their place that is full, broken, or writes less than it was
 * given. None is interruptible: the kernel finishes what it has begun, and a file that is closed meanwhile could be
 * another one by then. A call may do less than asked; `readAll` and `writeAll` go on until everything is done.
 */
import { Failed, StorageError } from "effect-raft/Storage"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import { dirname } from "node:path"

export interface File {
  readonly path: string
  readonly size: Effect.Effect<number, StorageError>
  /** Reads some of the bytes at `position`; 0 at the end of the file. */
  readonly read: (buffer: Uint8Array, position: number) => Effect.Effect<number, StorageError>
  /** Writes some of the first of these bytes at `position`. */
  readonly write: (buffers: ReadonlyArray<Uint8Array>, position: number) => Effect.Effect<number, StorageError>
  readonly truncate: (size: number) => Effect.Effect<void, StorageError>
  /** Makes durable what was written, and what it takes to find it again. */
  readonly syncData: Effect.Effect<void, StorageError>
  /** Makes everything durable, also that the file became shorter. */
  readonly sync: Effect.Effect<void, StorageError>
}

export interface Disk {
  /** Makes a directory and those above it; the topmost that it made, or undefined if it was there. */
  readonly makeDirectory: (path: string) => Effect.Effect<string | undefined, StorageError>
  /** Makes durable which files a directory holds. */
  readonly syncDirectory: (path: string) => Effect.Effect<void, StorageError>
  readonly exists: (path: string) => Effect.Effect<boolean, StorageError>
  readonly rename: (from: string, to: string) => Effect.Effect<void, StorageError>
  /** Takes a file out of its directory. Whoever has it open can still use it. */
  readonly remove: (path: string) => Effect.Effect<void, StorageError>
  /** The names in a directory, in no order. */
  readonly list: (path: string) => Effect.Effect<ReadonlyArray<string>, StorageError>
  /** Opens a file that is there, or an empty one in its place. Closed with the scope. */
  readonly open: (path: string, as: "existing" | "empty") => Effect.Effect<File, StorageError, Scope.Scope>
}

export const failed = (operation: string, path: string, cause: unknown): StorageError =>
  new StorageError({ reason: new Failed({ operation, path, cause }) })

type Done<A> = (error: NodeJS.ErrnoException | null, value: A) => void

const call = <A>(operation: string, path: string, run: (done: Done<A>) => void): Effect.Effect<A, StorageError> =>
  Effect.uninterruptible(Effect.callback((resume) => {
    run((error, value) => resume(error === null ? Effect.succeed(value) : Effect.fail(failed(operation, path, error))))
  }))

const callVoid = (
  operation: string,
  path: string,
  run: (done: fs.NoParamCallback) => void
): Effect.Effect<void, StorageError> => call<void>(operation, path, (done) => run((error) => done(error, undefined)))

const openDescriptor = (path: string, flags: string) =>
  Effect.acquireRelease(
    call<number>("open", path, (done) => fs.open(path, flags, done)),
    // Whoever cared about what was written has synced it; to close can add nothing.
    (descriptor) => Effect.ignore(callVoid("close", path, (done) => fs.close(descriptor, done)))
  )

const fileOf = (path: string, descriptor: number): File => ({
  path,
  size: Effect.map(call<fs.Stats>("stat", path, (done) => fs.fstat(descriptor, done)), (stats) => stats.size),
  read: (buffer, position) =>
    call<number>(
      "read",
      path,
      (done) => fs.read(descriptor, buffer, 0, Math.min(buffer.length, maxCall), position, done)
    ),
  write: (buffers, position) => call<number>("write", path, (done) => fs.writev(descriptor, buffers, position, done)),
  truncate: (size) => callVoid("truncate", path, (done) => fs.ftruncate(descriptor, size, done)),
  syncData: callVoid("sync", path, (done) => fs.fdatasync(descriptor, done)),
  sync: callVoid("sync", path, (done) => fs.fsync(descriptor, done))
})

/** More than this Node does not read in one call. */
const maxCall = 2 ** 30

/** Windows lets no one sync a directory, and journals renames by itself. */
const syncsDirectories = process.platform !== "win32"

const node: Disk = {
  makeDirectory: (path) => call("mkdir", path, (done) => fs.mkdir(path, { recursive: true }, done)),
  syncDirectory: (path) => {
    if (!syncsDirectories) return Effect.void
    const sync = Effect.flatMap(
      openDescriptor(path, "r"),
      (descriptor) => callVoid("sync", path, (done) => fs.fsync(descriptor, done))
    )
    return Effect.scoped(sync)
  },
  exists: (path) =>
    call(
      "access",
      path,
      (done) => fs.access(path, (error) => (error?.code === "ENOENT" ? done(null, false) : done(error, true)))
    ),
  rename: (from, to) => callVoid("rename", to, (done) => fs.rename(from, to, done)),
  remove: (path) => callVoid("remove", path, (done) => fs.unlink(path, done)),
  list: (path) => call<ReadonlyArray<string>>("list", path, (done) => fs.readdir(path, done)),
  open: (path, as) =>
    Effect.map(openDescriptor(path, as === "empty" ? "w+" : "r+"), (descriptor) => fileOf(path, descriptor))
}

export const Disk = Context.Reference<Disk>("@effect-raft/storage/Disk", { defaultValue: () => node })

/** Fills `buffer` from `position` on; says how much of it, which is less only at the end of the file. */
export const readAll = Effect.fnUntraced(function*(file: File, buffer: Uint8Array, position: number) {
  let done = 0
  while (done < buffer.length) {
    const count = yield* file.read(buffer.subarray(done), position + done)
    if (count === 0) break
    done += count
  }
  return done
})

/** Writes all of `buffers` at `position`. After an error nothing is known of what it left there. */
export const writeAll = Effect.fnUntraced(function*(file: File, buffers: ReadonlyArray<Uint8Array>, position: number) {
  let left = buffers
  let at = position
  while (left.length > 0) {
    const count = yield* file.write(left, at)
    if (count === 0) return yield* failed("write", file.path, new Error("the disk takes nothing more"))
    at += count
    left = without(left, count)
  }
})

/** What is left of `buffers` without their first `count` bytes. */
const without = (buffers: ReadonlyArray<Uint8Array>, count: number): ReadonlyArray<Uint8Array> => {
  let skipped = 0
  let place = 0
  for (let next = buffers[0]; next !== undefined && skipped + next.length <= count; next = buffers[place]) {
    skipped += next.length
    place++
  }
  const partly = buffers[place]
  if (partly === undefined) return []
  return [partly.subarray(count - skipped), ...buffers.slice(place + 1)]
}

/** Makes the directory, and durable that it is there. */
export const makeDirectory = Effect.fnUntraced(function*(directory: string) {
  const disk = yield* Disk
  const topmost = yield* disk.makeDirectory(directory)
  if (topmost === undefined) return
  const above = dirname(topmost)
  for (let made = directory; made !== above && made !== dirname(made); made = dirname(made)) {
    yield* disk.syncDirectory(dirname(made))
  }
})
