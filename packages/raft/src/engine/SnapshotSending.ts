/**
 * Sending a snapshot to a member that lacks what the log no longer holds (§5.1, figure 5.3).
 *
 * It goes in chunks, several of them ahead of their answers, as many bytes as a window holds. The member says how much
 * it has without a gap, and how much of that is on its disk. The window moves with the disk; a gap shows that something
 * was lost, and then one message at a time finds the way back. Between the chunks the leader's heartbeats go on, empty,
 * and so does everyone else's service.
 *
 * A member that has part of this very snapshot, perhaps from an earlier leader, says so, and is sent the rest. How it
 * ends is told by an `AppendReply`: its log agrees up to where the snapshot does.
 */
import type { ChunkUnsent } from "./Input.ts"
import * as Log from "./Log.ts"
import type { NodeId } from "./LogPosition.ts"
import * as Membership from "./Membership.ts"
import type { SnapshotReply } from "./Message.ts"
import { type Next, next, send } from "./Next.ts"
import type { Output } from "./Output.ts"
import type { Progress, Sending } from "./Progress.ts"
import * as Roles from "./Roles.ts"
import type { Leader, State } from "./State.ts"

/** Whether the log no longer holds what the member needs next, nor what comes right before it. */
export const isNeeded = ({ log }: State, progress: Progress): boolean => progress.next <= log.boundary.index

/** A witness needs to know where the log begins, and nothing of the state. */
const snapshotFor = ({ log, snapshot }: State, id: NodeId): Log.Snapshot =>
  Membership.isWitness(Log.membership(log), id) ? { ...snapshot, size: 0, checksum: 0 } : snapshot

/**
 * Whether a snapshot came here without the state. Who joins as a witness does not know yet that it is one: what its leader
 * sends may be older than the change.
 */
export const isWithoutState = ({ id, log }: State, { membership, size }: Log.Snapshot): boolean =>
  Membership.isWitness(Log.membership(log), id) || (size === 0 && Membership.find(membership, id) === undefined)

const begin = (index: number, now: number): Sending => ({
  index,
  next: 0,
  received: 0,
  stored: 0,
  isProbing: true,
  movedAt: now,
  sentIn: 0
})

/** Sends what the window allows, and a heartbeat if a round has begun that the member was not told of. */
export const advance = (state: State<Leader>, progress: Progress, outputs: Array<Output>): Progress => {
  const snapshot = snapshotFor(state, progress.id)
  const isUnderWay = progress.mode === "snapshot" && progress.sending?.index === snapshot.index
  let current: Progress = isUnderWay ? progress : { ...progress, mode: "snapshot", waiting: true, sending: undefined }
  let sending = (isUnderWay ? progress.sending : undefined) ?? begin(snapshot.index, state.now)
  const { maxChunksInFlight, snapshotChunkBytes } = state.settings
  const window = Math.min(snapshot.size, sending.stored + maxChunksInFlight * snapshotChunkBytes)
  while (!current.waiting && sending.next < window) {
    const length = Math.min(snapshotChunkBytes, snapshot.size - sending.next)
    outputs.push(chunk(state, current.id, snapshot, sending.next, length))
    sending = { ...sending, next: sending.next + length, sentIn: state.role.sequence }
    current = { ...current, waiting: sending.isProbing, told: state.role.sequence }
  }
  if (!isUnderWay || current.told < state.role.sequence) {
    outputs.push(chunk(state, current.id, snapshot, sending.received, 0))
    current = { ...current, told: state.role.sequence }
  }
  return { ...current, sending }
}

const chunk = (state: State<Leader>, to: NodeId, snapshot: Log.Snapshot, offset: number, length: number): Output =>
  send(state, to, {
    _tag: "InstallSnapshot",
    from: state.id,
    term: state.term,
    snapshot,
    offset,
    length,
    sequence: state.role.sequence
  })

/** More has arrived, or it shows that something has not. */
export const onSnapshotReply = (state: State<Leader>, reply: SnapshotReply): Next => {
  if (reply.sequence > state.role.sequence) return next(state)
  return next(Roles.updateMember(state, reply.from, (progress) => {
    const heard = { ...progress, heardAt: state.now, acknowledged: Math.max(progress.acknowledged, reply.sequence) }
    const { sending } = progress
    if (sending === undefined || sending.index !== reply.index) return heard
    if (reply.received > snapshotFor(state, reply.from).size) return heard
    return { ...heard, ...follow(sending, progress, reply, state.now) }
  }))
}

const follow = (
  sending: Sending,
  { waiting }: Progress,
  reply: SnapshotReply,
  now: number
): Pick<Progress, "sending" | "waiting"> => {
  const { isProbing, received, sentIn } = sending
  const isStored = reply.stored > sending.stored
  const moved = isStored ? { ...sending, stored: reply.stored, movedAt: now } : sending
  if (reply.received > received) {
    const next = Math.max(sending.next, reply.received)
    return { sending: { ...moved, received: reply.received, next, isProbing: false }, waiting: false }
  }
  // It was asked after the last chunk was sent, so all that was sent before has arrived by now, or never will.
  const isLater = reply.sequence > sentIn
  // It has forgotten what it had: it was started again.
  if (isLater && reply.received < received) {
    const { received, stored } = reply
    return { sending: { ...sending, received, stored, next: received, isProbing: false }, waiting: false }
  }
  const back = { ...moved, next: received, isProbing: true }
  // It has nothing yet, and now it is known.
  if (isProbing && sentIn === 0) return { sending: { ...back, isProbing: false }, waiting: false }
  const isGap = reply.offset > reply.received
  if (isGap && !isLater) return isProbing ? { sending: moved, waiting } : { sending: back, waiting: false }
  return isLater && sending.next > received
    ? { sending: back, waiting: false }
    : { sending: moved, waiting: waiting && !isLater }
}

/** What was not sent is not on its way: it goes when more has arrived, or the next heartbeat is answered. */
export const onChunkUnsent = (state: State<Leader>, { offset, to }: ChunkUnsent): Next =>
  next(Roles.updateMember(state, to, (progress) => {
    const { sending } = progress
    if (sending === undefined || offset >= sending.next) return progress
    return { ...progress, waiting: true, sending: { ...sending, next: Math.max(offset, sending.received) } }
  }))
