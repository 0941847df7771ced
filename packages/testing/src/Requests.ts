/**
 * What clients and operators ask of a node, as inputs, each under a handle of its own.
 */
import { type Input, LastResort, type LogPosition, type Membership, type State } from "effect-raft/engine"
import * as ClusterInvariants from "./ClusterInvariants.ts"
import type * as EngineCluster from "./EngineCluster.ts"

type Cluster = EngineCluster.Cluster

/** So many commands, of so many bytes each. */
export const proposal = (cluster: Cluster, node: EngineCluster.Node, count: number, bytes = 0): Input.Input => {
  const batch = ++cluster.handles
  const size = bytes === 0 ? {} : { bytes }
  const contents = Array.from({ length: count }, (_, place) => ({
    content: ClusterInvariants.contentOf(batch, place),
    ...size
  }))
  node.payloads.set(batch, { first: undefined, contents })
  return { _tag: "Propose", now: cluster.now, batch, count, ...(bytes > 0 && { bytes: bytes * count }) }
}

/** Under a handle of its own, unless it is given one: whoever starts again may count from the beginning. */
export const read = (cluster: Cluster, isLease = false, handle?: State.Handle): Input.Input => ({
  _tag: "Read",
  now: cluster.now,
  isLease,
  read: handle ?? ++cluster.handles
})

export const change = (cluster: Cluster, change: Membership.Change, expected?: LogPosition.Index): Input.Input => ({
  _tag: "ChangeMembership",
  now: cluster.now,
  request: ++cluster.handles,
  change,
  expected
})

export const transfer = (cluster: Cluster, to: LogPosition.NodeId, within: number): Input.Input => ({
  _tag: "TransferLeadership",
  now: cluster.now,
  request: ++cluster.handles,
  to,
  deadline: cluster.now + within
})

export const snapshot = (cluster: Cluster): Input.Input => ({
  _tag: "RequestSnapshot",
  now: cluster.now,
  request: ++cluster.handles
})

/** What is left to do when these nodes are all that is left, or why nothing is. */
export const plan = (survivors: ReadonlyArray<EngineCluster.Node>): LastResort.Plan | string =>
  LastResort.plan(survivors.map(({ state }) => LastResort.summarize(state)))

export const force = (cluster: Cluster, { last, membership, term }: LastResort.Plan): Input.Input => ({
  _tag: "ForceMembership",
  now: cluster.now,
  request: ++cluster.handles,
  term,
  membership,
  last
})
