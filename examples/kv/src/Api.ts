/**
 * The store over HTTP: one function for each route, from a request to an answer.
 *
 * The functions only say what to ask of the store and how to print its reply. That a node does not lead, or has
 * stopped itself, or has too much to do, is not their business: every error ends in `Answer.ofError`.
 */
import { type Cause, Effect, Option, Result, Schema, Stream } from "effect"
import type * as Raft from "effect-raft/Raft"
import type * as Replicated from "effect-raft/Replicated"
import { Buffer } from "node:buffer"
import { Admin, type Failure as AdminFailure } from "./Admin.ts"
import * as Answer from "./Answer.ts"
import { Events } from "./Events.ts"
import { type Exchange, Intake } from "./Intake.ts"
import type * as Kv from "./Kv.ts"
import * as Leading from "./Leading.ts"
import * as Page from "./Page.ts"
import type { Peers } from "./Peers.ts"
import * as Route from "./Route.ts"
import * as Status from "./Status.ts"

/** In bytes of UTF-8. */
export const maxValueBytes = 1024 * 1024

/** JSON may need six bytes for one of a text, and the body of a CAS holds two values. */
export const maxCasBytes = 2 * 6 * maxValueBytes + 1024

/** How much may be held of bodies that are still coming in. */
const maxIntakeBytes = 128 * 1024 * 1024

const CasBody = Schema.fromJsonString(Schema.Struct({ expect: Schema.NullOr(Schema.String), value: Schema.String }))
const decodeCas = Schema.decodeUnknownOption(CasBody)

/** The parts of a node that answer requests. */
export interface Parts {
  readonly kv: Kv.Kv["Service"]
  readonly raft: Raft.Raft["Service"]
  readonly peers: Peers
}

type Failure = Replicated.RequestError | AdminFailure

type Handler = (route: Route.Route, exchange: Exchange) => Effect.Effect<Answer.Answer, Failure>

const handler = ({ kv, peers, raft }: Parts): Handler => {
  const intake = new Intake(maxIntakeBytes)
  const events = new Events(raft, peers)
  const admin = new Admin(raft, intake)

  /** Any node answers whoever says how fresh it must be; others are sent to the leader. */
  const look = <A>(
    freshness: Route.Freshness,
    query: (options: Raft.ReadOptions) => Effect.Effect<A, Replicated.RequestError>
  ) => freshness.consistency === undefined ? Effect.andThen(Leading.only(raft), query({})) : query(freshness)

  const put = (key: string) => (value: string) => Effect.map(kv.Put({ key, value }), Answer.json)
  const cas = (key: string) => (body: string) =>
    Effect.flatMap(casOf(body), (given) => Effect.map(kv.Cas({ key, ...given }), swap))

  return (route, exchange) => {
    switch (route._tag) {
      case "Get":
        return Effect.map(look(route.freshness, (options) => kv.Get({ key: route.key }, options)), found)
      case "Put":
        return Effect.flatMap(intake.read(exchange, maxValueBytes), put(route.key))
      case "Delete":
        return Effect.map(kv.Delete({ key: route.key }), Answer.json)
      case "Cas":
        return Effect.flatMap(intake.read(exchange, maxCasBytes), cas(route.key))
      case "List":
        return Effect.map(look(route.freshness, (options) => kv.List({ prefix: route.prefix }, options)), listing)
      case "Status":
        return Effect.map(raft.status, (status) => Answer.ok(Status.print(status), Answer.anyOrigin))
      case "Health":
        return Effect.map(raft.status, Status.health)
      case "Events":
        return events.watch
      case "Page":
        return Effect.succeed(Page.answer)
      case "Explain":
        return Effect.map(raft.explain(route.index), Answer.json)
      case "AddMember":
      case "Promote":
      case "Remove":
      case "Transfer":
      case "AbortTransfer":
      case "Snapshot":
        return admin.handle(route, exchange)
    }
  }
}

const found = (written: Kv.Written | null): Answer.Answer =>
  written === null ? Answer.keyNotFound : Answer.json(written)

const swap = (swap: Kv.Swap): Answer.Answer =>
  swap._tag === "Swapped" ? Answer.json({ index: swap.index }) : Answer.casMismatch(swap.actual)

const casOf = (body: string) => {
  const refuse = (answer: Answer.Answer) => Effect.fail(new Answer.Refusal({ answer }))
  const cas = Option.getOrUndefined(decodeCas(body))
  if (cas === undefined) return refuse(Answer.badRequest(`expected {"expect":string or null,"value":string}`))
  // JSON can name halves of characters that no UTF-8 can spell.
  if (!cas.value.isWellFormed() || cas.expect?.isWellFormed() === false) {
    return refuse(Answer.badRequest("a string is not well-formed Unicode"))
  }
  return Buffer.byteLength(cas.value) > maxValueBytes || Buffer.byteLength(cas.expect ?? "") > maxValueBytes
    ? refuse(Answer.tooLarge("a value", maxValueBytes))
    : Effect.succeed(cas)
}

/** About how many characters are printed at once: the text as a whole may be larger than a string can be. */
const charactersPerChunk = 64 * 1024

/**
 * A JSON object, written by hand: an object of the language would put keys that look like numbers first, and would not
 * take "__proto__" for a key.
 */
function* chunks({ entries, index }: Kv.Listing): Generator<string, void> {
  let text = `{"entries":{`
  let comma = ""
  for (const [key, value] of entries) {
    if (text.length >= charactersPerChunk) {
      yield text
      text = ""
    }
    text += `${comma}${JSON.stringify(key)}:${JSON.stringify(value)}`
    comma = ","
  }
  yield `${text}},"index":${index}}`
}

const listing = (listing: Kv.Listing): Answer.Answer => {
  const rest = chunks(listing)
  const first = rest.next().value ?? ""
  const second = rest.next()
  if (second.done === true) return Answer.ok(first)
  const body = Stream.concat(Stream.make(first, second.value), Stream.fromIterable(rest, { chunkSize: 1 }))
  return Answer.ok(body)
}

/** Answers every request, whatever it is. */
export const make = (parts: Parts): (exchange: Exchange) => Effect.Effect<Answer.Answer> => {
  const handle = handler(parts)
  const explain = (failure: Failure) =>
    Effect.map(parts.peers.all, (places) => Answer.ofError(failure, (id) => places.find((place) => place.id === id)))
  const onDefect = (cause: Cause.Cause<never>) =>
    Effect.as(Effect.logError("a request failed by a mistake in the program", cause), Answer.defect)
  return (exchange) => {
    const route = Route.parse(exchange.request.method ?? "", exchange.request.url ?? "")
    return Result.isFailure(route)
      ? Effect.succeed(route.failure)
      : handle(route.success, exchange).pipe(Effect.catch(explain), Effect.catchCause(onDefect))
  }
}
