/** One node of a cluster whose other members are whatever a test makes of them. */
import { eventually } from "@effect-raft/testing/Stage"
import type { Hello } from "@effect-raft/transport/Handshake"
import * as TcpTransport from "@effect-raft/transport/TcpTransport"
import { Effect, References } from "effect"
import { Membership } from "effect-raft/engine"
import * as Entries from "effect-raft/Entries"
import type { Envelope, Self } from "effect-raft/Transport"
import { freePort } from "./freePort.ts"
import { connect } from "./RawPeer.ts"

/** What is logged is looked at where it matters. */
export const quiet = Effect.provideService(References.MinimumLogLevel, "None")

/** The node `m`, alone; others dial it by its port. */
export const alone = Effect.fnUntraced(
  function*(options: Partial<TcpTransport.Options> = {}, self: Partial<Self> = {}) {
    const port = yield* freePort
    const heard: Array<Envelope> = []
    const transport = yield* TcpTransport.make({
      listen: `127.0.0.1:${port}`,
      backoffMin: 5,
      backoffMax: 20,
      ...options
    })
    const receive = (envelope: Envelope) => void heard.push(envelope)
    const connection = yield* transport.join(
      { cluster: "test", node: "m", incarnation: 1, attributes: {}, ...self },
      receive
    )
    return { ...connection, heard, port }
  }
)

/** A small message. */
export const note = (from: string): Envelope => ({
  message: { _tag: "VoteReply", from, term: 1, granted: true },
  entries: undefined
})

/** An `AppendEntries` with one entry of that many bytes. */
export const heavy = (from: string, size: number): Envelope => {
  const entries = Entries.commands(1, 1, [new Uint8Array(size)])
  const place = { previous: { term: 0, index: 0 }, last: 1, runs: entries.runs, memberships: [] }
  return { message: { _tag: "AppendEntries", from, term: 1, commit: 0, sequence: 0, ...place }, entries }
}

/** An `AppendEntries` without entries. */
export const heartbeat = (from: string): Envelope => {
  const place = { previous: { term: 0, index: 0 }, last: 0, runs: [], memberships: [] }
  return { message: { _tag: "AppendEntries", from, term: 1, commit: 0, sequence: 0, ...place }, entries: undefined }
}

/** An `InstallSnapshot` with so many bytes. */
export const piece = (from: string, size: number): Envelope => {
  const snapshot = { index: 1, term: 1, membership: Membership.none, size, checksum: 0 }
  return {
    message: { _tag: "InstallSnapshot", from, term: 1, snapshot, offset: 0, length: size, sequence: 0 },
    entries: undefined,
    chunk: new Uint8Array(size)
  }
}

/** A peer that has shaken hands with `m`. */
export const acquainted = Effect.fnUntraced(function*(port: number, hello: Partial<Hello> = {}) {
  const peer = yield* connect(port)
  peer.greet(hello)
  yield* eventually("m says hello", () => peer.wasGreeted)
  return peer
})
