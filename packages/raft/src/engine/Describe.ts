/**
 * One notation for everything: scripts, logs, reports and pages print the same lines.
 *
 *   n1@2 follower last=5@1 commit=3 vote=- leader=n2
 *   n1@3 → n2 RequestVote last=5@1 (after write 4)
 *
 * `5@1` is the entry at index 5 with term 1; `n1@2` is node n1 in term 2.
 */
import type { Input } from "./Input.ts"
import * as Log from "./Log.ts"
import type { LogPosition } from "./LogPosition.ts"
import type { Membership } from "./Membership.ts"
import type { Message } from "./Message.ts"
import type { Output, Write } from "./Output.ts"
import type { Role, State } from "./State.ts"

const roles = {
  Follower: "follower",
  PreCandidate: "pre-candidate",
  Candidate: "candidate",
  Leader: "leader"
} as const satisfies Record<Role["_tag"], string>

/** A role's name, as users see it. */
export type RoleName = (typeof roles)[Role["_tag"]]

export const role = (role: Role): RoleName => roles[role._tag]

export const position = ({ index, term }: LogPosition): string => `${index}@${term}`

/** Runs of terms, for instance `1-4@1 5-7@3`. */
export const runs = (runs: ReadonlyArray<Log.Run>, last: number): string =>
  runs.map((run, place) => {
    const end = (runs[place + 1]?.start ?? last + 1) - 1
    return `${run.start === end ? end : `${run.start}-${end}`}@${run.term}`
  }).join(" ")

/** What a node knows, in one line; what is as one would expect is left out. */
export const state = (state: State): string => {
  const { applied, commit, durability, id, leader, log, receiving, snapshot } = state
  const parts = [
    `${id}@${state.term} ${role(state.role)}`,
    `last=${position(Log.lastPosition(log))}`,
    durability.durable < log.last ? `durable=${durability.durable}` : "",
    `commit=${commit}`,
    applied < commit ? `applied=${applied}` : "",
    snapshot.index === 0 ? "" : `snapshot=${position(snapshot)}`,
    log.boundary.index === 0 ? "" : `first=${log.boundary.index + 1}`,
    state.lost === undefined ? "" : `lost=${position(state.lost)}`,
    receiving === undefined ? "" : `receiving=${receiving.received}/${receiving.snapshot.size}`,
    `vote=${state.votedFor ?? "-"}`,
    leader !== undefined && leader !== id ? `leader=${leader}` : ""
  ]
  return parts.filter((part) => part !== "").join(" ")
}

/** Who votes, by old and new if both are in force, and who learns: `n1,n2 & n1,n2,n3 learners=n4`; witnesses have a star. */
export const members = ({ members, outgoing, promoting, voters }: Membership): string => {
  const name = (id: string) => (members.some((member) => member.id === id && member.isWitness === true) ? `${id}*` : id)
  const learners = members.filter(({ id }) => !voters.includes(id)).map(({ id }) =>
    promoting.includes(id) ? `${name(id)}+` : name(id)
  )
  const old = outgoing.length === 0 ? "" : `${outgoing.join(",")} & `
  return `${old}${voters.map(name).join(",")}${learners.length === 0 ? "" : ` learners=${learners.join(",")}`}`
}

/** Which state it is, and who belonged to the cluster then. */
const snapshotName = (snapshot: Log.Snapshot): string =>
  `snapshot=${position(snapshot)} members=${members(snapshot.membership)}`

const body = (message: Message): string => {
  switch (message._tag) {
    case "RequestVote":
      return `last=${position(message.last)}${message.isTransfer ? " transfer" : ""}`
    case "RequestPreVote":
    case "TimeoutNow":
      return `last=${position(message.last)}`
    case "PreVoteReply":
    case "VoteReply":
      return message.granted ? "granted" : "refused"
    case "AppendEntries": {
      const entries = message.runs.length === 0 ? "" : ` entries=${runs(message.runs, message.last)}`
      const changes = message.memberships.map((entry) => ` members=${entry.index}:${members(entry.membership)}`).join(
        ""
      )
      const { commit, previous, sequence } = message
      return `previous=${position(previous)}${entries}${changes} commit=${commit} round=${sequence}`
    }
    case "AppendReply": {
      if (message.accepted) return `match=${message.match} round=${message.sequence}`
      const held = message.runs.length === 0 ? "" : ` holds=${runs(message.runs, message.last)}`
      return `refused=${message.match} last=${message.last}${held} round=${message.sequence}`
    }
    case "InstallSnapshot": {
      const { length, offset, sequence, snapshot } = message
      const bytes = length === 0 ? `at=${offset}` : `bytes=${offset}-${offset + length - 1}`
      return `${snapshotName(snapshot)} ${bytes} of ${snapshot.size} round=${sequence}`
    }
    case "SnapshotReply": {
      const { index, received, sequence, stored } = message
      return `snapshot=${index} has=${received}${stored < received ? ` stored=${stored}` : ""} round=${sequence}`
    }
    case "RequestRead":
      return `#${message.read}${message.isLease ? " by lease" : ""}`
    case "ReadReply":
      return `#${message.read} at ${message.index}`
    case "Disowned":
      return message.reason === "Incarnation" ? `disk ${message.incarnation}` : "given up"
  }
}

