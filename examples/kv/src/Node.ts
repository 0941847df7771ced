/**
 * A node of the store: its part of the cluster, and HTTP in front of it.
 *
 * What it keeps its log on and how it reaches the others is for the caller to provide: files and TCP in production,
 * memory in a test.
 */
import type { Address } from "@effect-raft/transport/Address"
import { Context, Effect, Layer } from "effect"
import * as Raft from "effect-raft/Raft"
import * as RaftConfig from "effect-raft/RaftConfig"
import * as Api from "./Api.ts"
import { Kv } from "./Kv.ts"
import * as Listener from "./Listener.ts"
import * as Peers from "./Peers.ts"

export interface Member {
  readonly id: string
  /** Where the other nodes find it. */
  readonly address: string
}

export interface Options {
  readonly id: string
  /** The cluster's name: nodes of others are not listened to. */
  readonly cluster: string
  /** Those who found the cluster, the same for each of them; undefined for a node that waits to be added. */
  readonly founders: ReadonlyArray<Member> | undefined
  /** Where clients find it; port 0 takes any that is free. */
  readonly http: Address
}

/** The largest command is a CAS with both its values escaped, and some words around them. */
const limits = RaftConfig.layer({ maxCommandBytes: Api.maxCasBytes + 64 * 1024 })

/** Starts a node that runs until the scope closes. Answers where its clients go, and how to wait for its end. */
export const start = Effect.fnUntraced(function*({ cluster, founders, http, id }: Options) {
  // First the address, then the disk: a node that cannot serve leaves nothing behind.
  const listener = yield* Listener.listen(http)
  const layer = Kv.layer({
    id,
    cluster,
    bootstrap: founders === undefined ? undefined : { members: founders },
    attributes: Peers.attributes(listener.address)
  })
  const services = yield* Layer.build(Layer.provide(layer, Layer.orDie(limits)))
  const raft = Context.get(services, Raft.Raft)
  const peers = Peers.make({ id, http: listener.address }, raft)
  yield* listener.serve(Api.make({ kv: Context.get(services, Kv), raft, peers }))
  return { http: listener.address, stopped: raft.stopped }
})
