/** The lock of a directory that is on no disk. */
import { Effect, Layer } from "effect"
import { Locked, StorageError } from "effect-raft/Storage"
import { DirectoryLock } from "../src/internal/DirectoryLock.ts"

export class MemoryLock {
  isHeld = false

  readonly layer: Layer.Layer<never> = Layer.succeed(DirectoryLock, {
    acquire: (directory) =>
      Effect.acquireRelease(
        Effect.suspend(() => {
          if (this.isHeld) return Effect.fail(new StorageError({ reason: new Locked({ path: directory }) }))
          this.isHeld = true
          return Effect.void
        }),
        () => Effect.sync(() => void (this.isHeld = false))
      )
  })
}
