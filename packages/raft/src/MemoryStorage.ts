/**
 * `Storage` in memory: for tests, for simulations, and for clusters that may forget everything.
 *
 * What a real disk would keep lives in a `MemoryDisk`, apart from the storage that a node opens on it, so a node can
 * be killed and started again on what it left behind. A storage that was closed can no longer touch its disk.
 *
 * Payloads are kept as the slabs in which they came, and a snapshot as the pieces, not copied: whoever writes must not
 * change the bytes afterwards.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { crc32 } from "./Checksum.ts"
import { isSameSnapshot, type Snapshot, truncateAfter as truncated } from "./engine/Log.ts"
import type { Index } from "./engine/LogPosition.ts"
import type { Recovered } from "./engine/State.ts"
import * as Entries from "./Entries.ts"
import * as Recovery from "./Recovery.ts"
import {
  Corrupt,
  type Damaged,
  Failed,
  Foreign,
  type Identity,
  Locked,
  type SnapshotChunk,
  type SnapshotTaken,
  Storage,
  StorageError,
  type StorageWrite
} from "./Storage.ts"

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
  /** The bytes of the snapshot that counts, in order. */
  snapshot: ReadonlyArray<Uint8Array>
  /** How far the node had come, if a part of its log was lost and is not repaired. */
  damaged: Damaged | undefined
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
  snapshot: [],
  damaged: undefined,
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
 * Damages the log from the entry `from` on, as a disk does that rots: what comes before is found, and how far the log had
 * gone. Only while no storage has the disk open, and for an entry of the log. Damaged again, it tells the same or more.
 *
 * @category combinators
 * @since 0.1.0
 */
export const damage = (disk: MemoryDisk, from: Index): void => {
  const { log } = disk.recovered
  if (disk.isOpen) throw new Error("a storage has the disk open")
  if (from <= log.boundary.index || from > log.last) throw new Error(`entry ${from} is not there`)
  const found = new Corrupt({ path, offset: 0, detail: `the entries from ${from} on were damaged` })
  disk.damaged = { ...Recovery.farther(disk.damaged, Recovery.reachOf(disk.recovered)), found }
  truncateAfter(disk.slabs, from - 1)
  disk.recovered = { ...disk.recovered, log: truncated(log, from - 1) }
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
    Effect.acquireRelease(Effect.sync(() => handleOn(disk)), (handle) =>
      Effect.sync(() => {
        if (handle.isOpen) disk.isOpen = false
        handle.isOpen = false
      })),
    (handle) => {
      const latency = options.latency ?? Effect.void
      const change = (write: StorageWrite) =>
        Effect.andThen(latency, whileOpen(handle, "write", () => carryOut(handle, write)))
      return Storage.of({
        open: (identity) => Effect.suspend(() => open(handle, identity)),
        write: (writes) =>
          Effect.suspend(() => {
            claim(handle, writes)
            return Effect.forEach(writes, change, { discard: true })
          }),
        read: (from, to, maxBytes) => whileOpen(handle, "read", () => read(disk, from, to, maxBytes)),
        takeSnapshot: (index, bytes) =>
          Effect.flatMap(Stream.runCollect(bytes), (pieces) =>
            Effect.andThen(
              latency,
              whileOpen(handle, "take a snapshot", () =>
                Effect.sync(() => {
                  handle.taken = { index, pieces }
                  return takenOf(pieces)
                }))
            )),
        readSnapshot: (snapshot, offset, length) =>
          whileOpen(handle, "read a snapshot", () => readSnapshot(disk, snapshot, offset, length))
      })
    }
  )

interface Taken {
  readonly index: Index
  readonly pieces: ReadonlyArray<Uint8Array>
}

/** One storage's hold on a disk, and the snapshots that do not count yet: they are gone with it. */
interface Handle {
  readonly disk: MemoryDisk
  isOpen: boolean
  taken: Taken | undefined
  /** One that was taken, and of which a write under way says that it counts: no other takes its place. */
  claimed: Taken | undefined
  receiving: { readonly snapshot: Snapshot; readonly pieces: Array<Uint8Array> } | undefined
}

const handleOn = (disk: MemoryDisk): Handle => ({
  disk,
  isOpen: false,
  taken: undefined,
  claimed: undefined,
  receiving: undefined
})

const sizeOf = (pieces: ReadonlyArray<Uint8Array>): number => pieces.reduce((sum, piece) => sum + piece.length, 0)

