/**
 * Receiving a snapshot from the leader, and putting it in the place of the log (§5.1, figure 5.3).
 *
 * Chunks are taken in order, each right after the one before, and go to the disk in the one queue of writes. With the
 * last one the snapshot replaces the log, in the same write: all of the log, for what is not committed in it stands on
 * entries that nobody can compare any more. What is committed here is never replaced: a snapshot of that is old news.
 * Half a snapshot outlives its leader: another may send the rest, if it is the same to the last byte.
 */
import * as Commit from "./Commit.ts"
import type * as Durability from "./Durability.ts"
import type { Receive } from "./Input.ts"
import * as Log from "./Log.ts"
import type { InstallSnapshot } from "./Message.ts"
import { halt, type Next, next, send, write } from "./Next.ts"
import * as Outcome from "./Outcome.ts"
import type { Chunk } from "./Output.ts"
import * as Replication from "./Replication.ts"
import * as Roles from "./Roles.ts"
import type { Receiving, State } from "./State.ts"

/** The leader of this term speaks, and sends a piece of its snapshot, or asks how much of it is here. */
export const onInstallSnapshot = (state: State, message: InstallSnapshot, { batch }: Receive): Next => {
  const following = Roles.follow(state, message.from)
  const { snapshot } = message
  const isKnown = snapshot.index <= following.commit
  if (isKnown && contradicts(following, snapshot)) {
    halt(`the leader of term ${message.term} has a snapshot that contradicts what is committed at ${snapshot.index}`)
  }
  if (isKnown || Log.holds(following.log, snapshot)) return agree(following, message)
  const receiving = resumed(following, snapshot)
  const isNext = message.offset === receiving.received && (message.length === 0 || batch !== undefined)
  if (!isNext) return tell({ ...following, receiving }, message)
  const isWhole = message.offset + message.length === snapshot.size
  if (message.length === 0 && !isWhole) return tell({ ...following, receiving }, message)
  const chunk: Chunk = { snapshot, offset: message.offset, length: message.length, batch }
  return isWhole ? install(following, message, chunk) : keep(following, message, receiving, chunk)
}

/** What is committed here has another term there: one of the two was never committed. */
const contradicts = ({ log }: State, { index, term }: Log.Snapshot): boolean => {
  const own = Log.termAt(log, index)
  return typeof own === "number" && own !== term
}

/** The log holds what the snapshot stands for: there is nothing to send. */
const agree = (state: State, message: InstallSnapshot): Next => {
  const { index } = message.snapshot
  return acknowledge(Commit.learn({ ...state, receiving: undefined }, index, index), message)
}

/** As for entries: a heartbeat is answered at once, with what is durable already. */
const acknowledge = (state: State, message: InstallSnapshot): Next => {
  const { durable } = state.durability
  const match = message.length === 0 ? Math.min(message.snapshot.index, durable) : message.snapshot.index
  return next(state, Replication.accept(state, message, match))
}

/** As far as this very snapshot has come; another one that had begun to come is forgotten. */
const resumed = ({ receiving }: State, snapshot: Log.Snapshot): Receiving =>
  receiving !== undefined && Log.isSameSnapshot(receiving.snapshot, snapshot)
    ? receiving
    : { snapshot, received: 0, writes: [] }

/** How much of a snapshot that is being received is on the disk. */
export const stored = ({ writes }: Receiving, persisted: Durability.WriteId): number =>
  writes.findLast(({ write }) => write <= persisted)?.received ?? 0

/** Says how much is here. A promise only as far as `stored` goes, and that is on the disk by now. */
const tell = (state: State, message: InstallSnapshot, after: Durability.WriteId = 0): Next => {
  const { receiving } = state
  const received = receiving?.received ?? 0
  // An answer that waits for a write may say that it is done.
  const isStored = receiving === undefined ? 0 : stored(receiving, Math.max(after, state.durability.persisted))
  return next(
    state,
    send(state, message.from, {
      _tag: "SnapshotReply",
      from: state.id,
      term: state.term,
      sequence: message.sequence,
      offset: message.offset,
      index: message.snapshot.index,
      received,
      stored: isStored
    }, after)
  )
}

const keep = (state: State, message: InstallSnapshot, receiving: Receiving, chunk: Chunk): Next => {
  const [kept, written] = write(state, { chunk })
  const received = chunk.offset + chunk.length
  const { persisted } = state.durability
  const last = receiving.writes.findLastIndex((each) => each.write <= persisted)
  const writes = [...receiving.writes.slice(Math.max(0, last)), { write: written.write, received }]
  const [told, replies] = tell({ ...kept, receiving: { ...receiving, received, writes } }, message, written.write)
  return next(told, written, ...replies)
}

/** All of it is here: it takes the place of the log. */
const install = (state: State, message: InstallSnapshot, chunk: Chunk): Next => {
  const { snapshot } = message
  const boundary = { index: snapshot.index, term: snapshot.term, membership: snapshot.membership }
  const truncateAfter = state.commit
  const [covered, lost] = Outcome.cover(state, snapshot.index)
  const [installed, written] = write({
    ...covered,
    log: Log.beginAt(Log.truncateAfter(state.log, truncateAfter), boundary),
    snapshot,
    receiving: undefined,
    // Whoever waits for a snapshot that was begun before has the next one.
    snapshotting: undefined,
    snapshotRequests: [...(state.snapshotting?.requests ?? []), ...state.snapshotRequests],
    commit: snapshot.index,
    handed: snapshot.index
  }, { truncateAfter, boundary, snapshot, ...(chunk.length > 0 && { chunk }) })
  const restore = { _tag: "RestoreSnapshot", snapshot, after: written.write } as const
  const [after, replies] = acknowledge(installed, message)
  return next(after, ...lost, written, restore, ...replies)
}
