/**
 * The listening side of TCP, with its ways to fail told apart.
 *
 * @since 0.1.0
 */
import { AddressInUse, AddressInvalid, TransportError } from "effect-raft/Transport"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import { parse } from "./Address.ts"

/**
 * A server that does not listen yet. The scope closes once its address is free and all that it accepted is gone,
 * which is up to those who hold it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeServer = (maxConnections: number): Effect.Effect<Net.Server, never, Scope.Scope> => {
  const acquire = Effect.sync(() => {
    const server = Net.createServer({ noDelay: true })
    server.maxConnections = maxConnections
    return server
  })
  return Effect.acquireRelease(acquire, (server) =>
    Effect.callback<void>((resume) => {
      server.close(() => resume(Effect.void))
    }))
}

/**
 * Listens until the scope closes; from then on nothing is accepted.
 *
 * @category constructors
 * @since 0.1.0
 */
export const listen = (server: Net.Server, address: string): Effect.Effect<void, TransportError, Scope.Scope> => {
  const place = parse(address)
  if (place === undefined) return Effect.fail(invalid(address, "it is no host:port"))
  const start = Effect.suspend(() => {
    const started = Deferred.makeUnsafe<void, TransportError>()
    const end = (exit: Exit.Exit<void, TransportError>) => void Deferred.doneUnsafe(started, exit)
    // Stays for good: what goes wrong later (too many open files) passes, and must not end the process.
    server.on("error", (error: NodeJS.ErrnoException) => end(Exit.fail(reasonOf(address, error))))
    server.listen({ ...place, exclusive: true }, () => end(Exit.void))
    return Deferred.await(started)
  })
  return Effect.acquireRelease(start, () => Effect.sync(() => void server.close()))
}

const reasonOf = (address: string, { code, message }: NodeJS.ErrnoException): TransportError =>
  code === "EADDRINUSE" ? new TransportError({ reason: new AddressInUse({ address }) }) : invalid(address, message)

const invalid = (address: string, detail: string): TransportError =>
  new TransportError({ reason: new AddressInvalid({ address, detail }) })
