/**
 * One number for each state of a cluster, the same for two that differ in nothing that matters.
 *
 * What matters: what the nodes know, what is on their disks and on its way there, what is on the network, and the
 * history that later steps are held against. What an entry says is known by its position, as long as the invariants hold;
 * a state in which they do not is never looked up.
 */
import type { Log, Message } from "effect-raft/engine"
import { contentOf } from "../../ClusterInvariants.ts"
import type * as Disk from "../../Disk.ts"
import type * as EngineCluster from "../../EngineCluster.ts"
import * as Digest from "./Digest.ts"
import * as Naming from "./Naming.ts"
import { putRole, putWishes } from "./RoleDigest.ts"

type Node = EngineCluster.Node

/** Every kind of message has a number of its own. */
const kinds: Readonly<Record<Message.Message["_tag"], number>> = {
  RequestPreVote: 0,
  PreVoteReply: 1,
  RequestVote: 2,
  VoteReply: 3,
  AppendEntries: 4,
  AppendReply: 5,
  InstallSnapshot: 6,
  SnapshotReply: 7,
  TimeoutNow: 8,
  RequestRead: 9,
  ReadReply: 10,
  Disowned: 11
}

const putRuns = (digest: Digest.Digest, runs: ReadonlyArray<Log.Run>): void => {
  Digest.put(digest, runs.length)
  for (const { start, term } of runs) Digest.put(digest, start * 64 + term)
}

const putMemberships = (
  digest: Digest.Digest,
  naming: Naming.Naming,
  memberships: ReadonlyArray<Log.MembershipEntry>
): void => {
  for (const { index, membership } of memberships) {
    Digest.put(digest, -index)
    Naming.putMembership(digest, naming, membership)
  }
}

const putEntries = (digest: Digest.Digest, naming: Naming.Naming, entries: ReadonlyArray<Disk.Entry>): void => {
  Digest.put(digest, entries.length)
  for (const { membership, term } of entries) {
    Digest.put(digest, term)
    if (membership !== undefined) Naming.putMembership(digest, naming, membership)
  }
}

/** What is said, beside who says it to whom in which term. */
const putMessage = (digest: Digest.Digest, naming: Naming.Naming, message: Message.Message): void => {
  const put = (value: number) => Digest.put(digest, value)
  const { term } = message
  if ("sequence" in message) put(Naming.roundsAgo(naming, term, message.sequence))
  if ("round" in message) put(naming.rounds.get(message.round) ?? 0)
  if ("read" in message) put(naming.cluster.history.reads.get(message.read) ?? -1)
  if ("granted" in message) put(message.granted ? 1 : 0)
  switch (message._tag) {
    case "RequestPreVote":
    case "RequestVote":
    case "TimeoutNow":
      put(message.last.index * 64 + message.last.term)
      return put("isTransfer" in message && message.isTransfer ? 1 : 0)
    case "AppendEntries":
      put(message.previous.index * 64 + message.previous.term)
      put(message.last * 64 + message.commit)
      putRuns(digest, message.runs)
      return putMemberships(digest, naming, message.memberships)
    case "AppendReply":
      put(message.accepted ? 1 : 0)
      put(message.match * 64 + message.last)
      return putRuns(digest, message.runs)
    case "InstallSnapshot":
      put(message.snapshot.index * 64 + message.snapshot.term)
      return put(message.offset * 64 + message.length)
    case "SnapshotReply":
      put(message.offset * 64 + message.index)
      return put(message.received * 64 + message.stored)
    case "RequestRead":
      return put(message.isLease ? 1 : 0)
    case "ReadReply":
      put(message.index)
  }
}

const flightOf = (naming: Naming.Naming, { message, to }: EngineCluster.Flight): Digest.Digest => {
  const digest = Digest.make()
  const way = Naming.nameOf(naming, message.from) * 32 + Naming.nameOf(naming, to)
  Digest.put(digest, way * 16 + kinds[message._tag])
  Digest.put(digest, message.term)
  putMessage(digest, naming, message)
  return digest
}

const putWaiting = (digest: Digest.Digest, naming: Naming.Naming, { entries, write }: Disk.Waiting): void => {
  const { append, boundary, chunk, hardState, snapshot, truncateAfter } = write
  Digest.put(digest, hardState === undefined ? 0 : hardState.term * 32 + Naming.nameOf(naming, hardState.votedFor))
  Digest.put(digest, truncateAfter ?? -1)
  Digest.put(digest, append?.from ?? -1)
  putEntries(digest, naming, entries)
  Digest.put(digest, boundary?.index ?? -1)
  Digest.put(digest, chunk === undefined ? -1 : chunk.offset * 64 + chunk.length)
  Digest.put(digest, snapshot?.index ?? -1)
}

const putDisk = (digest: Digest.Digest, naming: Naming.Naming, { disk, isUp }: Node): void => {
  const { boundary, entries, hardState, snapshot } = disk.stored
  Digest.put(digest, hardState.term * 32 + Naming.nameOf(naming, hardState.votedFor))
  putEntries(digest, naming, entries)
  Digest.put(digest, (boundary?.index ?? 0) * 64 + (snapshot?.index ?? 0))
  if (!isUp) return
  Digest.put(digest, disk.waiting.length)
  for (const waiting of disk.waiting) putWaiting(digest, naming, waiting)
}

