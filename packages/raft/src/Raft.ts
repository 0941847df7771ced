/**
 * A node of a replicated service.
 *
 * Commands that are proposed here go into one log that a majority of the nodes keeps on disk; every node applies
 * them in the same order. `Replicated.Service` puts types on top; this module deals in bytes.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Stream from "effect/Stream"
import type { Explanation } from "./engine/Explain.ts"
import type { Plan, Summary } from "./engine/LastResort.ts"
import type { Index, LogPosition, NodeId } from "./engine/LogPosition.ts"
import * as Membership from "./engine/Membership.ts"
import type { Outcome } from "./engine/State.ts"
import * as Driver from "./internal/driver.ts"
import type * as Status from "./internal/status.ts"
import type { Busy, Fatal, NotLeader, TransferError, Unknown } from "./RaftError.ts"
import { MembershipError } from "./RaftError.ts"
import type { StateMachine } from "./StateMachine.ts"
import type { Storage, StorageError } from "./Storage.ts"
import type { Peer, Transport, TransportError } from "./Transport.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The node's name in the cluster. Never given to another node, nor to this one after its disk was lost. */
  readonly id: NodeId
  /** The cluster's name. Nodes of other clusters are not listened to. The default is `"raft"`. */
  readonly cluster?: string | undefined
  /**
   * The founding members, the same on each of them. Counts only when the node starts for the first time; later the
   * node knows its membership. Without it a new node waits until it is added.
   */
  readonly bootstrap?: { readonly members: ReadonlyArray<Membership.Member> } | undefined
  /** What other nodes are told about this one, for instance where its HTTP interface is. */
  readonly attributes?: Readonly<Record<string, string>> | undefined
}

/**
 * What a node says of itself.
 *
 * @category models
 * @since 0.1.0
 */
export type RaftStatus = Status.Status

/**
 * How fresh a read must be. Any node answers any of them, but for a witness, which has nothing to answer with.
 *
 * - `linearizable`: sees everything that was acknowledged before it began. Costs the leader one round of messages, shared
 *   by all reads that wait, and no log entry; another node asks the leader first.
 * - `lease`: the same, without the leader asking anyone, as long as no node's clock runs faster than another's by more
 *   than `maxClockDrift`. Where the lease does not hold, the others are asked.
 * - `stale`: what this node has applied by now, without asking anyone. Of any age, or of a stated one: see `ReadOptions`.
 *
 * @category models
 * @since 0.1.0
 */
export type Consistency = Driver.Consistency

/**
 * @category models
 * @since 0.1.0
 */
export interface ReadOptions {
  /** `linearizable` unless said otherwise. */
  readonly consistency?: Consistency | undefined
  /**
   * For a stale read, in milliseconds: when this node last heard from its leader what was committed, and has applied that,
   * must not be longer ago; otherwise the read fails with `NotLeader`, which says where to ask. So nothing is missing that
   * was acknowledged earlier than this, an election timeout and the time of a message ago: for as long as that a leader
   * may not know that it was deposed.
   */
  readonly maxAge?: number | undefined
}

/**
 * @category services
 * @since 0.1.0
 */
