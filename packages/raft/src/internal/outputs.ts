/**
 * Carries out what the engine asks for, each thing where it belongs.
 *
 * None of it waits: writes, messages and commands are handed to whoever does them, in the order in which the
 * engine named them.
 */
import type { NodeId } from "../engine/LogPosition.ts"
import type { Chunk, Output, Write } from "../engine/Output.ts"
import * as Entries from "../Entries.ts"
import type { SnapshotChunk } from "../Storage.ts"
import type { Applier } from "./applier.ts"
import type { Inbox } from "./inbox.ts"
import type { Operations } from "./operations.ts"
import type { Proposals } from "./proposals.ts"
import type { Reads } from "./reads.ts"
import type { Sender } from "./sender.ts"
import type { Tail } from "./tail.ts"
import type { Writer } from "./writer.ts"

export interface Parts {
  readonly inbox: Inbox
  readonly proposals: Proposals
  readonly reads: Reads
  readonly tail: Tail
  readonly writer: Writer
  readonly sender: Sender
  readonly applier: Applier
  readonly operations: Operations
}

/** The payloads of entries to write: another node's, a caller's, or none. */
const entriesOf = ({ append }: Write, { inbox, proposals }: Parts): Entries.Entries | undefined => {
  if (append === undefined) return undefined
  const { batch, from, memberships, runs, to } = append
  const term = runs[0]?.term ?? 0
  if (batch === undefined) {
    const [entry] = memberships
    return entry === undefined ? Entries.noop(from, term) : Entries.membership(from, term, entry.membership)
  }
  const received = inbox.entries(batch)
  return received === undefined
    ? Entries.commands(from, term, proposals.payloads(batch))
    : Entries.slice(received, from, to)
}

/** The bytes of a chunk, which came with a message of this turn. */
const chunkOf = ({ batch, offset, snapshot }: Chunk, { inbox }: Parts): SnapshotChunk => {
  const bytes = batch === undefined ? undefined : inbox.chunk(batch)
  return { snapshot, offset, bytes: bytes ?? new Uint8Array(0) }
}

const write = (output: Write, parts: Parts): void => {
  const entries = entriesOf(output, parts)
  if (entries !== undefined) parts.tail.append(entries)
  const { boundary, hardState, isRepaired, snapshot, truncateAfter } = output
  const chunk = output.chunk && chunkOf(output.chunk, parts)
  parts.writer.push(output.write, { boundary, hardState, truncateAfter, entries, chunk, snapshot, isRepaired })
}

/** `leader` is whom callers are referred to. */
export const perform = (output: Output, parts: Parts, leader: NodeId | undefined): void => {
  const { applier, operations, proposals, reads, sender } = parts
  switch (output._tag) {
    case "Write":
      return write(output, parts)
    case "Send":
      return sender.send(output)
    case "Apply":
      return applier.handOver(output.to)
    case "RestoreSnapshot":
      return applier.restore(output)
    case "TakeSnapshot":
      return applier.takeSnapshot(output.index)
    case "Accepted":
      return proposals.accepted(output)
    case "Refused":
      return proposals.refused(output, leader)
    case "Resolved":
      return proposals.resolved(output)
    case "Superseded":
      return proposals.superseded(output, leader)
    case "Indeterminate":
      return proposals.indeterminate(output)
    case "ReadReady":
      return reads.ready(output)
    case "ReadFailed":
      return reads.failed(output, leader)
    case "ChangeDone":
    case "ChangeRefused":
    case "ChangeUnknown":
    case "TransferDone":
    case "TransferFailed":
    case "SnapshotDone":
      return operations.settle(output, leader)
  }
}
