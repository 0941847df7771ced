/**
 * Keeping up a connection to one member, whatever becomes of it.
 *
 * Nothing is given up: a member may be away for a week, and its address may begin to lead somewhere only
 * tomorrow. Attempts become rarer up to a limit and are spread by chance, so that a cluster that comes back all at
 * once does not dial in step.
 *
 * @since 0.1.0
 */
import type { LogPosition, Membership } from "effect-raft/engine"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Net from "node:net"
import { parse } from "./Address.ts"
import { Conversation, type Ending, type House, Lost } from "./Conversation.ts"
import type { Logbook } from "./Logbook.ts"
import type { Neighbours } from "./Neighbours.ts"
import type { TcpOptions } from "./TcpOptions.ts"

/**
 * Dials the member whenever there is no connection to it, for ever. Interrupted, it ends the connection it made.
 *
 * @category combinators
 * @since 0.1.0
 */
export const dial = (
  house: House,
  neighbours: Neighbours,
  logbook: Logbook,
  member: Membership.Member
): Effect.Effect<void> => {
  const attempt = Effect.andThen(absence(neighbours, member.id), talk(house, logbook, member)).pipe(
    Effect.tapError((ending) => Effect.sync(() => logbook.failed(member, ending)))
  )
  // A conversation that came about starts the waits anew; one that ends at once, again and again, still has one.
  const pause = Schedule.jittered(Schedule.spaced(house.options.backoffMin))
  return attempt.pipe(Effect.retry(backoff(house.options)), Effect.repeat(pause), Effect.ignore)
}

const backoff = ({ backoffMax, backoffMin }: TcpOptions) =>
  Schedule.jittered(Schedule.min([Schedule.exponential(backoffMin), Schedule.spaced(backoffMax)]))

/** Waits until there is no connection to the node, whoever made it. */
const absence = Effect.fnUntraced(function*(neighbours: Neighbours, id: LogPosition.NodeId) {
  let conversation = neighbours.get(id)
  while (conversation !== undefined) {
    yield* conversation.closed
    conversation = neighbours.get(id)
  }
})

/** One attempt. Succeeds when the two came to talk and it is over; fails when they did not. */
const talk = (house: House, logbook: Logbook, member: Membership.Member): Effect.Effect<void, Ending> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      restore(connect(house, member)),
      (conversation) =>
        Effect.flatMap(restore(conversation.attend), (ending) => {
          if (!conversation.wasOpen) return Effect.fail(ending)
          return Effect.sync(() => logbook.ended(conversation, ending))
        }).pipe(Effect.ensuring(Effect.sync(() => conversation.hangUp(new Lost({ detail: "no longer wanted" })))))
    )
  )

const connect = (house: House, { address, id }: Membership.Member): Effect.Effect<Conversation, Lost> => {
  const { handshakeTimeout } = house.options
  const place = parse(address)
  if (place === undefined) return Effect.fail(new Lost({ detail: `${address} is no host:port` }))
  return Effect.callback<Conversation, Lost>((resume) => {
    const socket = Net.connect({ ...place, noDelay: true })
    const fail = (error: Error) => resume(Effect.fail(new Lost({ detail: error.message })))
    socket.once("error", fail)
    socket.once("connect", () => {
      socket.off("error", fail)
      resume(Effect.succeed(new Conversation(house, socket, id)))
    })
    return Effect.sync(() => void socket.destroy())
  }).pipe(
    Effect.timeoutOrElse({
      duration: handshakeTimeout,
      orElse: () => Effect.fail(new Lost({ detail: `no connection within ${handshakeTimeout} ms` }))
    })
  )
}