/** What is said, without who says it. */
export const message = (message: Message): string => `${message._tag} ${body(message)}`

const write = (
  { append, boundary, chunk, hardState, isRepaired, snapshot, truncateAfter, write: id }: Write
): string => {
  const parts = [
    isRepaired === true ? "repaired" : "",
    chunk === undefined ? "" : `chunk=${chunk.offset}-${chunk.offset + chunk.length - 1}`,
    snapshot === undefined ? "" : `snapshot=${position(snapshot)} size=${snapshot.size}`,
    boundary === undefined
      ? ""
      : `boundary=${position(boundary)} members=${members(boundary.membership)}`,
    hardState === undefined ? "" : `term=${hardState.term} vote=${hardState.votedFor ?? "-"}`,
    truncateAfter === undefined ? "" : `keep=${truncateAfter}`,
    append === undefined ? "" : `append=${runs(append.runs, append.to)}`,
    ...(append?.memberships ?? []).map((entry) => `members=${entry.index}:${members(entry.membership)}`)
  ]
  return `write ${id}: ${parts.filter((part) => part !== "").join(" ")}`
}

const range = (from: number, to: number): string => (from === to ? `${from}` : `${from}-${to}`)

/** What a node asks of the world, without who asks. */
export const output = (output: Output): string => {
  switch (output._tag) {
    case "Write":
      return write(output)
    case "Send":
      return `→ ${output.to} ${message(output.message)}${output.after === 0 ? "" : ` (after write ${output.after})`}`
    case "Accepted":
      return `accepted #${output.batch} as ${range(output.from, output.to)}@${output.term}`
    case "Refused":
      return `refused #${output.batch}: ${output.reason}`
    case "Resolved":
      return `resolved #${output.batch} ${range(output.from, output.to)}`
    case "Superseded":
      return `superseded #${output.batch} ${range(output.from, output.to)}`
    case "Indeterminate":
      return `indeterminate #${output.batch} ${range(output.from, output.to)}`
    case "RestoreSnapshot":
      return `restore ${position(output.snapshot)}${output.after === 0 ? "" : ` (after write ${output.after})`}`
    case "TakeSnapshot":
      return `take a snapshot at ${output.index}`
    case "SnapshotDone":
      return `snapshot #${output.request} is done at ${output.index}`
    case "ReadReady":
      return `read #${output.read} may be answered at ${output.index}${
        output.validUntil === Number.POSITIVE_INFINITY ? "" : ` until ${output.validUntil}`
      }`
    case "ReadFailed":
      return `read #${output.read} failed`
    case "Apply":
      return `apply ${range(output.from, output.to)}`
    case "ChangeDone":
      return `change #${output.request} is done with entry ${output.index}`
    case "ChangeRefused":
      return `change #${output.request} refused: ${output.reason}, ${output.detail}`
    case "ChangeUnknown":
      return `change #${output.request} may happen or not`
    case "TransferDone":
      return `transfer #${output.request} done: ${output.leader} leads`
    case "TransferFailed":
      return `transfer #${output.request} failed: ${output.reason}`
  }
}

/** What has happened to a node, without when. */
export const input = (input: Input): string => {
  switch (input._tag) {
    case "Timer":
      return "timer"
    case "Receive":
      return `${input.message.from}@${input.message.term} → ${message(input.message)}`
    case "Propose":
      return `propose #${input.batch} (${input.count})`
    case "Read":
      return `read #${input.read}${input.isLease ? " by lease" : ""}`
    case "Persisted":
      return `persisted ${input.write}`
    case "Applied":
      return `applied ${input.index}`
    case "ChangeMembership":
      return `change #${input.request}: ${input.change._tag}`
    case "TransferLeadership":
      return `transfer #${input.request} to ${input.to}`
    case "DiskStalled":
      return input.isStalled ? "the disk does not answer" : "the disk answers again"
    case "ChunkUnsent":
      return `unsent to ${input.to} from byte ${input.offset}`
    case "RequestSnapshot":
      return `snapshot #${input.request} wanted`
    case "SnapshotTaken":
      return `snapshot taken at ${input.index}, ${input.size} bytes`
    case "ForceMembership":
      return `force #${input.request}: ${members(input.membership)} in term ${input.term}`
    case "AbortTransfer":
      return "transfer aborted"
    case "Unsent":
      return `unsent to ${input.to} from ${input.from}`
  }
}
