/**
 * HTTP between Node's server and an effect per request.
 *
 * The address is taken first and requests are answered later, once there is a node to ask: so a used port is known
 * before anything is written to a disk, and the node can tell others where it really listens. Until then, and for what
 * is no HTTP at all, there is an answer too.
 *
 * On the way out nothing new is accepted; what is under way has a moment to finish; then every connection is closed.
 */
import type { Address } from "@effect-raft/transport/Address"
import { Data, Effect, Exit, FiberSet, type Scope, Stream } from "effect"
import { Buffer } from "node:buffer"
import * as Http from "node:http"
import type { Duplex } from "node:stream"
import * as Answer from "./Answer.ts"
import type { Exchange } from "./Intake.ts"

/** The address to listen on cannot be had. */
export class ListenError extends Data.TaggedError("ListenError")<{
  readonly address: string
  readonly cause: Error
}> {
  override get message() {
    const isUsed = "code" in this.cause && this.cause.code === "EADDRINUSE"
    return isUsed ? `${this.address} is in use` : `cannot listen on ${this.address}: ${this.cause.message}`
  }
}

type Handler = (exchange: Exchange) => Effect.Effect<Answer.Answer>

export interface Listener {
  /** Where it listens: the host it was given, and the port it got. */
  readonly address: string
  /** Answers requests until the scope closes. */
  readonly serve: (handler: Handler) => Effect.Effect<void, never, Scope.Scope>
}

const limits = {
  /** Room for a key that is too long to be told so. */
  maxHeaderSize: 64 * 1024,
  /** A request must have come whole in this time, in milliseconds, its head in the other. */
  requestTimeout: 60_000,
  headersTimeout: 10_000,
  keepAliveTimeout: 30_000,
  requireHostHeader: false
}

const maxConnections = 4096

/** How long requests that are under way may take when the server stops. */
const grace = "1 second"

/** Listens on the address until the scope closes. */
export const listen = (at: Address): Effect.Effect<Listener, ListenError, Scope.Scope> =>
  Effect.map(Effect.acquireRelease(open(at), close), (server) => {
    const starting = (exchange: Exchange) => reply(exchange, Answer.busy(1000), true)
    for (const name of requestEvents) server.on(name, (request, response) => starting({ request, response }))
    server.on("clientError", (error: NodeJS.ErrnoException, socket) => explain(error, socket))
    return { address: addressOf(at, server), serve: (handler) => serve(server, handler) }
  })

/** A request that waits to be told to go on is a request; one that expects what we do not know is one, too. */
const requestEvents = ["request", "checkContinue", "checkExpectation"] as const

const open = (at: Address) =>
  Effect.callback<Http.Server, ListenError>((resume) => {
    const server = Http.createServer(limits)
    server.maxConnections = maxConnections
    server.once("error", (cause) => resume(Effect.fail(new ListenError({ address: print(at), cause }))))
    server.listen({ ...at, exclusive: true }, () => {
      // What goes wrong from here on (too many open files) passes, and must not end the process.
      server.on("error", () => {})
      resume(Effect.succeed(server))
    })
  })

const print = ({ host, port }: Address) => host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`

const addressOf = ({ host, port }: Address, server: Http.Server): string => {
  const address = server.address()
  return print({ host, port: typeof address === "object" && address !== null ? address.port : port })
}

const close = (server: Http.Server) =>
  Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
  })

const serve = Effect.fnUntraced(function*(server: Http.Server, handler: Handler) {
  const streaming = new Set<Http.ServerResponse>()
  const run = yield* FiberSet.makeRuntime<never, void, never>()
  const answer = (exchange: Exchange) =>
    Effect.flatMap(handler(exchange), (answer) => {
      if (typeof answer.body !== "string") return stream(exchange, answer, answer.body, streaming)
      reply(exchange, answer, !server.listening)
      return Effect.void
    })
  const finish = Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
    for (const response of streaming) response.destroy()
  })
  yield* Effect.addFinalizer(() => Effect.asVoid(Effect.timeoutOption(Effect.interruptible(finish), grace)))
  for (const name of requestEvents) {
    server.removeAllListeners(name)
    server.on(name, (request, response) => void run(answer({ request, response })))
  }
})

/** Ends the exchange with an answer that is complete. */
const reply = ({ response }: Exchange, { body, headers, status }: Answer.Answer, isLast: boolean): void => {
  const text = typeof body === "string" ? body : ""
  const hangUp = isLast ? { Connection: "close" } : {}
  response.writeHead(status, { ...headers, ...hangUp, "Content-Length": Buffer.byteLength(text) })
  response.end(text)
}

/** Sends the body as fast as it is made and the client takes it, until either has had enough. */
const stream = (
  { response }: Exchange,
  { headers, status }: Answer.Answer,
  body: Stream.Stream<string>,
  streaming: Set<Http.ServerResponse>
) => {
  if (response.destroyed) return Effect.void
  const gone = Effect.callback<void>((resume) => void response.once("close", () => resume(Effect.void)))
  const send = (chunk: string) =>
    Effect.callback<void>((resume) => {
      if (response.write(chunk)) resume(Effect.void)
      else response.once("drain", () => resume(Effect.void))
    })
  streaming.add(response)
  response.writeHead(status, headers)
  return Effect.onExit(Effect.raceFirst(Stream.runForEach(body, send), gone), (exit) =>
    Effect.sync(() => {
      streaming.delete(response)
      // To end it would say that this was all.
      if (Exit.isSuccess(exit)) response.end()
      else response.destroy()
    }))
}

/** Answers what could not even be read as a request. */
const explain = ({ code }: NodeJS.ErrnoException, socket: Duplex): void => {
  const { body, status } = code === "HPE_HEADER_OVERFLOW"
    ? Answer.tooLarge("the head of the request", limits.maxHeaderSize)
    : code === "ERR_HTTP_REQUEST_TIMEOUT"
    ? Answer.tooSlow
    : Answer.badRequest("this is no HTTP request")
  if (code === "ECONNRESET" || !socket.writable || typeof body !== "string") return void socket.destroy()
  const head = [
    `HTTP/1.1 ${status} ${Http.STATUS_CODES[status]}`,
    "Content-Type: application/json",
    "Connection: close"
  ]
  socket.end([...head, `Content-Length: ${Buffer.byteLength(body)}`, "", body].join("\r\n"))
  // What the client is still sending goes nowhere; a hang-up in the middle would take the answer with it.
  socket.resume()
}
