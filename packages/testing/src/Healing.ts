/**
 * What becomes of a cluster once nothing fails any more, and what must come of it.
 *
 * Every node is up, every disk quick, every message arrives, and timers fire when they are due. Then one node must come
 * to lead, all must come to hold the same, and everyone who asked for something must get an answer. Only whoever lost its
 * disk stays away: nothing but another id brings it back.
 */
import { Engine, Log, Membership } from "effect-raft/engine"
import * as ClusterInvariants from "./ClusterInvariants.ts"
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

/** How many rounds of messages may follow one event. */
const maxRounds = 1000

const settle = (cluster: EngineCluster.Cluster): void =>
  expect("the nodes come to an end with what they say", EngineCluster.settle(cluster, maxRounds))

/**
 * What a cluster does in so many election timeouts without faults. The network is quicker than a timer: nodes that wait
 * for equally long would else stand all at once, again and again.
 */
const heal = (cluster: EngineCluster.Cluster, nodes: Nodes, timeouts: number): void => {
  repair(cluster, nodes)
  const { electionTimeout, heartbeatInterval } = cluster.settings
  const end = cluster.now + timeouts * electionTimeout
  while (cluster.now <= end) {
    settle(cluster)
    for (const node of nodes) {
      if (Engine.deadline(node.state) > cluster.now) continue
      EngineCluster.timer(cluster, node)
      settle(cluster)
    }
    const soonest = Math.min(...nodes.map(({ state }) => Engine.deadline(state)))
    cluster.now = Math.max(cluster.now + Math.min(1, heartbeatInterval), soonest)
  }
}

/** What must come of it has not. Whatever else is thrown meanwhile was wrong on the way there. */
export class Unhealed extends Error {}

const expect = (sentence: string, isTrue: boolean): void => {
  if (!isTrue) throw new Unhealed(`not so, after all has healed: ${sentence}`)
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

/** The same; and then a leader must be there that takes a command and commits it within an election timeout. */
export const checkRecovery = (cluster: EngineCluster.Cluster, all: Nodes): void => {
  checkEnd(cluster, all)
  const leader = all.find(({ state }) => state.role._tag === "Leader")
  if (leader === undefined) return
  const proposal = Requests.proposal(cluster, leader, 1)
  EngineCluster.take(cluster, leader, [proposal])
  heal(cluster, all.filter(({ id }) => !cluster.history.wiped.has(id)), 1)
  const outcome = proposal._tag === "Propose"
    ? cluster.history.outcomes.get(ClusterInvariants.contentOf(proposal.batch, 0))
    : undefined
  expect(`a write comes through, and is not ${outcome ?? "open"}`, outcome === "resolved")
}
