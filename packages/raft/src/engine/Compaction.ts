/**
 * Snapshots of the own state, and what stays of the log (§5.1).
 *
 * The state machine writes its snapshot down while it goes on, so there are two moments: when it is asked to, right after
 * the last entry that was handed to it, and when all of it is on the disk. Only then the log gives up its beginning, in
 * one write with the snapshot that stands for it. Some entries before it stay, and more while a follower that keeps up
 * still needs them: whoever is a moment behind is not sent the whole state.
 *
 * Snapshots are due at the multiples of a number of entries, not so many after the last one. So nodes take the same ones,
 * and one that was sent in part by an earlier leader can be sent to its end by the next. Whoever is busy with one when
 * another is due waits for the next multiple.
 */
import type { RequestSnapshot, SnapshotTaken } from "./Input.ts"
import * as Log from "./Log.ts"
import type { Index } from "./LogPosition.ts"
import * as Membership from "./Membership.ts"
import { flow, type Next, next, write } from "./Next.ts"
import type { Output } from "./Output.ts"
import * as Sizes from "./Sizes.ts"
import { isLeader, type State } from "./State.ts"

/** Whoever asks has the next one, for what it sees by now may not be in one that is being taken. */
export const onRequestSnapshot = (state: State, { request }: RequestSnapshot): Next =>
  next({ ...state, snapshotRequests: [...state.snapshotRequests, request] })

/**
 * While one is on its way to a member, the log must reach back to it, and another would only make it start again. Whoever
 * is not heard, or gets no further, is not waited for.
 */
const isSending = ({ now, role, settings: { electionTimeout } }: State): boolean =>
  role._tag === "Leader"
  && role.progress.some(({ heardAt, sending }) =>
    sending !== undefined && now - heardAt < electionTimeout && now - sending.movedAt < patience * electionTimeout
  )

/** For how many election timeouts a member may get no further. */
const patience = 4

const isWitness = ({ id, log }: State): boolean => Membership.isWitness(Log.membership(log), id)

const isDue = (state: State): boolean => {
  const { handed, log, settings: { snapshotBytes, snapshotEntries }, snapshot, snapshotRequests } = state
  const isAtMultiple = handed % snapshotEntries === 0 && handed > snapshot.index
  // A witness takes none that others could go on with; and where it stands is what was applied.
  const hasPassed = isWitness(state)
    && Math.floor(state.applied / snapshotEntries) > Math.floor(snapshot.index / snapshotEntries)
  return snapshotRequests.length > 0 || isAtMultiple || hasPassed
    || Sizes.between(log.sizes, snapshot.index, handed) >= snapshotBytes
}

/** Asks for a snapshot of what was handed over by now, if one is wanted and none is under way. */
export const take = (state: State): Next => flow(finish, begin, finish)(state)

const begin = (state: State): Next => {
  if (state.snapshotting !== undefined || !isDue(state) || isSending(state)) return next(state)
  const isWithout = isWitness(state)
  const index = isWithout ? state.applied : state.handed
  // Nothing is new since the last one: it is wanted, and may be on its way to the disk.
  const write = index <= state.snapshot.index ? state.durability.issued : undefined
  const snapshotting = { index, requests: state.snapshotRequests, write }
  const begun = { ...state, snapshotting, snapshotRequests: [] }
  if (write !== undefined) return next(begun)
  // Who joined and has come no further than that does not know who belonged to the cluster by then.
  if (Log.membershipAt(state.log, index).members.length === 0) return next(state)
  // A witness has no state: that the log is given up is all there is to it.
  return isWithout ? keep(begun, { index, size: 0, checksum: 0 }) : next(begun, { _tag: "TakeSnapshot", index })
}

/** Once it counts, also after a crash, whoever waits is told, and there may be another. */
const finish = (state: State): Next => {
  const { durability, snapshotting } = state
  const isDone = snapshotting?.write !== undefined && snapshotting.write <= durability.persisted
  return isDone ? settle(state) : next(state)
}

const settle = (state: State): Next => {
  const { index } = state.snapshot
  const requests = state.snapshotting?.requests ?? []
  const done = requests.map((request): Output => ({ _tag: "SnapshotDone", request, index }))
  return next({ ...state, snapshotting: undefined }, ...done)
}

/** What a snapshot is, beside what the log knows of it. */
type Taken = Pick<SnapshotTaken, "index" | "size" | "checksum">

/** It is on the disk: from now on it stands for the beginning of the log. One that was overtaken by a leader's does not. */
export const onSnapshotTaken = (state: State, taken: SnapshotTaken): Next => {
  const { snapshotting } = state
  const isAwaited = snapshotting?.index === taken.index && snapshotting.write === undefined
  return isAwaited ? keep(state, taken) : next(state)
}

const keep = (state: State, { checksum, index, size }: Taken): Next => {
  const boundary = index > state.snapshot.index ? Log.boundaryAt(state.log, index) : undefined
  const begins = Log.boundaryAt(state.log, firstKept(state, index))
  if (boundary === undefined || begins === undefined) return settle(state)
  const snapshot = { ...boundary, size, checksum }
  const compacted = { ...state, snapshot, log: Log.beginAt(state.log, begins) }
  const [kept, written] = write(compacted, { snapshot, boundary: begins })
  const requests = state.snapshotting?.requests ?? []
  return next({ ...kept, snapshotting: { index, requests, write: written.write } }, written)
}

/** After which entry the log is to begin: some way before the snapshot, and where a follower that keeps up still reads. */
const firstKept = (state: State, index: Index): Index => {
  const { entriesKept } = state.settings
  const usual = index - entriesKept
  const oldest = usual - entriesKept
  const needed = isLeader(state)
    ? state.role.progress.filter(({ match, mode }) => mode === "replicate" && match >= oldest).map(({ match }) => match)
    : []
  return Math.max(state.log.boundary.index, Math.min(usual, ...needed))
}
