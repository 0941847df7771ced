/**
 * Reading a log file back: every record that was written, up to the place where a crash may have stopped a write. Only
 * the last file of a log can end like that, and not in its checkpoint: another file was complete before the next was
 * begun, and a checkpoint before its file had its name.
 *
 * A crash can leave two kinds of end: a file that stops within a record, and, when the disk wrote parts of the last
 * batch in an order of its own, a damaged record with intact ones of the same batch behind it. Both are torn: nobody
 * was told that these records are durable, and they go. Anything else that is wrong cannot come from a crash, for a
 * batch is begun only when the one before it is durable: a damaged record with one of a later batch behind it, one
 * that is out of its sequence, one that says nonsense under a good checksum. Then there is damage to what others were
 * promised, and to cut the log there could take away what is committed.
 *
 * A record that fails its checksum, with an intact one behind it that tells how far the node had come, is lost and
 * nothing worse: what comes before is sound, and how much is missing is known. This is answered, and it is for others to
 * see what becomes of it. All else is refused.
 *
 * What cannot be told apart is damage to the last batch and a crash during it. It is taken for the crash.
 */
import * as Recovery from "effect-raft/Recovery"
import { Corrupt, StorageError } from "effect-raft/Storage"
import * as Effect from "effect/Effect"
import type { FileWindow } from "./FileWindow.ts"
import * as WalRecord from "./WalRecord.ts"

/** An intact record and where it lies. */
export interface Found {
  readonly head: WalRecord.Head
  readonly offset: number
  /** With its head. */
  readonly size: number
  readonly body: Buffer
}

export interface Options {
  readonly window: FileWindow
  /** The format of the file. */
  readonly version: number
  readonly seed: number
  /** The sequence of the first record. */
  readonly sequence: number
  /** Whether it is the last file, and so may be torn. */
  readonly isLast: boolean
  /** Whether its first record is a checkpoint. It was whole before the file had its name, so no crash has torn it. */
  readonly hasCheckpoint: boolean
  /** Where the records begin. */
  readonly start: number
  readonly maxRecordBytes: number
  /** Called with each body in order; what it returns is a reason why it cannot be. Keeps no payload. */
  readonly visit: (body: WalRecord.Body, offset: number, size: number) => string | undefined
}

export interface Scanned {
  /** Where the next record goes. */
  readonly end: number
  readonly nextSequence: number
  /** Where the last batch begins; everything before it was durable when it was written. */
  readonly lastBatch: number
  /** Whether there is something behind `end` that must go. */
  readonly torn: boolean
  /** What is wrong at `end`, where something is lost that was durable. */
  readonly damage?: Damage
}

export interface Damage {
  readonly detail: string
  /** How far the node had come by the last intact record in the file; undefined if there is none that tells. */
  readonly reach: Recovery.Reach | undefined
}

export const corrupt = (path: string, offset: number, detail: string): StorageError =>
  new StorageError({ reason: new Corrupt({ path, offset, detail }) })

export const scan = Effect.fnUntraced(function*(options: Options) {
  const { hasCheckpoint, isLast, start, version, visit, window } = options
  const refuse = (detail: string) => corrupt(window.file.path, end, detail)
  let end = start
  let { sequence } = options
  let place = 0
  let lastBatch = start
  if (hasCheckpoint && window.size <= start) return yield* refuse("the file ends before its checkpoint")
  while (end < window.size) {
    const found = recordInSight(options, end) ?? (yield* recordAt(options, end))
    if (typeof found === "string") {
      if (isCheckpoint(options, end)) return yield* refuse(`${found}, and it is a checkpoint`)
      const scanned = { end, nextSequence: sequence, lastBatch, torn: false }
      const behind = yield* lookBehind(options, end + 1, sequence)
      if (!isLast) {
        const detail = `${found}, and the log goes on in another file`
        return { ...scanned, damage: { detail, reach: behind.reach } } satisfies Scanned
      }
      if (behind.later === undefined) return { ...scanned, torn: true } satisfies Scanned
      const detail =
        `${found}, and record ${behind.later.head.sequence} stands behind it, at byte ${behind.later.offset}`
      return { ...scanned, damage: { detail, reach: behind.reach } } satisfies Scanned
    }
    const { head } = found
    if (head.sequence !== sequence) {
      return yield* refuse(`record ${head.sequence} stands where record ${sequence} belongs`)
    }
    if (head.place !== 0 && head.place !== place) {
      return yield* refuse(`record ${sequence} is out of place in its batch`)
    }
    const body = WalRecord.decodeBody(version, found.body)
    const misfit = body === undefined ? "it makes no sense" : visit(body, end, found.size)
    if (misfit !== undefined) return yield* refuse(`record ${sequence} has a good checksum, but ${misfit}`)
    if (head.place === 0) lastBatch = end
    place = head.place + 1
    sequence++
    end += found.size
  }
  return { end, nextSequence: sequence, lastBatch, torn: false } satisfies Scanned
})

