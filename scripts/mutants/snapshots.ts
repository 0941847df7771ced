/** Rules of snapshots: which one takes the place of what, and how it travels. */
import { engineFile as file, type Mutant } from "./Mutant.ts"

export const snapshots: ReadonlyArray<Mutant> = [
  {
    name: "snapshot-at-or-below-commit",
    file: file("SnapshotReceiving"),
    find: "const isKnown = snapshot.index <= following.commit",
    replace: "const isKnown = snapshot.index <= following.log.boundary.index",
    removes: "ignores a snapshot of what it knows to be committed"
  },
  {
    name: "snapshot-keeps-what-conflicts",
    file: file("SnapshotReceiving"),
    find: "log: Log.beginAt(Log.truncateAfter(state.log, truncateAfter), boundary)",
    replace: "log: Log.beginAt(state.log, boundary)",
    removes: "drops the log that a snapshot takes the place of"
  },
  {
    name: "snapshot-replaces-a-log-that-holds-it",
    file: file("SnapshotReceiving"),
    find: "if (isKnown || Log.holds(following.log, snapshot)) return agree(following, message)",
    replace: "if (isKnown) return agree(following, message)",
    removes: "keeps a log that holds what the snapshot stands for"
  },
  {
    name: "chunk-with-a-gap",
    file: file("SnapshotReceiving"),
    find: "const isNext = message.offset === receiving.received && (message.length === 0 || batch !== undefined)",
    replace: "const isNext = message.length === 0 || batch !== undefined",
    removes: "takes a chunk only where the one before ended"
  },
  {
    name: "chunk-of-another-snapshot",
    file: file("SnapshotReceiving"),
    find: "receiving !== undefined && Log.isSameSnapshot(receiving.snapshot, snapshot)",
    replace: "receiving !== undefined",
    removes: "tells the chunks of one snapshot from those of another"
  },
  {
    name: "snapshot-restored-before-it-is-written",
    file: file("SnapshotReceiving"),
    find: `{ _tag: "RestoreSnapshot", snapshot, after: written.write }`,
    replace: `{ _tag: "RestoreSnapshot", snapshot, after: 0 }`,
    removes: "restores a snapshot once it is on the disk"
  },
  {
    name: "snapshot-size-is-not-its-identity",
    file: file("Log"),
    find:
      "left.index === right.index && left.term === right.term && left.size === right.size && left.checksum === right.checksum",
    replace: "left.index === right.index && left.term === right.term",
    removes: "tells snapshots of the same entry by their bytes"
  },
  {
    name: "empty-append-at-the-boundary",
    file: file("SnapshotSending"),
    find: "progress.next <= log.boundary.index",
    replace: "progress.next < log.boundary.index",
    removes: "sends a snapshot to whoever needs what comes right before the log's beginning"
  },
  {
    name: "snapshot-without-a-window",
    file: file("SnapshotSending"),
    find: "Math.min(snapshot.size, sending.stored + maxChunksInFlight * snapshotChunkBytes)",
    replace: "snapshot.size",
    removes: "bounds how much of a snapshot is under way"
  },
  {
    name: "lost-chunk-is-not-sent-again",
    file: file("SnapshotSending"),
    find: "return isLater && sending.next > received",
    replace: "return isLater && sending.next < received",
    removes: "goes back to a chunk that was lost"
  },
  {
    name: "no-heartbeats-between-chunks",
    file: file("SnapshotSending"),
    find: "if (!isUnderWay || current.told < state.role.sequence) {",
    replace: "if (!isUnderWay) {",
    removes: "sends heartbeats while it sends a snapshot"
  },
  {
    name: "overtaken-snapshot-counts",
    file: file("Compaction"),
    find: "const boundary = index > state.snapshot.index ? Log.boundaryAt(state.log, index) : undefined",
    replace: "const boundary = Log.boundaryAt(state.log, index)",
    removes: "drops its own snapshot when a leader's has overtaken it",
    survives:
      "equivalent: a node that installs a snapshot forgets the one that it was taking, so that one is no longer awaited"
  },
  {
    name: "log-is-cut-under-a-follower",
    file: file("Compaction"),
    find: "return Math.max(state.log.boundary.index, Math.min(usual, ...needed))",
    replace: "return Math.max(state.log.boundary.index, usual)",
    removes: "keeps entries that a follower who keeps up still needs"
  },
  {
    name: "membership-of-a-later-index",
    file: file("Log"),
    find: `typeof term === "number" ? { index, term, membership: membershipAt(log, index) } : undefined`,
    replace: `typeof term === "number" ? { index, term, membership: membership(log) } : undefined`,
    removes: "keeps with a snapshot the membership of its own entry"
  },
  {
    name: "new-snapshot-while-one-is-sent",
    file: file("Compaction"),
    find: "if (state.snapshotting !== undefined || !isDue(state) || isSending(state)) return next(state)",
    replace: "if (state.snapshotting !== undefined || !isDue(state)) return next(state)",
    removes: "takes no new snapshot while it sends one"
  }
]
