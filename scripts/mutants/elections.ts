/** Rules of elections: who votes for whom, when, and what a vote promises. */
import { engineFile as file, type Mutant } from "./Mutant.ts"

export const elections: ReadonlyArray<Mutant> = [
  {
    name: "vote-by-length",
    file: file("LogPosition"),
    find: "candidate.term !== own.term ? candidate.term > own.term : candidate.index >= own.index",
    replace: "candidate.index >= own.index",
    removes: "compares last terms before lengths"
  },
  {
    name: "vote-twice",
    file: file("Election"),
    find: "const free = state.votedFor === undefined || state.votedFor === message.from",
    replace: "const free = true",
    removes: "votes only once in a term"
  },
  {
    name: "vote-for-any-log",
    file: file("Election"),
    find: `const granted = free && state.leader === undefined && !Roles.isKeptOut(state)
    && LogPosition.isUpToDate(message.last, Log.lastPosition(state.log))`,
    replace: "const granted = free && state.leader === undefined && !Roles.isKeptOut(state)",
    removes: "looks at the candidate's log"
  },
  {
    name: "vote-beside-the-leader",
    file: file("Election"),
    find: "const granted = free && state.leader === undefined && !Roles.isKeptOut(state)",
    replace: "const granted = free && !Roles.isKeptOut(state)",
    removes: "refuses its vote in a term whose leader it knows"
  },
  {
    name: "vote-is-said-before-it-is-written",
    file: file("Next"),
    find: "const needed = Math.max(after, state.durability.hardStateWrite)",
    replace: "const needed = after",
    removes: "holds messages back until the term and the vote are on the disk"
  },
  {
    name: "own-vote-counts-before-it-is-written",
    file: file("Election"),
    find: "const isDurable = state.durability.persisted >= state.durability.hardStateWrite",
    replace: "const isDurable = true",
    removes: "waits for its own vote to be on the disk"
  },
  {
    name: "vote-is-not-written",
    file: file("Election"),
    find: "const [voted, written] = write(voter, { hardState: true })",
    replace: "const [voted, written] = write(voter, {})",
    removes: "writes down its vote"
  },
  {
    name: "step-down-forgets-the-vote",
    file: file("Roles"),
    find: "const retired: State<Follower> = { ...state, role: follower, leader: undefined }",
    replace: "const retired: State<Follower> = { ...state, role: follower, leader: undefined, votedFor: undefined }",
    removes: "keeps its vote when it steps down within a term"
  },
  {
    name: "vote-of-the-last-term-stays",
    file: file("Roles"),
    find: "write({ ...retire(state), term, votedFor: undefined }, { hardState: true })",
    replace: "write({ ...retire(state), term }, { hardState: true })",
    removes: "is free to vote in a new term"
  },
  {
    name: "older-terms-are-heard",
    file: file("Step"),
    find: `const isHeard = message.term === state.term || message._tag === "PreVoteReply"`,
    replace: "const isHeard = true",
    removes: "ignores messages of older terms"
  },
  {
    name: "older-term-is-not-told",
    file: file("Step"),
    find: "return isHeard ? dispatch(current, message, receive) : tellTerm(current, message)",
    replace: "return isHeard ? dispatch(current, message, receive) : next(current)",
    removes: "tells the sender of an older term which term it is"
  },
  {
    name: "candidate-disturbs-the-leader",
    file: file("Step"),
    find: `const isUncalledFor = message._tag === "RequestVote" && !message.isTransfer && Election.hearsLeader(state)`,
    replace: "const isUncalledFor = false",
    removes: "ignores candidates while it hears the leader"
  },
  {
    name: "pre-vote-beside-the-leader",
    file: file("Election"),
    find: "const granted = !hearsLeader(state) && message.term >= state.term",
    replace: "const granted = message.term >= state.term",
    removes: "refuses a pre-vote while it hears the leader"
  },
  {
    name: "pre-vote-for-an-older-term",
    file: file("Election"),
    find: "const granted = !hearsLeader(state) && message.term >= state.term && !Roles.isKeptOut(state)",
    replace: "const granted = !hearsLeader(state) && !Roles.isKeptOut(state)",
    removes: "refuses a pre-vote to whoever is behind in terms"
  },
  {
    name: "late-pre-vote-counts",
    file: file("Election"),
    find: "if (message.round !== state.role.round || state.role.granted.includes(message.from)) return next(state)",
    replace: "if (state.role.granted.includes(message.from)) return next(state)",
    removes: "tells answers to this pre-vote from answers to an earlier one"
  },
  {
    name: "stalled-disk-stands",
    file: file("Election"),
    find: "Membership.mayLead(Log.membership(state.log), state.id) && !state.isStalled",
    replace: "Membership.mayLead(Log.membership(state.log), state.id)",
    removes: "stays out of elections while its disk does not answer"
  },
  {
    name: "who-may-not-vote-stands",
    file: file("Roles"),
    find: "if (Membership.isVoter(Log.membership(log), id)) return true",
    replace: "if (Membership.find(Log.membership(log), id) !== undefined) return true",
    removes: "keeps learners out of elections"
  },
  {
    name: "no-check-quorum",
    file: file("Replication"),
    find: "if (state.now >= quorumDeadline(state)) return Roles.stepDown(state)\n",
    replace: "",
    removes: "steps down when no majority was heard for an election timeout"
  },
  {
    name: "strange-disk-is-heard",
    file: file("Step"),
    find: "  if (isStranger(state, receive)) return turnAway(state, receive)\n",
    replace: "",
    removes: "turns away whoever comes with another disk"
  },
  {
    name: "hears-itself",
    file: file("Step"),
    find: "if (message.from === state.id || !isConsistent(message)) return next(state)",
    replace: "if (!isConsistent(message)) return next(state)",
    removes: "ignores messages in its own name"
  },
  {
    name: "given-up-nodes-vote",
    file: file("Roles"),
    find: "epochOf(term) > epochOf(Log.lastTerm(log)) && Log.membership(log).members.length > 0",
    replace: "false",
    removes: "keeps those out of elections who were given up by a forced membership"
  },
  {
    name: "forced-although-a-majority-lives",
    file: file("LastResort"),
    find: "if (Quorum.isMajority(membership, survivors)) {",
    replace: "if (survivors.length === 0) {",
    removes: "refuses to force a membership while a majority is left"
  }
]
