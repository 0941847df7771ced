/**
 * Nodes to test rules with: a state as it would be after a start with this disk, and one step of it.
 */
import {
  Engine,
  type Input,
  Log,
  Membership,
  type Message,
  type Output,
  Settings,
  type State
} from "effect-raft/engine"

export interface Options {
  readonly id?: string
  readonly voters?: ReadonlyArray<string>
  readonly term?: number
  readonly vote?: string
  /** The terms of the entries, from the first on. */
  readonly terms?: ReadonlyArray<number>
  readonly commit?: number
  readonly seed?: number
  readonly settings?: Partial<Settings.Settings>
}

export const membership = (voters: ReadonlyArray<string>): Membership.Membership =>
  Membership.make(voters.map((id) => ({ id, address: id })))

export const log = (terms: ReadonlyArray<number>, voters: ReadonlyArray<string> = []): Log.Log =>
  terms.reduce(
    (log, term, place) => Log.append(log, [{ start: place + 1, term }], place + 1, []),
    Log.empty(membership(voters))
  )

/** A follower at time 0 that has heard from nobody. */
export const node = (options: Options = {}): State.State => {
  const { commit = 0, id = "n1", seed = 1, terms = [], voters = ["n1", "n2", "n3"] } = options
  const hardState = { term: options.term ?? terms.at(-1) ?? 0, votedFor: options.vote }
  const settings = { ...Settings.defaults, ...options.settings }
  const [state] = Engine.start({ id, settings, seed, now: 0, recovered: { hardState, log: log(terms, voters) } })
  return { ...state, commit, handed: commit, applied: commit, heardLeaderAt: Number.NEGATIVE_INFINITY }
}

export const step = (state: State.State, input: Input.Input) => Engine.step(state, input)

export const hear = (state: State.State, message: Message.Message, batch?: number) =>
  Engine.step(state, { _tag: "Receive", now: state.now, message, batch })

export const timer = (state: State.State, now = Engine.deadline(state)) => Engine.step(state, { _tag: "Timer", now })

/** The disk has caught up. */
export const flushed = (state: State.State) =>
  Engine.step(state, { _tag: "Persisted", now: state.now, write: state.durability.issued })

export const granted = (from: string, term: number): Message.VoteReply => ({
  _tag: "VoteReply",
  from,
  term,
  granted: true
})

/** Answers its own pre-vote, so that it stands. */
export const standing = (state: State.State): State.State => {
  const [asking] = timer(state)
  if (asking.role._tag !== "PreCandidate") return asking
  const { round } = asking.role
  return asking.log.boundary.membership.voters.filter((id) => id !== state.id).reduce(
    (current, from) => hear(current, { _tag: "PreVoteReply", from, term: state.term, round, granted: true })[0],
    asking
  )
}

/** Won the election that comes next, with the votes of all; everything is on its disk. */
export const leading = (options: Options = {}): State.State => {
  const candidate = flushed(standing(node(options)))[0]
  const others = (options.voters ?? ["n1", "n2", "n3"]).filter((id) => id !== candidate.id)
  const winner = others.reduce((current, from) => hear(current, granted(from, candidate.term))[0], candidate)
  return flushed(winner)[0]
}

export const accepted = (from: string, term: number, match: number, sequence = 1): Message.AppendReply => ({
  _tag: "AppendReply",
  from,
  term,
  sequence,
  accepted: true,
  match,
  last: match,
  runs: []
})

/** Entries of the given terms, right after `previous`. */
export const append = (
  from: string,
  term: number,
  previous: readonly [index: number, term: number],
  terms: ReadonlyArray<number> = [],
  commit = 0
): Message.AppendEntries => {
  const [index, previousTerm] = previous
  const runs = terms.flatMap((
    each,
    place
  ) => (terms[place - 1] === each ? [] : [{ start: index + place + 1, term: each }]))
  return {
    _tag: "AppendEntries",
    from,
    term,
    previous: { index, term: previousTerm },
    last: index + terms.length,
    runs,
    memberships: [],
    commit,
    sequence: 1
  }
}

export const messages = (outputs: ReadonlyArray<Output.Output>): ReadonlyArray<Message.Message> =>
  outputs.flatMap((output) => (output._tag === "Send" ? [output.message] : []))
