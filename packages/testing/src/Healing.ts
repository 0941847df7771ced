/**
 * What becomes of a cluster once nothing fails any more, and what must come of it.
 *
 * Every node is up, every disk quick, every message arrives, and timers fire when they are due. Then one node must come
 * to lead, all must come to hold the same, and everyone who asked for something must get an answer. Only whoever lost its
 * disk stays away: nothing but another id brings it back.
 */
import { Engine, Log, Membership } from "effect-raft/engine"
import * as EngineCluster from "./EngineCluster.ts"
import * as Requests from "./Requests.ts"

type Nodes = ReadonlyArray<EngineCluster.Node>

/** Repairs everything that has failed. */
const repair = (cluster: EngineCluster.Cluster, nodes: Nodes): void => {
  cluster.cut.clear()
  cluster.blocked.clear()
  for (const node of nodes) {
    if (!node.isUp) EngineCluster.restart(cluster, node)
    node.isDiskSlow = false
    node.isApplySlow = false
    node.isSnapshotSlow = false
    EngineCluster.persist(cluster, node, node.state.durability.issued)
    EngineCluster.applied(cluster, node, node.state.handed)
    EngineCluster.taken(cluster, node)
  }
}

/** What a cluster does in so many election timeouts without faults. */
const heal = (cluster: EngineCluster.Cluster, nodes: Nodes, timeouts: number): void => {
  repair(cluster, nodes)
  const end = cluster.now + timeouts * cluster.settings.electionTimeout
  while (cluster.now <= end) {
    for (const flight of cluster.flights) EngineCluster.deliver(cluster, flight.to, [flight])
    const due = nodes.filter(({ state }) => Engine.deadline(state) <= cluster.now)
    for (const node of due) EngineCluster.timer(cluster, node)
    if (cluster.flights.length > 0) continue
    cluster.now = Math.max(cluster.now + 1, Math.min(...nodes.map(({ state }) => Engine.deadline(state))))
  }
}

const expect = (sentence: string, isTrue: boolean): void => {
  if (!isTrue) throw new Error(`not so, after all has healed: ${sentence}`)
}

/** A change is finished or taken back, and whoever asked for one knows what became of it. */
const checkChanges = (cluster: EngineCluster.Cluster, { state: { log } }: EngineCluster.Node): void => {
  const membership = Log.membership(log)
  const { open } = cluster.history.changes
  expect("one membership is in force", !Membership.isJoint(membership))
  expect("learners that are to vote do", membership.promoting.length === 0)
  expect(`every operator has an answer, and ${[...open.values()].map(({ _tag }) => _tag).join()} none`, open.size === 0)
}

const checkNode = (leader: EngineCluster.Node, { entries, id, state }: EngineCluster.Node): void => {
  expect(`${id} has the leader's log`, entries.length === leader.entries.length)
  expect(`${id} has committed and applied all of it`, state.commit === entries.length && state.applied === state.commit)
  expect(`${id} has told what became of every proposal`, state.waiters.length === 0)
  const reads = state.role._tag === "Leader" ? state.role.reads : []
  expect(`${id} has answered every read`, reads.length === 0 && state.forwarded.length === 0)
}

/** What must come of a cluster in which nothing fails any more, within ten election timeouts. */
export const checkEnd = (cluster: EngineCluster.Cluster, all: Nodes): void => {
  const nodes = all.filter(({ id }) => !cluster.history.wiped.has(id))
  heal(cluster, nodes, 10)
  const leaders = nodes.filter(({ state }) => state.role._tag === "Leader")
  const leader = leaders[0]
  expect(`one node leads, not ${leaders.length}`, leaders.length === 1)
  if (leader === undefined) return
  checkChanges(cluster, leader)
  const membership = Log.membership(leader.state.log)
  const members = nodes.filter(({ id }) => Membership.isMember(membership, id))
  // A proposal waits for something to be committed in its place: fill the log beyond every place that is waited for.
  const waited = Math.max(...members.flatMap(({ state }) => state.waiters.map(({ to }) => to)), 0)
  while (leader.state.log.last <= waited && leader.state.role._tag === "Leader") {
    EngineCluster.take(cluster, leader, [Requests.proposal(cluster, leader, 5)])
    heal(cluster, nodes, 1)
  }
  const wanting = new Set(cluster.history.snapshots.open.values())
  for (const node of members) {
    checkNode(leader, node)
    expect(`whoever wanted a snapshot of ${node.id} has it`, !wanting.has(node.id))
  }
}
