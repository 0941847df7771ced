/**
 * What only the leader answers, although any node could: so that a client which does not say how fresh an answer must be
 * finds the one node that writes go to as well.
 */
import { Effect } from "effect"
import type * as Raft from "effect-raft/Raft"
import { NotLeader } from "effect-raft/RaftError"

/** Fails on any other node, and says who leads. */
export const only = ({ status }: Raft.Raft["Service"]): Effect.Effect<void, NotLeader> =>
  Effect.flatMap(
    status,
    ({ leader, role, stopped }) =>
      // A node that has stopped says so itself, and why.
      role === "leader" || stopped !== undefined ? Effect.void : Effect.fail(new NotLeader({ leader }))
  )
