/**
 * Where a test of a transport takes place: nodes that join, hear and leave on one network.
 *
 * @since 0.1.0
 */
import { assert } from "@effect/vitest"
import type { LogPosition, Membership } from "effect-raft/engine"
import type { Connection, Envelope, Self, Transport, TransportError } from "effect-raft/Transport"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

type NodeId = LogPosition.NodeId

/**
 * Where one node joins: its transport, and the address under which others find it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Place {
  readonly transport: Transport["Service"]
  readonly address: string
}

/**
 * A node that takes part, and what it has heard.
 *
 * @category models
 * @since 0.1.0
 */
export interface Actor extends Connection {
  readonly id: NodeId
  readonly heard: ReadonlyArray<Envelope>
  /** With which incarnation each of them came. */
  readonly incarnations: ReadonlyArray<number>
  /** Closes the scope in which the node joined. */
  readonly leave: Effect.Effect<void>
}

/**
 * One network, and the places on it.
 *
 * @category models
 * @since 0.1.0
 */
export class Stage {
  readonly #makePlace: (node: NodeId) => Effect.Effect<Place, never, Scope.Scope>
  readonly #places = new Map<NodeId, Place>()

  constructor(makePlace: (node: NodeId) => Effect.Effect<Place, never, Scope.Scope>) {
    this.#makePlace = makePlace
  }

  /** The place of the node, the same each time. */
  place(node: NodeId): Effect.Effect<Place, never, Scope.Scope> {
    const known = this.#places.get(node)
    if (known !== undefined) return Effect.succeed(known)
    return Effect.tap(this.#makePlace(node), (place) => Effect.sync(() => this.#places.set(node, place)))
  }

  /** The entry of the node in an address book. */
  member(node: NodeId): Effect.Effect<Membership.Member, never, Scope.Scope> {
    return Effect.map(this.place(node), ({ address }) => ({ id: node, address }))
  }

  /** Joins as that node, and leaves at the end of the test if not before. */
  join(
    id: NodeId,
    self: Partial<Self> = {},
    onReceive: (envelope: Envelope) => void = () => {}
  ): Effect.Effect<Actor, TransportError, Scope.Scope> {
    return Effect.gen({ self: this }, function*() {
      const { transport } = yield* this.place(id)
      const scope = yield* Effect.acquireRelease(Scope.make(), (scope, exit) => Scope.close(scope, exit))
      const heard: Array<Envelope> = []
      const incarnations: Array<number> = []
      const receive = (envelope: Envelope, incarnation: number) => {
        heard.push(envelope)
        incarnations.push(incarnation)
        onReceive(envelope)
      }
      const joining = transport.join({ cluster: "test", node: id, incarnation: 1, attributes: {}, ...self }, receive)
      const connection = yield* Scope.provide(joining, scope)
      return { ...connection, id, heard, incarnations, leave: Scope.close(scope, Exit.void) }
    })
  }

  /** Joins as each of the nodes, all of which list each other. */
  company<const Ids extends ReadonlyArray<NodeId>>(
    ...ids: Ids
  ): Effect.Effect<{ readonly [Place in keyof Ids]: Actor }, TransportError, Scope.Scope>
  company(...ids: ReadonlyArray<NodeId>): Effect.Effect<ReadonlyArray<Actor>, TransportError, Scope.Scope> {
    return Effect.gen({ self: this }, function*() {
      const members = yield* Effect.forEach(ids, (id) => this.member(id))
      const actors = yield* Effect.forEach(ids, (id) => this.join(id))
      for (const actor of actors) yield* actor.setMembers(members)
      return actors
    })
  }
}

/** How long a test waits for something that must happen. Nothing is concluded from how long it took. */
const patience = 10_000

/**
 * Waits until it holds; fails with the sentence when it never does.
 *
 * @category testing
 * @since 0.1.0
 */
export const eventually = (sentence: string, holds: () => boolean): Effect.Effect<void> =>
  Effect.sleep(1).pipe(
    Effect.repeat({ until: () => holds() }),
    Effect.asVoid,
    Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.sync(() => assert.fail(`never: ${sentence}`)) })
  )

/**
 * Sends until it arrives, which may take more than once; answers with the message as it came.
 *
 * @category testing
 * @since 0.1.0
 */
export const carry = Effect.fnUntraced(function*(from: Actor, to: Actor, envelope: Envelope) {
  const before = to.heard.length
  let polls = 0
  const arrived = () =>
    to.heard.slice(before).find(({ message }) =>
      message.from === envelope.message.from && message._tag === envelope.message._tag &&
      message.term === envelope.message.term
    )
  yield* eventually(`${from.id} → ${to.id} ${envelope.message._tag}`, () => {
    if (arrived() !== undefined) return true
    if (polls++ % 100 === 0 && !from.send(to.id, envelope)) polls = 0
    return false
  })
  return arrived()
})
