/**
 * What is the same in two states under other names: nodes, rounds of asking, numbers of rounds, times.
 *
 * Nodes that have the same part in a cluster may change places, so they are named in the order of what they are, not of
 * their ids. Where two look alike to a first look, their ids decide: then two states that are the same may be taken for
 * different ones, which costs time and misses nothing.
 */
import type { LogPosition, Membership } from "effect-raft/engine"
import type * as EngineCluster from "../../EngineCluster.ts"
import * as Digest from "./Digest.ts"

type Cluster = EngineCluster.Cluster
type Node = EngineCluster.Node
type NodeId = LogPosition.NodeId

/** How things are called in one state. */
export interface Naming {
  readonly cluster: Cluster
  /** In the order of their names. */
  readonly nodes: ReadonlyArray<Node>
  /** Nodes that are none like the others: someone speaks of them. */
  readonly fixed: ReadonlySet<NodeId>
  readonly names: ReadonlyMap<NodeId, number>
  /** Rounds of asking that someone still waits for. An answer to any other is one like another. */
  readonly rounds: ReadonlyMap<number, number>
  /** The newest round of whoever leads a term. */
  readonly sequences: ReadonlyMap<LogPosition.Term, number>
  /** The length of a step in time. */
  readonly unit: number
}

/** What a node is, as far as it can be told without any names. */
const look = ({ now, settings }: Cluster, node: Node, place: number): Digest.Digest => {
  const digest = Digest.make()
  const { disk, id, state, stored } = node
  Digest.put(digest, place)
  Digest.put(digest, stored.entries.length)
  Digest.put(digest, stored.hardState.term)
  Digest.put(digest, stored.entries.at(-1)?.term ?? 0)
  Digest.put(digest, stored.hardState.votedFor === id ? 1 : 0)
  if (!node.isUp) return digest
  const { commit, durability, log, role, term, votedFor } = state
  for (const value of [term, commit, log.last, log.boundary.index, durability.durable, disk.waiting.length]) {
    Digest.put(digest, value)
  }
  Digest.put(digest, votedFor === id ? 2 : votedFor === undefined ? 1 : 0)
  Digest.put(digest, role._tag.length * 16 + state.forwarded.length)
  for (const at of [state.electionDeadline, state.heardLeaderAt + settings.electionTimeout]) {
    Digest.put(digest, Math.max(0, at - now) * 64)
  }
  return digest
}

/** What a node is to another that names it: `note` is told of each. */
const mention = ({ isUp, state }: Node, note: (id: NodeId, what: number) => void): void => {
  if (!isUp) return
  const { leader, role, votedFor } = state
  if (votedFor !== undefined) note(votedFor, 11)
  if (leader !== undefined) note(leader, 13)
  if (role._tag === "Leader") {
    for (const { id, match, next } of role.progress) note(id, 17 + match * 32 + next * 1024)
  } else if (role._tag !== "Follower") { for (const id of role.granted) note(id, 19) }
}

/** Nodes in an order that does not depend on their ids, but for those that look alike. */
const order = (
  cluster: Cluster,
  fixed: ReadonlySet<NodeId>,
  flights: ReadonlyArray<EngineCluster.Flight>
): ReadonlyArray<Node> => {
  const looks = new Map<NodeId, Digest.Digest>()
  let place = 1
  for (const [id, node] of cluster.nodes) looks.set(id, look(cluster, node, fixed.has(id) ? place++ : 0))
  const first = new Map([...looks].map(([id, { high }]) => [id, high]))
  const sums = new Map([...looks.keys()].map((id) => [id, 0]))
  const note = (id: NodeId, value: number) => void sums.set(id, ((sums.get(id) ?? 0) + value) | 0)
  for (const node of cluster.nodes.values()) {
    mention(node, (id, what) => note(id, Math.imul((first.get(node.id) ?? 0) ^ what, 0x9e3779b1)))
  }
  for (const { message: { _tag, from, term }, to } of flights) {
    const kind = Math.imul(_tag.length * 31 + _tag.charCodeAt(7), 0x85ebca6b) ^ term
    note(to, Math.imul((first.get(from) ?? 0) ^ kind, 0xc2b2ae35))
    note(from, Math.imul((first.get(to) ?? 0) + kind, 0x27d4eb2f))
  }
  const rank = (id: NodeId) => (first.get(id) ?? 0) + (sums.get(id) ?? 0) * 0x20_0000
  return [...cluster.nodes.values()]
    .map((node) => ({ node, rank: rank(node.id) }))
    .sort((left, right) => left.rank - right.rank)
    .map(({ node }) => node)
}

/** Names for everything in a state. Nodes in `fixed` keep their own: someone speaks of them. */
export const make = (
  cluster: Cluster,
  fixed: ReadonlySet<NodeId>,
  flights: ReadonlyArray<EngineCluster.Flight>
): Naming => {
  const nodes = order(cluster, fixed, flights)
  const names = new Map<NodeId, number>()
  const rounds = new Map<number, number>()
  const sequences = new Map<LogPosition.Term, number>()
  for (const { id, isUp, state } of nodes) {
    names.set(id, names.size + 1)
    if (!isUp) continue
    if (state.role._tag === "PreCandidate") rounds.set(state.role.round, rounds.size + 1)
    if (state.role._tag === "Leader") sequences.set(state.term, state.role.sequence)
    for (const { round } of state.forwarded) rounds.set(round, rounds.size + 1)
  }
  return { cluster, nodes, fixed, names, rounds, sequences, unit: cluster.settings.heartbeatInterval }
}

export const nameOf = ({ names }: Naming, id: NodeId | undefined): number => id === undefined ? 0 : names.get(id) ?? 31

/** A set of nodes in one number. */
export const setOf = (naming: Naming, ids: ReadonlyArray<NodeId>): number => {
  let set = 0
  for (const id of ids) set |= 1 << nameOf(naming, id)
  return set
}

const idsOf = (members: ReadonlyArray<Membership.Member>): ReadonlyArray<NodeId> => members.map(({ id }) => id)

export const putMembership = (digest: Digest.Digest, naming: Naming, membership: Membership.Membership): void => {
  const { departing, members, outgoing, promoting, voters } = membership
  Digest.put(digest, setOf(naming, voters))
  Digest.put(digest, setOf(naming, idsOf(members)))
  if (outgoing.length + departing.length + promoting.length === 0) return
  Digest.put(digest, setOf(naming, outgoing))
  Digest.put(digest, setOf(naming, promoting))
  Digest.put(digest, setOf(naming, idsOf(departing)))
}

/** How many steps of time have passed since then; from `most` on all are alike. */
export const since = ({ cluster: { now }, unit }: Naming, at: number, most = 4): number =>
  at === Number.NEGATIVE_INFINITY ? most : Math.max(-8, Math.min(most, Math.ceil((now - at) / unit)))

/** How many rounds ago a leader began that round; rounds of a leader that is none any more are all alike. */
export const roundsAgo = ({ sequences }: Naming, term: LogPosition.Term, sequence: number): number => {
  const newest = sequences.get(term)
  return newest === undefined ? 63 : newest - sequence
}
