/**
 * A node as a function: `(state, inputs) → [state, outputs]`.
 *
 * The same state and inputs give the same result, always. Whoever runs it carries out the outputs in the
 * order in which they are listed, hands in what comes of them, and wakes the node at its `deadline`.
 */
import type * as Chance from "./Chance.ts"
import * as Durability from "./Durability.ts"
import type { Input } from "./Input.ts"
import * as Invariants from "./Invariants.ts"
import * as Log from "./Log.ts"
import type { LogPosition, NodeId } from "./LogPosition.ts"
import * as Membership from "./Membership.ts"
import { type Next, next, write } from "./Next.ts"
import type { Output } from "./Output.ts"
import * as Replication from "./Replication.ts"
import * as Roles from "./Roles.ts"
import type { Settings } from "./Settings.ts"
import { type Found, isLeader, type Leader, type Outcome, type State } from "./State.ts"
import * as Step from "./Step.ts"

export interface Start {
  readonly id: NodeId
  /** Names the disk. Without it disks are not told apart, and nobody is taken for a stranger. */
  readonly incarnation?: number
  readonly settings: Settings
  /** Must differ from node to node, or they stand for election all at once. */
  readonly seed: Chance.Seed
  readonly now: number
  /** What was found on the disk; nothing on a new one. */
  readonly recovered?: Found
  /** The first membership of a new cluster. Of no effect on a node that has a log or knows a membership. */
  readonly bootstrap?: Membership.Membership
}

/**
 * A node as it starts: a follower that has heard from nobody. Alone in its cluster, it does not wait. Its state machine
 * begins with the snapshot, if there is one.
 */
export const start = ({ bootstrap, id, incarnation, now, recovered, seed, settings }: Start): Next => {
  const log = recovered?.log ?? Log.empty()
  const snapshot = recovered?.snapshot ?? Log.noSnapshot(log.boundary.membership)
  const damaged = recovered?.damaged
  const state: State = {
    id,
    incarnation,
    settings,
    term: recovered?.hardState.term ?? 0,
    votedFor: recovered?.hardState.votedFor,
    leader: undefined,
    log,
    snapshot,
    snapshotting: undefined,
    snapshotRequests: [],
    receiving: undefined,
    durability: Durability.recovered(log.last),
    commit: snapshot.index,
    handed: snapshot.index,
    applied: 0,
    waiters: [],
    forwarded: [],
    transfer: undefined,
    isStalled: false,
    role: Roles.follower,
    seed,
    now,
    electionDeadline: now,
    heardLeaderAt: recovered !== undefined && recovered.hardState.term > 0 ? now : Number.NEGATIVE_INFINITY,
    tidings: { term: 0, commit: 0, at: Number.NEGATIVE_INFINITY },
    freshAt: Number.NEGATIVE_INFINITY,
    lost: damaged && { term: damaged.lastTerm, index: damaged.last },
    strangers: []
  }
  const isNew = log.last === 0 && state.term === 0 && Log.membership(log).members.length === 0
  const [founded, outputs] = bootstrap !== undefined && isNew ? found(state, bootstrap) : next(state)
  const begun = Roles.awaitLeader(founded)
  const isAlone = Membership.isSoleVoter(Log.membership(begun.log), id)
  const started = isAlone ? { ...begun, electionDeadline: now } : begun
  return snapshot.index === 0
    ? [started, outputs]
    : [started, [...outputs, { _tag: "RestoreSnapshot", snapshot, after: 0 }]]
}

/** Begins a log with the first membership, as every founding node does. */
const found = (state: State, membership: Membership.Membership): Next => {
  const boundary = { ...state.log.boundary, membership }
  const [founded, written] = write({ ...state, log: { ...state.log, boundary } }, { boundary })
  return next(founded, written)
}

/** Takes one input. */
export const step = (state: State, input: Input): Next => stepAll(state, [input])

/** Takes all that has arrived: one message to each member and one look at the quorum serve them together. */
export const stepAll = (state: State, inputs: ReadonlyArray<Input>): Next => {
  const outputs: Array<Output> = []
  let current = state
  for (const input of inputs) {
    const [after, emitted] = Step.react(current, input)
    current = after
    for (const output of emitted) outputs.push(output)
  }
  const [settled, last] = Step.settle(current)
  for (const output of last) outputs.push(output)
  const result: Next = [settled, outputs]
  Invariants.check(state, inputs, result)
  return result
}

/**
 * The clock of inputs goes ahead by so many milliseconds, because the node may have slept, or somebody has set a clock:
 * nobody knows. A leader takes it for time that has passed, and so its lease ends. All others take it for none: what they
 * have promised to the leader that they hear lasts as long as it would have, for that leader's lease counts on it (§6.4.1).
 */
export const sleep = (state: State, millis: number): State => {
  if (millis === 0 || isLeader(state)) return state
  const { electionDeadline, heardLeaderAt } = state
  return { ...state, electionDeadline: electionDeadline + millis, heardLeaderAt: heardLeaderAt + millis }
}

/** When the node wants a `Timer`, on the clock of its inputs. */
export const deadline = (state: State): number =>
  Math.min(
    state.transfer?.deadline ?? Number.POSITIVE_INFINITY,
    isLeader(state) ? leaderDeadline(state) : state.electionDeadline
  )

const leaderDeadline = (state: State<Leader>): number =>
  Math.min(state.role.heartbeatDeadline, Replication.quorumDeadline(state))

/**
 * How old what this node has applied may be, in milliseconds, going by when it last heard from a leader what was
 * committed, and had applied that; infinity if it never had. How long the message took comes on top, and an election
 * timeout: the sender may have been deposed that long without knowing it.
 */
export const age = (state: State): number => state.now - state.freshAt

/** What became of the entry at `position`. Only what is committed decides: that it was truncated here says nothing. */
export const outcomeOf = (state: State, position: LogPosition): Outcome => {
  if (position.index > state.commit) return "InProgress"
  const term = Log.termAt(state.log, position.index)
  if (typeof term !== "number") return "Unknown"
  return term === position.term ? "Committed" : "Rejected"
}
