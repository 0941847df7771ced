/**
 * One life of a node on a disk, from opening its storage to closing it, and what is written and read meanwhile: what the
 * cases of `StorageTest` are made of.
 */
import { assert } from "@effect/vitest"
import type { Log, State } from "effect-raft/engine"
import * as Entries from "effect-raft/Entries"
import { type Identity, type Loaded, Storage, type StorageError, type StorageWrite } from "effect-raft/Storage"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

/** Makes a new, empty disk and yields a layer that opens it. */
export type MakeDisk<E> = Effect.Effect<Layer.Layer<Storage, E>, E, Scope.Scope>

export const identity: Identity = { cluster: "test", node: "n1", incarnation: 7 }

/** A write of these parts and nothing else. */
export const write = (parts: Partial<StorageWrite>): StorageWrite => ({
  hardState: undefined,
  truncateAfter: undefined,
  entries: undefined,
  boundary: undefined,
  ...parts
})

/** Nothing of a snapshot's state: one of size 0 needs no bytes. */
export const emptySnapshot = (boundary: Log.Boundary): Log.Snapshot => ({ ...boundary, size: 0, checksum: 0 })

/** Without how many bytes entries take, which is a hint: no storage has to remember it. */
export const withoutSizes = (log: Log.Log): Log.Log => ({ ...log, sizes: [] })

/** What was found, as far as it is promised. */
export const promised = ({ hardState, log, snapshot }: State.Recovered): State.Recovered => ({
  hardState,
  log: withoutSizes(log),
  ...(snapshot && { snapshot })
})

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0))

export const textOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

/** `count` commands of one term whose payloads tell them apart by index and term. */
export const commands = (first: number, term: number, count: number): Entries.Entries => {
  const payloads = Array.from({ length: count }, (_, place) => bytesOf(`entry ${first + place} of term ${term}`))
  return Entries.commands(first, term, payloads)
}

export type Opened = Storage["Service"] & { readonly loaded: Loaded }

/** One life of a node: builds the layer, opens the storage, and closes it all. */
export const life = <E, A, E2>(
  layer: Layer.Layer<Storage, E>,
  use: (storage: Opened) => Effect.Effect<A, E2, Scope.Scope>,
  self: Identity = identity
): Effect.Effect<A, E | E2 | StorageError> =>
  Effect.scoped(Effect.gen(function*() {
    const storage = Context.get(yield* Layer.build(Layer.fresh(layer)), Storage)
    const loaded = yield* storage.open(self)
    return yield* use({ ...storage, loaded })
  }))

export const load = <E>(layer: Layer.Layer<Storage, E>) => life(layer, ({ loaded }) => Effect.succeed(loaded))

/** Every entry from `from` on, each with its term and its bytes as text. */
export const allFrom = Effect.fnUntraced(function*(storage: Storage["Service"], from: number, to: number) {
  const found: Array<string> = []
  while (from + found.length <= to) {
    const entries = yield* storage.read(from + found.length, to, 1000)
    assert.isTrue(Entries.isWellFormed(entries))
    assert.strictEqual(entries.first, from + found.length)
    for (let index = entries.first; index <= Entries.last(entries); index++) {
      const payload = textOf(Entries.payloadAt(entries, index))
      found.push(`${Entries.termAt(entries, index)}/${Entries.kindAt(entries, index)}/${payload}`)
    }
  }
  return found
})

export const expected = (from: number, to: number, term: number): ReadonlyArray<string> =>
  Array.from({ length: to - from + 1 }, (_, place) => `${term}/1/entry ${from + place} of term ${term}`)

export const reasonOf = <A, E>(effect: Effect.Effect<A, E | StorageError>) =>
  Effect.map(Effect.flip(effect), (error) => {
    if (typeof error === "object" && error !== null && "reason" in error) {
      const { reason } = error
      if (typeof reason === "object" && reason !== null && "_tag" in reason) return reason._tag
    }
    return error
  })
