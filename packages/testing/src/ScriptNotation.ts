/**
 * Reading what `Describe` writes: positions, logs and messages, as a script gives them to a command.
 *
 * Whatever cannot be understood is an error that quotes it; nothing is guessed.
 */
import type { Log, LogPosition, Message } from "effect-raft/engine"
import { type Entry, runs as runsOf } from "./Disk.ts"

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

/** `a,b,c`; `-` for none. */
export const parseList = (text: string): ReadonlyArray<string> => (text === "-" ? [] : text.split(","))

/** `5@1`: index 5, term 1. */
export const parsePosition = (text: string | undefined): LogPosition.LogPosition => {
  const [index, term] = (text ?? "").split("@")
  return { index: parseNumber(index), term: parseNumber(term) }
}

/** A log as runs, `1-4@1,5@2`. An entry that is given here is the same wherever its position is. */
export const parseEntries = (text: string, first = 1): ReadonlyArray<Entry> => {
  const entries: Array<Entry> = []
  for (const part of parseList(text)) {
    const [range = "", term] = part.split("@")
    const [from, to = from] = range.split("-")
    for (let index = parseNumber(from); index <= parseNumber(to); index++) {
      if (index !== first + entries.length) throw new Error(`"${text}" leaves out entry ${first + entries.length}`)
      entries.push({ term: parseNumber(term), content: `given ${index}@${term}` })
    }
  }
  return entries
}

const shift = (runs: ReadonlyArray<Log.Run>, by: number): ReadonlyArray<Log.Run> =>
  runs.map(({ start, term }) => ({ start: start + by, term }))

const parseAppend = (header: { from: string; term: number }, options: ReadonlyMap<string, string>) => {
  const previous = parsePosition(options.get("previous"))
  const entries = parseEntries(options.get("entries") ?? "-", previous.index + 1)
  const message: Message.AppendEntries = {
    _tag: "AppendEntries",
    ...header,
    previous,
    last: previous.index + entries.length,
    runs: shift(runsOf(entries), previous.index),
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

/** `n3@2 RequestVote last=5@1`: what n3 says in term 2, and the entries that come with it. */
export const parseMessage = (
  speaker: string,
  { options, words: [tag, answer] }: Arguments
): { readonly message: Message.Message; readonly entries: ReadonlyArray<Entry> } => {
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
    case "RequestVote":
      return { message: { _tag: tag, ...header, last: parsePosition(options.get("last")) }, entries: [] }
    case "VoteReply":
      return { message: { _tag: tag, ...header, granted }, entries: [] }
    case "AppendEntries":
      return parseAppend(header, options)
    case "AppendReply":
      return { message: parseAppendReply(header, options), entries: [] }
    default:
      throw new Error(`"${tag}" is no message`)
  }
}
