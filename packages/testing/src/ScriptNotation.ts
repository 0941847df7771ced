/**
 * Reading what `Describe` writes: positions, logs and messages, as a script gives them to a command.
 *
 * Whatever cannot be understood is an error that quotes it; nothing is guessed.
 */
import { Describe, type Log, type LogPosition, Membership, type Message } from "effect-raft/engine"
import { type Entry, memberships as membershipsOf, runs as runsOf } from "./Disk.ts"
import * as Machine from "./Machine.ts"

/** A command's words, with `key=value` set apart. */
export interface Arguments {
  readonly words: ReadonlyArray<string>
  readonly options: ReadonlyMap<string, string>
}

export const parseArguments = (text: string): Arguments => {
  const parts = text.split(/\s+/).filter((part) => part !== "")
  return {
    words: parts.filter((part) => !part.includes("=")),
    options: new Map(
      parts.filter((part) => part.includes("=")).map((part) => {
        const at = part.indexOf("=")
        return [part.slice(0, at), part.slice(at + 1)]
      })
    )
  }
}

export const parseNumber = (text: string | undefined): number => {
  const value = Number(text)
  if (text === undefined || text === "" || !Number.isSafeInteger(value)) throw new Error(`"${text}" is no whole number`)
  return value
}

/** So many milliseconds, which need not be whole. */
export const parseTime = (text: string | undefined): number => {
  const value = Number(text)
  if (text === undefined || text === "" || !Number.isFinite(value)) throw new Error(`"${text}" is no time`)
  return value
}

/** `a,b,c`; `-` for none. */
export const parseList = (text: string): ReadonlyArray<string> => (text === "-" ? [] : text.split(","))

/** `5@1`: index 5, term 1. */
export const parsePosition = (text: string | undefined): LogPosition.LogPosition => {
  const [index, term] = (text ?? "").split("@")
  return { index: parseNumber(index), term: parseNumber(term) }
}

/** The name in `n3`, `n3*` (a witness) or `n3^2` (of priority 2). */
export const parseId = (text: string): LogPosition.NodeId => text.replace(/[*+].*|\^.*/, "")

/** A node whose address is its name. */
export const parseMember = (text: string): Membership.Member => {
  const id = parseId(text)
  const priority = /\^(\d+)/.exec(text)?.[1]
  return {
    id,
    address: id,
    ...(text.includes("*") && { isWitness: true }),
    ...(priority !== undefined && { priority: parseNumber(priority) })
  }
}

/**
 * A membership in one word: voters, before them `outgoing&` if two are in force, after them `/learners`, with a `+`
 * for one that is to vote: `n1,n2&n1,n2,n3/n4,n5+`. A witness has a star, and a priority comes after `^`: `n1^2,n2,n3*`.
 */
export const parseMembership = (text: string): Membership.Membership => {
  const [sets = "", learning] = text.split("/")
  const [first = "", second] = sets.split("&")
  const learners = learning?.split(",") ?? []
  const outgoing = second === undefined ? [] : parseList(first)
  const voters = parseList(second ?? first)
  const { members } = Membership.make([...voters, ...learners].map(parseMember))
  return {
    members,
    voters: voters.map(parseId),
    outgoing: outgoing.map(parseId),
    departing: outgoing.map(parseMember).filter(({ id }) => !members.some((member) => member.id === id)),
    promoting: learners.filter((id) => id.endsWith("+")).map(parseId)
  }
}

/** Memberships by the index of their entry: `3:n1,n2;5:n1`. */
const parseMemberships = (text: string): ReadonlyMap<number, Membership.Membership> =>
  new Map((text === "-" ? [] : text.split(";")).map((part) => {
    const [index, membership] = part.split(":")
    return [parseNumber(index), parseMembership(membership ?? "")]
  }))

/** What an operator wants: `add-voter n4`, `replace n1,n4 learners=n5`. */
export const parseChange = (
  [kind, id = ""]: ReadonlyArray<string>,
  options: ReadonlyMap<string, string>
): Membership.Change => {
  switch (kind) {
    case "add-voter":
      return { _tag: "AddVoter", member: parseMember(id) }
    case "add-learner":
      return { _tag: "AddLearner", member: parseMember(id) }
    case "promote":
      return { _tag: "Promote", id }
    case "demote":
      return { _tag: "Demote", id }
    case "remove":
      return { _tag: "Remove", id }
    case "replace": {
      const voters = parseList(id)
      const members = [...voters, ...parseList(options.get("learners") ?? "-")].map(parseMember)
      return { _tag: "Replace", voters: voters.map(parseId), members }
    }
    default:
      throw new Error(`"${kind}" is no change`)
  }
}

const entryAt = (index: number, term: number, membership: Membership.Membership | undefined): Entry =>
  membership === undefined
    ? { term, content: `given ${index}@${term}` }
    : { term, content: `members ${Describe.members(membership)}`, membership }

/** A log as runs, `1-4@1,5@2`. An entry that is given here is the same wherever its position is. */
export const parseEntries = (text: string, first = 1, changes = "-"): ReadonlyArray<Entry> => {
  const memberships = parseMemberships(changes)
  const entries: Array<Entry> = []
  for (const part of parseList(text)) {
    const [range = "", term] = part.split("@")
    const [from, to = from] = range.split("-")
    for (let index = parseNumber(from); index <= parseNumber(to); index++) {
      if (index !== first + entries.length) throw new Error(`"${text}" leaves out entry ${first + entries.length}`)
      entries.push(entryAt(index, parseNumber(term), memberships.get(index)))
    }
  }
  return entries
}

