/**
 * Reads that wait to be allowed, and then for the state machine to be far enough.
 *
 * All that come between two turns of the loop share one round of asking the others. Reading has no effect,
 * so every error here says the same: no answer.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Input } from "../engine/Input.ts"
import type { Index, NodeId } from "../engine/LogPosition.ts"
import type { ReadFailed, ReadReady } from "../engine/Output.ts"
import type { Handle } from "../engine/State.ts"
import type { Options as Config } from "../RaftConfig.ts"
import { Busy, type Fatal, NotLeader, Unknown } from "../RaftError.ts"
import type { RequestError } from "./proposals.ts"

/** One caller's question. */
export interface Question {
  readonly query: unknown
  readonly answer: Deferred.Deferred<unknown, RequestError>
}

/** Questions that may be answered once `index` is applied, and until `validUntil`. */
export interface Ready {
  readonly index: Index
  readonly validUntil: number
  readonly questions: ReadonlyArray<Question>
}

export interface Reads {
  /** Asks the leader's state machine, or this node's own as it is now. */
  readonly read: (query: unknown, consistency: Consistency) => Effect.Effect<unknown, RequestError>
  /** What has been asked since the last turn. */
  readonly collect: (now: number) => ReadonlyArray<Input>
  readonly ready: (output: ReadReady) => void
  readonly failed: (output: ReadFailed, leader: NodeId | undefined) => void
  /** Asks again, without a lease: that had ended when the answer was there. */
  readonly again: (question: Question) => void
  /** Answers a question, once. */
  readonly complete: (question: Question, exit: Exit.Exit<unknown, RequestError>) => void
  readonly expire: (now: number) => void
  readonly expiry: () => number
  readonly stop: (fatal: Fatal) => void
}

/** How fresh a read must be; see `Raft.Consistency`. */
export type Consistency = "linearizable" | "lease" | "stale"

interface Round {
  readonly questions: ReadonlyArray<Question>
  readonly expiresAt: number
}

export const make = (config: Config, wake: () => void, onReady: (ready: Ready) => void): Reads => {
  // Rounds stay until all their questions are answered or it is too late, wherever they are by then.
  const rounds = new Map<Handle, Round>()
  let collecting: Array<Question> = []
  let collectingByLease: Array<Question> = []
  let lastHandle: Handle = 0
  let open = 0
  let stopped: Fatal | undefined

  const complete = (question: Question, exit: Exit.Exit<unknown, RequestError>): void => {
    if (Deferred.isDoneUnsafe(question.answer)) return
    open--
    Deferred.doneUnsafe(question.answer, exit)
  }

  const fail = (questions: ReadonlyArray<Question>, error: RequestError): void =>
    questions.forEach((question) => complete(question, Exit.fail(error)))

  const ask = (query: unknown, consistency: Consistency): Effect.Effect<unknown, RequestError> => {
    if (stopped !== undefined) return Effect.fail(stopped)
    if (open >= config.maxRequests) return Effect.fail(new Busy({ retryAfter: config.heartbeatInterval }))
    const question: Question = { query, answer: Deferred.makeUnsafe() }
    open++
    if (consistency === "stale") {
      onReady({ index: 0, validUntil: Number.POSITIVE_INFINITY, questions: [question] })
    } else {
      ;(consistency === "lease" ? collectingByLease : collecting).push(question)
      wake()
    }
    return Deferred.await(question.answer)
  }

  /** One round for all who want the same. */
  const begin = (questions: ReadonlyArray<Question>, isLease: boolean, now: number): ReadonlyArray<Input> => {
    if (questions.length === 0) return []
    lastHandle++
    rounds.set(lastHandle, { questions, expiresAt: now + config.requestTimeout })
    return [{ _tag: "Read", now, read: lastHandle, isLease }]
  }

  return {
    read: (query, consistency) => Effect.suspend(() => ask(query, consistency)),
    collect: (now) => {
      const inputs = [...begin(collecting, false, now), ...begin(collectingByLease, true, now)]
      if (inputs.length > 0) {
        collecting = []
        collectingByLease = []
      }
      return inputs
    },
    ready: ({ index, read, validUntil }) => {
      const round = rounds.get(read)
      if (round !== undefined) onReady({ index, validUntil, questions: round.questions })
    },
    again: (question) => {
      if (Deferred.isDoneUnsafe(question.answer)) return
      collecting.push(question)
      wake()
    },
    failed: ({ read }, leader) => {
      const round = rounds.get(read)
      rounds.delete(read)
      if (round !== undefined) fail(round.questions, new NotLeader({ leader }))
    },
    complete,
    expire: (now) => {
      for (const [handle, { expiresAt, questions }] of rounds) {
        const isOpen = questions.some((question) => !Deferred.isDoneUnsafe(question.answer))
        if (isOpen && expiresAt > now) return
        rounds.delete(handle)
        fail(questions, new Unknown({ position: undefined }))
      }
    },
    expiry: () => {
      for (const { expiresAt } of rounds.values()) return expiresAt
      return Number.POSITIVE_INFINITY
    },
    stop: (fatal) => {
      stopped = fatal
      for (const { questions } of rounds.values()) fail(questions, fatal)
      fail([...collecting, ...collectingByLease], fatal)
      rounds.clear()
      collecting = []
      collectingByLease = []
    }
  }
}