const takenOf = (pieces: ReadonlyArray<Uint8Array>): SnapshotTaken => ({
  size: sizeOf(pieces),
  checksum: pieces.reduce((checksum, piece) => crc32(piece, checksum), 0)
})

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
  const { damaged, recovered } = disk
  const found = damaged === undefined ? recovered : { ...Recovery.damaged(recovered, damaged), damaged }
  return Effect.succeed({ ...found, incarnation: owner.incarnation })
}

const describe = ({ cluster, node }: Identity) => `node ${node} of cluster ${cluster}`

const failed = (operation: string, cause: string) =>
  new StorageError({ reason: new Failed({ operation, path, cause: new Error(cause) }) })

/** A node that was killed may still have fibers that do not know it: what they ask for must not happen. */
const whileOpen = <A>(handle: Handle, operation: string, run: () => Effect.Effect<A, StorageError>) =>
  Effect.suspend(() => (handle.isOpen ? run() : Effect.fail(failed(operation, "it is not open"))))

const carryOut = (handle: Handle, write: StorageWrite): Effect.Effect<void, StorageError> =>
  Effect.suspend(() => {
    const { disk } = handle
    const misfit = Recovery.misfit(disk.recovered, write)
    if (misfit !== undefined) throw new Error(misfit)
    if (write.chunk !== undefined) receive(handle, write.chunk)
    if (write.snapshot !== undefined && !adopt(handle, write.snapshot)) {
      const detail = `nothing that is here is the snapshot at ${write.snapshot.index}`
      return Effect.fail(new StorageError({ reason: new Corrupt({ path, offset: 0, detail }) }))
    }
    if (write.truncateAfter !== undefined) truncateAfter(disk.slabs, write.truncateAfter)
    if (write.entries !== undefined && write.entries.ends.length > 0) disk.slabs.push(write.entries)
    disk.recovered = Recovery.after(disk.recovered, write)
    if (write.isRepaired === true) disk.damaged = undefined
    if (write.boundary !== undefined) {
      const { index } = write.boundary
      disk.slabs = disk.slabs.filter((slab) => Entries.last(slab) > index)
    }
    return Effect.void
  })

const receive = (handle: Handle, { bytes, offset, snapshot }: SnapshotChunk): void => {
  if (offset === 0) handle.receiving = { snapshot, pieces: [] }
  const { receiving } = handle
  const isNext = receiving !== undefined && isSameSnapshot(receiving.snapshot, snapshot)
    && sizeOf(receiving.pieces) === offset
  if (!isNext) throw new Error(`a chunk at ${offset} does not follow what was received`)
  receiving.pieces.push(bytes)
}

const claim = (handle: Handle, writes: ReadonlyArray<StorageWrite>): void => {
  const { taken } = handle
  handle.claimed = writes.some(({ snapshot }) => snapshot !== undefined && snapshot.index === taken?.index)
    ? taken
    : undefined
}

/** Lets what was taken or received count, if it is that snapshot to the last byte. */
const adopt = (handle: Handle, snapshot: Snapshot): boolean => {
  const { claimed, receiving, taken } = handle
  const isIt = (pieces: ReadonlyArray<Uint8Array>) => {
    const { checksum, size } = takenOf(pieces)
    return size === snapshot.size && checksum === snapshot.checksum
  }
  if (isIt([])) handle.disk.snapshot = []
  else if (taken?.index === snapshot.index && isIt(taken.pieces)) handle.disk.snapshot = taken.pieces
  else if (claimed?.index === snapshot.index && isIt(claimed.pieces)) handle.disk.snapshot = claimed.pieces
  else if (receiving !== undefined && isSameSnapshot(receiving.snapshot, snapshot) && isIt(receiving.pieces)) {
    handle.disk.snapshot = receiving.pieces
    handle.receiving = undefined
  } else return false
  // What stands for no more than this one does can no longer count. What is still being received goes on.
  if (taken !== undefined && taken.index <= snapshot.index) handle.taken = undefined
  return true
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

const readSnapshot = (disk: MemoryDisk, snapshot: Snapshot, offset: number, length: number) => {
  const counting = disk.recovered.snapshot
  if (counting === undefined || !isSameSnapshot(counting, snapshot) || offset + length > snapshot.size) {
    const bytes = `bytes ${offset} to ${offset + length} of the snapshot at ${snapshot.index}`
    return Effect.fail(failed("read a snapshot", `${bytes} are not there`))
  }
  const result = new Uint8Array(length)
  let start = 0
  for (const piece of disk.snapshot) {
    const part = piece.subarray(Math.max(0, offset - start), Math.max(0, offset + length - start))
    result.set(part, Math.max(0, start - offset))
    start += piece.length
    if (start >= offset + length) break
  }
  return Effect.succeed(result)
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
