/**
 * A client that sends what it is told to, also what no proper client would.
 */
import { Data, Effect, Schedule } from "effect"
import * as Http from "node:http"
import { connect } from "node:net"

export interface Response {
  readonly status: number
  readonly headers: Http.IncomingHttpHeaders
  readonly text: string
}

export interface Options {
  readonly body?: string | Uint8Array
  readonly headers?: Http.OutgoingHttpHeaders
}

export class ClientError extends Data.TaggedError("ClientError")<{ readonly cause: unknown }> {}

/** One request to `host:port`; the path is sent as it is. */
export const request = (at: string, method: string, path: string, { body, headers = {} }: Options = {}) =>
  Effect.callback<Response, ClientError>((resume) => {
    const [host = "", port = ""] = at.split(":")
    const outgoing = Http.request({ host, port, method, path, headers, agent: false }, (response) => {
      const chunks: Array<Buffer> = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.on("end", () => {
        const { headers, statusCode: status = 0 } = response
        resume(Effect.succeed({ status, headers, text: Buffer.concat(chunks).toString() }))
      })
    })
    outgoing.on("error", (cause) => resume(Effect.fail(new ClientError({ cause }))))
    outgoing.end(body)
    return Effect.sync(() => outgoing.destroy())
  })

/** The same, as status and JSON. */
export const ask = (at: string, method: string, path: string, body?: string | Uint8Array) =>
  Effect.map(
    request(at, method, path, body === undefined ? {} : { body }),
    ({ status, text }): readonly [number, unknown] => [status, JSON.parse(text)]
  )

/** All that comes back when these bytes are sent, until the other side hangs up. */
export const raw = (at: string, bytes: string) =>
  Effect.callback<string, ClientError>((resume) => {
    const [host = "", port = ""] = at.split(":")
    const socket = connect({ host, port: Number(port) }, () => socket.write(bytes))
    let text = ""
    socket.setEncoding("utf8")
    socket.on("data", (chunk) => {
      text += chunk
    })
    socket.on("error", (cause) => resume(Effect.fail(new ClientError({ cause }))))
    socket.on("close", () => resume(Effect.succeed(text)))
    return Effect.sync(() => socket.destroy())
  })

/** Asks again until the answer is as it should be. */
export const until = <A, E>(question: Effect.Effect<A, E>, isEnough: (answer: A) => boolean) =>
  question.pipe(
    Effect.filterOrFail(isEnough, (answer) => new ClientError({ cause: answer })),
    Effect.retry({ schedule: Schedule.spaced("20 millis").pipe(Schedule.upTo({ duration: "20 seconds" })) })
  )

/** The events of a node, as text, until there are enough of them. */
export const events = (at: string, isEnough: (text: string) => boolean) =>
  Effect.promise(async (signal) => {
    const response = await fetch(`http://${at}/events`, { signal })
    let text = ""
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString()
      if (isEnough(text)) break
    }
    return { type: response.headers.get("content-type"), text }
  })

/** Sends these bytes, and hangs up as soon as anything comes back, or at once. */
export const hangUp = (at: string, bytes: string, when: "at once" | "on an answer") =>
  Effect.callback<void, ClientError>((resume) => {
    const [host = "", port = ""] = at.split(":")
    const socket = connect({ host, port: Number(port) })
    const end = () => socket.resetAndDestroy()
    socket.on("close", () => resume(Effect.void))
    socket.on("error", (cause) => resume(Effect.fail(new ClientError({ cause }))))
    socket.write(bytes, () => when === "at once" ? end() : socket.once("data", end))
  })
