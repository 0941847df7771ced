/**
 * A state machine that remembers everything: its state is the list of what it has applied.
 *
 * What it is to do stands in one queue: entries to apply, a snapshot to restore, its state to be written down. It may be
 * slow, and lag behind what it was handed. A snapshot that may be restored overtakes what was to be applied before.
 */
import type { Durability, Log, LogPosition } from "effect-raft/engine"
import type * as Disk from "./Disk.ts"

/** One thing to do. */
export type Task =
  | { readonly _tag: "Apply"; readonly from: LogPosition.Index; readonly entries: ReadonlyArray<Disk.Entry> }
  | { readonly _tag: "Restore"; readonly snapshot: Log.Snapshot; readonly after: Durability.WriteId }
  | { readonly _tag: "Take"; readonly index: LogPosition.Index }

export interface Machine {
  /** What was applied, or was in the snapshot that was restored last. */
  readonly contents: ReadonlyArray<Disk.Entry>
  readonly tasks: ReadonlyArray<Task>
  /** Its state as it was when it was asked to write it down, until that is on the disk. */
  readonly taking: ReadonlyArray<Disk.Entry> | undefined
}

export const make = (contents: ReadonlyArray<Disk.Entry> = []): Machine => ({
  contents,
  tasks: [],
  taking: undefined
})

export const enqueue = (machine: Machine, task: Task): Machine => ({ ...machine, tasks: [...machine.tasks, task] })

/** What a snapshot on the disk says the state is; undefined where there is none of it. */
type Restorable = (index: LogPosition.Index) => ReadonlyArray<Disk.Entry> | undefined

const apply = (machine: Machine, { entries, from }: Extract<Task, { _tag: "Apply" }>, upTo: number): Machine => {
  if (from !== machine.contents.length + 1) {
    throw new Error(`entry ${from} is to be applied to a state of ${machine.contents.length}`)
  }
  const count = Math.min(entries.length, upTo - from + 1)
  const rest: ReadonlyArray<Task> = count < entries.length
    ? [{ _tag: "Apply", from: from + count, entries: entries.slice(count) }]
    : []
  return {
    ...machine,
    contents: [...machine.contents, ...entries.slice(0, count)],
    tasks: [...rest, ...machine.tasks.slice(1)]
  }
}

/** Does what it can, as far as entry `upTo`, given what is durable. */
export const run = (
  machine: Machine,
  upTo: LogPosition.Index,
  persisted: Durability.WriteId,
  restorable: Restorable
): Machine => {
  let current = machine
  while (true) {
    const ready = current.tasks.findLastIndex((task) => task._tag === "Restore" && task.after <= persisted)
    const tasks = ready === -1 ? current.tasks : current.tasks.slice(ready)
    const task = tasks[0]
    if (task === undefined) return current
    if (task._tag === "Restore") {
      if (task.after > persisted || task.snapshot.index > upTo) return current
      const contents = restorable(task.snapshot.index)
      if (contents === undefined) throw new Error(`there is no snapshot of ${task.snapshot.index} to restore`)
      current = { ...current, contents, tasks: tasks.slice(1) }
    } else if (task._tag === "Take") {
      if (task.index !== current.contents.length) {
        throw new Error(`a snapshot of ${task.index} is wanted of a state of ${current.contents.length}`)
      }
      current = { ...current, taking: current.contents, tasks: tasks.slice(1) }
    } else {
      if (task.from > upTo) return current
      current = apply({ ...current, tasks }, task, upTo)
    }
  }
}

/** A checksum that differs for different states; `way` is for machines that write the same state down in another way. */
const checksumOf = (contents: ReadonlyArray<Disk.Entry>, way: number): number =>
  contents.reduce(
    (sum, { content, term }) => [...content].reduce((sum, char) => Math.imul(sum, 31) + char.charCodeAt(0), sum) ^ term,
    way
  ) >>> 0

/** Writes down what it was asked to: a byte for each entry, and `way` more that mean nothing. */
export const writeDown = (contents: ReadonlyArray<Disk.Entry>, way: number): Disk.Taken => {
  const padding = Array.from({ length: way }, (): Disk.Entry => ({ term: 0, content: "" }))
  const bytes = [...contents, ...padding]
  return { index: contents.length, size: bytes.length, checksum: checksumOf(contents, way), bytes }
}
