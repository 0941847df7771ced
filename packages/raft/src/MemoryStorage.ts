/**
 * `Storage` in memory: for tests, for simulations, and for clusters that may forget everything.
 *
 * What a real disk would keep lives in a `MemoryDisk`, apart from the storage that a node opens on it, so a node can
 * be killed and started again on what it left behind. A storage that was closed can no longer touch its disk.
 *
 * Payloads are kept as the slabs in which they came, not copied: whoever writes must not change the bytes afterwards.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Index } from "./engine/LogPosition.ts"
import type { Recovered } from "./engine/State.ts"
import * as Entries from "./Entries.ts"
import * as Recovery from "./Recovery.ts"
import { Failed, Foreign, type Identity, Locked, Storage, StorageError, type StorageWrite } from "./Storage.ts"

/**
 * What survives when the node that uses it is gone. Only a storage opened on it changes it; anyone may look.
 *
 * @category models
 * @since 0.1.0
 */
export interface MemoryDisk {
  /** Whose it is; undefined until it is first opened. */
  identity: Identity | undefined
  /** Term and vote, and the picture of the log. */
  recovered: Recovered
  /** The entries of the log, in order and without gaps. The first slab may begin below the log's boundary. */
  slabs: Array<Entries.Entries>
  /** Whether a storage has it open. */
  isOpen: boolean
}

/**
 * A disk on which nothing was written.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeDisk = (): MemoryDisk => ({
  identity: undefined,
  recovered: Recovery.fresh,
  slabs: [],
  isOpen: false
})

/**
 * What an operating system does for a process that was killed: nobody holds the disk any more. Only for a node of
 * which nothing runs any more, or two would write to one disk.
 *
 * @category combinators
 * @since 0.1.0
 */
export const letGo = (disk: MemoryDisk): void => {
  disk.isOpen = false
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * Runs before each change becomes durable. A node that dies meanwhile leaves the changes carried out so far, each
   * whole. Without it, a write takes no time.
   */
  readonly latency?: Effect.Effect<void>
}

/**
 * A storage on `disk`, which it holds from `open` on until the scope closes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  disk: MemoryDisk,
  options: Options = {}
): Effect.Effect<Storage["Service"], never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(Effect.sync((): Handle => ({ disk, isOpen: false })), (handle) =>
      Effect.sync(() => {
        if (handle.isOpen) disk.isOpen = false
        handle.isOpen = false
      })),
    (handle) => {
      const latency = options.latency ?? Effect.void
      const change = (write: StorageWrite) =>
        Effect.andThen(latency, whileOpen(handle, "write", () => Effect.sync(() => carryOut(disk, write))))
      return Storage.of({
        open: (identity) => Effect.suspend(() => open(handle, identity)),
        write: (writes) => Effect.forEach(writes, change, { discard: true }),
        read: (from, to, maxBytes) => whileOpen(handle, "read", () => read(disk, from, to, maxBytes))
      })
    }
  )

/** One storage's hold on a disk. */
interface Handle {
  readonly disk: MemoryDisk
  isOpen: boolean
}

const path = "memory"

const open = (handle: Handle, identity: Identity) => {
  const { disk } = handle
  if (disk.isOpen) return Effect.fail(new StorageError({ reason: new Locked({ path }) }))
  const owner = disk.identity ?? identity
  if (owner.cluster !== identity.cluster || owner.node !== identity.node) {
    const reason = new Foreign({ path, expected: describe(identity), found: describe(owner) })
    return Effect.fail(new StorageError({ reason }))
  }
  disk.identity = owner
  disk.isOpen = true
  handle.isOpen = true
  return Effect.succeed({ ...disk.recovered, incarnation: owner.incarnation })
}

const describe = ({ cluster, node }: Identity) => `node ${node} of cluster ${cluster}`

const failed = (operation: string, cause: string) =>
  new StorageError({ reason: new Failed({ operation, path, cause: new Error(cause) }) })

/** A node that was killed may still have fibers that do not know it: what they ask for must not happen. */
const whileOpen = <A>(handle: Handle, operation: string, run: () => Effect.Effect<A, StorageError>) =>
  Effect.suspend(() => (handle.isOpen ? run() : Effect.fail(failed(operation, "it is not open"))))

const carryOut = (disk: MemoryDisk, write: StorageWrite): void => {
  const misfit = Recovery.misfit(disk.recovered, write)
  if (misfit !== undefined) throw new Error(misfit)
  if (write.truncateAfter !== undefined) truncateAfter(disk.slabs, write.truncateAfter)
  if (write.entries !== undefined && write.entries.ends.length > 0) disk.slabs.push(write.entries)
  disk.recovered = Recovery.after(disk.recovered, write)
  if (write.boundary !== undefined) {
    const { index } = write.boundary
    disk.slabs = disk.slabs.filter((slab) => Entries.last(slab) > index)
  }
}

const truncateAfter = (slabs: Array<Entries.Entries>, index: Index): void => {
  for (let slab = slabs.pop(); slab !== undefined; slab = slabs.pop()) {
    if (slab.first > index) continue
    slabs.push(Entries.slice(slab, slab.first, Math.min(index, Entries.last(slab))))
    return
  }
}

const read = (disk: MemoryDisk, from: Index, to: Index, maxBytes: number) => {
  const { boundary, last } = disk.recovered.log
  const pieces: Array<Entries.Entries> = []
  let size = 0
  for (let place = slabAt(disk.slabs, from); size <= maxBytes; place++) {
    const slab = disk.slabs[place]
    if (slab === undefined || slab.first > to) break
    const piece = Entries.slice(slab, Math.max(from, slab.first), Math.min(to, Entries.last(slab)))
    pieces.push(piece)
    size += piece.bytes.length
  }
  const [head, ...rest] = pieces
  if (head === undefined || from <= boundary.index || from > to || to > last) {
    return Effect.fail(failed("read", `entries ${from} to ${to} are not there: ${boundary.index + 1} to ${last} are`))
  }
  return Effect.succeed(Entries.within(Entries.concat([head, ...rest]), maxBytes))
}

/** The place of the slab that holds `index`. */
const slabAt = (slabs: ReadonlyArray<Entries.Entries>, index: Index): number => {
  let low = 0
  let high = slabs.length
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if ((slabs[middle]?.first ?? Infinity) <= index) low = middle
    else high = middle
  }
  return low
}

/**
 * Storage on a new disk, which is lost with the layer. Every node that it is provided to has a disk of its own.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Storage> = Layer.fresh(Layer.effect(Storage, Effect.suspend(() => make(makeDisk()))))

/**
 * Storage on a disk that outlives the layer: built again, it finds what is there.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerDisk = (disk: MemoryDisk, options?: Options): Layer.Layer<Storage> =>
  Layer.effect(Storage, make(disk, options))
