/**
 * Ports to listen on, for programs that are told theirs.
 *
 * They come from below the range that operating systems hand to outgoing connections: one of those could take a port
 * between two runs of a node that is killed and started again. A place to begin is drawn for each process, so tests that
 * run side by side do not meet; that a port is free is tried out.
 */
import { Effect } from "effect"
import { createServer } from "node:net"

const lowest = 10_240
const highest = 32_000

let next = lowest + Math.floor(Math.random() * (highest - lowest))

const isFree = (port: number): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const server = createServer()
    server.once("error", () => resume(Effect.succeed(false)))
    server.listen(port, "127.0.0.1", () => server.close(() => resume(Effect.succeed(true))))
  })

/** So many free ports, one after the other without a gap. */
export const freePorts = Effect.fnUntraced(function*(count: number) {
  while (true) {
    const first = next + count <= highest ? next : lowest
    const ports = Array.from({ length: count }, (_, place) => first + place)
    next = first + count
    const free = yield* Effect.forEach(ports, isFree)
    if (free.every((each) => each)) return ports
  }
})
