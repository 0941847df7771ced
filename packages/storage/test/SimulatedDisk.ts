/**
 * One directory on a disk in memory, which knows what is durable: what was written is seen at once, and is there after the
 * power was lost only once it was synced, or by chance.
 *
 * Every call that changes something is noted. So one run of a program shows all the places in which it can be cut off:
 * `history` has the disk between any two of its calls, and `powerLoss` says what is left of it then. A file and a name in the
 * directory are separate things here, each with a sync of its own, as they are for the kernel.
 */
import { Effect, Layer } from "effect"
import type { StorageError } from "effect-raft/Storage"
import { basename } from "node:path"
import { Disk, failed, type File } from "../src/internal/Disk.ts"
import { MemoryLock } from "./MemoryLock.ts"

/** A call that changes something; files are known by numbers, since names change. */
export type Call =
  | { readonly _tag: "Create"; readonly name: string; readonly file: number }
  | { readonly _tag: "Write"; readonly file: number; readonly position: number; readonly bytes: Buffer }
  | { readonly _tag: "Truncate"; readonly file: number; readonly size: number }
  | { readonly _tag: "Sync"; readonly file: number }
  | { readonly _tag: "Rename"; readonly from: string; readonly to: string }
  | { readonly _tag: "Remove"; readonly name: string }
  | { readonly _tag: "SyncDirectory" }

type Content = Extract<Call, { _tag: "Write" | "Truncate" }>
type Naming = Extract<Call, { _tag: "Create" | "Rename" | "Remove" }>

interface Contents {
  readonly visible: Buffer
  readonly durable: Buffer
  readonly pending: ReadonlyArray<Content>
}

type Names = ReadonlyMap<string, number>

/** What a disk holds. Never changed, so a copy costs nothing. */
export interface State {
  readonly files: ReadonlyMap<number, Contents>
  readonly visible: Names
  readonly durable: Names
  readonly pending: ReadonlyArray<Naming>
}

const nothing = Buffer.alloc(0)
const blank: State = { files: new Map(), visible: new Map(), durable: new Map(), pending: [] }

const changed = (bytes: Buffer, call: Content): Buffer => {
  const size = call._tag === "Truncate" ? call.size : Math.max(bytes.length, call.position + call.bytes.length)
  const result = Buffer.alloc(size)
  result.set(bytes.subarray(0, size))
  if (call._tag === "Write") result.set(call.bytes, call.position)
  return result
}

const renamed = (names: Names, call: Naming): Names => {
  const result = new Map(names)
  if (call._tag === "Create") result.set(call.name, call.file)
  else if (call._tag === "Remove") result.delete(call.name)
  else {
    const file = names.get(call.from)
    result.delete(call.from)
    if (file !== undefined) result.set(call.to, file)
  }
  return result
}

/** The disk after the call. A sync that fails makes nothing durable, and the next one does not make up for it. */
const after = (state: State, call: Call, isFailing = false): State => {
  switch (call._tag) {
    case "SyncDirectory": {
      return isFailing ? state : { ...state, durable: state.visible, pending: [] }
    }
    case "Write":
    case "Truncate":
    case "Sync": {
      const { durable, pending, visible } = state.files.get(call.file) ?? empty
      const contents = call._tag !== "Sync"
        ? { visible: changed(visible, call), durable, pending: [...pending, call] }
        : { visible, durable: isFailing ? durable : pending.reduce(changed, durable), pending: [] }
      return { ...state, files: new Map(state.files).set(call.file, contents) }
    }
    default: {
      const files = call._tag === "Create" ? new Map(state.files).set(call.file, empty) : state.files
      return { ...state, files, visible: renamed(state.visible, call), pending: [...state.pending, call] }
    }
  }
}

const empty: Contents = { visible: nothing, durable: nothing, pending: [] }

/** What of the calls that were not synced has reached the disk all the same. */
export interface Luck {
  readonly keepsSector: () => boolean
  readonly keepsName: () => boolean
}

const sectorSize = 512

/** The disk when the power comes back. What is written in one sector is written as a whole. */
export const powerLoss = (state: State, luck: Luck): State => {
  const files = new Map<number, Contents>()
  for (const [file, { durable, pending }] of state.files) {
    const bytes = pending.flatMap((call) => (call._tag === "Truncate" ? [call] : sectors(call))).filter(
      luck.keepsSector
    )
      .reduce(changed, durable)
    files.set(file, { visible: bytes, durable: bytes, pending: [] })
  }
  const names = state.pending.filter(luck.keepsName).reduce(renamed, state.durable)
  return { files, visible: names, durable: names, pending: [] }
}

const sectors = (call: Extract<Call, { _tag: "Write" }>): ReadonlyArray<Content> => {
  const parts: Array<Content> = []
  for (let at = call.position; at < call.position + call.bytes.length;) {
    const end = Math.min(call.position + call.bytes.length, (Math.floor(at / sectorSize) + 1) * sectorSize)
    parts.push({ ...call, position: at, bytes: call.bytes.subarray(at - call.position, end - call.position) })
    at = end
  }
  return parts
}

