/**
 * Answers what clients ask: here if this node leads, and otherwise by asking the leader once.
 *
 * Clients speak to any node, and have no way to be sent elsewhere. So a node that does not lead passes a request on, under a
 * number of its own, and passes the answer back. Once only: what came from another node is not passed on again. If the
 * answer stays away, nobody knows what became of the request, and that is what the client is told.
 */
import { Effect, FiberSet } from "effect"
import type { RequestError } from "effect-raft/Replicated"
import * as Fault from "./Fault.ts"
import type { Kv } from "./Kv.ts"
import type { Message } from "./Message.ts"
import type { Network } from "./Network.ts"
import * as Request from "./Request.ts"

export interface Options {
  readonly network: Network["Service"]
  readonly kv: Kv["Service"]
  readonly self: string
  /** All nodes of the cluster, this one included. */
  readonly nodes: ReadonlyArray<string>
  /** How long to wait for the leader's answer, in milliseconds. */
  readonly patience: number
}

/** How many requests may be under way; beyond that they are refused. */
const maxUnderWay = 1024

/** Serves until the scope closes. */
export const serve = Effect.fnUntraced(function*(options: Options) {
  const { network } = options
  const run = yield* FiberSet.makeRuntime<never, void, never>()
  let underWay = 0
  const onRequest = (message: Message) => {
    const request = Request.decode(message.body)
    if (request === undefined) {
      return network.reply(message, Fault.make("malformedRequest", "the fields are not those of the request"))
    }
    if (underWay >= maxUnderWay) {
      return network.reply(message, Fault.make("temporarilyUnavailable", "too much is under way"))
    }
    underWay++
    const done = () => {
      underWay--
    }
    run(
      answer(options, request, message.src).pipe(
        Effect.map((reply) => network.reply(message, Request.encodeAnswer(reply))),
        Effect.ensuring(Effect.sync(done))
      )
    )
  }
  for (const type of Request.types) yield* network.listen(type, onRequest)
})

const answer = (options: Options, request: Request.Request, from: string): Effect.Effect<Request.Reply> =>
  ask(options.kv, request).pipe(
    Effect.catch((error) => {
      const leader = leaderElsewhere(options, error, from)
      return leader === undefined ? Effect.succeed(Fault.ofError(error)) : passOn(options, request, leader)
    }),
    Effect.catchDefect((defect) =>
      Effect.as(
        Effect.logError("a request ended in a defect", defect),
        Fault.make("crash", "a mistake in the program")
      )
    )
  )

const ask = (kv: Kv["Service"], request: Request.Request): Effect.Effect<Request.Reply, RequestError> => {
  switch (request.type) {
    case "read":
      return Effect.map(kv.Read(request), (value) => value === null ? missing : { type: "read_ok", value })
    case "write":
      return Effect.as(kv.Write(request), { type: "write_ok" })
    case "cas":
      return Effect.map(kv.Cas(request), (swap) => {
        switch (swap._tag) {
          case "Swapped":
            return { type: "cas_ok" }
          case "Missing":
            return missing
          case "Mismatch":
            return Fault.make("preconditionFailed", `the value is ${swap.actual}`)
        }
      })
  }
}

const missing = Fault.make("keyDoesNotExist", "there is no such key")

/** Whom to ask instead, if anyone: what another node has passed on goes no further. */
const leaderElsewhere = ({ nodes, self }: Options, error: RequestError, from: string): string | undefined => {
  if (error._tag !== "NotLeader" || error.leader === self || nodes.includes(from)) return undefined
  return error.leader
}

const passOn = (
  { network, patience, self }: Options,
  request: Request.Request,
  leader: string
): Effect.Effect<Request.Reply> =>
  network.call({ src: self, dest: leader, body: Request.encode(request) }, patience).pipe(
    Effect.map((body) =>
      Request.decodeReplyTo(request, body) ?? Fault.make("crash", `${leader} answered something else`)
    ),
    Effect.catchTags({
      NotSent: () => Effect.succeed(Fault.make("temporarilyUnavailable", "there is no room for the request")),
      NoAnswer: () => Effect.succeed(Fault.make("timeout", `${leader} did not answer in time`))
    })
  )
