/**
 * What operators wait for: changes of membership, and transfers of leadership.
 *
 * There is one of each at a time in the engine, and few in a day, so nothing here is batched. Everyone who asks is
 * answered once.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Input } from "../engine/Input.ts"
import type { Index, NodeId } from "../engine/LogPosition.ts"
import type { Change } from "../engine/Membership.ts"
import type { ChangeDone, ChangeRefused, ChangeUnknown, TransferDone, TransferFailed } from "../engine/Output.ts"
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

type Settled = ChangeDone | ChangeRefused | ChangeUnknown | TransferDone | TransferFailed

export interface Operations {
  readonly change: (change: Change, expected: Index | undefined) => Effect.Effect<Index, ChangeError>
  readonly transfer: (to: NodeId) => Effect.Effect<NodeId, HandoverError>
  /** What has been asked since the last turn. */
  readonly collect: (now: number) => ReadonlyArray<Input>
  readonly settle: (output: Settled, leader: NodeId | undefined) => void
  readonly expire: (now: number) => void
  readonly expiry: () => number
  readonly stop: (fatal: Fatal) => void
}

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

/** They expire in the order in which they were asked. */
const firstExpiry = (waiting: ReadonlyMap<Handle, Waiting>): number => {
  for (const { expiresAt } of waiting.values()) return expiresAt
  return Number.POSITIVE_INFINITY
}

export const make = (config: Config, wake: () => void): Operations => {
  const waiting = new Map<Handle, Waiting>()
  let collecting: Array<(now: number) => Input> = []
  let lastHandle: Handle = 0
  let stopped: Fatal | undefined

  /** Waits for an answer to the next request. */
  const ask = <A, E>(
    request: (handle: Handle, now: number) => Input,
    exitOf: (output: Settled, leader: NodeId | undefined) => Exit.Exit<A, E | Fatal>,
    late: E
  ): Effect.Effect<A, E | Fatal> =>
    Effect.suspend(() => {
      if (stopped !== undefined) return Effect.fail(stopped)
      const answer = Deferred.makeUnsafe<A, E | Fatal>()
      const complete = (exit: Exit.Exit<A, E | Fatal>) => void Deferred.doneUnsafe(answer, exit)
      collecting.push((now) => {
        lastHandle++
        waiting.set(lastHandle, {
          expiresAt: now + config.requestTimeout,
          settle: (output, leader) => complete(exitOf(output, leader)),
          expire: () => complete(Exit.fail(late)),
          stop: (fatal) => complete(Exit.fail(fatal))
        })
        return request(lastHandle, now)
      })
      wake()
      return Deferred.await(answer)
    })

  const collect = (now: number): ReadonlyArray<Input> => {
    const asked = collecting
    collecting = []
    return asked.map((input) => input(now))
  }

  const end = (handle: Handle, finish: (each: Waiting) => void): void => {
    const each = waiting.get(handle)
    waiting.delete(handle)
    if (each !== undefined) finish(each)
  }

  return {
    change: (change, expected) =>
      ask(
        (request, now) => ({ _tag: "ChangeMembership", now, request, change, expected }),
        changeExit,
        new Unknown({ position: undefined })
      ),
    transfer: (to) =>
      ask(
        (request, now) => ({ _tag: "TransferLeadership", now, request, to, deadline: now + config.requestTimeout }),
        transferExit,
        new TransferError({ reason: "Timeout" })
      ),
    collect,
    settle: (output, leader) => end(output.request, (each) => each.settle(output, leader)),
    expire: (now) => {
      for (const [handle, { expiresAt }] of waiting) if (expiresAt <= now) end(handle, (each) => each.expire())
    },
    expiry: () => firstExpiry(waiting),
    stop: (fatal) => {
      stopped = fatal
      collect(0) // Those who have asked and were not heard yet wait like the others.
      for (const handle of waiting.keys()) end(handle, (each) => each.stop(fatal))
    }
  }
}
