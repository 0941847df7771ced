/**
 * One directory, one node: a lock that the kernel holds, and gives back when the process is gone.
 *
 * Node has no `flock`, but it has SQLite, and SQLite locks files through the operating system. The lock is an
 * exclusive transaction, never ended, on an empty database. Nothing of it outlives the process, however that
 * dies, so there is no stale lock and nothing to repair: what a file with a process id in it gets wrong when ids are
 * used again, or mean nothing in the next container, cannot go wrong here. SQLite itself knows which files its own
 * process has locked, which the operating system would not tell; so two layers in one process exclude each other too.
 *
 * It is a reference, like the disk, so that a test whose disk is not the real one leaves that alone.
 *
 * On POSIX a process loses its lock when it closes any other descriptor of the file: a program must not copy its own
 * directory's `lock` while a node is running. Other processes may do as they like.
 */
import { Locked, StorageError } from "effect-raft/Storage"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { failed } from "./Disk.ts"

/** SQLite's SQLITE_BUSY; what stands above the lowest byte says more about it. */
const isBusy = (cause: unknown): boolean =>
  cause instanceof Error && "errcode" in cause && typeof cause.errcode === "number" && (cause.errcode & 0xff) === 5

const lock = (path: string): DatabaseSync => {
  const database = new DatabaseSync(path)
  try {
    // In memory, the journal leaves no file behind that the next process would have to make sense of.
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE")
    return database
  } catch (cause) {
    database.close()
    throw cause
  }
}

export interface DirectoryLock {
  /** Holds the directory until the scope closes, or fails with `Locked`. */
  readonly acquire: (directory: string) => Effect.Effect<void, StorageError, Scope.Scope>
}

const sqlite: DirectoryLock = {
  acquire: (directory) => {
    const path = join(directory, "lock")
    const locked = Effect.try({
      try: () => lock(path),
      catch: (cause) =>
        isBusy(cause) ? new StorageError({ reason: new Locked({ path: directory }) }) : failed("lock", path, cause)
    })
    return Effect.asVoid(Effect.acquireRelease(locked, (database) => Effect.sync(() => database.close())))
  }
}

export const DirectoryLock = Context.Reference<DirectoryLock>("@effect-raft/storage/DirectoryLock", {
  defaultValue: () => sqlite
})
