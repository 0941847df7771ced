/**
 * What a series of writes leaves behind: the meaning of a `StorageWrite`, as a pure function.
 *
 * Whoever implements `Storage` rebuilds with it what is on the disk, and refuses with it a write that could never be
 * read back; `StorageTest` of `@effect-raft/testing` compares against it what a storage found after a crash. Of payloads
 * it looks at memberships alone: like the engine, it knows other entries by their places and terms.
 *
 * The parts of one write take effect in the order in which `StorageWrite` lists them.
 *
 * @since 0.1.0
 */
import * as Log from "./engine/Log.ts"
import * as LogPosition from "./engine/LogPosition.ts"
import type { Recovered } from "./engine/State.ts"
import * as Entries from "./Entries.ts"
import * as MembershipCodec from "./MembershipCodec.ts"
import type { Damaged, StorageWrite } from "./Storage.ts"

/**
 * What is found on a new storage: term 0, no vote, an empty log.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fresh: Recovered = { hardState: { term: 0, votedFor: undefined }, log: Log.empty() }

/**
 * How far a node has come: its term, and the last entry of its log.
 *
 * @category models
 * @since 0.1.0
 */
export type Reach = Omit<Damaged, "found">

/**
 * How far a node has come with what was recovered.
 *
 * @category getters
 * @since 0.1.0
 */
export const reachOf = ({ hardState, log }: Recovered): Reach => ({
  term: hardState.term,
  last: log.last,
  lastTerm: Log.lastTerm(log)
})

/**
 * Why `write` cannot follow what is there, or undefined if it can. On the way to a disk such a write is a mistake in
 * the program; on the way back it is damage.
 *
 * @category guards
 * @since 0.1.0
 */
export const misfit = (recovered: Recovered, write: StorageWrite): string | undefined => {
  const { log } = recovered
  const { boundary, entries, snapshot, truncateAfter } = write
  if (truncateAfter !== undefined && (truncateAfter < log.boundary.index || truncateAfter > log.last)) {
    return `nothing to truncate after ${truncateAfter}: the log goes from ${log.boundary.index + 1} to ${log.last}`
  }
  if (write.isRepaired === true && write.hardState === undefined) return "it is repaired, and has no term and vote"
  const kept = truncateAfter === undefined ? log : Log.truncateAfter(log, truncateAfter)
  if (entries !== undefined) {
    if (!Entries.isWellFormed(entries)) return `the entries from ${entries.first} on contradict themselves`
    const memberships = Entries.memberships(entries)
    if (memberships === undefined) {
      return `an entry from ${entries.first} on says that it is a membership, and is none`
    }
    const odd = memberships.find(({ membership }) => membership.voters.length === 0)
    if (odd !== undefined) return `by the membership at ${odd.index} nobody votes`
    if (entries.first !== kept.last + 1) return `entries begin at ${entries.first}, but the log ends at ${kept.last}`
    const term = entries.runs[0]?.term
    if (term !== undefined && term < Log.lastTerm(kept)) return `term ${term} follows term ${Log.lastTerm(kept)}`
  }
  for (const place of [boundary, snapshot]) {
    if (place !== undefined && !MembershipCodec.isSound(place.membership)) {
      return `the membership of ${place.index} contradicts itself`
    }
  }
  const grown = extended(kept, entries)
  return (boundary && boundaryMisfit(grown, boundary)) ?? snapshotMisfit(recovered, grown, write)
}

/** The log must not begin after the place up to which a snapshot stands for it, nor a snapshot go back. */
const snapshotMisfit = ({ snapshot: before }: Recovered, log: Log.Log, write: StorageWrite): string | undefined => {
  const { boundary, snapshot } = write
  if (snapshot !== undefined && before !== undefined && snapshot.index < before.index) {
    return `the snapshot of ${snapshot.index} cannot take the place of that of ${before.index}`
  }
  const begins = boundary?.index ?? log.boundary.index
  const covered = (snapshot ?? before)?.index ?? 0
  return begins > covered
    ? `the log cannot begin after ${begins}: a snapshot stands for what is up to ${covered}`
    : undefined
}

const boundaryMisfit = (log: Log.Log, { index, term }: Log.Boundary): string | undefined => {
  if (index < log.boundary.index) return `the log cannot begin at ${index}: it begins at ${log.boundary.index}`
  const present = Log.termAt(log, index)
  if (present === "beyond" || present === term) return undefined
  return `the log cannot begin at ${index} in term ${term}: its entry there has term ${present}`
}

/**
 * How far a node had come that has lost parts of its log twice.
 *
 * @category combinators
 * @since 0.1.0
 */
export const farther = (before: Reach | undefined, now: Reach): Reach => {
  if (before === undefined) return now
  const positionOf = ({ last, lastTerm }: Reach) => LogPosition.make(lastTerm, last)
  const { last, lastTerm } = LogPosition.isUpToDate(positionOf(now), positionOf(before)) ? now : before
  return { last, lastTerm, term: Math.max(before.term, now.term) }
}

/**
 * What a node goes on from that has lost what came after `sound`: it is in a term in which it has not voted. A vote in
 * `term` may be lost, and what it had acknowledged to the leader of that term it does not have any more.
 *
 * @category combinators
 * @since 0.1.0
 */
export const damaged = (sound: Recovered, { term }: { readonly term: number }): Recovered => ({
  ...sound,
  hardState: sound.hardState.term > term ? sound.hardState : { term: term + 1, votedFor: undefined }
})

/**
 * What is there once `write`, which must fit, is carried out.
 *
 * @category combinators
 * @since 0.1.0
 */
export const after = (recovered: Recovered, write: StorageWrite): Recovered => {
  const { boundary, entries, hardState, snapshot = recovered.snapshot, truncateAfter } = write
  const kept = truncateAfter === undefined ? recovered.log : Log.truncateAfter(recovered.log, truncateAfter)
  const log = extended(kept, entries)
  return {
    hardState: hardState ?? recovered.hardState,
    log: boundary === undefined ? log : Log.beginAt(log, boundary),
    ...(snapshot && { snapshot })
  }
}

const extended = (log: Log.Log, entries: Entries.Entries | undefined): Log.Log =>
  entries === undefined
    ? log
    : Log.append(log, entries.runs, Entries.last(entries), Entries.memberships(entries) ?? [], entries.bytes.length)
