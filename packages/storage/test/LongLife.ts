/**
 * A node's life on its disk with everything in it that can happen to a log and its snapshots, and what must be found
 * after any part of it: the log with its payloads, and every byte of the snapshot.
 */
import { assert } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { crc32 } from "effect-raft/Checksum"
import { type Log, Membership, type State } from "effect-raft/engine"
import * as Entries from "effect-raft/Entries"
import * as Recovery from "effect-raft/Recovery"
import type { Storage, StorageError, StorageWrite } from "effect-raft/Storage"
import { commands, write } from "./workload.ts"

const membership = Membership.make([{ id: "n1", address: "host:1" }])

export const stateOf = (size: number, seed: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, place) => (place * 31 + (place >> 8) * 7 + seed * 101) & 0xff)

export const snapshotOf = (index: number, term: number, bytes: Uint8Array): Log.Snapshot => ({
  index,
  term,
  membership,
  size: bytes.length,
  checksum: crc32(bytes)
})

export const boundaryAt = (index: number, term: number): Log.Boundary => ({ index, term, membership })

/** Entries whose payloads tell them apart by index and term; some of them are large. */
export const entries = (first: number, term: number, count: number, size = 20): Entries.Entries =>
  commands(first, term, ...Array.from({ length: count }, (_, place) => `${first + place}/${term} `.repeat(size)))

/** One call of the storage. */
export type Step =
  | { readonly _tag: "Write"; readonly writes: ReadonlyArray<StorageWrite> }
  | { readonly _tag: "Take"; readonly index: number; readonly bytes: Uint8Array }

const writing = (...writes: ReadonlyArray<Partial<StorageWrite>>): Step => ({
  _tag: "Write",
  writes: writes.map(write)
})
const taking = (index: number, bytes: Uint8Array): Step => ({ _tag: "Take", index, bytes })

export const chunksOf = (snapshot: Log.Snapshot, bytes: Uint8Array, size: number): ReadonlyArray<StorageWrite> =>
  Array.from(
    { length: Math.ceil(bytes.length / size) },
    (_, place) =>
      write({ chunk: { snapshot, offset: place * size, bytes: bytes.subarray(place * size, (place + 1) * size) } })
  )

const [taken, unused, later, sent, early, last] = [
  stateOf(70_000, 1),
  stateOf(3000, 2),
  stateOf(2000, 3),
  stateOf(80_000, 4),
  stateOf(5000, 5),
  stateOf(66_000, 6)
]
const received = snapshotOf(50, 4, sent)
const abandoned = snapshotOf(60, 4, early)
const none = { ...boundaryAt(53, 5), size: 0, checksum: 0 }

/** From an empty disk on. */
export const steps: ReadonlyArray<Step> = [
  writing({ boundary: boundaryAt(0, 0) }, { hardState: { term: 1, votedFor: "n1" } }),
  writing({ entries: entries(1, 1, 5) }),
  writing(
    { entries: entries(6, 1, 3, 1000) },
    { hardState: { term: 2, votedFor: undefined }, truncateAfter: 7, entries: entries(8, 2, 2) }
  ),
  taking(6, taken),
  writing({ snapshot: snapshotOf(6, 1, taken), boundary: boundaryAt(4, 1) }),
  writing({ entries: entries(10, 2, 1) }),
  writing({ entries: Entries.membership(11, 2, membership) }),
  writing({ truncateAfter: 10 }),
  writing({ entries: entries(11, 3, 2) }, { truncateAfter: 11 }),
  taking(9, unused),
  taking(10, later),
  writing(
    { entries: entries(12, 3, 1) },
    { snapshot: snapshotOf(10, 2, later), boundary: boundaryAt(10, 2) },
    { hardState: { term: 4, votedFor: "n2" } }
  ),
  ...chunksOf(received, sent, 30_000).slice(0, 2).map((chunk) => writing(chunk)),
  writing(...chunksOf(received, sent, 30_000).slice(2), {
    truncateAfter: 11,
    snapshot: received,
    boundary: boundaryAt(50, 4)
  }),
  writing({ entries: entries(51, 4, 2) }, { entries: entries(53, 5, 3) }),
  writing({ truncateAfter: 54, entries: entries(55, 6, 1, 2000) }),
  writing(...chunksOf(abandoned, early, 3000).slice(0, 1)),
  writing({ snapshot: none, boundary: boundaryAt(53, 5) }),
  taking(55, last),
  writing({ snapshot: snapshotOf(55, 6, last), boundary: boundaryAt(55, 6) }),
  writing({ entries: entries(56, 6, 1) })
]