const isCheckpoint = ({ hasCheckpoint, start }: Options, offset: number): boolean => hasCheckpoint && offset === start

/** The largest record that is believed there. A checkpoint is no write: how large it is was up to nobody. */
const largestAt = (options: Options, offset: number): number =>
  isCheckpoint(options, offset) ? Number.POSITIVE_INFINITY : options.maxRecordBytes

/** The intact record at `offset` if the window shows all of it, without waiting; otherwise `recordAt` has a look. */
const recordInSight = (options: Options, offset: number): Found | undefined => {
  const { seed, window } = options
  const start = window.peek(offset, WalRecord.headSize)
  const head = start === undefined ? undefined : WalRecord.decodeHead(seed, start)
  if (head === undefined || WalRecord.headSize + head.size > largestAt(options, offset)) return undefined
  const body = window.peek(offset + WalRecord.headSize, head.size)
  if (body === undefined || !WalRecord.isIntact(seed, head, body)) return undefined
  return { head, offset, size: WalRecord.headSize + head.size, body }
}

/** The record at `offset`, or what is wrong with it. */
const recordAt = Effect.fnUntraced(function*(options: Options, offset: number) {
  const { seed, window } = options
  const start = yield* window.at(offset, WalRecord.headSize)
  if (start.length < WalRecord.headSize) return "the file ends within a record's head"
  const head = WalRecord.decodeHead(seed, start)
  if (head === undefined) return "the checksum of a record's head is wrong"
  const size = WalRecord.headSize + head.size
  if (offset + size > window.size) return "the file ends within a record"
  if (size > largestAt(options, offset)) {
    // The size was written like this, so it is no damage; but to take the record for torn would be.
    return yield* corrupt(window.file.path, offset, `a record of ${size} bytes, more than maxRecordBytes allows`)
  }
  const body = yield* window.at(offset + WalRecord.headSize, head.size)
  if (!WalRecord.isIntact(seed, head, body)) return "a record's checksum is wrong"
  return { head, offset, size, body } satisfies Found
})

/**
 * What stands behind a place where something is wrong and record `sequence` belongs. Unless an intact record of a later
 * batch does, what is wrong can come from a crash.
 */
const lookBehind = Effect.fnUntraced(function*(options: Options, offset: number, sequence: number) {
  let later: Found | undefined
  let reach: Recovery.Reach | undefined
  let next = yield* intactRecord(options, offset)
  while (next !== undefined) {
    const { head } = next
    const isOfSameBatch = head.sequence > sequence && head.sequence - head.place <= sequence
    if (!isOfSameBatch) later ??= { ...next, body: noBody }
    // What comes from an earlier time tells nothing of what came last.
    if (head.sequence < sequence) return { later, reach: undefined }
    reach = reachIn(options, next) ?? reach
    next = yield* intactRecord(options, next.offset + next.size)
  }
  return { later, reach }
})

const noBody = Buffer.alloc(0)

/** How far the node had come by the last intact record of a file that follows a damaged one. */
export const lastReach = Effect.fnUntraced(function*(options: Options) {
  return (yield* lookBehind(options, options.start, options.sequence)).reach
})

const reachIn = ({ version }: Options, { body }: Found): Recovery.Reach | undefined => {
  const decoded = WalRecord.decodeBody(version, body)
  return decoded?._tag === "Checkpoint" ? Recovery.reachOf(decoded.recovered) : decoded?.reach
}

/** The first intact record at `offset` or anywhere behind it. */
const intactRecord = Effect.fnUntraced(function*(options: Options, offset: number) {
  const { window } = options
  let from = offset
  while (from + WalRecord.headSize <= window.size) {
    const bytes = yield* window.from(from, WalRecord.headSize)
    if (bytes.length < WalRecord.headSize) return undefined
    const place = bytes.indexOf(WalRecord.magic)
    // A magic may begin in the last three bytes that are in sight.
    if (place < 0) {
      from += bytes.length - (WalRecord.magic.length - 1)
      continue
    }
    const found = yield* recordAt(options, from + place)
    if (typeof found !== "string") return found
    from += place + 1
  }
  return undefined
})
