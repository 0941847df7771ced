/**
 * A node at work: the engine between its storage, its transport and its state machine.
 *
 * Everything runs in one scope. When any part fails, all stop: the node says why, once, and from then on answers
 * every request with that. Nothing it had acknowledged is lost, for that was on disks before it was said.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Describe from "../engine/Describe.ts"
import * as Engine from "../engine/Engine.ts"
import * as Explain from "../engine/Explain.ts"
import * as LastResort from "../engine/LastResort.ts"
import * as Log from "../engine/Log.ts"
import type { Index, LogPosition, NodeId } from "../engine/LogPosition.ts"
import { type Change, isWitness, type Membership, reachable } from "../engine/Membership.ts"
import * as SnapshotSending from "../engine/SnapshotSending.ts"
import type { State } from "../engine/State.ts"
import { type Options as Config, RaftConfig } from "../RaftConfig.ts"
import { type Fatal, NotLeader } from "../RaftError.ts"
import { StateMachine } from "../StateMachine.ts"
import { Storage } from "../Storage.ts"
import { type Connection, type Envelope, Transport } from "../Transport.ts"
import * as Applier from "./applier.ts"
import * as Chunks from "./chunks.ts"
import * as Inbox from "./inbox.ts"
import * as Loop from "./loop.ts"
import { Operations } from "./operations.ts"
import type { Parts } from "./outputs.ts"
import { Proposals } from "./proposals.ts"
import { type ReadOptions, Reads } from "./reads.ts"
import * as Sender from "./sender.ts"
import * as Snapshots from "./snapshots.ts"
import * as Status from "./status.ts"
import * as Supervisor from "./supervisor.ts"
import { Tail } from "./tail.ts"
import { Time } from "./time.ts"
import * as Timer from "./timer.ts"
import * as Writer from "./writer.ts"

export type { Consistency, ReadOptions } from "./reads.ts"

export interface Options {
  readonly id: NodeId
  readonly cluster: string
  readonly bootstrap: Membership | undefined
  readonly attributes: Readonly<Record<string, string>>
}

/** Opens the storage and starts the engine on what it held. */
const recover = Effect.fnUntraced(function*({ bootstrap, cluster, id }: Options, settings: Config, time: Time) {
  const storage = yield* Storage
  const incarnation = yield* Random.nextIntBetween(1, Number.MAX_SAFE_INTEGER)
  const recovered = yield* storage.open({ cluster, node: id, incarnation })
  const seed = yield* Random.nextIntBetween(0, 0x7fff_ffff)
  const now = time.now()
  const founders = bootstrap === undefined ? {} : { bootstrap }
  return {
    incarnation: recovered.incarnation,
    start: Engine.start({ id, incarnation: recovered.incarnation, settings, seed, now, recovered, ...founders })
  }
})

/** Takes part in the network. What comes is kept for the loop; what there is no room for is lost. */
const join = Effect.fnUntraced(function*(
  { attributes, cluster, id }: Options,
  incarnation: number,
  inbox: Inbox.Inbox,
  tail: Tail
) {
  const transport = yield* Transport
  const receive = (envelope: Envelope, from: number) => {
    // A node whose disk does not keep up loses entries rather than pile them up; they are sent again.
    if (envelope.entries === undefined || !tail.isFull) inbox.message(envelope, from)
  }
  return yield* transport.join({ cluster, node: id, incarnation, attributes }, receive)
})

