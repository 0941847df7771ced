/**
 * What a transport tells the operator: each trouble once, not once for each attempt.
 *
 * A refusal, or bytes that make no sense, is told once for each peer and reason. That a peer cannot be reached is
 * told once, and again only after it had been reached.
 *
 * @since 0.1.0
 */
import type { LogPosition, Membership } from "effect-raft/engine"
import type { Self } from "effect-raft/Transport"
import * as Effect from "effect/Effect"
import type { Conversation, Ending } from "./Conversation.ts"

/** Strangers can invent troubles without end; past this, old ones are forgotten and may be told again. */
const maxTold = 1024

/**
 * The log of one node's transport.
 *
 * @category models
 * @since 0.1.0
 */
export class Logbook {
  readonly #self: Self
  readonly #run: (effect: Effect.Effect<void>) => unknown
  readonly #told = new Set<string>()
  readonly #unreachable = new Set<LogPosition.NodeId>()

  /** `run` runs what is logged, later or at once. */
  constructor(self: Self, run: (effect: Effect.Effect<void>) => unknown) {
    this.#self = self
    this.#run = run
  }

  connected({ dialled, peer, remote }: Conversation): void {
    const name = peer?.node ?? remote
    this.#unreachable.delete(name)
    this.#tell(Effect.logInfo("connected"), name, { dialled: dialled !== undefined, remote })
  }

  /** A conversation that had begun, or that others began, is over. */
  ended(conversation: Conversation, ending: Ending): void {
    this.#over(conversation.dialled ?? conversation.peer?.node ?? conversation.remote, ending, conversation.wasOpen)
  }

  /** A member could not be reached, or there was no talking to it. */
  failed(member: Membership.Member, ending: Ending): void {
    this.#over(member.id, ending, true)
  }

  oversized(to: LogPosition.NodeId, size: number, limit: number): void {
    if (this.#isNew(to, "oversized")) {
      this.#tell(Effect.logError("a message is too large to be sent"), to, { size, limit })
    }
  }

  #over(peer: string, ending: Ending, isKnown: boolean): void {
    if (ending._tag === "Lost") {
      // Whoever comes and goes without a word is no peer, and happens on every port.
      if (!isKnown || this.#unreachable.has(peer)) return
      this.#unreachable.add(peer)
      this.#tell(Effect.logInfo("not connected"), peer, { detail: ending.detail })
    } else if (ending._tag === "WireError") {
      if (!this.#isNew(peer, ending.reason)) return
      this.#tell(Effect.logWarning("bytes that make no sense"), peer, { reason: ending.reason, detail: ending.detail })
    } else if (ending.code !== "Duplicate" && this.#isNew(peer, ending.code)) {
      this.#tell(Effect.logWarning("refused"), peer, { reason: ending.code, detail: ending.detail })
    }
  }

  #isNew(peer: string, reason: string): boolean {
    const trouble = JSON.stringify([peer, reason])
    if (this.#told.has(trouble)) return false
    if (this.#told.size >= maxTold) this.#told.clear()
    this.#told.add(trouble)
    return true
  }

  #tell(log: Effect.Effect<void>, peer: string, annotations: Record<string, unknown>): void {
    const { cluster, node } = this.#self
    this.#run(Effect.annotateLogs(log, { ...annotations, cluster, node, peer }))
  }
}
