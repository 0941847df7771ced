/**
 * A node's place in Maelstrom's network: lines come in, lines go out.
 *
 *     a line ──► hear ──┬─ answers one of ours ──► whoever called
 *                       ├─ somebody listens    ──► the listener for its kind
 *                       └─ neither             ──► an error to whoever expects an answer, or nothing
 *
 * The network loses and delays, and never repeats: what was sent once is heard at most once. A line that makes no sense is
 * answered with `malformedRequest` if it has a number to answer to, and is otherwise complained of; it never stops the node.
 */
import { Context, Data, Deferred, type Duration, Effect, type Scope } from "effect"
import * as Fault from "./Fault.ts"
import * as Message from "./Message.ts"
import * as Request from "./Request.ts"

/** It was not sent: too much waits to be written, or for an answer. */
export class NotSent extends Data.TaggedError("NotSent") {}

/** It was sent, and nothing came back in time. It may have been heard, or may be yet. */
export class NoAnswer extends Data.TaggedError("NoAnswer") {}

export type Listener = (message: Message.Message) => void

export class Network extends Context.Service<Network, {
  /** Takes a line that came in. Never throws, whatever it says. */
  readonly hear: (line: string) => void
  /** From now on messages to anybody else are not heard. */
  readonly claim: (name: string) => void
  /** Messages of that kind go to the listener until the scope closes. One listener for each kind. */
  readonly listen: (type: string, listener: Listener) => Effect.Effect<void, never, Scope.Scope>
  /** Sends, or not: `false` says that it was certainly not sent. `true` promises nothing. */
  readonly send: (message: Message.Message) => boolean
  /** Answers a message, if it expects an answer. */
  readonly reply: (to: Message.Message, body: Message.Body) => void
  /** Sends under a number of its own and waits for the answer. */
  readonly call: (message: Message.Message, patience: Duration.Input) => Effect.Effect<
    Message.Body,
    NotSent | NoAnswer
  >
}>()("example/maelstrom/Network") {}

export interface Options {
  /** Writes one line, or says that there is no room for it. */
  readonly write: (line: string) => boolean
  /** Tells the operator, in one line. */
  readonly complain: (sentence: string) => void
}

/** How many calls may wait for an answer. */
const maxCalls = 4096

interface Call {
  readonly to: string
  readonly answered: Deferred.Deferred<Message.Body>
}

/** What will be listened to once the node is up, and so is not unsupported before. */
const expected: ReadonlyArray<string> = ["init", ...Request.types]

export const make = ({ complain, write }: Options): Network["Service"] => {
  const listeners = new Map<string, Listener>()
  const calls = new Map<number, Call>()
  let name: string | undefined
  let lastId = 0

  const send = (message: Message.Message): boolean => write(Message.print(message))

  const reply = (to: Message.Message, body: Message.Body): void => {
    const id = Message.idOf(to.body)
    if (id !== undefined) send({ src: to.dest, dest: to.src, body: { ...body, in_reply_to: id } })
  }

  const settle = (message: Message.Message, id: number): void => {
    const call = calls.get(id)
    // Whoever waited may have given up, and nobody may answer in another's place.
    if (call !== undefined && call.to === message.src) Deferred.doneUnsafe(call.answered, Effect.succeed(message.body))
  }

  const hear = (line: string): void => {
    const message = Message.parse(line)
    if (message === undefined) return complain(`this is no message: ${line.slice(0, 200)}`)
    if (name !== undefined && message.dest !== name) return complain(`${name} got a message for ${message.dest}`)
    const header = Message.headerOf(message.body)
    if (header === undefined) {
      return reply(message, Fault.make("malformedRequest", "a body has a type, and whole numbers"))
    }
    if (header.in_reply_to !== undefined) return settle(message, header.in_reply_to)
    const listener = listeners.get(header.type)
    if (listener !== undefined) return listener(message)
    const code = expected.includes(header.type) ? "temporarilyUnavailable" : "notSupported"
    reply(message, Fault.make(code, `nobody listens to ${header.type} here`))
  }

  const call: Network["Service"]["call"] = Effect.fnUntraced(function*({ body, dest, src }, patience) {
    const id = ++lastId
    const answered = Deferred.makeUnsafe<Message.Body>()
    const isSent = calls.size < maxCalls && send({ src, dest, body: { ...body, msg_id: id } })
    if (!isSent) return yield* new NotSent()
    calls.set(id, { to: dest, answered })
    return yield* Deferred.await(answered).pipe(
      Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.fail(new NoAnswer()) }),
      Effect.ensuring(Effect.sync(() => calls.delete(id)))
    )
  })

  return Network.of({
    hear,
    claim: (claimed) => {
      name = claimed
    },
    listen: (type, listener) =>
      Effect.acquireRelease(
        Effect.sync(() => void listeners.set(type, listener)),
        () => Effect.sync(() => void listeners.delete(type))
      ),
    send,
    reply,
    call
  })
}
