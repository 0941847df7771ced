/** Rules of reads, leases and of handing leadership over. */
import { engineFile as file, type Mutant } from "./Mutant.ts"

export const reads: ReadonlyArray<Mutant> = [
  {
    name: "read-before-the-own-term-commits",
    file: file("Read"),
    find: "Math.max(commit, role.since)",
    replace: "commit",
    removes: "answers no read below the first entry of its own term"
  },
  {
    name: "read-before-its-index-commits",
    file: file("Read"),
    find: "each.sequence <= confirmed && each.index <= state.commit",
    replace: "each.sequence <= confirmed",
    removes: "waits until what a read must see is committed"
  },
  {
    name: "old-answer-confirms-a-new-read",
    file: file("Read"),
    find: "const asking = Replication.beginRound(state)\n  const pending",
    replace: "const asking = state\n  const pending",
    removes: "begins a round of its own for each read"
  },
  {
    name: "read-without-a-round",
    file: file("Read"),
    find: "const isReady = (each: PendingRead) => each.sequence <= confirmed && each.index <= state.commit",
    replace: "const isReady = (each: PendingRead) => each.index <= state.commit",
    removes: "asks the others whether it still leads"
  },
  {
    name: "forwarded-read-takes-any-answer",
    file: file("Read"),
    find: "each.read !== read || each.round !== round",
    replace: "each.read !== read",
    removes: "tells the answer to a forwarded read from one to an earlier life's"
  },
  {
    name: "forwarded-read-is-asked-once",
    file: file("Read"),
    find: "asked === undefined || asked.term !== term || now - asked.at >= 2 * settings.heartbeatInterval",
    replace: "asked === undefined",
    removes: "asks again for a read whose answer does not come"
  },
  {
    name: "lease-while-leadership-is-handed-over",
    file: file("Read"),
    find: "const isVoid = state.transfer !== undefined || state.commit < Math.max(since, lease.index)",
    replace: "const isVoid = state.commit < Math.max(since, lease.index)",
    removes: "has no lease while leadership is handed over"
  },
  {
    name: "lease-after-the-successor-was-asked",
    file: file("Read"),
    find: "state.commit < Math.max(since, lease.index)",
    replace: "state.commit < since",
    removes: "has no lease until what asked the successor has lost its force"
  },
  {
    name: "lease-before-the-own-term-commits",
    file: file("Read"),
    find: "state.commit < Math.max(since, lease.index)",
    replace: "state.commit < lease.index",
    removes: "has no lease before an entry of its own term is committed"
  },
  {
    name: "lease-counts-from-the-answer",
    file: file("Read"),
    find: "const began = rounds.findLast((round) => round.sequence <= confirmed)?.at ?? Number.NEGATIVE_INFINITY",
    replace: "const began = state.now",
    removes: "counts a lease from when the round was sent"
  },
  {
    name: "lease-without-drift",
    file: file("Read"),
    find: "electionTimeout * (1 - maxClockDrift / 100)",
    replace: "electionTimeout",
    removes: "allows for clocks that run at different speeds"
  },
  {
    name: "lease-of-those-who-promised-nothing",
    file: file("Read"),
    find: "if (isVoid || confirmed < lease.sequence) return Number.NEGATIVE_INFINITY",
    replace: "if (isVoid) return Number.NEGATIVE_INFINITY",
    removes: "has no lease until new voters have answered a round"
  },
  {
    name: "stale-tidings-are-fresh",
    file: file("Read"),
    find: "const isKnown = isApplied && Log.termAt(log, tidings.commit) === tidings.term",
    replace: "const isKnown = isApplied",
    removes: "counts for freshness only what a leader said after an entry of its own term"
  },
  {
    name: "successor-lacks-entries",
    file: file("Transfer"),
    find: "  if (match !== log.last) return next(state)\n",
    replace: "",
    removes: "asks a successor once its log is complete"
  },
  {
    name: "transfer-without-end",
    file: file("Transfer"),
    find: `  if (now >= deadline) return next({ ...state, transfer: undefined }, failed(request, "Timeout"))\n`,
    replace: "",
    removes: "gives up a transfer in time"
  },
  {
    name: "successor-may-be-anyone",
    file: file("Transfer"),
    find: `  if (!mayLead(state, to)) return next(state, failed(request, "NotVoter"))\n`,
    replace: "",
    removes: "hands leadership to voters only"
  },
  {
    name: "proposals-during-a-transfer",
    file: file("Replication"),
    find: "return transfer.isAsked || log.last - match <= settings.maxEntriesPerMessage",
    replace: "return false",
    removes: "takes no commands while a successor is about to stand"
  },
  {
    name: "late-timeout-now",
    file: file("Election"),
    find: "\n    && LogPosition.equals(last, Log.lastPosition(state.log))\n    ? stand",
    replace: "\n    ? stand",
    removes: "ignores a request to stand that comes late"
  },
  {
    name: "stalled-leader-stays",
    file: file("Transfer"),
    find: "if (!isLeader(state) || !state.isStalled || state.transfer !== undefined) return next(state)",
    replace: "if (!isLeader(state) || !Number.isNaN(state.now)) return next(state)",
    removes: "hands over when its disk does not answer"
  }
]
