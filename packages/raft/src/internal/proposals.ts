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
import type { Accepted, Refused, Resolved, Superseded } from "../engine/Output.ts"
import type { Handle } from "../engine/State.ts"
import type { Options as Config } from "../RaftConfig.ts"
import { Busy, type Fatal, NotLeader, Unknown } from "../RaftError.ts"

/** Why a request has no answer. */
export type RequestError = NotLeader | Busy | Unknown | Fatal

type Answer = Deferred.Deferred<unknown, RequestError>

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

export interface Proposals {
  readonly propose: (payload: Uint8Array) => Effect.Effect<unknown, RequestError>
  /** What has been proposed since the last turn. */
  readonly collect: (now: number) => ReadonlyArray<Input>
  readonly payloads: (handle: Handle) => ReadonlyArray<Uint8Array>
  readonly accepted: (output: Accepted) => void
  readonly refused: (output: Refused, leader: NodeId | undefined) => void
  readonly resolved: (output: Resolved) => void
  readonly superseded: (output: Superseded, leader: NodeId | undefined) => void
  /** Hands the reply of the entry at `index` to whoever waits for it. Called in the order of the log. */
  readonly answer: (index: Index, reply: unknown) => void
  /** Gives up on what has waited too long. */
  readonly expire: (now: number) => void
  /** When the next one will have; infinity when none waits. */
  readonly expiry: () => number
  /** Nothing will be answered any more. */
  readonly stop: (fatal: Fatal) => void
}

/** The bound on the bytes of commands that wait, in terms of the tail they will be kept in. */
const share = 0.5

export const make = (config: Config, wake: () => void): Proposals => {
  const batches = new Map<Handle, Batch>()
  const resolved: Array<Resolved> = []
  let collecting: Array<Batch> = []
  let lastHandle: Handle = 0
  let open = 0
  let openBytes = 0
  let stopped: Fatal | undefined
  const maxBytes = Math.max(config.maxTailBytes * share, config.maxCommandBytes)

  const busy = () => new Busy({ retryAfter: config.heartbeatInterval })

  const complete = (batch: Batch, place: number, exit: Exit.Exit<unknown, RequestError>): void => {
    const answer = batch.answers[place]
    if (answer === undefined || Deferred.isDoneUnsafe(answer)) return
    batch.open--
    open--
    openBytes -= batch.payloads[place]?.length ?? 0
    if (batch.open === 0) batches.delete(batch.handle)
    Deferred.doneUnsafe(answer, exit)
  }

  /** Fails every command of a batch that has no answer yet. */
  const fail = (batch: Batch | undefined, errorAt: (place: number) => RequestError): void => {
    batch?.answers.forEach((_, place) => complete(batch, place, Exit.fail(errorAt(place))))
  }

  const enqueue = (payload: Uint8Array): Answer => {
    const answer: Answer = Deferred.makeUnsafe()
    let batch = collecting[collecting.length - 1]
    const isFull = batch === undefined || batch.bytes + payload.length > config.maxMessageBytes
      || batch.payloads.length >= config.maxEntriesPerMessage
    if (batch === undefined || isFull) {
      batch = { handle: 0, payloads: [], answers: [], bytes: 0, open: 0, from: 0, term: 0, expiresAt: 0 }
      collecting.push(batch)
    }
    batch.payloads.push(payload)
    batch.answers.push(answer)
    batch.bytes += payload.length
    batch.open++
    open++
    openBytes += payload.length
    return answer
  }

  return {
    propose: (payload) =>
      Effect.suspend(() => {
        if (stopped !== undefined) return Effect.fail(stopped)
        if (payload.length > config.maxCommandBytes) {
          return Effect.die(new RangeError(`a command of ${payload.length} bytes exceeds maxCommandBytes`))
        }
        if (open >= config.maxRequests || openBytes + payload.length > maxBytes) {
          return Effect.fail(busy())
        }
        const answer = enqueue(payload)
        wake()
        return Deferred.await(answer)
      }),
    collect: (now) => {
      const taken = collecting
      collecting = []
      return taken.map((batch): Input => {
        lastHandle++
        batch.handle = lastHandle
        batch.expiresAt = now + config.requestTimeout
        batches.set(lastHandle, batch)
        return { _tag: "Propose", now, batch: lastHandle, count: batch.payloads.length }
      })
    },
    payloads: (handle) => batches.get(handle)?.payloads ?? [],
    accepted: ({ batch: handle, from, term }) => {
      const batch = batches.get(handle)
      if (batch === undefined) return
      batch.from = from
      batch.term = term
    },
    refused: ({ batch, reason }, leader) =>
      fail(batches.get(batch), () => reason === "Busy" ? busy() : new NotLeader({ leader })),
    resolved: (output) => {
      if (batches.has(output.batch)) resolved.push(output)
    },
    superseded: ({ batch: handle, from, to }, leader) => {
      const batch = batches.get(handle)
      if (batch === undefined) return
      for (let index = from; index <= to; index++) {
        complete(batch, index - batch.from, Exit.fail(new NotLeader({ leader })))
      }
    },
    answer: (index, reply) => {
      const range = resolved[0]
      if (range === undefined || range.from > index) return
      const batch = batches.get(range.batch)
      if (index >= range.to) resolved.shift()
      if (batch !== undefined) complete(batch, index - batch.from, Exit.succeed(reply))
    },
    expire: (now) => {
      for (const batch of batches.values()) {
        if (batch.expiresAt > now) return
        fail(batch, (place) => new Unknown({ position: { term: batch.term, index: batch.from + place } }))
      }
    },
    expiry: () => {
      for (const batch of batches.values()) return batch.expiresAt
      return Number.POSITIVE_INFINITY
    },
    stop: (fatal) => {
      stopped = fatal
      for (const batch of [...batches.values(), ...collecting]) fail(batch, () => fatal)
      collecting = []
    }
  }
}