/** Everyone who serves the loop, introduced to each other. */
const assemble = Effect.fnUntraced(function*(
  config: Config,
  current: () => State,
  inbox: Inbox.Inbox,
  tail: Tail,
  connection: Connection,
  time: Time
) {
  const storage = yield* Storage
  const machine = yield* StateMachine
  const { maxHeldMessages, maxMessageBytes } = config
  const { chunkUnsent, snapshotTaken: onTaken, unsent } = inbox
  const isAWitness = (id: NodeId) => isWitness(Log.membership(current().log), id)
  const chunks = yield* Chunks.make({ storage, connection, unsent: chunkUnsent })
  const wires = { connection, chunks, isWitness: isAWitness, unsent }
  const sender = yield* Sender.make({ maxHeldMessages, maxMessageBytes, storage, tail, ...wires })
  const writer = yield* Writer.make(storage, time, (write) => {
    sender.release(write)
    applier.release(write)
    inbox.persisted(write)
  })
  const proposals = new Proposals(config, inbox.wake)
  const reads: Reads = new Reads(config, inbox.wake, (ready) => applier.read(ready), (maxAge) => {
    const { id, leader } = current()
    const age = Engine.age({ ...current(), now: time.now() })
    return isAWitness(id) || (maxAge < Number.POSITIVE_INFINITY && age > maxAge) ? new NotLeader({ leader }) : undefined
  })
  const isWithoutState = (snapshot: Log.Snapshot) => SnapshotSending.isWithoutState(current(), snapshot)
  const snapshots = yield* Snapshots.make({ machine, storage, isWithoutState, onTaken })
  const lane = { machine, snapshots, storage, tail, proposals, reads, time, onApplied: inbox.applied }
  const applier: Applier.Applier = yield* Applier.make(lane)
  const operations = new Operations(config, inbox.wake)
  const parts: Parts = { inbox, proposals, reads, tail, writer, sender, applier, operations }
  return { parts, snapshots }
})

export const make = Effect.fnUntraced(function*(options: Options) {
  const config = yield* RaftConfig
  const time = new Time(yield* Clock.Clock)
  const { incarnation, start } = yield* recover(options, config, time)
  const inbox = yield* Inbox.make(config.maxInbox, config.maxTailBytes)
  const tail = new Tail(config.maxTailBytes)
  // Its own scope: the node leaves the network as soon as it stops, whenever that is.
  const presence = yield* Scope.fork(yield* Effect.scope)
  const connection = yield* Scope.provide(join(options, incarnation, inbox, tail), presence)
  const current = () => loop.state()
  const { parts, snapshots } = yield* Scope.provide(assemble(config, current, inbox, tail, connection, time), presence)
  const timer = yield* Timer.make(time, inbox.wake)
  const { applier, operations, proposals, reads, writer } = parts

  const statusOf = (state: State, stopped: Fatal | undefined) => Status.of(state, applier.applied, stopped)
  const status = yield* SubscriptionRef.make(statusOf(start[0], undefined))
  const tell = Effect.fnUntraced(function*(before: State, after: State) {
    yield* Effect.logDebug(Describe.state(after))
    for (const alarm of Status.alarms(before, after)) yield* Effect.logWarning(alarm)
    yield* connection.setMembers(reachable(Log.membership(after.log)))
    yield* SubscriptionRef.set(status, statusOf(after, undefined))
  })
  const onTurn = (before: State, after: State) => Status.differs(before, after) ? tell(before, after) : undefined
  const loop: Loop.Loop = Loop.make(start, { ...parts, time, timer, maxDiskStall: config.maxDiskStall, onTurn })
  yield* connection.setMembers(reachable(Log.membership(start[0].log)))

  const onStop = Effect.fnUntraced(function*(reason: Fatal) {
    yield* Scope.close(presence, Exit.void)
    proposals.stop(reason)
    reads.stop(reason)
    operations.stop(reason)
    yield* SubscriptionRef.set(status, statusOf(loop.state(), reason))
  })
  const { reason, stopped } = yield* Supervisor.supervise(
    [loop.run, writer.run, applier.run, snapshots.run, timer.run],
    onStop
  )
  return {
    propose: (command: Uint8Array) => proposals.propose(command),
    read: (query: unknown, options: ReadOptions) => reads.read(query, options),
    changeMembership: (change: Change, expected: Index | undefined) => operations.change(change, expected),
    transfer: (to: NodeId) => operations.transfer(to),
    abortTransfer: operations.abortTransfer(),
    snapshot: operations.snapshot(),
    summary: Effect.sync(() => LastResort.summarize(loop.state())),
    force: (plan: LastResort.Plan) => operations.force(plan),
    explain: (index: Index | undefined) => Effect.sync(() => Explain.explain(loop.at(time.now()), index)),
    outcomeOf: (position: LogPosition) => Effect.sync(() => Engine.outcomeOf(loop.state(), position)),
    status: Effect.sync(() => statusOf(loop.state(), reason())),
    // Whoever begins to listen is told what is so now, and not what was at the last change.
    changes: Stream.map(
      SubscriptionRef.changes(status),
      (told, place) => place === 0 ? statusOf(loop.state(), reason()) : told
    ),
    peers: connection.peers,
    stopped
  }
})
