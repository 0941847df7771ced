/**
 * Who belongs to the cluster, and who leads it, over HTTP: what an operator may ask for.
 *
 * These change the cluster for good, and whoever reaches the port may ask: like everything here they are for a network
 * that is trusted.
 */
import * as Address from "@effect-raft/transport/Address"
import { Effect, Option, Result, Schema } from "effect"
import type { Membership } from "effect-raft/engine"
import type * as Raft from "effect-raft/Raft"
import type { Fatal, MembershipError, NotLeader, TransferError, Unknown } from "effect-raft/RaftError"
import { Buffer } from "node:buffer"
import * as Answer from "./Answer.ts"
import { type Exchange, type Intake } from "./Intake.ts"
import * as Leading from "./Leading.ts"
import type * as Route from "./Route.ts"

export type Failure = NotLeader | Unknown | Fatal | MembershipError | TransferError | Answer.Refusal

/** More than two names, an address and a few words take, however they are escaped. */
const maxBodyBytes = 16 * 1024

/** Longer names cannot be sent to the other nodes. */
const maxNameBytes = 255

const isName = (name: string) => name !== "" && name.isWellFormed() && Buffer.byteLength(name) <= maxNameBytes

const Name = Schema.String.check(Schema.makeFilter((name) => isName(name)))

/** `host:port`, where others can dial. */
const isAddress = (address: string) =>
  Option.exists(Option.fromUndefinedOr(Address.parse(address)), ({ port }) => port > 0)

const decodeMember = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({
  id: Name,
  address: Schema.String.check(Schema.makeFilter((address) => isAddress(address))),
  role: Schema.Literals(["voter", "learner"]),
  metadata: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  priority: Schema.optionalKey(Schema.Natural),
  isWitness: Schema.optionalKey(Schema.Boolean)
})))

const decodeTransfer = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({ to: Name })))

const expect = <A>(found: Option.Option<A>, expected: string): Effect.Effect<A, Answer.Refusal> =>
  Effect.fromResult(
    Result.fromOption(found, () => new Answer.Refusal({ answer: Answer.badRequest(`expected ${expected}`) }))
  )

export class Admin {
  readonly #raft: Raft.Raft["Service"]
  readonly #intake: Intake

  constructor(raft: Raft.Raft["Service"], intake: Intake) {
    this.#raft = raft
    this.#intake = intake
  }

  handle(route: Route.Admin, exchange: Exchange): Effect.Effect<Answer.Answer, Failure> {
    switch (route._tag) {
      case "AddMember":
        return Effect.flatMap(this.#intake.read(exchange, maxBodyBytes), (body) => this.#add(body, route.expected))
      case "Promote":
      case "Remove":
        return this.#change({ _tag: route._tag, id: route.id }, route.expected, route.id)
      case "Transfer":
        return Effect.flatMap(this.#intake.read(exchange, maxBodyBytes), (body) => this.#transfer(body))
      case "AbortTransfer":
        return Effect.as(Effect.andThen(Leading.only(this.#raft), this.#raft.abortTransfer), Answer.json({}))
      case "Snapshot":
        return Effect.andThen(
          Leading.only(this.#raft),
          Effect.map(this.#raft.snapshot, (index) => Answer.json({ index }))
        )
    }
  }

  #add(body: string, expected: number | undefined) {
    const shape = `{"id":string,"address":"host:port","role":"voter" or "learner"}`
    return Effect.flatMap(
      expect(decodeMember(body), shape),
      ({ role, ...member }) => this.#change({ _tag: role === "voter" ? "AddVoter" : "AddLearner", member }, expected)
    )
  }

  /** `existing`: who must be a member for the change to make sense. */
  #change(change: Membership.Change, expected: number | undefined, existing?: string) {
    const { changeMembership, status } = this.#raft
    const isUnknown = Effect.map(
      status,
      ({ members }) => existing !== undefined && !members.some(({ id }) => id === existing)
    )
    return changeMembership(change, { expected }).pipe(
      Effect.map((index) => Answer.json({ index })),
      Effect.catchTag(
        "MembershipError",
        (error) =>
          Effect.flatMap(
            isUnknown,
            (unknown) =>
              unknown && error.reason === "Invalid" ? Effect.succeed(Answer.memberNotFound) : Effect.fail(error)
          )
      )
    )
  }

  #transfer(body: string) {
    return Effect.flatMap(
      expect(decodeTransfer(body), `{"to":string}`),
      ({ to }) => Effect.map(this.#raft.transfer(to), (leader) => Answer.json({ leader }))
    )
  }
}
