/**
 * A node at work: the engine between its storage, its transport and its state machine.
 *
 * Everything runs in one scope. When any part fails, all stop: the node says why, once, and from then on answers
 * every request with that. Nothing it had acknowledged is lost, for that was on disks before it was said.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Describe from "../engine/Describe.ts"
import * as Engine from "../engine/Engine.ts"
import * as Log from "../engine/Log.ts"
import type { NodeId } from "../engine/LogPosition.ts"
import type { Membership } from "../engine/Membership.ts"
import type { State } from "../engine/State.ts"
import * as RaftConfig from "../RaftConfig.ts"
import { Fatal } from "../RaftError.ts"
import { StateMachine } from "../StateMachine.ts"
import { Storage, StorageError } from "../Storage.ts"
import { type Envelope, Transport } from "../Transport.ts"
import * as Applier from "./applier.ts"
import * as Inbox from "./inbox.ts"
import * as Loop from "./loop.ts"
import * as Proposals from "./proposals.ts"
import * as Reads from "./reads.ts"
import * as Sender from "./sender.ts"
import * as Status from "./status.ts"
import * as Tail from "./tail.ts"
import * as Timer from "./timer.ts"
import * as Writer from "./writer.ts"

export interface Options {
  readonly id: NodeId
  readonly cluster: string
  readonly bootstrap: Membership | undefined
  readonly attributes: Readonly<Record<string, string>>
}

const stopReason = (cause: Cause.Cause<Fatal | StorageError>): Fatal => {
  const error = Cause.squash(cause)
  if (error instanceof Fatal) return error
  if (error instanceof StorageError) return new Fatal({ reason: "Storage", cause: error })
  if (Cause.hasInterruptsOnly(cause)) return new Fatal({ reason: "Stopped", cause: new Error("its scope was closed") })
  return new Fatal({ reason: "Invariant", cause: error })
}

/** Opens the storage and starts the engine on what it held. */
const recover = Effect.fnUntraced(function*(options: Options, config: RaftConfig.Options, clock: Clock.Clock) {
  const storage = yield* Storage
  const incarnation = yield* Random.nextIntBetween(1, Number.MAX_SAFE_INTEGER)
  const loaded = yield* storage.open({ cluster: options.cluster, node: options.id, incarnation })
  const seed = yield* Random.nextIntBetween(0, 0x7fff_ffff)
  const [state, outputs] = Engine.start({
    id: options.id,
    settings: config,
    seed,
    now: Timer.now(clock),
    recovered: loaded,
    ...(options.bootstrap === undefined ? {} : { bootstrap: options.bootstrap })
  })
  return { state, outputs, incarnation: loaded.incarnation }
})

export const make = Effect.fnUntraced(function*(options: Options) {
  const config = yield* RaftConfig.RaftConfig
  const clock = yield* Clock.Clock
  const storage = yield* Storage
  const transport = yield* Transport
  const machine = yield* StateMachine
  const { incarnation, outputs, state: start } = yield* recover(options, config, clock)

  const inbox = yield* Inbox.make(config.maxInbox)
  const tail = Tail.make(config.maxTailBytes)
  const receive = (envelope: Envelope) => {
    // A node whose disk does not keep up loses entries rather than pile them up; they are sent again.
    if (envelope.entries === undefined || !tail.isFull()) inbox.message(envelope)
  }

  // Its own scope: the node leaves the network as soon as it stops, whenever that is.
  const membersScope = yield* Scope.fork(yield* Effect.scope)
  const self = { cluster: options.cluster, node: options.id, incarnation, attributes: options.attributes }
  const connection = yield* Scope.provide(transport.join(self, receive), membersScope)
  const { maxHeldMessages, maxMessageBytes } = config
  const { unsent } = inbox
  const sender = yield* Scope.provide(
    Sender.make({ maxHeldMessages, maxMessageBytes, storage, tail, connection, unsent }),
    membersScope
  )
  const writer = yield* Writer.make(storage, (write) => {
    sender.release(write)
    inbox.persisted(write)
  })
  const proposals = Proposals.make(config, inbox.wake)
  const reads: Reads.Reads = Reads.make(config, inbox.wake, (ready) => applier.read(ready))
  const applier: Applier.Applier = yield* Applier.make({
    from: start.applied,
    machine,
    storage,
    tail,
    proposals,
    complete: reads.complete,
    onApplied: inbox.applied
  })
  const timer = yield* Timer.make(inbox.wake)

  const status = yield* SubscriptionRef.make(Status.of(start, start.applied, undefined))
  const onTurn = (before: State, after: State): Effect.Effect<void> | undefined => {
    const membership = Log.membership(after.log)
    const isNewMembership = membership !== Log.membership(before.log)
    if (!isNewMembership && !Status.differs(before, after)) return undefined
    return Effect.gen(function*() {
      yield* Effect.logDebug(Describe.state(after))
      if (isNewMembership) yield* connection.setMembers(membership.members)
      yield* SubscriptionRef.set(status, Status.of(after, applier.applied(), undefined))
    })
  }
  const loop = Loop.make(start, outputs, {
    clock,
    inbox,
    proposals,
    reads,
    tail,
    writer,
    sender,
    applier,
    timer,
    onTurn
  })
  yield* connection.setMembers(Log.membership(start.log).members)

  const stopped = yield* Deferred.make<Fatal>()
  let fatal: Fatal | undefined
  const stop = Effect.fnUntraced(function*(exit: Exit.Exit<never, Fatal | StorageError>) {
    const reason = Exit.isFailure(exit) ? stopReason(exit.cause) : new Fatal({ reason: "Stopped", cause: exit })
    fatal = reason
    yield* Scope.close(membersScope, Exit.void)
    proposals.stop(reason)
    reads.stop(reason)
    yield* SubscriptionRef.set(status, Status.of(loop.state(), applier.applied(), reason))
    if (reason.reason !== "Stopped") yield* Effect.logError(reason.message, reason)
    yield* Deferred.succeed(stopped, reason)
  })
  yield* Effect.all([loop.run, writer.run, applier.run, timer.run], { concurrency: "unbounded", discard: true }).pipe(
    Effect.andThen(Effect.never),
    Effect.onExit(stop),
    Effect.ignoreCause,
    Effect.forkScoped({ startImmediately: true })
  )

  return {
    propose: proposals.propose,
    read: reads.read,
    status: Effect.sync(() => Status.of(loop.state(), applier.applied(), fatal)),
    changes: SubscriptionRef.changes(status),
    peers: connection.peers,
    stopped: Deferred.await(stopped)
  }
})
