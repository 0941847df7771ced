/**
 * The disk of one machine: a directory that outlives its processes, slow, full, broken or without power as it is told.
 *
 * What was written is seen at once, and is there after the power was lost only once it was synced, or by chance: any
 * write that was not may be there, be missing, or be there in part. A file and its name are separate, each with a sync
 * of its own. Unlike the disk of the storage's own tests it does not remember every state that it was ever in, so a
 * node may live on it for long.
 */
import { Effect, Layer } from "effect"
import type { StorageError } from "effect-raft/Storage"
import { basename } from "node:path"
import { Disk, failed, type File } from "../../packages/storage/src/internal/Disk.ts"
import { MemoryLock } from "../../packages/storage/test/MemoryLock.ts"
import type { Dice } from "./Dice.ts"

type Change =
  | { readonly _tag: "Write"; readonly position: number; readonly bytes: Buffer }
  | { readonly _tag: "Truncate"; readonly size: number }

type Naming =
  | { readonly _tag: "Create"; readonly name: string; readonly inode: Inode }
  | { readonly _tag: "Rename"; readonly from: string; readonly to: string }
  | { readonly _tag: "Remove"; readonly name: string }

/** A file without its names: what is seen of it, what is durable, and what lies between. */
interface Inode {
  visible: Buffer
  durable: Buffer
  pending: Array<Change>
}

/** A call, as far as faults tell them apart. */
export type Operation = "read" | "write" | "sync" | "name"

/** Fails one call: the one before which there are so many others of its kind. */
interface Failure {
  readonly operation: Operation
  readonly code: "EIO"
  left: number
}

const changed = (bytes: Buffer, change: Change): Buffer => {
  const size = change._tag === "Truncate"
    ? change.size
    : Math.max(bytes.length, change.position + change.bytes.length)
  const result = Buffer.alloc(size)
  bytes.copy(result, 0, 0, Math.min(size, bytes.length))
  if (change._tag === "Write") change.bytes.copy(result, change.position)
  return result
}

const rename = (names: Map<string, Inode>, naming: Naming): void => {
  if (naming._tag === "Create") names.set(naming.name, naming.inode)
  else if (naming._tag === "Remove") names.delete(naming.name)
  else {
    const inode = names.get(naming.from)
    names.delete(naming.from)
    if (inode !== undefined) names.set(naming.to, inode)
  }
}

const sector = 512

/** What of a write that was not synced has reached the disk: nothing, all, a beginning to any byte, or some sectors. */
const remains = (change: Change, dice: Dice): ReadonlyArray<Change> => {
  const luck = dice.between(0, 3)
  if (change._tag === "Truncate") return luck < 2 ? [] : [change]
  if (luck === 0) return []
  if (luck === 1) return [change]
  if (luck === 2) return [{ ...change, bytes: change.bytes.subarray(0, dice.between(0, change.bytes.length)) }]
  const parts: Array<Change> = []
  for (let at = change.position; at < change.position + change.bytes.length;) {
    const end = Math.min(change.position + change.bytes.length, (Math.floor(at / sector) + 1) * sector)
    const bytes = change.bytes.subarray(at - change.position, end - change.position)
    if (dice.happens(0.5)) parts.push({ _tag: "Write", position: at, bytes })
    at = end
  }
  return parts
}

export class FaultyDisk {
  readonly #dice: Dice
  #names = new Map<string, Inode>()
  #durableNames = new Map<string, Inode>()
  #pendingNames: Array<Naming> = []
  #failures: Array<Failure> = []
  readonly #lock = new MemoryLock()
  /** After so many more calls the power is lost. */
  #untilCrash: { left: number; readonly tell: () => void } | undefined
  /** The names of files that are open, as they were when they were opened. */
  open: Array<string> = []
  calls = 0
  /** Injected failures that a call has met. */
  failed = 0
  /** The longest that a call takes, in milliseconds. */
  latency = 0
  isStalled = false
  isFull = false
  /** Whether the code under test is robbed of its syncs. */
  syncs: (name: string) => boolean = () => true

  constructor(dice: Dice) {
    this.#dice = dice
  }

  /** The process is gone, and the machine goes on. */
  killed(): void {
    this.#lock.isHeld = false
    this.open = []
    this.#untilCrash = undefined
  }

