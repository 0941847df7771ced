/**
 * Where the clients of each node go. A node tells the others its own HTTP address when they meet; nobody needs a list.
 */
import { Effect } from "effect"
import type * as Raft from "effect-raft/Raft"
import type { Place } from "./Answer.ts"

export interface Peers {
  /** This node, and those that have introduced themselves. */
  readonly all: Effect.Effect<ReadonlyArray<Place>>
}

/** What a node tells others of itself. */
export const attributes = (http: string) => ({ http })

export const make = (self: Place, raft: Raft.Raft["Service"]): Peers => ({
  all: Effect.map(raft.peers, (peers) => [
    self,
    ...peers.flatMap(({ attributes: { http }, id }) => id === self.id || http === undefined ? [] : [{ id, http }])
  ])
})
