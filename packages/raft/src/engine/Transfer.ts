/**
 * Handing leadership to another node (§3.10).
 *
 * The leader brings its successor up to date, takes no more commands once that is nearly done, and asks it to stand. It
 * never knows whether it was heard, so only a leader in a later term shows that the transfer has arrived, and a deadline
 * ends the waiting: then the leader goes on as before.
 */
import type { TransferLeadership } from "./Input.ts"
import * as Log from "./Log.ts"
import type { NodeId } from "./LogPosition.ts"
import * as Membership from "./Membership.ts"
import { type Next, next, send } from "./Next.ts"
import type { Output, TransferRefusal } from "./Output.ts"
import type { Progress } from "./Progress.ts"
import { isLeader, type Leader, type State } from "./State.ts"

const failed = (request: number, reason: TransferRefusal): Output => ({ _tag: "TransferFailed", request, reason })

/** Who does not lead has nothing to hand over. */
export const refuse = (state: State, { request }: TransferLeadership): Next => next(state, failed(request, "NotLeader"))

/** Whoever is to lead must vote, also when a change that is under way is done, and hold what it is to send. */
const mayLead = ({ log }: State, id: NodeId): boolean => {
  const membership = Log.membership(log)
  return membership.voters.includes(id) && !Membership.isWitness(membership, id)
}

/** The operator has thought better of it. If the other was asked already, it may stand all the same. */
export const abort = (state: State): Next =>
  state.transfer === undefined
    ? next(state)
    : next({ ...state, transfer: undefined }, failed(state.transfer.request, "Aborted"))

/** Remembers whom to hand over to. A later wish replaces an earlier one, until that has been asked for. */
export const onTransferLeadership = (state: State<Leader>, { deadline, request, to }: TransferLeadership): Next => {
  if (to === state.id) return next(state, { _tag: "TransferDone", request, leader: to })
  if (!mayLead(state, to)) return next(state, failed(request, "NotVoter"))
  if (state.transfer?.isAsked === true) return next(state, failed(request, "Pending"))
  const earlier = state.transfer === undefined ? [] : [failed(state.transfer.request, "Superseded")]
  const transfer = { request, term: state.term, to, deadline, isAsked: false }
  return next({ ...state, transfer }, ...earlier)
}

/**
 * A node whose disk does not answer can lead only in name: it hands over, unasked, to whoever has most of the log on a
 * disk that works. Its own entries reach the others without its disk.
 */
export const evade = (state: State): Next => {
  if (!isLeader(state) || !state.isStalled || state.transfer !== undefined) return next(state)
  const { electionTimeout } = state.settings
  const alive = state.role.progress.filter(({ heardAt, id }) =>
    mayLead(state, id) && state.now - heardAt < electionTimeout
  )
  const best = alive.reduce<Progress | undefined>(
    (best, each) => best === undefined || each.match > best.match ? each : best,
    undefined
  )
  if (best === undefined) return next(state)
  const transfer = {
    request: nobody,
    term: state.term,
    to: best.id,
    deadline: state.now + electionTimeout,
    isAsked: false
  }
  return next({ ...state, transfer })
}

/** The handle of a transfer that nobody waits for. */
const nobody = 0

/** Asks the successor once its log is as long as ours, on its disk; sees who leads afterwards; gives up in time. */
export const proceed = (state: State): Next => {
  const { leader, log, now, term, transfer } = state
  if (transfer === undefined) return next(state)
  const { deadline, request, to } = transfer
  if (term > transfer.term && leader !== undefined) {
    return next({ ...state, transfer: undefined }, { _tag: "TransferDone", request, leader })
  }
  if (now >= deadline) return next({ ...state, transfer: undefined }, failed(request, "Timeout"))
  if (!isLeader(state) || transfer.isAsked) return next(state)
  if (!Membership.isVoter(Log.membership(log), to)) {
    return next({ ...state, transfer: undefined }, failed(request, "NotVoter"))
  }
  const match = state.role.progress.find((each) => each.id === to)?.match
  if (match !== log.last) return next(state)
  const last = Log.lastPosition(log)
  // It may win until an entry that it does not have is committed, whenever it hears this.
  const lease = { ...state.role.lease, index: log.last + 1 }
  const asking = { ...state, transfer: { ...transfer, isAsked: true }, role: { ...state.role, lease } }
  return next(asking, send(asking, to, { _tag: "TimeoutNow", from: state.id, term, last }))
}
