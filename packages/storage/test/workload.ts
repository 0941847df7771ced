/** A log file made by real writes, for tests that then damage it, and what it must be found to hold. */
import * as FileStorage from "@effect-raft/storage/FileStorage"
import { Context, Effect, Layer } from "effect"
import { Membership, type State } from "effect-raft/engine"
import * as Entries from "effect-raft/Entries"
import * as Recovery from "effect-raft/Recovery"
import { type Identity, type Loaded, Storage, StorageError, type StorageWrite } from "effect-raft/Storage"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Disk, type File } from "../src/internal/Disk.ts"

export const identity: Identity = { cluster: "test", node: "n1", incarnation: 7 }
export const headerSize = 4096
export const logPath = (directory: string) => join(directory, "0000000000000001.wal")

/** The real disk, with some of its calls replaced. */
export const diskWith = (change: (disk: Disk) => Partial<Disk>): Layer.Layer<never> =>
  Layer.effect(Disk, Effect.map(Disk, (disk) => ({ ...disk, ...change(disk) })))

/** The real disk, with some of the calls on its files replaced. */
export const filesWith = (change: (file: File) => Partial<File>): Layer.Layer<never> =>
  diskWith((disk) => ({
    open: (path, as) => Effect.map(disk.open(path, as), (file) => ({ ...file, ...change(file) }))
  }))

/** No power is cut in these tests, so nothing needs to be synced. */
const quickDisk = filesWith(() => ({ sync: Effect.void, syncData: Effect.void }))

export interface Life {
  readonly directory: string
  readonly disk?: Layer.Layer<never>
  readonly maxRecordBytes?: number
  readonly scanBytes?: number
  readonly segmentBytes?: number
  readonly syncBytes?: number
}

export type Opened = Storage["Service"] & { readonly found: State.Recovered & Pick<Loaded, "damaged"> }

/** Opens the storage, uses it, closes it. */
export const live = <A, E, R>(
  { disk, ...options }: Life,
  use: (storage: Opened) => Effect.Effect<A, E, R>,
  self: Identity = identity
) =>
  Effect.scoped(Effect.gen(function*() {
    const layer = FileStorage.layer(options).pipe(Layer.provide(disk ?? quickDisk))
    const storage = Context.get(yield* Layer.build(Layer.fresh(layer)), Storage)
    const { damaged, hardState, log, snapshot } = yield* storage.open(self)
    const found = { hardState, log, ...(snapshot && { snapshot }), ...(damaged && { damaged }) }
    return yield* use({ ...storage, found })
  }))

export const open = (life: Life) => live(life, ({ found }) => Effect.succeed(found))

/** Why it failed. */
export const reason = <A, E, R>(effect: Effect.Effect<A, E | StorageError, R>) =>
  Effect.flatMap(
    Effect.flip(effect),
    (error) => error instanceof StorageError ? Effect.succeed(error.reason) : Effect.die(error)
  )

export const write = (parts: Partial<StorageWrite>): StorageWrite => ({
  hardState: undefined,
  truncateAfter: undefined,
  entries: undefined,
  boundary: undefined,
  ...parts
})

export const commands = (first: number, term: number, ...texts: ReadonlyArray<string>): Entries.Entries =>
  Entries.commands(first, term, texts.map((text) => new TextEncoder().encode(text)))

const alone = Membership.make([{ id: "n1", address: "host:1" }])

/** On its way to the next, with all of its fields filled. */
const joint: Membership.Membership = {
  members: [{ id: "n2", address: "host:2" }, { id: "n3", address: "" }],
  voters: ["n2"],
  outgoing: ["n1"],
  departing: alone.members,
  promoting: ["n3"]
}

/** Every kind of write once. */
export const writes: ReadonlyArray<StorageWrite> = [
  write({ boundary: { index: 0, term: 0, membership: alone } }),
  write({ hardState: { term: 1, votedFor: "n1" } }),
  write({ entries: Entries.noop(1, 1) }),
  write({ entries: commands(2, 1, "one", "", "three") }),
  write({ truncateAfter: 3, entries: Entries.membership(4, 2, joint), hardState: { term: 2, votedFor: undefined } }),
  write({ truncateAfter: 2 }),
  write({ entries: commands(3, 3, "a", "b"), hardState: { term: 3, votedFor: "" } })
]

/** What is found after the first writes: none, one, two… */
export const states: ReadonlyArray<State.Recovered> = writes.reduce<ReadonlyArray<State.Recovered>>(
  (found, each) => [...found, Recovery.after(found[found.length - 1] ?? Recovery.fresh, each)],
  [Recovery.fresh]
)

export interface Recorded {
  readonly bytes: Buffer
  /** Where each write's record ends; before them, where the first one begins. */
  readonly ends: ReadonlyArray<number>
}

/** Writes them one by one, each a batch of its own, and looks how the file grows. */
export const record = (
  directory: string,
  each: ReadonlyArray<ReadonlyArray<StorageWrite>> = writes.map((one) => [one])
) =>
  live({ directory }, (storage) =>
    Effect.gen(function*() {
      const ends = [readFileSync(logPath(directory)).length]
      for (const batch of each) {
        yield* storage.write(batch)
        ends.push(readFileSync(logPath(directory)).length)
      }
      const recorded: Recorded = { bytes: readFileSync(logPath(directory)), ends }
      return recorded
    }))

/** Puts these bytes in the place of the log. */
export const put = (directory: string, bytes: Uint8Array) => {
  mkdirSync(directory, { recursive: true })
  writeFileSync(logPath(directory), bytes)
}

export const readLog = (directory: string) => readFileSync(logPath(directory))
