/** Messages of every kind, drawn by chance, each of which a node could have sent. */
import type { Log, Membership, Message } from "effect-raft/engine"
import * as Entries from "effect-raft/Entries"
import type { Envelope } from "effect-raft/Transport"
import type { Chance } from "./Chance.ts"

const tags = [
  "RequestPreVote",
  "PreVoteReply",
  "RequestVote",
  "VoteReply",
  "AppendEntries",
  "AppendReply",
  "TimeoutNow",
  "InstallSnapshot",
  "SnapshotReply",
  "RequestRead",
  "ReadReply",
  "Disowned"
] as const

const largest = Number.MAX_SAFE_INTEGER

const randomMembership = (chance: Chance): Membership.Membership => {
  const some = <A>(items: ReadonlyArray<A>): ReadonlyArray<A> => items.filter(() => chance.happens())
  const all = ["n1", "a", "🦀"].map((id): Membership.Member => ({
    id,
    address: chance.pick(["", "host:1", "ü"]),
    ...(chance.happens() && { incarnation: chance.number() }),
    ...(chance.happens() && { priority: chance.between(0, 3) }),
    ...(chance.happens() && { isWitness: chance.happens() }),
    ...(chance.happens() && { metadata: { zone: "ä" } })
  }))
  const members = some(all)
  const departing = some(all.filter((each) => !members.includes(each)))
  const present = members.map((each) => each.id)
  const outgoing = some([...members, ...departing].map((each) => each.id))
  return { members, departing, outgoing, voters: some(present), promoting: some(present) }
}

/** Up to four pieces, each of a later term than the one before: 1 to 20 commands, or a membership. */
const randomEntries = (chance: Chance, first: number, term: number): Entries.Entries => {
  const piece = (from: number, at: number) => {
    if (chance.between(0, 4) === 0) return Entries.membership(from, at, randomMembership(chance))
    const payloads = Array.from({ length: chance.between(1, 20) }, () => chance.bytes(chance.between(0, 30)))
    return Entries.commands(from, at, payloads)
  }
  let entries = piece(first, term)
  for (let count = chance.between(0, 4); count > 0; count--) {
    term += chance.between(1, 4)
    entries = Entries.concat([entries, piece(Entries.last(entries) + 1, term)])
  }
  return entries
}

const randomRuns = (chance: Chance): ReadonlyArray<Log.Run> => {
  const runs: Array<Log.Run> = []
  let run = { start: chance.between(1, 9), term: chance.between(1, 9) }
  for (let count = chance.between(0, 17); count > 0; count--) {
    runs.push(run)
    run = { start: run.start + chance.between(1, 9), term: run.term + chance.between(1, 9) }
  }
  return runs
}

const appendEntries = (chance: Chance, from: string): Envelope => {
  const previous = { term: chance.between(0, 100), index: chance.pick([0, 5, 2 ** 32, largest - 200]) }
  const entries = chance.happens()
    ? undefined
    : randomEntries(chance, previous.index + 1, previous.term + chance.between(0, 2))
  const message: Message.AppendEntries = {
    _tag: "AppendEntries",
    from,
    term: (entries?.runs.at(-1)?.term ?? previous.term) + chance.between(0, 3),
    previous,
    last: entries === undefined ? previous.index : Entries.last(entries),
    runs: entries?.runs ?? [],
    memberships: entries === undefined ? [] : Entries.memberships(entries) ?? [],
    commit: chance.number(),
    sequence: chance.number()
  }
  return { message, entries }
}

const appendReply = (chance: Chance, from: string): Message.AppendReply => {
  const runs = randomRuns(chance)
  return {
    _tag: "AppendReply",
    from,
    term: (runs.at(-1)?.term ?? 0) + chance.number() % 2 ** 40,
    sequence: chance.number(),
    accepted: chance.happens(),
    match: chance.number(),
    last: (runs.at(-1)?.start ?? 0) + chance.between(0, 9),
    runs
  }
}

const installSnapshot = (chance: Chance, from: string, term: number): Envelope => {
  const chunk = chance.bytes(chance.pick([0, 1, 40]))
  const offset = chance.between(0, 1000)
  const snapshot = {
    index: chance.number(),
    term: Math.min(term, chance.number()),
    membership: randomMembership(chance),
    size: offset + chunk.length + chance.pick([0, 1, 2 ** 40]),
    checksum: chance.pick([0, 1, 2 ** 31, 2 ** 32 - 1])
  }
  const message = {
    _tag: "InstallSnapshot",
    from,
    term,
    snapshot,
    offset,
    length: chunk.length,
    sequence: chance.number()
  } as const
  return chunk.length === 0 ? { message, entries: undefined } : { message, entries: undefined, chunk }
}

const snapshotReply = (chance: Chance, from: string, term: number): Message.SnapshotReply => {
  const [sequence, offset, index, stored] = [chance.number(), chance.number(), chance.number(), chance.number()]
  const received = Math.max(stored, chance.number())
  return { _tag: "SnapshotReply", from, term, sequence, offset, index, received, stored }
}

export const randomEnvelope = (
  chance: Chance,
  from = chance.pick(["n1", "a", "ein-längerer-Name", "🦀"])
): Envelope => {
  const tag = chance.pick(tags)
  const term = chance.number()
  const last = { term: Math.min(term, chance.number()), index: chance.number() }
  const alone = (message: Message.Message): Envelope => ({ message, entries: undefined })
  switch (tag) {
    case "RequestPreVote":
      return alone({ _tag: tag, from, term, last, round: chance.between(0, 2 ** 32) })
    case "PreVoteReply":
      return alone({ _tag: tag, from, term, round: chance.between(0, 2 ** 32), granted: chance.happens() })
    case "RequestVote":
      return alone({ _tag: tag, from, term, last, isTransfer: chance.happens() })
    case "VoteReply":
      return alone({ _tag: tag, from, term, granted: chance.happens() })
    case "AppendEntries":
      return appendEntries(chance, from)
    case "AppendReply":
      return alone(appendReply(chance, from))
    case "TimeoutNow":
      return alone({ _tag: tag, from, term, last })
    case "InstallSnapshot":
      return installSnapshot(chance, from, term)
    case "SnapshotReply":
      return alone(snapshotReply(chance, from, term))
    case "RequestRead":
      return alone({ _tag: tag, from, term, read: chance.number(), round: chance.number(), isLease: chance.happens() })
    case "ReadReply":
      return alone({ _tag: tag, from, term, read: chance.number(), round: chance.number(), index: chance.number() })
    case "Disowned":
      return chance.happens()
        ? alone({ _tag: tag, from, term, reason: "Incarnation", incarnation: chance.number() })
        : alone({ _tag: tag, from, term, reason: "Epoch", incarnation: undefined })
  }
}
