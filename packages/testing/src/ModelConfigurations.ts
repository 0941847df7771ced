/**
 * What the model checker looks at: small clusters, each about one part of the protocol.
 *
 * Small is enough: what goes wrong among five nodes and ten terms goes wrong among three and three, if it is looked at
 * from every side. Where messages stay in order on each link the search comes further; a few configurations let them
 * overtake each other.
 *
 * @since 0.1.0
 */
import type { Configuration } from "./ModelCheck.ts"

/** Three nodes that have heard of nobody. */
const three = ["node n1 n2 n3"]

/** n1 leads three nodes in term 1, and all have its first entry. */
const reign = [...three, "timeout n1", "deliver"]

const slowDisks = ["disk n1 slow", "disk n2 slow", "disk n3 slow"]

/**
 * Three nodes stand for election, each as often as it likes, up to the third term.
 *
 * @category configurations
 * @since 0.1.0
 */
export const election: Configuration = {
  name: "election",
  about: "three nodes stand for election up to term 3",
  setup: three,
  allowance: { timeouts: 3, losses: 1 },
  isOrdered: true,
  maxTerm: 3
}

/**
 * n1 stands in term 2, and a vote of term 1 is still on its way to it.
 *
 * @category configurations
 * @since 0.1.0
 */
export const candidates: Configuration = {
  name: "candidates",
  about: "two candidates in one term, and a vote of an earlier one that comes late",
  setup: [
    ...three,
    "timeout n1",
    "deliver n1→n2 RequestPreVote",
    "deliver n2→n1 PreVoteReply",
    "drop n1→n3 RequestPreVote",
    "deliver RequestVote",
    "drop n3→n1 VoteReply",
    "timeout n1",
    "deliver n1→n3 RequestPreVote",
    "drop n1→n2 RequestPreVote",
    "deliver n3→n1 PreVoteReply"
  ],
  allowance: { timeouts: 1 },
  maxTerm: 3,
  maxFlights: 8,
  keepsSpent: true
}

/**
 * @category configurations
 * @since 0.1.0
 */
export const electionWithCrashes: Configuration = {
  name: "election-crashes",
  about: "nodes crash and come back while they elect a leader",
  setup: three,
  allowance: { timeouts: 2, crashes: 1 },
  isOrdered: true
}

/**
 * @category configurations
 * @since 0.1.0
 */
export const electionInDisorder: Configuration = {
  name: "election-disorder",
  about: "messages of an election overtake each other, and one comes twice",
  setup: three,
  allowance: { timeouts: 2, repetitions: 1 },
  maxFlights: 5
}

/**
 * @category configurations
 * @since 0.1.0
 */
export const electionOnSlowDisks: Configuration = {
  name: "election-slow-disks",
  about: "votes take their time to the disk, and crashes lose what was not there yet",
  setup: [...three, ...slowDisks],
  allowance: { timeouts: 2, crashes: 1 },
  isOrdered: true,
  maxTerm: 2
}

/**
 * @category configurations
 * @since 0.1.0
 */
export const replication: Configuration = {
  name: "replication",
  about: "a leader replicates commands while another is elected, and a message is lost",
  setup: reign,
  allowance: { timeouts: 1, proposals: 1, losses: 1 },
  isOrdered: true
}

/**
 * @category configurations
 * @since 0.1.0
 */
export const replicationInDisorder: Configuration = {
  name: "replication-disorder",
  about: "entries and answers overtake each other, and one message comes twice",
  setup: reign,
  allowance: { proposals: 2, heartbeats: 1, repetitions: 1 },
  maxFlights: 6
}

/**
 * @category configurations
 * @since 0.1.0
 */
export const olderTerms: Configuration = {
  name: "older-terms",
  about: "entries of older terms on some of the nodes, as in figure 3.7",
  setup: [
    "settings maxEntriesPerMessage=1",
    "node n1 voters=n1,n2,n3 term=3 log=1@1,2@2",
    "node n2 voters=n1,n2,n3 term=3 log=1@1",
    "node n3 voters=n1,n2,n3 term=3 log=1@1,2@3",
    "isolate n3",
    "timeout n1",
    "timeout n3",
    "deliver RequestPreVote",
    "deliver PreVoteReply",
    "deliver RequestVote",
    "deliver VoteReply",
    "heal"
  ],
  allowance: { timeouts: 1, heartbeats: 1 },
  isOrdered: true,
  maxTerm: 5
}

/** n1 leads with the help of n2. What n3 holds is longer, and older. */
const divided = [
  "settings maxEntriesPerMessage=1",
  "node n1 n2 voters=n1,n2,n3 term=2 log=1@1,2@2 commit=2",
  "node n3 voters=n1,n2,n3 term=2 log=1-3@1"
]

/**
 * @category configurations
 * @since 0.1.0
 */
export const longerLogs: Configuration = {
  name: "longer-logs",
  about: "a node whose log is longer and older stands for election",
  setup: divided,
  allowance: { timeouts: 2 },
  isOrdered: true
}

/**
 * @category configurations
 * @since 0.1.0
 */
export const divergence: Configuration = {
  name: "divergence",
  about: "a leader brings a log in line that is longer and older than its own",
  setup: [...divided, "isolate n3", "timeout n1", "deliver", "heal"],
  allowance: { proposals: 1, heartbeats: 2, losses: 2 },
  isOrdered: true
}

/**
 * @category configurations
 * @since 0.1.0
 */
export const durability: Configuration = {
  name: "durability",
  about: "slow disks under a leader with commands, and a crash that keeps some of the writes",
  setup: [...reign, ...slowDisks],
  allowance: { timeouts: 1, proposals: 1, crashes: 1 },
  isOrdered: true,
  maxTerm: 2
}

/**
 * @category configurations
 * @since 0.1.0
 */