const shift = (runs: ReadonlyArray<Log.Run>, by: number): ReadonlyArray<Log.Run> =>
  runs.map(({ start, term }) => ({ start: start + by, term }))

const parseAppend = (header: { from: string; term: number }, options: ReadonlyMap<string, string>) => {
  const previous = parsePosition(options.get("previous"))
  const entries = parseEntries(options.get("entries") ?? "-", previous.index + 1, options.get("members"))
  const message: Message.AppendEntries = {
    _tag: "AppendEntries",
    ...header,
    previous,
    last: previous.index + entries.length,
    runs: shift(runsOf(entries), previous.index),
    memberships: membershipsOf(entries, previous.index),
    commit: parseNumber(options.get("commit") ?? "0"),
    sequence: parseNumber(options.get("round") ?? "1")
  }
  return { message, entries }
}

const parseAppendReply = (
  header: { from: string; term: number },
  options: ReadonlyMap<string, string>
): Message.Message => {
  const sequence = parseNumber(options.get("round") ?? "1")
  const refused = options.get("refused")
  if (refused === undefined) {
    const match = parseNumber(options.get("match"))
    return { _tag: "AppendReply", ...header, sequence, accepted: true, match, last: match, runs: [] }
  }
  const held = options.get("holds") ?? "-"
  const first = parseNumber(held === "-" ? "1" : held.split(/[-@]/)[0])
  const runs = shift(runsOf(parseEntries(held, first)), first - 1)
  const last = parseNumber(options.get("last"))
  return { _tag: "AppendReply", ...header, sequence, accepted: false, match: parseNumber(refused), last, runs }
}

/** `bytes=2-3 of 5`, or `at=2 of 5` for a heartbeat. The bytes are those of entries that are given. */
const parseSnapshot = (
  header: { from: string; term: number },
  { options, words }: Arguments
): Spoken => {
  const position = parsePosition(options.get("snapshot"))
  const covered = parseEntries(options.get("log") ?? `1-${position.index}@${position.term}`, 1, options.get("changes"))
  const { bytes, checksum } = Machine.writeDown(covered, 0)
  const size = parseNumber(words[words.indexOf("of") + 1])
  const [first = "0", last = first] = (options.get("bytes") ?? "").split("-")
  const offset = parseNumber(options.get("at") ?? first)
  const length = options.has("bytes") ? parseNumber(last) - offset + 1 : 0
  const membership = parseMembership(options.get("members") ?? "-")
  const message: Message.InstallSnapshot = {
    _tag: "InstallSnapshot",
    ...header,
    snapshot: { ...position, membership, size, checksum },
    offset,
    length,
    sequence: parseNumber(options.get("round") ?? "1")
  }
  return { message, entries: bytes.slice(offset, offset + length), covered }
}

const parseSnapshotReply = (
  header: { from: string; term: number },
  options: ReadonlyMap<string, string>
): Message.SnapshotReply => {
  const received = parseNumber(options.get("has"))
  return {
    _tag: "SnapshotReply",
    ...header,
    sequence: parseNumber(options.get("round") ?? "1"),
    offset: parseNumber(options.get("at") ?? String(received)),
    index: parseNumber(options.get("snapshot")),
    received,
    stored: parseNumber(options.get("stored") ?? String(received))
  }
}

/** A message, and what comes with it. */
interface Spoken {
  readonly message: Message.Message
  readonly entries: ReadonlyArray<Entry>
  readonly covered?: ReadonlyArray<Entry>
}

/** `n3@2 RequestVote last=5@1`: what n3 says in term 2, and the entries that come with it. */
export const parseMessage = (
  speaker: string,
  { options, words: [tag, answer, ...more] }: Arguments
): Spoken => {
  const [from = "", term] = speaker.split("@")
  const header = { from, term: parseNumber(term) }
  const granted = answer === "granted"
  const round = () => parseNumber(options.get("round"))
  switch (tag) {
    case "RequestPreVote":
      return {
        message: { _tag: tag, ...header, last: parsePosition(options.get("last")), round: round() },
        entries: []
      }
    case "PreVoteReply":
      return { message: { _tag: tag, ...header, granted, round: round() }, entries: [] }
    case "RequestVote": {
      const last = parsePosition(options.get("last"))
      return { message: { _tag: tag, ...header, last, isTransfer: answer === "transfer" }, entries: [] }
    }
    case "TimeoutNow":
      return { message: { _tag: tag, ...header, last: parsePosition(options.get("last")) }, entries: [] }
    case "VoteReply":
      return { message: { _tag: tag, ...header, granted }, entries: [] }
    case "AppendEntries":
      return parseAppend(header, options)
    case "AppendReply":
      return { message: parseAppendReply(header, options), entries: [] }
    case "InstallSnapshot":
      return parseSnapshot(header, { options, words: [answer ?? "", ...more] })
    case "SnapshotReply":
      return { message: parseSnapshotReply(header, options), entries: [] }
    case "RequestRead": {
      const read = parseNumber(answer?.replace("#", ""))
      return { message: { _tag: tag, ...header, read, round: round(), isLease: more[1] === "lease" }, entries: [] }
    }
    case "Disowned": {
      const incarnation = answer === "disk" ? parseNumber(more[0]) : undefined
      const reason = answer === "disk" ? "Incarnation" : "Epoch"
      return { message: { _tag: tag, ...header, reason, incarnation }, entries: [] }
    }
    default:
      throw new Error(`"${tag}" is no message`)
  }
}
