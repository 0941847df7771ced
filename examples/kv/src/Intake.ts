/**
 * Bodies of requests, read within bounds: for each, and for all that are being read at once.
 *
 * A body that announces too much is refused before any of it is read, one that turns out too large as soon as it does.
 * The rest of it is let pass unseen, for a client that is still sending would not hear an answer and a hang-up.
 */
import { Effect } from "effect"
import { Buffer, isUtf8 } from "node:buffer"
import type { IncomingMessage, ServerResponse } from "node:http"
import * as Answer from "./Answer.ts"

/** A request with the response that belongs to it. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

const refuse = (answer: Answer.Answer) => new Answer.Refusal({ answer })

export class Intake {
  readonly #maxBytes: number
  #bytes = 0

  /** `maxBytes`: how much may be held at once of bodies that are not complete. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The body as text. At most `maxBytes` long, and UTF-8. */
  read({ request, response }: Exchange, maxBytes: number): Effect.Effect<string, Answer.Refusal> {
    return Effect.callback((resume) => {
      if (Number(request.headers["content-length"] ?? 0) > maxBytes) {
        return resume(Effect.fail(refuse(Answer.tooLarge("the body", maxBytes))))
      }
      if (request.headers.expect !== undefined) response.writeContinue()
      const chunks: Array<Buffer> = []
      let size = 0
      const end = (result: Effect.Effect<string, Answer.Refusal>) => {
        this.#bytes -= size
        // What still comes flows on, to nobody.
        request.off("data", onData).off("end", onEnd).off("close", onClose)
        resume(result)
      }
      const onData = (chunk: Buffer) => {
        size += chunk.length
        this.#bytes += chunk.length
        if (size > maxBytes) return end(Effect.fail(refuse(Answer.tooLarge("the body", maxBytes))))
        if (this.#bytes > this.#maxBytes) return end(Effect.fail(refuse(Answer.busy(0))))
        chunks.push(chunk)
      }
      const onEnd = () => end(decode(Buffer.concat(chunks)))
      // Nobody is left to hear this.
      const onClose = () => end(Effect.fail(refuse(Answer.badRequest("the connection was closed"))))
      request.on("data", onData).on("end", onEnd).on("close", onClose)
    })
  }
}

const decode = (body: Buffer): Effect.Effect<string, Answer.Refusal> =>
  isUtf8(body)
    ? Effect.succeed(body.toString("utf8"))
    : Effect.fail(refuse(Answer.badRequest("the body is not UTF-8")))
