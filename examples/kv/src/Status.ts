/**
 * What a node says of itself, as JSON and as health.
 */
import type * as Raft from "effect-raft/Raft"
import * as Answer from "./Answer.ts"

export const print = (status: Raft.RaftStatus): string =>
  JSON.stringify({
    id: status.id,
    role: status.role,
    term: status.term,
    leader: status.leader ?? null,
    commit: status.commit,
    applied: status.applied,
    last: status.last,
    members: status.members.map(({ address, id, role }) => ({ id, address, role }))
  })

export const health = ({ leader, stopped }: Raft.RaftStatus): Answer.Answer => {
  if (stopped !== undefined) return Answer.unhealthy("this node has stopped itself")
  return leader === undefined ? Answer.unhealthy("no leader is known") : Answer.json({ leader })
}
