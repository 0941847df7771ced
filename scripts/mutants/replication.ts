/** Rules of the log: what is acknowledged, what is committed, what is taken away, what callers are told. */
import { engineFile as file, type Mutant } from "./Mutant.ts"

export const replication: ReadonlyArray<Mutant> = [
  {
    name: "older-term-commits-by-counting",
    file: file("Commit"),
    find: "held > state.commit && held >= since",
    replace: "held > state.commit",
    removes: "commits by counting in its own term only"
  },
  {
    name: "leader-counts-what-is-not-written",
    file: file("Commit"),
    find: "Quorum.reachedByOthers(state, state.durability.durable,",
    replace: "Quorum.reachedByOthers(state, state.log.last,",
    removes: "counts itself by what is on its disk"
  },
  {
    name: "commit-beyond-what-agrees",
    file: file("Commit"),
    find: "const known = Math.min(commit, agreed)",
    replace: "const known = Math.min(commit, state.log.last)",
    removes: "believes a commit index as far as the logs agree"
  },
  {
    name: "commit-falls",
    file: file("Commit"),
    find: "return known > state.commit ? { ...state, commit: known } : state",
    replace: "return { ...state, commit: known }",
    removes: "keeps a commit index that is higher than what it is told"
  },
  {
    name: "applied-before-it-is-written",
    file: file("Commit"),
    find: "const to = Math.min(state.commit, state.durability.durable, room, stop)",
    replace: "const to = Math.min(state.commit, room, stop)",
    removes: "hands over only what is on its own disk"
  },
  {
    name: "append-aba",
    file: file("Durability"),
    find: "return Math.min(last, kept)",
    replace: "return last",
    removes: "counts as durable only what no truncation on its way can take"
  },
  {
    name: "truncated-entries-stay-durable",
    file: file("Durability"),
    find: "durable: Math.min(durability.durable, write.keeps)",
    replace: "durable: durability.durable",
    removes: "takes back what was durable when it is truncated"
  },
  {
    name: "acknowledged-before-it-is-written",
    file: file("Replication"),
    find: "return answer(state, message, reply, Durability.writeCovering(state.durability, match))",
    replace: "return answer(state, message, reply)",
    removes: "acknowledges entries once they are on the disk"
  },
  {
    name: "heartbeat-waits-for-the-disk",
    file: file("Replication"),
    find: "const match = isHeartbeat ? Math.min(agreed, state.durability.durable) : agreed",
    replace: "const match = agreed",
    removes: "answers heartbeats at once"
  },
  {
    name: "truncates-where-nothing-differs",
    file: file("Replication"),
    find: "const first = Log.divergence(following.log, boundary.index, message.last, message.runs)",
    replace: "const first = Math.max(message.previous.index, boundary.index) + 1",
    removes: "keeps entries that an overtaken message repeats"
  },
  {
    name: "entries-stand-on-nothing",
    file: file("Replication"),
    find: "const fits = message.previous.index < boundary.index || Log.holds(following.log, message.previous)",
    replace: "const fits = message.previous.index <= following.log.last",
    removes: "compares the term of the entry before"
  },
  {
    name: "committed-entries-are-replaced",
    file: file("Replication"),
    find:
      "  if (first <= state.commit) halt(`the leader of term ${message.term} contradicts what is committed at ${first}`)\n",
    replace: "",
    removes: "stops when a leader contradicts what is committed"
  },
  {
    name: "old-answer-takes-back",
    file: file("Replication"),
    find: "match: Math.max(progress.match, match), next: Math.max(progress.next, match + 1)",
    replace: "match, next: match + 1",
    removes: "keeps what a member has acknowledged when an older answer comes"
  },
  {
    name: "old-refusal-rewinds",
    file: file("Replication"),
    find: `if (isOld || reply.match <= progress.match || progress.mode === "snapshot") return progress`,
    replace: `if (progress.mode === "snapshot") return progress`,
    removes: "ignores refusals of what was sent earlier"
  },
  {
    name: "answer-from-beyond-the-log",
    file: file("Replication"),
    find:
      "if (reply.sequence > state.role.sequence || (reply.accepted && reply.match > state.log.last)) return next(state)",
    replace: "",
    removes: "ignores answers that cannot be true"
  },
  {
    name: "sends-below-what-agrees",
    file: file("Progress"),
    find: "next: Math.max(progress.match + 1, next)",
    replace: "next",
    removes: "sends on after what a member has acknowledged"
  },
  {
    name: "no-window",
    file: file("Replication"),
    find: "Math.min(last, current.match + maxEntriesInFlight)",
    replace: "last",
    removes: "bounds how many entries are under way to a member"
  },
  {
    name: "unsent-is-forgotten",
    file: file("Replication"),
    find: "from >= progress.next || progress.mode === \"snapshot\"",
    replace: "from >= 0",
    removes: "sends again what could not be sent"
  },
  {
    name: "one-step-back-per-round",
    file: file("Replication"),
    find: "Math.max(1, Log.agreement(state.log, Math.min(reply.last, reply.match - 1), reply.runs) + 1)",
    replace: "Math.max(1, reply.match)",
    removes: "finds in one round where two logs part"
  },
  {
    name: "no-room-is-kept",
    file: file("Replication"),
    find: "if (log.last - applied + count > maxEntriesOutstanding) return true",
    replace: "",
    removes: "bounds how many entries are outstanding"
  },
  {
    name: "no-entry-opens-the-term",
    file: file("Election"),
    find: `const [opened, written] = Replication.append(lead(state), { count: 1 })
  return next(opened, written)`,
    replace: "return next(lead(state))",
    removes: "opens its term with an entry"
  },
  {
    name: "waiter-by-index-alone",
    file: file("Outcome"),
    find: "const end = Log.termAt(log, from) === term ? Math.min(to, commit, Log.runEnd(log, from)) : from - 1",
    replace: "const end = Math.min(to, commit)",
    removes: "tells a proposal by its term from what is committed in its place"
  },
  {
    name: "deposed-leader-fails-the-reads-of-others",
    file: file("Roles"),
    find: "  const own = role.reads.filter(({ asker }) => asker === undefined)\n",
    replace: "  const own = role.reads\n",
    removes: "tells its own reads from those of others when it steps down"
  },
  {
    name: "covered-proposals-are-forgotten",
    file: file("Outcome"),
    find: "if (covered.length === 0) return next(state)",
    replace: "if (covered.length >= 0) return next(state)",
    removes: "tells whoever proposed what a snapshot covers that nobody can know"
  },
  {
    name: "half-is-a-majority",
    file: file("Quorum"),
    find: "values[values.length >> 1]",
    replace: "values[(values.length - 1) >> 1]",
    removes: "needs more than half of an even number"
  },
  {
    name: "quorum-in-any-order",
    file: file("Quorum"),
    find: "voters.map(valueOf).sort((left, right) => right - left)",
    replace: "voters.map(valueOf)",
    removes: "sorts before it looks for the median"
  }
]
