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

/** How fresh a read must be; see `Raft.Consistency`. */
export type Consistency = "linearizable" | "lease" | "stale"

/** See `Raft.ReadOptions`. */
export interface ReadOptions {
  readonly consistency: Consistency
  /** For a stale read: how old, in milliseconds, what this node has applied may be. */
  readonly maxAge: number
}

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

/** Questions that were asked of the engine together. */
interface Round {
  readonly questions: ReadonlyArray<Question>
  readonly expiresAt: number
}

const isOpen = ({ answer }: Question): boolean => !Deferred.isDoneUnsafe(answer)

export class Reads {
  private readonly config: Config
  private readonly wake: () => void
  private readonly onReady: (ready: Ready) => void
  /** Why this node cannot answer from what it has, if it cannot. */
  private readonly unfit: (maxAge: number) => NotLeader | undefined
  /** Rounds stay until all their questions are answered or it is too late, wherever they are by then. */
  private readonly rounds = new Map<Handle, Round>()
  private collecting: Array<Question> = []
  private collectingByLease: Array<Question> = []
  private lastHandle: Handle = 0
  private open = 0
  private stopped: Fatal | undefined

  constructor(
    config: Config,
    wake: () => void,
    onReady: (ready: Ready) => void,
    unfit: (maxAge: number) => NotLeader | undefined
  ) {
    this.config = config
    this.wake = wake
    this.onReady = onReady
    this.unfit = unfit
  }

  /** Asks this node's state machine, as it is once it is far enough, or as it is now. */
  read(query: unknown, { consistency, maxAge }: ReadOptions): Effect.Effect<unknown, RequestError> {
    return Effect.suspend(() => {
      if (this.stopped !== undefined) return Effect.fail(this.stopped)
      const { heartbeatInterval, maxRequests } = this.config
      if (this.open >= maxRequests) return Effect.fail(new Busy({ retryAfter: heartbeatInterval }))
      const unfit = consistency === "stale" ? this.unfit(maxAge) : undefined
      if (unfit !== undefined) return Effect.fail(unfit)
      const question: Question = { query, answer: Deferred.makeUnsafe() }
      this.open++
      if (consistency === "stale") {
        this.onReady({ index: 0, validUntil: Number.POSITIVE_INFINITY, questions: [question] })
      } else this.enqueue(question, consistency)
      return Deferred.await(question.answer)
    })
  }

  /** What has been asked since the last turn: one input for all who want the same. */
  collect(now: number): ReadonlyArray<Input> {
    const asked = this.collecting
    const askedByLease = this.collectingByLease
    if (asked.length > 0) this.collecting = []
    if (askedByLease.length > 0) this.collectingByLease = []
    return [...this.begin(asked, false, now), ...this.begin(askedByLease, true, now)]
  }

  ready({ index, read, validUntil }: ReadReady): void {
    const round = this.rounds.get(read)
    if (round !== undefined) this.onReady({ index, validUntil, questions: round.questions })
  }

  failed({ read }: ReadFailed, leader: NodeId | undefined): void {
    const round = this.rounds.get(read)
    this.rounds.delete(read)
    if (round !== undefined) this.fail(round.questions, new NotLeader({ leader }))
  }

  /** Asks again, without a lease: that had ended when the answer was there. */
  again(question: Question): void {
    if (isOpen(question)) this.enqueue(question, "linearizable")
  }

  /** Answers a question, once. */
  complete(question: Question, exit: Exit.Exit<unknown, RequestError>): void {
    if (!isOpen(question)) return
    this.open--
    Deferred.doneUnsafe(question.answer, exit)
  }

  /** Gives up on what has waited too long. */
  expire(now: number): void {
    for (const [handle, { expiresAt, questions }] of this.rounds) {
      if (questions.some(isOpen) && expiresAt > now) return
      this.rounds.delete(handle)
      this.fail(questions, new Unknown({ position: undefined }))
    }
  }

  /** When the next round will have waited too long; infinity when none waits. */
  get expiry(): number {
    for (const { expiresAt } of this.rounds.values()) return expiresAt
    return Number.POSITIVE_INFINITY
  }

  /** Nothing will be answered any more. */
  stop(fatal: Fatal): void {
    this.stopped = fatal
    for (const { questions } of this.rounds.values()) this.fail(questions, fatal)
    this.fail([...this.collecting, ...this.collectingByLease], fatal)
    this.rounds.clear()
    this.collecting = []
    this.collectingByLease = []
  }

  private enqueue(question: Question, consistency: "linearizable" | "lease"): void {
    const queue = consistency === "lease" ? this.collectingByLease : this.collecting
    queue.push(question)
    this.wake()
  }

  private begin(questions: ReadonlyArray<Question>, isLease: boolean, now: number): ReadonlyArray<Input> {
    if (questions.length === 0) return []
    this.lastHandle++
    this.rounds.set(this.lastHandle, { questions, expiresAt: now + this.config.requestTimeout })
    return [{ _tag: "Read", now, read: this.lastHandle, isLease }]
  }

  private fail(questions: ReadonlyArray<Question>, error: RequestError): void {
    for (const question of questions) this.complete(question, Exit.fail(error))
  }
}
