/**
 * Sends what the engine wants sent: not before the write it waits for is durable, with the entries it names,
 * in messages of bounded size.
 *
 * Entries come from the tail of the log. A follower that is further behind is served from the disk, one piece at
 * a time and without holding up anyone else; so are the chunks of snapshots (`chunks.ts`). A witness is sent entries
 * without their commands. Whatever could not be sent is reported, so that the engine does not
 * count it as under way; nothing is ever sent in part or with other entries than it names.
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type { WriteId } from "../engine/Durability.ts"
import { type Run, sliceRuns } from "../engine/Log.ts"
import type { Index, NodeId } from "../engine/LogPosition.ts"
import type { AppendEntries, Message } from "../engine/Message.ts"
import type { Send } from "../engine/Output.ts"
import * as Entries from "../Entries.ts"
import type { Storage } from "../Storage.ts"
import type { Connection } from "../Transport.ts"
import type { Chunks } from "./chunks.ts"
import type { Tail } from "./tail.ts"

export interface Sender {
  readonly send: (output: Send) => void
  /** Everything up to `write` is durable: what waited for it may go. */
  readonly release: (write: WriteId) => void
}

export interface Options {
  readonly maxMessageBytes: number
  readonly maxHeldMessages: number
  readonly storage: Storage["Service"]
  readonly tail: Tail
  readonly connection: Connection
  readonly chunks: Chunks
  readonly isWitness: (id: NodeId) => boolean
  readonly unsent: (to: NodeId, from: Index) => void
}

const isSame = (left: ReadonlyArray<Run>, right: ReadonlyArray<Run>): boolean =>
  left.length === right.length
  && left.every((run, place) => run.start === right[place]?.start && run.term === right[place]?.term)

/** The part of a message that these entries are, or undefined when they are not the ones it names. */
const part = (message: AppendEntries, entries: Entries.Entries): AppendEntries | undefined => {
  const last = Entries.last(entries)
  if (!isSame(sliceRuns(message.runs, entries.first, last), entries.runs)) return undefined
  return { ...message, last, runs: entries.runs, memberships: message.memberships.filter(({ index }) => index <= last) }
}

/** What remains of a message after that part. */
const rest = (message: AppendEntries, sent: Index): AppendEntries => {
  const term = message.runs.findLast((run) => run.start <= sent)?.term ?? message.previous.term
  return {
    ...message,
    previous: { term, index: sent },
    runs: sliceRuns(message.runs, sent + 1, message.last),
    memberships: message.memberships.filter(({ index }) => index > sent)
  }
}

export const make = Effect.fnUntraced(function*(options: Options) {
  const { chunks, connection, isWitness, maxHeldMessages, maxMessageBytes, storage, tail, unsent } = options
  const fork = yield* FiberSet.makeRuntime<never, void, never>()
  const reading = new Set<NodeId>()
  let held: Array<Send> = []
  let persisted: WriteId = 0

  /** Sends these entries as a part of the message; says how far it got, or undefined if they are others by now. */
  const sendPart = (to: NodeId, message: AppendEntries, entries: Entries.Entries): Index | undefined => {
    const sent = part(message, entries)
    if (sent === undefined) return undefined
    const carried = isWitness(to) ? Entries.withhold(entries) : entries
    return connection.send(to, { message: sent, entries: carried }) ? sent.last : message.previous.index
  }

  /** Reads one piece from the disk and sends it. The next one follows when the engine asks, after the answer. */
  const sendFromDisk = (to: NodeId, message: AppendEntries): void => {
    const from = message.previous.index + 1
    if (reading.has(to)) return unsent(to, from)
    reading.add(to)
    fork(
      storage.read(from, message.last, maxMessageBytes).pipe(
        Effect.tap((entries) => {
          const sent = sendPart(to, message, entries)
          if (sent !== undefined && sent < message.last) unsent(to, sent + 1)
          return Effect.void
        }),
        // What cannot be read is not sent; if the disk is broken, the writer will say so.
        Effect.catch(() => Effect.sync(() => unsent(to, from))),
        Effect.ensuring(Effect.sync(() => reading.delete(to))),
        Effect.asVoid
      )
    )
  }

  const sendEntries = (to: NodeId, message: AppendEntries): void => {
    let left = message
    while (left.previous.index < message.last) {
      const entries = tail.read(left.previous.index + 1, message.last, maxMessageBytes)
      if (entries === undefined) return sendFromDisk(to, left)
      const sent = sendPart(to, left, entries)
      if (sent === undefined) return
      if (sent === left.previous.index) return unsent(to, sent + 1)
      left = rest(left, sent)
    }
  }

  const transmit = (to: NodeId, message: Message): void => {
    if (message._tag === "AppendEntries" && message.runs.length > 0) sendEntries(to, message)
    else if (message._tag === "InstallSnapshot") chunks.send(to, message)
    else connection.send(to, { message, entries: undefined })
  }

  const sender: Sender = {
    send: (output) => {
      if (output.after <= persisted) return transmit(output.to, output.message)
      if (held.length >= maxHeldMessages) held.shift()
      held.push(output)
    },
    release: (write) => {
      persisted = write
      const released = held
      held = released.filter((output) => output.after > write)
      for (const output of released) if (output.after <= write) transmit(output.to, output.message)
    }
  }
  return sender
})