/** What is wrong with a call: it does nothing, or it writes a part, and fails. */
export interface Fault {
  readonly code: "EIO" | "ENOSPC"
  readonly isPartly: boolean
}

export class SimulatedDisk {
  readonly calls: Array<Call> = []
  /** How it was before each of the calls, and last of all how it is. */
  readonly history: Array<State>
  /** Asked before each call. */
  faultAt: (call: Call) => Fault | undefined = () => undefined
  openFiles = 0
  readonly #lock = new MemoryLock()
  #nextFile: number

  constructor(start: State = blank) {
    this.history = [start]
    this.#nextFile = Math.max(0, ...start.files.keys()) + 1
  }

  /** Whether a storage holds the directory. */
  get isHeld(): boolean {
    return this.#lock.isHeld
  }

  get state(): State {
    return this.history[this.history.length - 1] ?? blank
  }

  get names(): ReadonlyArray<string> {
    return [...this.state.visible.keys()].sort()
  }

  bytesOf(name: string): Buffer {
    return this.state.files.get(this.state.visible.get(name) ?? 0)?.visible ?? nothing
  }

  readonly #disk: Disk = {
    makeDirectory: () => Effect.succeed(undefined),
    syncDirectory: (path) => this.#make(path, { _tag: "SyncDirectory" }),
    exists: (path) => Effect.sync(() => this.state.visible.has(basename(path))),
    rename: (from, to) => this.#make(to, { _tag: "Rename", from: basename(from), to: basename(to) }),
    remove: (path) =>
      Effect.suspend(() =>
        this.state.visible.has(basename(path))
          ? this.#make(path, { _tag: "Remove", name: basename(path) })
          : Effect.fail(failed("remove", path, new Error("ENOENT")))
      ),
    list: () => Effect.sync(() => this.names),
    open: (path, as) => Effect.acquireRelease(this.#open(path, as), () => Effect.sync(() => this.openFiles--))
  }

  /** The disk, and the lock on the directory: nothing of what runs on it reaches the real one. */
  readonly layer: Layer.Layer<never> = Layer.mergeAll(
    Layer.succeed(Disk, this.#disk),
    this.#lock.layer
  )

  #open(path: string, as: "existing" | "empty"): Effect.Effect<File, StorageError> {
    return Effect.suspend(() => {
      const name = basename(path)
      const file = this.state.visible.get(name)
      if (as === "existing" && file === undefined) return Effect.fail(failed("open", path, new Error("ENOENT")))
      this.openFiles++
      if (as === "existing") return Effect.succeed(this.#fileAt(path, file ?? 0))
      const number = file ?? this.#nextFile++
      const call: Call = file === undefined
        ? { _tag: "Create", name, file: number }
        : { _tag: "Truncate", file, size: 0 }
      return Effect.as(this.#make(path, call), this.#fileAt(path, number)).pipe(
        Effect.tapError(() => Effect.sync(() => this.openFiles--))
      )
    })
  }

  #fileAt(path: string, file: number): File {
    const visible = () => this.state.files.get(file)?.visible ?? nothing
    const sync = this.#make(path, { _tag: "Sync", file })
    return {
      path,
      size: Effect.sync(() => visible().length),
      read: (buffer, position) => Effect.sync(() => visible().copy(buffer, 0, position)),
      write: (buffers, position) =>
        Effect.suspend(() => {
          const bytes = Buffer.concat(buffers)
          return Effect.as(this.#make(path, { _tag: "Write", file, position, bytes }), bytes.length)
        }),
      truncate: (size) => this.#make(path, { _tag: "Truncate", file, size }),
      syncData: sync,
      sync
    }
  }

  #note(call: Call, state: State): void {
    this.calls.push(call)
    this.history.push(state)
  }

  #make(path: string, call: Call): Effect.Effect<void, StorageError> {
    return Effect.suspend(() => {
      const fault = this.faultAt(call)
      if (fault === undefined) {
        this.#note(call, after(this.state, call))
        return Effect.void
      }
      if (call._tag === "Sync") this.#note(call, after(this.state, call, true))
      if (call._tag === "Write" && fault.isPartly) {
        const part = { ...call, bytes: call.bytes.subarray(0, call.bytes.length >> 1) }
        this.#note(part, after(this.state, part))
      }
      const cause = Object.assign(new Error(fault.code), { code: fault.code })
      return Effect.fail(failed(call._tag, path, cause))
    })
  }
}

/** The same disk with other bytes in one of its files. */
export const replaced = (state: State, name: string, bytes: Buffer): State => {
  const file = state.visible.get(name) ?? 0
  return { ...state, files: new Map(state.files).set(file, { visible: bytes, durable: bytes, pending: [] }) }
}

/** The same disk without one of its files. */
export const removed = (state: State, name: string): State => {
  const call: Naming = { _tag: "Remove", name }
  return { ...state, visible: renamed(state.visible, call), durable: renamed(state.durable, call) }
}
