/**
 * What operators wait for: changes of membership, transfers of leadership, and snapshots.
 *
 * There is one of each at a time in the engine, and few in a day, so nothing here is batched. Everyone who asks is
 * answered once.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Input } from "../engine/Input.ts"
import type { Plan } from "../engine/LastResort.ts"
import type { Index, NodeId } from "../engine/LogPosition.ts"
import type { Change } from "../engine/Membership.ts"
import type {
  ChangeDone,
  ChangeRefused,
  ChangeUnknown,
  SnapshotDone,
  TransferDone,
  TransferFailed
} from "../engine/Output.ts"
import type { Handle } from "../engine/State.ts"
import type { Options as Config } from "../RaftConfig.ts"
import { type Fatal, MembershipError, NotLeader, TransferError, Unknown } from "../RaftError.ts"

type ChangeError = NotLeader | MembershipError | Unknown | Fatal
type HandoverError = NotLeader | TransferError | Fatal

interface Waiting {
  readonly expiresAt: number
  readonly settle: (output: Settled, leader: NodeId | undefined) => void
  readonly expire: () => void
  readonly stop: (fatal: Fatal) => void
}

type Settled = ChangeDone | ChangeRefused | ChangeUnknown | TransferDone | TransferFailed | SnapshotDone

/** An answer to a change, by what the engine says of it. */
const changeExit = (output: Settled, leader: NodeId | undefined): Exit.Exit<Index, ChangeError> => {
  if (output._tag === "ChangeDone") return Exit.succeed(output.index)
  if (output._tag !== "ChangeRefused") return Exit.fail(new Unknown({ position: undefined }))
  const { detail, reason } = output
  return Exit.fail(reason === "NotLeader" ? new NotLeader({ leader }) : new MembershipError({ reason, detail }))
}

const transferExit = (output: Settled, leader: NodeId | undefined): Exit.Exit<NodeId, HandoverError> => {
  if (output._tag === "TransferDone") return Exit.succeed(output.leader)
  if (output._tag !== "TransferFailed") return Exit.fail(new TransferError({ reason: "Timeout" }))
  const { reason } = output
  return Exit.fail(reason === "NotLeader" ? new NotLeader({ leader }) : new TransferError({ reason }))
}

const snapshotExit = (output: Settled): Exit.Exit<Index, Unknown> =>
  output._tag === "SnapshotDone" ? Exit.succeed(output.index) : Exit.fail(new Unknown({ position: undefined }))

export class Operations {
  private readonly config: Config
  private readonly wake: () => void
  private readonly waiting = new Map<Handle, Waiting>()
  private collecting: Array<(now: number) => Input> = []
  private lastHandle: Handle = 0
  private stopped: Fatal | undefined

  constructor(config: Config, wake: () => void) {
    this.config = config
    this.wake = wake
  }

  change(change: Change, expected: Index | undefined): Effect.Effect<Index, ChangeError> {
    return this.ask(
      (request, now) => ({ _tag: "ChangeMembership", now, request, change, expected }),
      changeExit,
      new Unknown({ position: undefined })
    )
  }

  transfer(to: NodeId): Effect.Effect<NodeId, HandoverError> {
    const { requestTimeout } = this.config
    return this.ask(
      (request, now) => ({ _tag: "TransferLeadership", now, request, to, deadline: now + requestTimeout }),
      transferExit,
      new TransferError({ reason: "Timeout" })
    )
  }

  /** Gives up a transfer that is under way, whoever asked for it. */
  abortTransfer(): Effect.Effect<void> {
    return Effect.sync(() => {
      this.collecting.push((now) => ({ _tag: "AbortTransfer", now }))
      this.wake()
    })
  }

  snapshot(): Effect.Effect<Index, Unknown | Fatal> {
    return this.ask(
      (request, now) => ({ _tag: "RequestSnapshot", now, request }),
      snapshotExit,
      new Unknown({ position: undefined })
    )
  }

  force({ last, membership, term }: Plan): Effect.Effect<Index, ChangeError> {
    return this.ask(
      (request, now) => ({ _tag: "ForceMembership", now, request, term, membership, last }),
      changeExit,
      new Unknown({ position: undefined })
    )
  }

  /** What has been asked since the last turn. */
  collect(now: number): ReadonlyArray<Input> {
    const asked = this.collecting
    this.collecting = []
    return asked.map((input) => input(now))
  }

  settle(output: Settled, leader: NodeId | undefined): void {
    this.end(output.request, (each) => each.settle(output, leader))
  }

  /** Gives up on what has waited too long. */
  expire(now: number): void {
    for (const [handle, { expiresAt }] of this.waiting) {
      if (expiresAt <= now) this.end(handle, (each) => each.expire())
    }
  }

  /** When the next one will have; infinity when none waits. */
  get expiry(): number {
    for (const { expiresAt } of this.waiting.values()) return expiresAt
    return Number.POSITIVE_INFINITY
  }

  /** Nothing will be answered any more. */
  stop(fatal: Fatal): void {
    this.stopped = fatal
    this.collect(0) // Those who have asked and were not heard yet wait like the others.
    for (const handle of this.waiting.keys()) this.end(handle, (each) => each.stop(fatal))
  }

  /** Waits for an answer to the next request; `late` is the error when there is none in time. */
  private ask<A, E>(
    request: (handle: Handle, now: number) => Input,
    exitOf: (output: Settled, leader: NodeId | undefined) => Exit.Exit<A, E | Fatal>,
    late: E
  ): Effect.Effect<A, E | Fatal> {
    return Effect.suspend(() => {
      if (this.stopped !== undefined) return Effect.fail(this.stopped)
      const answer = Deferred.makeUnsafe<A, E | Fatal>()
      const complete = (exit: Exit.Exit<A, E | Fatal>) => void Deferred.doneUnsafe(answer, exit)
      this.collecting.push((now) => {
        this.lastHandle++
        this.waiting.set(this.lastHandle, {
          expiresAt: now + this.config.requestTimeout,
          settle: (output, leader) => complete(exitOf(output, leader)),
          expire: () => complete(Exit.fail(late)),
          stop: (fatal) => complete(Exit.fail(fatal))
        })
        return request(this.lastHandle, now)
      })
      this.wake()
      return Deferred.await(answer)
    })
  }

  private end(handle: Handle, finish: (each: Waiting) => void): void {
    const each = this.waiting.get(handle)
    this.waiting.delete(handle)
    if (each !== undefined) finish(each)
  }
}
