/**
 * Nodes to test rules with: a state as it would be after a start with this disk, and one step of it.
 */
import {
  Describe,
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
  /** In the place of `voters`, when there is more to say of the members. */
  readonly membership?: Membership.Membership
  /** The entry after which the log begins. A snapshot stands for what is up to there, or up to `snapshot`. */
  readonly boundary?: number
  readonly snapshot?: number
  /** How many bytes the snapshot has. */
  readonly size?: number
  readonly incarnation?: number
}

export const membership = (voters: ReadonlyArray<string>): Membership.Membership =>
  Membership.make(voters.map((id) => ({ id, address: id })))

const entries = (terms: ReadonlyArray<number>, founders: Membership.Membership): Log.Log =>
  terms.reduce(
    (log, term, place) => Log.append(log, [{ start: place + 1, term }], place + 1, []),
    Log.empty(founders)
  )

export const log = (terms: ReadonlyArray<number>, voters: ReadonlyArray<string> = []): Log.Log =>
  entries(terms, membership(voters))

const threeVoters = ["n1", "n2", "n3"]

const place = (log: Log.Log, index: number): Log.Boundary => {
  const boundary = Log.boundaryAt(log, index)
  if (boundary === undefined) throw new Error(`the log has no entry ${index}`)
  return boundary
}

/** What is on its disk. */
const recovered = (options: Options): State.Recovered => {
  const { boundary = 0, size = 0, snapshot = boundary, terms = [], voters = threeVoters } = options
  const hardState = { term: options.term ?? terms.at(-1) ?? 0, votedFor: options.vote }
  const whole = entries(terms, options.membership ?? membership(voters))
  if (snapshot === 0) return { hardState, log: whole }
  return {
    hardState,
    log: Log.beginAt(whole, place(whole, boundary)),
    snapshot: { ...place(whole, snapshot), size, checksum: size }
  }
}

/** A follower at time 0 that has heard from nobody. */
export const node = (options: Options = {}): State.State => {
  const { id = "n1", incarnation, seed = 1 } = options
  const settings = { ...Settings.defaults, ...options.settings }
  const disk = recovered(options)
  const [state] = Engine.start({
    id,
    settings,
    seed,
    now: 0,
    recovered: disk,
    ...(incarnation !== undefined && { incarnation })
  })
  const commit = Math.max(options.commit ?? 0, disk.snapshot?.index ?? 0)
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

/** Who votes beside this node. */
const othersOf = ({ id, log }: State.State): ReadonlyArray<string> =>
  Log.membership(log).voters.filter((voter) => voter !== id)

/** Answers its own pre-vote, so that it stands. */
export const standing = (state: State.State): State.State => {
  const [asking] = timer(state)
  if (asking.role._tag !== "PreCandidate") return asking
  const { round } = asking.role
  return othersOf(asking).reduce(
    (current, from) => hear(current, { _tag: "PreVoteReply", from, term: state.term, round, granted: true })[0],
    asking
  )
}

/** Won the election that comes next, with the votes of all; everything is on its disk. */
export const leading = (options: Options = {}): State.State => {
  const candidate = flushed(standing(node(options)))[0]
  const winner = othersOf(candidate).reduce(
    (current, from) => hear(current, granted(from, candidate.term))[0],
    candidate
  )
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

/** A piece of a snapshot; without bytes, the question how much of it has come. */
export const chunk = (
  from: string,
  term: number,
  snapshot: Log.Snapshot,
  offset: number,
  length: number,
  sequence = 1
): Message.InstallSnapshot => ({ _tag: "InstallSnapshot", from, term, snapshot, offset, length, sequence })

/** How much of the snapshot at `index` has come, and is on the disk. */
export const got = (
  from: string,
  term: number,
  index: number,
  received: number,
  fields: Partial<Message.SnapshotReply> = {}
): Message.SnapshotReply => ({
  _tag: "SnapshotReply",
  from,
  term,
  sequence: 1,
  offset: 0,
  index,
  received,
  stored: received,
  ...fields
})

/** The members by these ids, all of them voters, each with what is said of it. */
export const described = (members: Readonly<Record<string, Partial<Membership.Member>>>): Membership.Membership =>
  Membership.make(Object.entries(members).map(([id, fields]) => ({ id, address: id, ...fields })))

/** The outputs as lines. */
export const told = (outputs: ReadonlyArray<Output.Output>): ReadonlyArray<string> => outputs.map(Describe.output)

export const messages = (outputs: ReadonlyArray<Output.Output>): ReadonlyArray<Message.Message> =>
  outputs.flatMap((output) => (output._tag === "Send" ? [output.message] : []))