const putLog = (digest: Digest.Digest, naming: Naming.Naming, log: Log.Log): void => {
  Digest.put(digest, log.boundary.index * 64 + log.last)
  Naming.putMembership(digest, naming, log.boundary.membership)
  putRuns(digest, log.runs)
  putMemberships(digest, naming, log.memberships)
}

const putProgress = (digest: Digest.Digest, { machine, state }: Node): void => {
  const put = (value: number) => Digest.put(digest, value)
  const { durability, receiving, snapshotting } = state
  put((state.commit * 64 + state.handed) * 64 + state.applied)
  put(durability.durable)
  put(Math.max(0, durability.hardStateWrite - durability.persisted))
  for (const { keeps, last, write } of durability.pending) {
    put((write - durability.persisted) * 64 + last)
    put(keeps)
  }
  for (const { from, term, to } of state.waiters) put((from * 64 + to) * 64 + term)
  put(state.snapshot.index)
  put(state.snapshotRequests.length)
  if (snapshotting !== undefined) {
    put(snapshotting.index * 64 + snapshotting.requests.length)
    put(snapshotting.write === undefined ? -1 : Math.max(0, snapshotting.write - durability.persisted))
  }
  if (receiving !== undefined) {
    put(receiving.snapshot.index * 64 + receiving.received)
    for (const { received, write } of receiving.writes) put(received * 64 + Math.max(0, write - durability.persisted))
  }
  put(machine.contents.length * 64 + machine.tasks.length)
  put(machine.taking?.length ?? -1)
}

const putNode = (digest: Digest.Digest, naming: Naming.Naming, node: Node): void => {
  Digest.put(digest, node.isUp ? 1 : 0)
  if (naming.fixed.has(node.id)) Digest.put(digest, -1 - [...naming.fixed].indexOf(node.id))
  putDisk(digest, naming, node)
  if (!node.isUp) return
  const { state } = node
  Digest.put(digest, state.term)
  Digest.put(digest, Naming.nameOf(naming, state.votedFor) * 32 + Naming.nameOf(naming, state.leader))
  Digest.put(digest, Naming.since(naming, state.heardLeaderAt) * 64 + Naming.since(naming, state.electionDeadline, 0))
  putLog(digest, naming, state.log)
  putProgress(digest, node)
  putRole(digest, naming, state)
  const held = Digest.nothing()
  for (const flight of node.held) {
    const each = flightOf(naming, flight)
    Digest.put(each, flight.after - state.durability.persisted)
    Digest.gather(held, each)
  }
  Digest.putAll(digest, held)
}

/** What later steps are held against, and what has been told to whom. */
const putHistory = (digest: Digest.Digest, naming: Naming.Naming): void => {
  const { accepted, committed, committedIn, counted, outcomes, reigns } = naming.cluster.history
  putEntries(digest, naming, committed)
  for (const term of committedIn) Digest.put(digest, term)
  Digest.put(digest, counted?.index ?? 0)
  const sum = Digest.nothing()
  for (const [term, { entries, id }] of reigns) {
    const each = Digest.make()
    Digest.put(each, term * 32 + Naming.nameOf(naming, id))
    Digest.put(each, entries.length * 64 + (entries.at(-1)?.term ?? 0))
    Digest.gather(sum, each)
  }
  for (const { batch, from, term, to } of accepted.values()) {
    for (let index = from; index <= to; index++) {
      const outcome = outcomes.get(contentOf(batch, index - from))
      if (outcome === undefined) continue
      const each = Digest.make()
      Digest.put(each, (index * 64 + term) * 16 + outcome.length)
      Digest.gather(sum, each)
    }
  }
  putWishes(sum, naming)
  Digest.putAll(digest, sum)
}

/** What is on its way, in order on each link if that matters, and else in none. */
const putNetwork = (
  digest: Digest.Digest,
  naming: Naming.Naming,
  flights: ReadonlyArray<EngineCluster.Flight>,
  isOrdered: boolean
): void => {
  const sum = Digest.nothing()
  const places: Array<number> = []
  for (const flight of flights) {
    const each = flightOf(naming, flight)
    if (isOrdered) {
      const link = Naming.nameOf(naming, flight.message.from) * 32 + Naming.nameOf(naming, flight.to)
      const place = places[link] ?? 0
      places[link] = place + 1
      Digest.put(each, place)
    }
    Digest.gather(sum, each)
  }
  Digest.putAll(digest, sum)
}

/** The number of a state; `left` is what may still happen in it, and `flights` are the messages that matter. */
export const numberOf = (
  naming: Naming.Naming,
  left: ReadonlyArray<number>,
  flights: ReadonlyArray<EngineCluster.Flight>,
  isOrdered: boolean
): number => {
  const digest = Digest.make()
  for (const value of left) Digest.put(digest, value)
  for (const node of naming.nodes) putNode(digest, naming, node)
  putHistory(digest, naming)
  putNetwork(digest, naming, flights, isOrdered)
  return Digest.toNumber(digest)
}