  /** The machine goes down: what was not synced is there or not. */
  powerLoss(): void {
    this.killed()
    for (const naming of this.#pendingNames) if (this.#dice.happens(0.5)) rename(this.#durableNames, naming)
    this.#pendingNames = []
    this.#names = new Map(this.#durableNames)
    for (const inode of new Set(this.#names.values())) {
      const left = inode.pending.flatMap((change) => remains(change, this.#dice)).reduce(changed, inode.durable)
      inode.visible = left
      inode.durable = left
      inode.pending = []
    }
  }

  /** Loses power before the call that comes after so many others; `tell` is called once, then. */
  crashAfter(calls: number, tell: () => void): void {
    this.#untilCrash = { left: calls, tell }
  }

  failAfter(operation: Operation, calls: number): void {
    this.#failures.push({ operation, code: "EIO", left: calls })
  }

  /** Everything works again. What is damaged stays so. */
  repair(): void {
    this.latency = 0
    this.isStalled = false
    this.isFull = false
    this.#failures = []
    this.#untilCrash = undefined
  }

  get bytes(): number {
    return [...this.#names.values()].reduce((sum, { visible }) => sum + visible.length, 0)
  }

  get describe(): string {
    return this.files.map((name) => `${name} ${this.#names.get(name)?.visible.length ?? 0}`).join(", ")
  }

  get files(): ReadonlyArray<string> {
    return [...this.#names.keys()].sort()
  }

  /**
   * Damages what was synced, and says where: flips a bit, or puts a sector where another belongs. Never in the last third
   * of a log file: at the end of the last one no storage could tell it from a write that a crash has torn.
   */
  damage(kind: "flip" | "misdirect"): string | undefined {
    const candidates = this.files.filter((name) => /\.(wal|snapshot)$/.test(name) && this.#sizeOf(name) > 64)
    const name = candidates[this.#dice.between(0, candidates.length - 1)]
    const inode = name === undefined ? undefined : this.#names.get(name)
    if (name === undefined || inode === undefined) return undefined
    const end = Math.floor(inode.durable.length * (name.endsWith(".wal") ? 0.66 : 1)) - 1
    const at = this.#dice.between(0, end)
    const length = kind === "flip" ? 1 : Math.min(sector, end - at + 1)
    const from = this.#dice.between(0, Math.max(0, inode.durable.length - length))
    const bytes = kind === "flip"
      ? Buffer.of((inode.durable[at] ?? 0) ^ (1 << this.#dice.between(0, 7)))
      : Buffer.from(inode.durable.subarray(from, from + length))
    const change: Change = { _tag: "Write", position: at, bytes }
    if (bytes.equals(inode.durable.subarray(at, at + length))) return undefined
    inode.durable = changed(inode.durable, change)
    inode.visible = changed(inode.visible, change)
    return `${name} at byte ${at}`
  }

  #sizeOf(name: string): number {
    return this.#names.get(name)?.durable.length ?? 0
  }

  /** What happens before any call, the longest wait first. Nothing of it can be interrupted, as in the kernel. */
  #call<A>(operation: Operation, path: string, run: () => A, onFailure: (code: string) => void = () => {}) {
    const attempt = Effect.suspend((): Effect.Effect<A, StorageError> => {
      this.calls++
      const failure = this.#failures.find((each) => each.operation === operation && each.left-- <= 0)
      if (failure !== undefined) this.#failures = this.#failures.filter((each) => each !== failure)
      const code = failure?.code ?? (this.isFull && operation === "write" ? "ENOSPC" : undefined)
      if (code === undefined) return Effect.sync(run)
      this.failed++
      onFailure(code)
      return Effect.fail(failed(operation, path, Object.assign(new Error(code), { code })))
    })
    const isSlow = operation === "sync" || operation === "write"
    const before = Effect.suspend(() => {
      if (this.#untilCrash !== undefined && this.#untilCrash.left-- <= 0) {
        const { tell } = this.#untilCrash
        this.#untilCrash = undefined
        tell()
        return Effect.never
      }
      const wait = isSlow ? this.#dice.between(0, this.latency) : 0
      return wait === 0 ? Effect.void : Effect.sleep(wait)
    })
    const stall = Effect.suspend(() => this.isStalled ? Effect.as(Effect.sleep(10), true) : Effect.succeed(false))
    return Effect.uninterruptible(
      before.pipe(
        Effect.andThen(Effect.repeat(stall, { while: (isStalled) => isStalled })),
        Effect.andThen(attempt)
      )
    )
  }

  #naming(path: string, naming: Naming) {
    return this.#call("name", path, () => {
      rename(this.#names, naming)
      this.#pendingNames.push(naming)
    })
  }

  readonly #disk: Disk = {
    makeDirectory: () => Effect.succeed(undefined),
    syncDirectory: (path) =>
      this.#call("sync", path, () => {
        if (!this.syncs("")) return
        this.#durableNames = new Map(this.#names)
        this.#pendingNames = []
      }),
    exists: (path) => Effect.sync(() => this.#names.has(basename(path))),
    rename: (from, to) => this.#naming(to, { _tag: "Rename", from: basename(from), to: basename(to) }),
    remove: (path) =>
      Effect.suspend(() =>
        this.#names.has(basename(path))
          ? this.#naming(path, { _tag: "Remove", name: basename(path) })
          : Effect.fail(failed("remove", path, new Error("ENOENT")))
      ),
    list: () => Effect.sync(() => this.files),
    open: (path, as) =>
      Effect.acquireRelease(this.#open(path, as), () => Effect.sync(() => this.#close(basename(path))))
  }

  #close(name: string): void {
    const place = this.open.indexOf(name)
    if (place >= 0) this.open.splice(place, 1)
  }

  /** The disk, and the lock on the directory. */
  readonly layer: Layer.Layer<never> = Layer.mergeAll(
    Layer.succeed(Disk, this.#disk),
    this.#lock.layer
  )

  #open(path: string, as: "existing" | "empty"): Effect.Effect<File, StorageError> {
    return Effect.suspend(() => {
      const name = basename(path)
      const there = this.#names.get(name)
      if (as === "existing" && there === undefined) return Effect.fail(failed("open", path, new Error("ENOENT")))
      const opened = (inode: Inode) => {
        this.open.push(name)
        return this.#fileAt(path, inode)
      }
      if (there !== undefined) {
        const begin = as === "existing" ? Effect.void : this.#change(path, there, { _tag: "Truncate", size: 0 })
        return Effect.map(begin, () => opened(there))
      }
      const inode: Inode = { visible: Buffer.alloc(0), durable: Buffer.alloc(0), pending: [] }
      return Effect.map(this.#naming(path, { _tag: "Create", name, inode }), () => opened(inode))
    })
  }

  #change(path: string, inode: Inode, change: Change) {
    const carryOut = (change: Change) => {
      inode.visible = changed(inode.visible, change)
      inode.pending.push(change)
    }
    // A write that fails has written a part.
    const partly = () => {
      if (change._tag !== "Write") return
      carryOut({ ...change, bytes: change.bytes.subarray(0, this.#dice.between(0, change.bytes.length)) })
    }
    return this.#call("write", path, () => carryOut(change), partly)
  }

  #fileAt(path: string, inode: Inode): File {
    const sync = this.#call(
      "sync",
      path,
      () => {
        if (!this.syncs(basename(path))) return
        inode.durable = inode.visible
        inode.pending = []
      },
      // A sync that fails makes nothing durable, and the next one does not make up for it.
      () => void (inode.pending = [])
    )
    return {
      path,
      size: Effect.sync(() => inode.visible.length),
      read: (buffer, position) =>
        this.#call("read", path, () => inode.visible.copy(buffer, 0, Math.min(position, inode.visible.length))),
      write: (buffers, position) =>
        Effect.suspend(() => {
          const bytes = Buffer.concat(buffers)
          // Now and then it takes only a part of what it is given.
          const taken = bytes.length > 1 && this.#dice.happens(0.05)
            ? this.#dice.between(1, bytes.length)
            : bytes.length
          const change: Change = { _tag: "Write", position, bytes: bytes.subarray(0, taken) }
          return Effect.as(this.#change(path, inode, change), taken)
        }),
      truncate: (size) => this.#change(path, inode, { _tag: "Truncate", size }),
      syncData: sync,
      sync
    }
  }
}
