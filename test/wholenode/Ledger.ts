/**
 * What the nodes replicate: lists by name, to which words are added. Whoever adds a word is told the whole list, so what
 * clients hear leaves little doubt about the order in which things happened.
 *
 * It also knows all that it has applied, as one number, so that two nodes can be compared at any place of the log.
 */
import type { Model } from "@effect-raft/testing/Model"
import { Layer } from "effect"
import type { LogPosition } from "effect-raft/engine"
import * as StateMachine from "effect-raft/StateMachine"

export type Action =
  | { readonly _tag: "Add"; readonly key: string; readonly word: string }
  | { readonly _tag: "Read"; readonly key: string }

export const model: Model<string, Action, string> = {
  initial: "",
  keyOf: ({ key }) => key,
  apply: (list, action) => {
    if (action._tag === "Read") return [list, list]
    const longer = list === "" ? action.word : `${list} ${action.word}`
    return [longer, longer]
  },
  isRead: ({ _tag }) => _tag === "Read"
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export const command = (key: string, word: string): Uint8Array => encoder.encode(`${key}=${word}`)

/** Takes more bytes into a checksum. */
export const mix = (sum: number, bytes: Uint8Array): number => {
  let mixed = sum
  for (const byte of bytes) mixed = Math.imul(mixed ^ byte, 0x01000193)
  return Math.imul(mixed ^ bytes.length, 0x01000193) >>> 0
}

/** Told of everything that a node applies and restores. */
export interface Observer {
  readonly onApply: (position: LogPosition.LogPosition, payload: Uint8Array, sum: number) => void
  readonly onRestore: (index: number, sum: number) => void
}

interface Snapshot {
  readonly lists: ReadonlyArray<readonly [string, string]>
  readonly applied: number
  readonly sum: number
}

const isSnapshot = (value: unknown): value is Snapshot =>
  typeof value === "object" && value !== null && "lists" in value && "applied" in value && "sum" in value

/** The state of one life of a node. */
export class Ledger {
  readonly #observer: Observer
  readonly lists = new Map<string, string>()
  applied = 0
  sum = 0

  constructor(observer: Observer) {
    this.#observer = observer
  }

  readonly layer = Layer.sync(StateMachine.StateMachine, () =>
    StateMachine.make({
      apply: ({ payload, position }) => {
        const [key = "", word = ""] = decoder.decode(payload).split("=")
        const list = this.lists.get(key)
        const longer = list === undefined ? word : `${list} ${word}`
        this.lists.set(key, longer)
        this.applied = position.index
        this.sum = mix(this.sum, payload)
        this.#observer.onApply(position, payload, this.sum)
        return longer
      },
      read: (key) => this.lists.get(String(key)) ?? "",
      snapshot: () => {
        const snapshot: Snapshot = { lists: [...this.lists], applied: this.applied, sum: this.sum }
        const bytes = encoder.encode(JSON.stringify(snapshot))
        const middle = bytes.length >> 1
        return [bytes.subarray(0, middle), bytes.subarray(middle)]
      },
      restore: (bytes) => {
        const snapshot: unknown = JSON.parse(decoder.decode(bytes))
        if (!isSnapshot(snapshot)) throw new Error("this is no snapshot")
        this.lists.clear()
        for (const [key, list] of snapshot.lists) this.lists.set(key, list)
        this.applied = snapshot.applied
        this.sum = snapshot.sum
        this.#observer.onRestore(this.applied, this.sum)
      }
    }))
}
