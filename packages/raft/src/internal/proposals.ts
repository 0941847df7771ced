/**
 * Proposals that wait for their outcome.
 *
 * All that come between two turns of the loop go to the engine as one batch. A batch keeps its handle until
 * each of its commands is answered: applied, refused, superseded, or not decided in time. A caller that gave up
 * is not missed: its command takes its course.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Input } from "../engine/Input.ts"
import type { Index, NodeId, Term } from "../engine/LogPosition.ts"
import type { Accepted, Indeterminate, Refused, Resolved, Superseded } from "../engine/Output.ts"
import type { Handle } from "../engine/State.ts"
import type { Options as Config } from "../RaftConfig.ts"
import { Busy, type Fatal, NotLeader, Unknown } from "../RaftError.ts"

/** Why a request has no answer. */
export type RequestError = NotLeader | Busy | Unknown | Fatal

type Answer = Deferred.Deferred<unknown, RequestError>

/** Commands that go through the log together. */
interface Batch {
  handle: Handle
  readonly payloads: Array<Uint8Array>
  readonly answers: Array<Answer>
  bytes: number
  /** How many are not answered yet. */
  open: number
  from: Index
  term: Term
  expiresAt: number
}

const emptyBatch = (): Batch => ({
  handle: 0,
  payloads: [],
  answers: [],
  bytes: 0,
  open: 0,
  from: 0,
  term: 0,
  expiresAt: 0
})

export class Proposals {
  private readonly config: Config
  private readonly wake: () => void
  private readonly batches = new Map<Handle, Batch>()
  /** Committed and not yet applied, in the order of the log. */
  private readonly resolutions: Array<Resolved> = []
  private collecting: Array<Batch> = []
  private lastHandle: Handle = 0
  private open = 0
  private openBytes = 0
  private stopped: Fatal | undefined

  constructor(config: Config, wake: () => void) {
    this.config = config
    this.wake = wake
  }

  /** Waits for what applying the command answers. */
  propose(payload: Uint8Array): Effect.Effect<unknown, RequestError> {
    return Effect.suspend(() => {
      if (this.stopped !== undefined) return Effect.fail(this.stopped)
      if (payload.length > this.config.maxCommandBytes) {
        return Effect.die(new RangeError(`a command of ${payload.length} bytes exceeds maxCommandBytes`))
      }
      const isFull = this.open >= this.config.maxRequests
        || (this.open > 0 && this.openBytes + payload.length > this.config.maxRequestBytes)
      if (isFull) return Effect.fail(this.busy())
      const answer = this.enqueue(payload)
      this.wake()
      return Deferred.await(answer)
    })
  }

  /** What has been proposed since the last turn. */
  collect(now: number): ReadonlyArray<Input> {
    const taken = this.collecting
    this.collecting = []
    return taken.map((batch): Input => {
      this.lastHandle++
      batch.handle = this.lastHandle
      batch.expiresAt = now + this.config.requestTimeout
      this.batches.set(batch.handle, batch)
      const { bytes, handle, payloads } = batch
      return { _tag: "Propose", now, batch: handle, count: payloads.length, bytes: bytes + payloads.length }
    })
  }

  payloads(handle: Handle): ReadonlyArray<Uint8Array> {
    return this.batches.get(handle)?.payloads ?? []
  }

  accepted({ batch: handle, from, term }: Accepted): void {
    const batch = this.batches.get(handle)
    if (batch === undefined) return
    batch.from = from
    batch.term = term
  }

  refused({ batch, reason }: Refused, leader: NodeId | undefined): void {
    this.fail(this.batches.get(batch), () => reason === "Busy" ? this.busy() : new NotLeader({ leader }))
  }

  resolved(output: Resolved): void {
    if (this.batches.has(output.batch)) this.resolutions.push(output)
  }

  superseded({ batch: handle, from, to }: Superseded, leader: NodeId | undefined): void {
    const batch = this.batches.get(handle)
    if (batch === undefined) return
    for (let index = from; index <= to; index++) {
      this.complete(batch, index - batch.from, Exit.fail(new NotLeader({ leader })))
    }
  }

  /** A snapshot has taken their place: whether they are in it, nobody can tell any more. */
  indeterminate({ batch: handle, from, to }: Indeterminate): void {
    this.forget(this.batches.get(handle), from, to)
  }

  /** The state machine got past `index` by a snapshot: what was committed there has happened, and its replies are lost. */
  overtaken(index: Index): void {
    for (let range = this.resolutions[0]; range !== undefined && range.from <= index; range = this.resolutions[0]) {
      this.resolutions.shift()
      if (range.to > index) this.resolutions.unshift({ ...range, from: index + 1 })
      this.forget(this.batches.get(range.batch), range.from, Math.min(range.to, index))
    }
  }

  /** Hands the reply of the entry at `index` to whoever waits for it. Called in the order of the log. */
  answer(index: Index, reply: unknown): void {
    const range = this.resolutions[0]
    if (range === undefined || range.from > index) return
    const batch = this.batches.get(range.batch)
    if (index >= range.to) this.resolutions.shift()
    if (batch !== undefined) this.complete(batch, index - batch.from, Exit.succeed(reply))
  }

  /** Gives up on what has waited too long. */
  expire(now: number): void {
    for (const batch of this.batches.values()) {
      if (batch.expiresAt > now) return
      this.fail(batch, (place) => new Unknown({ position: { term: batch.term, index: batch.from + place } }))
    }
  }

  /** When the next batch will have waited too long; infinity when none waits. */
  get expiry(): number {
    for (const batch of this.batches.values()) return batch.expiresAt
    return Number.POSITIVE_INFINITY
  }

  /** Nothing will be answered any more. */
  stop(fatal: Fatal): void {
    this.stopped = fatal
    for (const batch of [...this.batches.values(), ...this.collecting]) this.fail(batch, () => fatal)
    this.collecting = []
  }

  private busy(): Busy {
    return new Busy({ retryAfter: this.config.heartbeatInterval })
  }

  private enqueue(payload: Uint8Array): Answer {
    const { maxEntriesPerMessage, maxMessageBytes } = this.config
    let batch = this.collecting.at(-1)
    const isFull = batch === undefined || batch.payloads.length >= maxEntriesPerMessage
      || batch.bytes + payload.length > maxMessageBytes
    if (batch === undefined || isFull) {
      batch = emptyBatch()
      this.collecting.push(batch)
    }
    const answer: Answer = Deferred.makeUnsafe()
    batch.payloads.push(payload)
    batch.answers.push(answer)
    batch.bytes += payload.length
    batch.open++
    this.open++
    this.openBytes += payload.length
    return answer
  }

  private complete(batch: Batch, place: number, exit: Exit.Exit<unknown, RequestError>): void {
    const answer = batch.answers[place]
    if (answer === undefined || Deferred.isDoneUnsafe(answer)) return
    batch.open--
    this.open--
    this.openBytes -= batch.payloads[place]?.length ?? 0
    if (batch.open === 0) this.batches.delete(batch.handle)
    Deferred.doneUnsafe(answer, exit)
  }

  private forget(batch: Batch | undefined, from: Index, to: Index): void {
    if (batch === undefined) return
    const { from: first, term } = batch
    for (let index = from; index <= to; index++) {
      this.complete(batch, index - first, Exit.fail(new Unknown({ position: { term, index } })))
    }
  }

  /** Fails every command of a batch that has no answer yet. */
  private fail(batch: Batch | undefined, errorAt: (place: number) => RequestError): void {
    batch?.answers.forEach((_, place) => this.complete(batch, place, Exit.fail(errorAt(place))))
  }
}
