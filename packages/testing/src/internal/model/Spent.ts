/**
 * Messages that can change nothing any more, which a model need not bring to anyone.
 *
 * An answer is spent when whoever asked has gone on to a later term, on its disk, or is no longer what it was when it
 * asked: it will not be that again in that term. Most messages end so, and each that is kept doubles the states. Another
 * engine than the shipped one may think otherwise, so an answer that it would still hear is kept.
 */
import type { State } from "effect-raft/engine"
import type * as EngineCluster from "../../EngineCluster.ts"
import * as EngineNode from "../../EngineNode.ts"

type Flight = EngineCluster.Flight
type Node = EngineCluster.Node

/** Who hears an answer. */
const asker: Readonly<Partial<Record<Flight["message"]["_tag"], State.Role["_tag"]>>> = {
  PreVoteReply: "PreCandidate",
  VoteReply: "Candidate",
  AppendReply: "Leader",
  SnapshotReply: "Leader"
}

/** Whether whoever asked cannot be what it was then, whatever happens. */
const isPast = ({ isUp, state: { role }, stored: { hardState } }: Node, { message }: Flight): boolean => {
  const heardBy = asker[message._tag]
  if (heardBy === undefined || message.term > hardState.term) return false
  if (!isUp) return true
  if (message._tag === "PreVoteReply") return role._tag !== "PreCandidate" || role.round !== message.round
  return message.term < hardState.term || role._tag !== heardBy
}

/** Whether the node, as it is now, would do nothing with it. */
const isIgnored = ({ now, reduce }: EngineCluster.Cluster, node: Node, flight: Flight): boolean => {
  if (!node.isUp) return true
  const current = node.state.now === now ? node.state : { ...node.state, now }
  const received = EngineNode.received({ ...node, payloads: new Map(), covered: new Map() }, flight, now, 0)
  const [after, outputs] = reduce(current, [received])
  return after === current && outputs.length === 0
}

/** Those of the messages on their way that are spent, given those that were before. */
export const find = (
  cluster: EngineCluster.Cluster,
  before: ReadonlyArray<Flight>
): ReadonlyArray<Flight> => {
  const { flights, nodes } = cluster
  let found: Array<Flight> | undefined
  for (const flight of flights) {
    if (before.includes(flight)) continue
    const node = nodes.get(flight.to)
    if (node === undefined || !isPast(node, flight) || !isIgnored(cluster, node, flight)) continue
    found ??= [...before]
    found.push(flight)
  }
  return found ?? before
}
