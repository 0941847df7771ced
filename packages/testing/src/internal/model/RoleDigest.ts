/**
 * What a node does in its role, and what it was asked, as numbers: see `Canonical`.
 */
import type { Membership, Progress, State } from "effect-raft/engine"
import * as Digest from "./Digest.ts"
import * as Naming from "./Naming.ts"

const roles: ReadonlyArray<State.Role["_tag"]> = ["Follower", "PreCandidate", "Candidate", "Leader"]
const changes: ReadonlyArray<Membership.Change["_tag"]> = [
  "AddVoter",
  "AddLearner",
  "Promote",
  "Demote",
  "Remove",
  "Replace"
]

const putMember = (
  digest: Digest.Digest,
  naming: Naming.Naming,
  { term }: State.State,
  progress: Progress.Progress
): void => {
  const { acknowledged, match, mode, next, round, sending, servedUntil, told, toldCommit, waiting } = progress
  Digest.put(digest, (match * 64 + next) * 16 + mode.length)
  Digest.put(digest, (waiting ? 1 : 0) * 64 + toldCommit)
  Digest.put(digest, Naming.since(naming, progress.heardAt))
  Digest.put(digest, Naming.roundsAgo(naming, term, acknowledged) * 64 + Naming.roundsAgo(naming, term, told))
  if (servedUntil !== undefined) {
    Digest.put(digest, servedUntil === Number.POSITIVE_INFINITY ? 99 : Naming.since(naming, servedUntil, 0))
  }
  if (round !== undefined) Digest.put(digest, round.goal * 64 + Naming.since(naming, round.since))
  if (sending !== undefined) {
    const { index, isProbing, movedAt, received, sentIn, stored } = sending
    Digest.put(digest, (index * 64 + sending.next) * 64 + received)
    Digest.put(digest, stored * 64 + (isProbing ? 1 : 0))
    Digest.put(
      digest,
      Naming.since(naming, movedAt, 9) * 64 + (sentIn === 0 ? 63 : Naming.roundsAgo(naming, term, sentIn))
    )
  }
}

const targetOf = (naming: Naming.Naming, change: Membership.Change): number => {
  if ("member" in change) return Naming.nameOf(naming, change.member.id)
  return "id" in change ? Naming.nameOf(naming, change.id) : Naming.setOf(naming, change.voters)
}

const putChange = (digest: Digest.Digest, naming: Naming.Naming, pending: State.PendingChange | undefined): void => {
  if (pending === undefined) return Digest.put(digest, 0)
  Digest.put(digest, changes.indexOf(pending.change._tag) + 1)
  Digest.put(digest, targetOf(naming, pending.change))
}

const putLeader = (digest: Digest.Digest, naming: Naming.Naming, state: State.State, role: State.Leader): void => {
  const { history } = naming.cluster
  const ago = (sequence: number) => Naming.roundsAgo(naming, state.term, sequence)
  Digest.put(digest, role.since * 64 + Naming.since(naming, role.heartbeatDeadline, 0))
  const members = Digest.nothing()
  for (const progress of role.progress) {
    const each = Digest.make()
    Digest.put(each, Naming.nameOf(naming, progress.id))
    putMember(each, naming, state, progress)
    Digest.gather(members, each)
  }
  Digest.putAll(digest, members)
  for (const { asker, index, read, sequence } of role.reads) {
    Digest.put(digest, (index * 64 + ago(sequence)) * 32 + Naming.nameOf(naming, asker?.id))
    Digest.put(digest, (history.reads.get(read) ?? -1) * 64 + (naming.rounds.get(asker?.round ?? 0) ?? 0))
  }
  for (const { at, sequence } of role.rounds) Digest.put(digest, ago(sequence) * 64 + Naming.since(naming, at))
  // What everyone has answered is one like another.
  const oldest = Math.max(0, ...role.progress.map(({ acknowledged }) => ago(acknowledged)))
  Digest.put(digest, Math.min(ago(role.lease.sequence), oldest) * 64 + role.lease.index)
  putChange(digest, naming, role.change)
  putChange(digest, naming, role.wanted)
}

/** What a node is, and what it waits for. */
export const putRole = (digest: Digest.Digest, naming: Naming.Naming, state: State.State): void => {
  const { forwarded, role, transfer } = state
  Digest.put(digest, roles.indexOf(role._tag))
  if (role._tag === "PreCandidate" || role._tag === "Candidate") {
    Digest.put(digest, Naming.setOf(naming, role.granted))
  }
  if (role._tag === "Leader") putLeader(digest, naming, state, role)
  for (const { asked, isLease, read, round } of forwarded) {
    Digest.put(digest, (naming.rounds.get(round) ?? 0) * 2 + (isLease ? 1 : 0))
    Digest.put(digest, naming.cluster.history.reads.get(read) ?? -1)
    Digest.put(digest, asked === undefined ? 0 : Naming.nameOf(naming, asked.leader) * 64 + asked.term)
    if (asked !== undefined) Digest.put(digest, Naming.since(naming, asked.at))
  }
  if (transfer === undefined) return
  const { deadline, isAsked, term, to } = transfer
  Digest.put(digest, Naming.nameOf(naming, to) * 64 + term)
  Digest.put(digest, Naming.since(naming, deadline, 0) * 2 + (isAsked ? 1 : 0))
}

/** Who waits for an answer, and of whom. */
export const putWishes = (sum: Digest.Digest, naming: Naming.Naming): void => {
  const { changes: { open }, snapshots } = naming.cluster.history
  for (const { _tag, of } of open.values()) {
    const each = Digest.make()
    Digest.put(each, _tag.length * 32 + Naming.nameOf(naming, of))
    Digest.gather(sum, each)
  }
  for (const of of snapshots.open.values()) {
    const each = Digest.make()
    Digest.put(each, Naming.nameOf(naming, of))
    Digest.gather(sum, each)
  }
}
