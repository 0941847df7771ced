/**
 * A log as it was found, read from its first file to its last, or up to where it is damaged. Nothing is changed.
 */
import { Log, type State } from "effect-raft/engine"
import * as Recovery from "effect-raft/Recovery"
import { Corrupt, type Damaged } from "effect-raft/Storage"
import * as Effect from "effect/Effect"
import { failed } from "./Disk.ts"
import * as FileHeader from "./FileHeader.ts"
import { FileWindow } from "./FileWindow.ts"
import { LogIndex } from "./LogIndex.ts"
import * as LogScan from "./LogScan.ts"
import * as Segment from "./Segment.ts"
import type * as WalRecord from "./WalRecord.ts"

export interface Options {
  readonly maxRecordBytes: number
  readonly scanBytes: number
}

/** What is there. */
export interface ReadBack {
  readonly index: LogIndex
  readonly recovered: State.Recovered
  /** The last file that was read, and what of it is sound. */
  readonly segment: Segment.Segment
  readonly sound: LogScan.Scanned
  /** The files that come after damage in that one, oldest first. */
  readonly behind: ReadonlyArray<Segment.Segment>
}

/** What has been read back so far. */
interface Reading {
  readonly index: LogIndex
  recovered: State.Recovered
}

/** Reads the files, which are all that there are, oldest first. */
export const read = Effect.fnUntraced(function*(options: Options, segments: ReadonlyArray<Segment.Segment>) {
  yield* assertOneDisk(segments)
  const reading: Reading = { index: new LogIndex(), recovered: Recovery.fresh }
  let scanned: LogScan.Scanned | undefined
  let last = 0
  for (const [place, segment] of segments.entries()) {
    const { file, sequence } = segment
    if (scanned !== undefined && scanned.nextSequence !== sequence) {
      const detail = `record ${sequence} begins the file, and record ${scanned.nextSequence} should: a file is missing`
      return yield* LogScan.corrupt(file.path, 0, detail)
    }
    last = place
    scanned = yield* LogScan.scan({
      ...(yield* scanOptions(segment, options)),
      isLast: place === segments.length - 1,
      visit: (body, offset, size) => visit(reading, segment, place === 0, body, offset, size)
    })
    if (scanned.damage !== undefined) break
  }
  const { index, recovered: { log } } = reading
  const path = segments[0]?.file.path ?? ""
  if (log.last > log.boundary.index && index.first > log.boundary.index + 1) {
    const gone = `entries ${log.boundary.index + 1} to ${Math.min(index.first - 1, log.last)}`
    return yield* LogScan.corrupt(path, 0, `${gone} are in no file: one that came before is missing`)
  }
  const segment = segments[last]
  if (segment === undefined || scanned === undefined) return yield* failed("open", path, new Error("there is no log"))
  const found: ReadBack = { ...reading, segment, sound: scanned, behind: segments.slice(last + 1) }
  return found
})

/** What it takes to read one file, as long as no record is looked at. */
const scanOptions = Effect.fnUntraced(function*(
  { file, header, sequence }: Segment.Segment,
  { maxRecordBytes, scanBytes }: Options
) {
  const options: LogScan.Options = {
    window: new FileWindow(file, yield* file.size, scanBytes),
    version: header.version,
    seed: header.seed,
    sequence,
    isLast: false,
    hasCheckpoint: Segment.checkpointsAt(sequence) > 0,
    start: header.size,
    maxRecordBytes,
    visit: () => undefined
  }
  return options
})

/** A file of the same node that was made on another disk, before that one was lost, has no place among the others. */
const assertOneDisk = Effect.fnUntraced(function*([oldest, ...others]: ReadonlyArray<Segment.Segment>) {
  const incarnation = oldest?.header.identity.incarnation
  for (const { file, header } of others) {
    const found = header.identity.incarnation
    if (found === incarnation) continue
    const detail = `it belongs to incarnation ${found} of the node, and those before it to ${incarnation}`
    return yield* LogScan.corrupt(file.path, 0, detail)
  }
})

/** Takes a record in; answers with why it cannot be. */
const visit = (
  reading: Reading,
  segment: Segment.Segment,
  isOldest: boolean,
  body: WalRecord.Body,
  offset: number,
  size: number
): string | undefined => {
  const isFirst = offset === segment.header.size
  if (body._tag === "Checkpoint") {
    if (!isFirst) return "a checkpoint stands where none belongs"
    if (!isOldest && !isSame(reading.recovered, body.recovered)) {
      return "its checkpoint contradicts what stands before it"
    }
    if (isOldest) reading.recovered = body.recovered
    return undefined
  }
  if (isFirst && Segment.checkpointsAt(segment.sequence) > 0) return "the file does not begin with a checkpoint"
  const misfit = Recovery.misfit(reading.recovered, body.write)
  if (misfit !== undefined) return misfit
  reading.recovered = Recovery.after(reading.recovered, body.write)
  reading.index.follow(body.write, segment.sequence, offset, size)
  return undefined
}

const isSame = (left: State.Recovered, right: State.Recovered): boolean =>
  left.hardState.term === right.hardState.term && left.hardState.votedFor === right.hardState.votedFor
  && left.log.last === right.log.last && Log.lastTerm(left.log) === Log.lastTerm(right.log)
  && left.log.boundary.index === right.log.boundary.index && left.snapshot?.index === right.snapshot?.index

/**
 * How far the node had come whose log is damaged, by what stands behind that and by what was known of damage before.
 * Refuses what tells of neither.
 */
export const damageIn = Effect.fnUntraced(function*(
  { behind, recovered, segment, sound: { damage, end } }: ReadBack,
  noted: Damaged | undefined,
  options: Options
) {
  if (damage === undefined) return noted
  let { reach } = damage
  for (const each of behind) reach = (yield* LogScan.lastReach(yield* scanOptions(each, options))) ?? reach
  // Nothing tells how much is missing, or what does is from another time; or nothing can be added to what is left.
  const isOlder = segment.header.version < FileHeader.version
  if (isOlder || reach === undefined || reach.term < recovered.hardState.term) {
    return yield* LogScan.corrupt(segment.file.path, end, damage.detail)
  }
  const found = new Corrupt({ path: segment.file.path, offset: end, detail: damage.detail })
  const damaged: Damaged = { ...Recovery.farther(noted, reach), found }
  return damaged
})
