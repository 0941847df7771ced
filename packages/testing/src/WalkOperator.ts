/**
 * What operators do to a cluster on a random walk: they want other members, other voters, another leader.
 *
 * They are not careful. They ask nodes that do not lead, ask for what is so already, and put the cluster into the
 * hands of nodes that are down; none of it may harm what is committed, or leave the cluster stuck once all is well.
 */
import { Chance, Log, type Membership } from "effect-raft/engine"
import * as EngineCluster from "./EngineCluster.ts"
import * as Requests from "./Requests.ts"

/** Chance as it is carried along. */
export interface Chooser {
  seed: Chance.Seed
}

/** A whole number in [0, below). */
export const chance = (chooser: Chooser, below: number): number => {
  const [value, seed] = Chance.between(chooser.seed, 0, below)
  chooser.seed = seed
  return value
}

export const oneOf = <A>(chooser: Chooser, options: ReadonlyArray<A>): A | undefined =>
  options[chance(chooser, options.length)]

/** One change, of which most make sense. */
const anyChange = (chooser: Chooser, all: ReadonlyArray<Membership.Member>): Membership.Change => {
  const member = oneOf(chooser, all) ?? { id: "", address: "" }
  const { id } = member
  switch (chance(chooser, 6)) {
    case 0:
      return { _tag: "AddVoter", member }
    case 1:
      return { _tag: "AddLearner", member }
    case 2:
      return { _tag: "Promote", id }
    case 3:
      return { _tag: "Demote", id }
    case 4:
      return { _tag: "Remove", id }
    default: {
      const members = all.filter(() => chance(chooser, 3) > 0)
      const voters = members.filter(() => chance(chooser, 4) > 0).map((each) => each.id)
      return { _tag: "Replace", voters, members }
    }
  }
}

/** Someone asks a node, most often one that leads, for a change or for another leader. */
export const wish = (
  chooser: Chooser,
  cluster: EngineCluster.Cluster,
  nodes: ReadonlyArray<EngineCluster.Node>,
  members: ReadonlyArray<Membership.Member>
): void => {
  const leaders = nodes.filter(({ isUp, state }) => isUp && state.role._tag === "Leader")
  const asked = oneOf(chooser, chance(chooser, 20) === 0 ? nodes : leaders)
  if (asked === undefined || !asked.isUp) return
  if (chance(chooser, 12) === 0) {
    return EngineCluster.take(cluster, asked, [{ _tag: "AbortTransfer", now: cluster.now }])
  }
  if (chance(chooser, 5) === 0) {
    // Who never stands by itself would keep what it has from those who do, once it no longer leads.
    const to = oneOf(chooser, members.filter(({ priority }) => priority !== 0))?.id ?? asked.id
    return EngineCluster.take(cluster, asked, [Requests.transfer(cluster, to, 50 + chance(chooser, 600))])
  }
  const change = anyChange(chooser, members)
  const seen = Log.membershipIndex(asked.state.log)
  const expected = chance(chooser, 4) === 0 ? seen - chance(chooser, 2) : undefined
  EngineCluster.take(cluster, asked, [Requests.change(cluster, change, expected)])
}
