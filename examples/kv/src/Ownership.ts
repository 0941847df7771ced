/**
 * Whether a disk is that of the node that was asked for.
 *
 * A storage refuses the disk of another node, and of a cluster of another name. That is not enough here, for all
 * clusters are called "kv" unless told otherwise. But a disk also remembers its membership, and what was asked for must
 * fit to it: who founded the cluster, as long as nothing else has been agreed upon; and in any case where the node
 * itself is found. The disk is looked at as soon as it is opened: nothing is written to a wrong one, and nobody is told.
 */
import { Effect } from "effect"
import { Log, type Membership, type State } from "effect-raft/engine"
import { Foreign, Storage, StorageError } from "effect-raft/Storage"

export interface Claim {
  readonly id: string
  readonly cluster: string
  /** Where the other nodes find this one. */
  readonly address: string
  /** Those who found the cluster; undefined for a node that waits to be added. */
  readonly founders: ReadonlyArray<Membership.Member> | undefined
}

const print = (members: ReadonlyArray<Membership.Member>): string =>
  members.map(({ address, id }) => `${id}=${address}`).sort().join()

/** What the disk says and what was asked for, where they contradict each other. */
const contradiction = ({ address, founders, id }: Claim, { hardState, log }: State.Recovered) => {
  const { members } = Log.membership(log)
  const isUsed = log.last > 0 || hardState.term > 0
  if (members.length === 0) {
    return founders !== undefined && isUsed ? ["which waits to be added", "which founds it"] as const : undefined
  }
  const own = members.find((member) => member.id === id)
  if (own !== undefined && own.address !== address) return [`at ${own.address}`, `at ${address}`] as const
  // What was written down of disks names the founders still.
  const isFounding = log.boundary.index === 0
    && log.memberships.every(({ membership }) => print(membership.members) === print(log.boundary.membership.members))
  return founders === undefined || !isFounding || print(founders) === print(members)
    ? undefined
    : [`founded by ${print(members)}`, `founded by ${print(founders)}`] as const
}

/** The storage, which from now on refuses a disk that does not fit the claim. `path` is what it is called in errors. */
export const guard = (storage: Storage["Service"], path: string, claim: Claim): Storage["Service"] =>
  Storage.of({
    ...storage,
    open: (identity) =>
      Effect.flatMap(storage.open(identity), (loaded) => {
        const found = contradiction(claim, loaded)
        if (found === undefined) return Effect.succeed(loaded)
        const name = `node ${claim.id} of cluster ${claim.cluster}`
        const reason = new Foreign({ path, found: `${name}, ${found[0]}`, expected: `${name}, ${found[1]}` })
        return Effect.fail(new StorageError({ reason }))
      })
  })