export class Raft extends Context.Service<Raft, {
  /**
   * Commits a command and answers what applying it answered.
   *
   * Succeeds once a majority has it on disk and this node has applied it. Commands of one fiber are applied in the
   * order it proposed them. `NotLeader` and `Busy` mean that it did not happen and will not; `Unknown`, after
   * `requestTimeout`, that it may have, or may yet; `Fatal`, that this node has stopped itself. Interrupting the
   * caller abandons the answer, not the command.
   */
  readonly propose: (command: Uint8Array) => Effect.Effect<unknown, NotLeader | Busy | Unknown | Fatal>
  /**
   * Looks without changing, on any node. `NotLeader`: no leader is known, or this node may not answer as it was asked to.
   * `Unknown` says no more than that there was no answer within `requestTimeout`. A stale read of any age fails only with
   * `Busy` and `Fatal`, and with `NotLeader` on a witness.
   */
  readonly read: (
    query: unknown,
    options?: ReadOptions
  ) => Effect.Effect<unknown, NotLeader | Busy | Unknown | Fatal>
  /**
   * Changes who belongs to the cluster, and succeeds with the log index of the new membership once it is committed and
   * nothing of it is left to do. A voter that is added first learns the log, and votes when it has caught up; however long
   * that takes. `expected` is the `membershipIndex` of a status: if the membership is another by then, nothing happens and
   * `MembershipError` says `Stale`. `Unknown` after `requestTimeout`, or when this node ceased to lead: it may happen yet.
   */
  readonly changeMembership: (
    change: Membership.Change,
    options?: { readonly expected?: Index | undefined }
  ) => Effect.Effect<Index, NotLeader | MembershipError | Unknown | Fatal>
  /** Adds a member that learns the log and then votes: a `changeMembership`. */
  readonly addVoter: (member: Membership.Member) => Effect.Effect<Index, NotLeader | MembershipError | Unknown | Fatal>
  /** Adds a member that learns the log and does not vote: a `changeMembership`. */
  readonly addLearner: (
    member: Membership.Member
  ) => Effect.Effect<Index, NotLeader | MembershipError | Unknown | Fatal>
  /** Lets a learner vote once it has caught up: a `changeMembership`. */
  readonly promote: (id: NodeId) => Effect.Effect<Index, NotLeader | MembershipError | Unknown | Fatal>
  /** Takes a member away: a `changeMembership`. The leader may remove itself; another leads then. */
  readonly remove: (id: NodeId) => Effect.Effect<Index, NotLeader | MembershipError | Unknown | Fatal>
  /**
   * Hands leadership to another voter, and succeeds with whoever leads the term that comes of it: as a rule `to`, but it
   * can be a third node or this one again. While the other is
   * brought up to date proposals may be refused with `Busy`. Fails with `TransferError` after `requestTimeout`, or at once
   * if `to` may not vote; this node then goes on leading.
   */
  readonly transfer: (to: NodeId) => Effect.Effect<NodeId, NotLeader | TransferError | Fatal>
  /**
   * Gives up a transfer that is under way here; whoever waits for it fails with `TransferError` and `Aborted`. Without one
   * it does nothing. If the other has been asked to lead already, it may do so all the same.
   */
  readonly abortTransfer: Effect.Effect<void>
  /**
   * Takes a snapshot of this node's state and gives up the log behind it, but for what followers may still need; answers
   * with the index of the last entry that the snapshot covers. Snapshots are taken without being asked for, too:
   * `snapshotEntries` and `snapshotBytes` say when. `Unknown` after `requestTimeout`: it goes on all the same.
   */
  readonly snapshot: Effect.Effect<Index, Unknown | Fatal>
  /** What this node knows, for `LastResort.plan` when a majority is lost for good. */
  readonly summary: Effect.Effect<Summary>
  /**
   * Puts a membership in force to which no majority agreed. Only when a majority of the voters is lost for good, only on
   * the survivor that the plan names, and only after reading what the plan says may be lost. Succeeds once this node leads
   * alone; the other survivors then learn, and vote once they have caught up. `MembershipError` with `Invalid` when a
   * leader is alive, or anything has changed since the plan was made.
   */
  readonly forceMembership: (plan: Plan) => Effect.Effect<Index, NotLeader | MembershipError | Unknown | Fatal>
  /**
   * Why there is no leader, or why entry `index` (the last one, unless said otherwise) is not committed: in sentences and
   * in numbers, as far as this node knows.
   */
  readonly explain: (index?: Index) => Effect.Effect<Explanation>
  /** What became of the entry at a position, for instance that of an `Unknown`. Only what is committed decides. */
  readonly outcomeOf: (position: LogPosition) => Effect.Effect<Outcome>
  /** What the node says of itself now. */
  readonly status: Effect.Effect<RaftStatus>
  /**
   * The status now, and again whenever role, term, leader or membership change, or the node stops. Commit and applied
   * index are those of that moment, and change without being told of.
   */
  readonly changes: Stream.Stream<RaftStatus>
  /** The nodes that have introduced themselves, with their attributes. */
  readonly peers: Effect.Effect<ReadonlyArray<Peer>>
  /** Waits until the node stops, and says why. */
  readonly stopped: Effect.Effect<Fatal>
}>()("effect-raft/Raft") {}

const membershipOf = (options: Options): Effect.Effect<Membership.Membership | undefined, MembershipError> => {
  if (options.bootstrap === undefined) return Effect.succeed(undefined)
  const { members } = options.bootstrap
  const ids = new Set(members.map((member) => member.id))
  const invalid = (detail: string) => Effect.fail(new MembershipError({ reason: "Invalid", detail }))
  if (ids.size !== members.length) return invalid("two founding members have the same id")
  if (ids.has("")) return invalid("a founding member has an empty id")
  if (!ids.has(options.id)) return invalid(`${options.id} is not among the founding members`)
  return Effect.succeed(Membership.make(members))
}

/**
 * Starts a node that runs until the scope closes, or until it has to stop itself.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: Options) {
  const bootstrap = yield* membershipOf(options)
  const { attributes = {}, cluster = "raft", id } = options
  const node = yield* Driver.make({ id, cluster, bootstrap, attributes })
  return Raft.of({
    propose: node.propose,
    read: (query, { consistency = "linearizable", maxAge = Number.POSITIVE_INFINITY } = {}) =>
      node.read(query, { consistency, maxAge }),
    changeMembership: (change, { expected } = {}) => node.changeMembership(change, expected),
    addVoter: (member) => node.changeMembership({ _tag: "AddVoter", member }, undefined),
    addLearner: (member) => node.changeMembership({ _tag: "AddLearner", member }, undefined),
    promote: (promoted) => node.changeMembership({ _tag: "Promote", id: promoted }, undefined),
    remove: (removed) => node.changeMembership({ _tag: "Remove", id: removed }, undefined),
    transfer: node.transfer,
    abortTransfer: node.abortTransfer,
    snapshot: node.snapshot,
    summary: node.summary,
    forceMembership: node.force,
    explain: (index) => node.explain(index),
    outcomeOf: node.outcomeOf,
    status: node.status,
    changes: node.changes,
    peers: node.peers,
    stopped: node.stopped
  })
})

/**
 * A node as a service. Closing its scope stops every fiber, finishes the writes that were issued, and leaves the
 * network. A node that fails later does not fail the layer: requests then fail with `Fatal`, and `stopped` says why.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options
): Layer.Layer<Raft, StorageError | TransportError | MembershipError, Storage | Transport | StateMachine> =>
  Layer.effect(Raft, make(options))
