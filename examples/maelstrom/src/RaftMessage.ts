/**
 * The messages of Raft as JSON: one struct for each kind, and what must hold of it before it is believed.
 *
 * A position is of no later term than its sender, and runs rise. What must hold among all fields of an `AppendEntries` the
 * engine says itself, and `EnvelopeCodec` asks it. The memberships of an `AppendEntries` are not here: they are read off
 * its entries, which travel beside it.
 */
import { Schema } from "effect"

/** A term, an index, a number of any kind: whole, and never less than zero. */
export const Count = Schema.Natural

const Position = Schema.Struct({ term: Count, index: Count })

const Run = Schema.Struct({ start: Count, term: Count })

const header = { from: Schema.NonEmptyString, term: Count }

interface Header {
  readonly term: number
}

interface WithLast extends Header {
  readonly last: typeof Position.Type
}

interface WithRuns extends Header {
  readonly runs: ReadonlyArray<typeof Run.Type>
}

const isOfItsTime = Schema.makeFilter<WithLast>(({ last, term }) =>
  last.term <= term ? undefined : "an entry of a later term than the message"
)

const haveRisen = Schema.makeFilter<WithRuns>(({ runs, term }) => {
  const isRising = runs.every((run, place) => {
    const before = runs[place - 1]
    return before === undefined || (before.start < run.start && before.term < run.term)
  })
  return isRising && (runs.at(-1)?.term ?? 0) <= term ? undefined : "runs that do not rise to the term of the message"
})

const areInTheLog = Schema.makeFilter<WithRuns & { readonly last: number }>(({ last, runs }) =>
  (runs.at(-1)?.start ?? 0) <= last ? undefined : "a run starts past the end of the log"
)

export const RaftMessage = Schema.Union([
  Schema.TaggedStruct("RequestPreVote", { ...header, last: Position, round: Count }).check(isOfItsTime),
  Schema.TaggedStruct("PreVoteReply", { ...header, round: Count, granted: Schema.Boolean }),
  Schema.TaggedStruct("RequestVote", { ...header, last: Position, isTransfer: Schema.Boolean }).check(isOfItsTime),
  Schema.TaggedStruct("VoteReply", { ...header, granted: Schema.Boolean }),
  Schema.TaggedStruct("AppendEntries", {
    ...header,
    previous: Position,
    last: Count,
    runs: Schema.Array(Run),
    commit: Count,
    sequence: Count
  }).check(haveRisen),
  Schema.TaggedStruct("AppendReply", {
    ...header,
    sequence: Count,
    accepted: Schema.Boolean,
    match: Count,
    last: Count,
    runs: Schema.Array(Run)
  }).check(haveRisen, areInTheLog),
  Schema.TaggedStruct("TimeoutNow", { ...header, last: Position }).check(isOfItsTime),
  Schema.TaggedStruct("InstallSnapshot", {
    ...header,
    snapshot: Schema.Struct({
      term: Count,
      index: Count,
      /** As the payload of an entry would be. */
      membership: Schema.Uint8ArrayFromBase64,
      size: Count,
      checksum: Count
    }),
    offset: Count,
    length: Count,
    sequence: Count
  }),
  Schema.TaggedStruct("SnapshotReply", {
    ...header,
    sequence: Count,
    offset: Count,
    index: Count,
    received: Count,
    stored: Count
  }),
  Schema.TaggedStruct("RequestRead", { ...header, read: Count, round: Count, isLease: Schema.Boolean }),
  Schema.TaggedStruct("ReadReply", { ...header, read: Count, round: Count, index: Count }),
  Schema.TaggedStruct("Disowned", {
    ...header,
    reason: Schema.Literals(["Incarnation", "Epoch"]),
    // JSON knows nothing that is undefined.
    incarnation: Schema.NullOr(Count)
  })
])
export type RaftMessage = typeof RaftMessage.Type
