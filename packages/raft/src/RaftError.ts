/**
 * Errors named by what the caller may conclude.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * It did not happen and will not: this node does not lead. Ask `leader`; if that is undefined, an election is
 * under way.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotLeader extends Schema.TaggedError<NotLeader>()("NotLeader", {
  leader: Schema.UndefinedOr(Schema.String)
}) {
  override get message() {
    return this.leader === undefined ? "no leader is known" : `${this.leader} leads`
  }
}

/**
 * It did not happen and will not: a bound was reached. Try again after `retryAfter` milliseconds.
 *
 * @category errors
 * @since 0.1.0
 */
export class Busy extends Schema.TaggedError<Busy>()("Busy", { retryAfter: Schema.Finite }) {
  override get message() {
    return `too much is under way; try again in ${this.retryAfter} ms`
  }
}

/**
 * It may have happened, or may happen yet: the outcome was not seen in time. Retry only what may happen twice.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unknown extends Schema.TaggedError<Unknown>()("Unknown", {
  /** Where the command stands in the log if it happens; undefined when it did not get that far in time. */
  position: Schema.UndefinedOr(Schema.Struct({ term: Schema.Int, index: Schema.Int }))
}) {
  override get message() {
    return "the outcome was not seen in time"
  }
}

/**
 * This node has stopped itself, and nothing more will happen here. What it had acknowledged is safe. A command
 * that was under way may have happened.
 *
 * @category errors
 * @since 0.1.0
 */
export class Fatal extends Schema.TaggedError<Fatal>()("Fatal", {
  reason: Schema.Literals(["Storage", "StateMachine", "Invariant", "Stopped"]),
  cause: Schema.Defect()
}) {
  override get message() {
    const cause = this.cause instanceof Error ? this.cause.message : String(this.cause)
    return `the node has stopped (${this.reason}): ${cause}`
  }
}

/**
 * The membership was not changed, and will not be.
 *
 * - `Pending`: another change or a transfer is under way, or the leader's term has only begun. Try again.
 * - `Stale`: the membership is no longer the one that the caller expected.
 * - `Invalid`: what was asked for makes no sense.
 *
 * @category errors
 * @since 0.1.0
 */
export class MembershipError extends Schema.TaggedError<MembershipError>()("MembershipError", {
  reason: Schema.Literals(["Pending", "Stale", "Invalid"]),
  detail: Schema.String
}) {
  override get message() {
    return this.detail
  }
}

/**
 * Leadership was not handed over.
 *
 * - `NotVoter`: whoever should lead may not: it does not vote, or it is a witness.
 * - `Pending`: another node has been asked to lead already. Try again.
 * - `Superseded`: someone asked for another transfer meanwhile.
 * - `Aborted`: someone gave it up. It may still happen if the other was asked before.
 * - `Timeout`: it had not happened by the deadline. It may still happen if the other was asked at the last moment.
 *
 * @category errors
 * @since 0.1.0
 */
export class TransferError extends Schema.TaggedError<TransferError>()("TransferError", {
  reason: Schema.Literals(["NotVoter", "Pending", "Superseded", "Aborted", "Timeout"])
}) {
  override get message() {
    return `leadership was not handed over: ${this.reason}`
  }
}
