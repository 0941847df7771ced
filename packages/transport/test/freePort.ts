/** Ports that nobody listens on: the operating system is asked, and answers with another one each time. */
import { Effect } from "effect"
import * as Net from "node:net"

/** A port of 127.0.0.1 that was free a moment ago. */
export const freePort: Effect.Effect<number> = Effect.callback<number>((resume) => {
  const server = Net.createServer()
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = address !== null && typeof address === "object" ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})