export const pair: Configuration = {
  name: "pair",
  about: "two nodes that need each other, with slow disks, crashes and losses",
  setup: ["node n1 n2", "disk n1 slow", "disk n2 slow"],
  allowance: { timeouts: 2, heartbeats: 1, proposals: 1, crashes: 1, losses: 1 },
  isOrdered: true,
  maxTerm: 2
}

/**
 * @category configurations
 * @since 0.1.0
 */
export const membership: Configuration = {
  name: "membership",
  about: "a voter is removed while leaders change",
  setup: reign,
  allowance: { timeouts: 1 },
  wishes: ["change ? remove n3"],
  isOrdered: true
}

/**
 * @category configurations
 * @since 0.1.0
 */
export const removedLeader: Configuration = {
  name: "removed-leader",
  about: "the leader of two nodes is removed, or demoted, and may crash",
  setup: ["node n1 n2", "timeout n1", "deliver"],
  allowance: { timeouts: 1, crashes: 1 },
  wishes: ["change ? remove n1", "change ? demote n1"],
  isOrdered: true
}

/**
 * @category configurations
 * @since 0.1.0
 */
export const joining: Configuration = {
  name: "joining",
  about: "a node joins, catches up and votes, and crashes on the way",
  setup: ["node n1 n2", "node n3 joins", "timeout n1", "deliver"],
  allowance: { timeouts: 1, crashes: 1 },
  wishes: ["change ? add-voter n3"],
  isOrdered: true
}

/**
 * @category configurations
 * @since 0.1.0
 */
export const replacement: Configuration = {
  name: "replacement",
  about: "the voters are replaced by others in one change, by way of both",
  setup: ["node n1 n2", "node n3 n4 joins", "timeout n1", "deliver"],
  allowance: { timeouts: 2 },
  wishes: ["change ? replace n3,n4"],
  isOrdered: true
}

/**
 * @category configurations
 * @since 0.1.0
 */
export const transfer: Configuration = {
  name: "transfer",
  about: "leadership is handed over while commands come and others stand for election",
  setup: reign,
  allowance: { timeouts: 1, proposals: 1 },
  wishes: ["transfer ? to n2 within 1"],
  isOrdered: true
}

/**
 * @category configurations
 * @since 0.1.0
 */
export const reads: Configuration = {
  name: "reads",
  about: "reads are asked of any node, while leaders change",
  setup: reign,
  allowance: { timeouts: 1, reads: 2 },
  readers: "all",
  isOrdered: true
}

/**
 * @category configurations
 * @since 0.1.0
 */
export const leases: Configuration = {
  name: "leases",
  about: "reads by a leader's lease, while others come to lead",
  setup: reign,
  allowance: { timeouts: 1, heartbeats: 1, leaseReads: 1 },
  isOrdered: true
}

/**
 * @category configurations
 * @since 0.1.0
 */
export const leasesInTransfers: Configuration = {
  name: "leases-transfer",
  about: "reads by a leader's lease, while leadership is handed over",
  setup: reign,
  allowance: { timeouts: 1, leaseReads: 1 },
  wishes: ["transfer ? to n2 within 1"],
  isOrdered: true
}

/** n3 missed what is in the snapshot of the others. */
const behind = [
  "settings snapshotEntries=2 entriesKept=0 snapshotChunkBytes=1 maxChunksInFlight=2",
  "node n1 n2 voters=n1,n2,n3 term=1 log=1-3@1 snapshot=2 first=3 commit=3",
  "node n3 voters=n1,n2,n3 term=1 log=1@1"
]

/** n1 leads with the help of n2 and asks n3, which was away, how much it has of a snapshot. */
const away = [
  "settings snapshotEntries=2 entriesKept=0 snapshotChunkBytes=2 maxChunksInFlight=2",
  ...behind.slice(1),
  "isolate n3",
  "timeout n1",
  "deliver",
  "heal",
  "timeout n1",
  "drop n1→n2 AppendEntries"
]

/**
 * @category configurations
 * @since 0.1.0
 */
export const snapshots: Configuration = {
  name: "snapshots",
  about: "a follower that is behind gets a snapshot in pieces, and leaders change meanwhile",
  setup: away,
  allowance: { timeouts: 1, losses: 1 },
  isOrdered: true
}

/**
 * @category configurations
 * @since 0.1.0
 */
export const snapshotsInDisorder: Configuration = {
  name: "snapshots-disorder",
  about: "pieces of a snapshot overtake each other and come twice, while a command is committed",
  setup: away,
  allowance: { proposals: 1, repetitions: 1 },
  maxFlights: 6
}

/**
 * @category configurations
 * @since 0.1.0
 */
export const snapshotsOnSlowDisks: Configuration = {
  name: "snapshots-slow-disks",
  about: "a snapshot is installed on a slow disk that may crash before it has all of it",
  setup: [
    "settings snapshotEntries=2 entriesKept=0 snapshotChunkBytes=1 maxChunksInFlight=2",
    ...away.slice(1),
    "disk n3 slow"
  ],
  allowance: { heartbeats: 1, crashes: 1, losses: 1 },
  isOrdered: true
}

/**
 * All of them, the quick ones first.
 *
 * @category configurations
 * @since 0.1.0
 */
export const all: ReadonlyArray<Configuration> = [
  pair,
  olderTerms,
  longerLogs,
  divergence,
  election,
  candidates,
  electionWithCrashes,
  electionInDisorder,
  electionOnSlowDisks,
  replication,
  replicationInDisorder,
  durability,
  membership,
  removedLeader,
  joining,
  replacement,
  transfer,
  reads,
  leases,
  leasesInTransfers,
  snapshots,
  snapshotsInDisorder,
  snapshotsOnSlowDisks
]
