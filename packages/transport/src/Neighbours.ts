/**
 * Who a node is connected to: at most one conversation for each peer, and all whom it has ever met.
 *
 * Each node dials those that it lists, so two that list each other may dial at once, and a node that is listed but
 * lists nobody is still found. Of two connections of one pair, the one that the node with the lesser name dialled
 * stays; both sides see the same two and so keep the same one. Two of the same dialler: the later one stays, for
 * who dials again has lost the first. A peer that has been restarted (another session) always wins over its
 * former life, whose connection may look alive for a while.
 *
 * @since 0.1.0
 */
import type { LogPosition } from "effect-raft/engine"
import type { Peer } from "effect-raft/Transport"
import type { Conversation } from "./Conversation.ts"
import { type Refusal, refuse } from "./Handshake.ts"

type NodeId = LogPosition.NodeId

/** How many nodes are remembered. A cluster is far smaller; who invents names must not fill the memory. */
const maxMet = 1024

/**
 * The conversations of one node, by the names of the peers.
 *
 * @category models
 * @since 0.1.0
 */
export class Neighbours {
  readonly #self: NodeId
  readonly #current = new Map<NodeId, Conversation>()
  readonly #met = new Map<NodeId, Peer>()

  constructor(self: NodeId) {
    this.#self = self
  }

  /** Everyone who has introduced himself. */
  get met(): ReadonlyArray<Peer> {
    return [...this.#met.values()]
  }

  get(id: NodeId): Conversation | undefined {
    return this.#current.get(id)
  }

  /** Takes in a conversation whose peer is known, in the place of an earlier one, or says why not. */
  admit(newcomer: Conversation): Refusal | undefined {
    const { peer } = newcomer
    if (peer === undefined) return refuse("Name", "nobody has introduced himself")
    const { attributes, incarnation, node: id } = peer
    if (this.#met.size >= maxMet && !this.#met.has(id)) return refuse("Full", `${maxMet} nodes are known already`)
    const current = this.#current.get(id)
    if (current !== undefined && !this.#replaces(newcomer, current)) {
      return refuse("Duplicate", `${id} and ${this.#self} are connected already`)
    }
    this.#current.set(id, newcomer)
    this.#met.set(id, { id, incarnation, attributes })
    current?.leave()
    return undefined
  }

  dismiss(conversation: Conversation): void {
    const { peer } = conversation
    if (peer !== undefined && this.#current.get(peer.node) === conversation) this.#current.delete(peer.node)
  }

  #replaces(newcomer: Conversation, current: Conversation): boolean {
    return newcomer.peer?.session !== current.peer?.session || this.#diallerOf(newcomer) <= this.#diallerOf(current)
  }

  /** The name of the one who dialled. */
  #diallerOf({ dialled, peer }: Conversation): NodeId {
    return dialled === undefined ? peer?.node ?? "" : this.#self
  }
}