/** What must be found. */
export interface Expected {
  readonly recovered: State.Recovered
  readonly payloads: ReadonlyMap<number, string>
  readonly snapshot: Uint8Array
}

const fresh: Expected = { recovered: Recovery.fresh, payloads: new Map(), snapshot: new Uint8Array(0) }

export const textOf = (found: Entries.Entries, index: number): string =>
  `${Entries.termAt(found, index)}/${Entries.kindAt(found, index)}/${
    new TextDecoder().decode(Entries.payloadAt(found, index))
  }`

/** How many bytes entries take is a hint, which need not be found again. */
export const withoutSizes = (recovered: State.Recovered): State.Recovered => ({
  ...recovered,
  log: { ...recovered.log, sizes: [] }
})

const following = (before: Expected, each: StorageWrite, states: ReadonlyArray<Uint8Array>): Expected => {
  const recovered = withoutSizes(Recovery.after(before.recovered, each))
  const { boundary, last: end } = recovered.log
  const cut = each.truncateAfter ?? before.recovered.log.last
  const payloads = new Map([...before.payloads].filter(([index]) => index <= cut))
  const added = each.entries
  if (added !== undefined) {
    for (let index = added.first; index <= Entries.last(added); index++) payloads.set(index, textOf(added, index))
  }
  const kept = [...payloads].filter(([index]) => index > boundary.index && index <= end)
  const snapshot = each.snapshot === undefined
    ? before.snapshot
    : states.find((state) => crc32(state) === each.snapshot?.checksum) ?? new Uint8Array(0)
  return { recovered, payloads: new Map(kept), snapshot }
}

/** What must be found after the first writes: none, one, two… `states` are the bytes that snapshots may have. */
export const expectations = (
  life: ReadonlyArray<Step>,
  states: ReadonlyArray<Uint8Array> = [taken, unused, later, sent, early, last],
  from: Expected = fresh
): ReadonlyArray<Expected> =>
  life.flatMap((step) => (step._tag === "Write" ? step.writes : [])).reduce<ReadonlyArray<Expected>>(
    (all, each) => [...all, following(all[all.length - 1] ?? from, each, states)],
    [from]
  )

export const perform = (storage: Storage["Service"], step: Step): Effect.Effect<void, StorageError> =>
  step._tag === "Write"
    ? storage.write(step.writes)
    : Effect.asVoid(
      storage.takeSnapshot(step.index, Stream.make(step.bytes.subarray(0, 1000), step.bytes.subarray(1000)))
    )

/** How many writes there are up to and with each step. */
export const writesUpTo = (life: ReadonlyArray<Step>, count: number): number =>
  life.slice(0, count).reduce((sum, step) => sum + (step._tag === "Write" ? step.writes.length : 0), 0)

/** Reads all of it, and compares. */
export const isAllThere = Effect.fnUntraced(function*(
  storage: Storage["Service"],
  { payloads, recovered, snapshot }: Expected
) {
  const { boundary, last: end } = recovered.log
  for (let from = boundary.index + 1; from <= end;) {
    const found = yield* storage.read(from, end, 3000)
    for (let index = from; index <= Entries.last(found); index++) {
      assert.strictEqual(textOf(found, index), payloads.get(index))
    }
    from = Entries.last(found) + 1
  }
  if (recovered.snapshot === undefined) return
  const bytes = yield* storage.readSnapshot(recovered.snapshot, 0, recovered.snapshot.size)
  assert.strictEqual(Buffer.compare(bytes, snapshot), 0)
})
