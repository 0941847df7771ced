/**
 * What a node says on the network, held against its own disk at that moment: whoever is told may count on it from then on.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { Log, type Message } from "effect-raft/engine"
import * as Entries from "effect-raft/Entries"
import type * as MemoryStorage from "effect-raft/MemoryStorage"
import type { Storage } from "effect-raft/Storage"
import { type Envelope, Transport } from "effect-raft/Transport"
import * as TestNodes from "./TestNodes.ts"

/** Whether the disk holds what the message promises, or has gone on to a later term since. */
const isKept = (disk: MemoryStorage.MemoryDisk, id: string, to: string, message: Message.Message): boolean => {
  const { hardState: { term, votedFor }, log } = disk.recovered
  if (term > message.term) return true
  switch (message._tag) {
    case "RequestVote":
      return term === message.term && votedFor === id
    case "VoteReply":
      return !message.granted || (term === message.term && votedFor === to)
    case "AppendReply":
      return !message.accepted || (term === message.term && log.last >= message.match)
    case "AppendEntries":
      return term === message.term && votedFor === id
    default:
      return true
  }
}

/** Whether the entries are those that the message names. */
const areNamed = ({ entries, message }: Envelope): boolean => {
  if (message._tag !== "AppendEntries" || entries === undefined) return true
  const { last, previous, runs } = message
  return entries.first === previous.index + 1 && Entries.last(entries) === last
    && JSON.stringify(Log.sliceRuns(entries.runs, previous.index + 1, last)) === JSON.stringify(runs)
}

interface Watch {
  readonly broken: Array<string>
  readonly said: Map<Message.Message["_tag"], number>
}

const listening = ({ broken, said }: Watch): NonNullable<TestNodes.Options["transport"]> => (id, disk, transport) =>
  Transport.of({
    join: (self, receive) =>
      Effect.map(transport.join(self, receive), (connection) => ({
        ...connection,
        send: (to, envelope) => {
          const { message } = envelope
          said.set(message._tag, (said.get(message._tag) ?? 0) + 1)
          if (!isKept(disk, id, to, message)) broken.push(`${id} promises ${to} ${JSON.stringify(message)}`)
          if (!areNamed(envelope)) broken.push(`${id} sends ${to} other entries than it names`)
          return connection.send(to, envelope)
        }
      }))
  })

/** Disks that take their time, more or less of it, as long as they are slow: a node that is closed writes to the end. */
const slow = (speed: { isSlow: boolean }) => (_: string, storage: Storage["Service"]): Storage["Service"] => ({
  ...storage,
  write: (writes) =>
    Random.nextIntBetween(1, 40).pipe(
      Effect.flatMap((millis) => speed.isSlow ? Effect.sleep(millis) : Effect.void),
      Effect.andThen(storage.write(writes))
    )
})

const config = { snapshotEntries: 30, entriesKept: 5, snapshotChunkBytes: 100, requestTimeout: 1000 }

describe("what a node says", () => {
  for (const seed of ["a", "b", "c"]) {
    it.effect(`is on its disk by then, on slow disks and through changes of leader, seed ${seed}`, () =>
      Effect.gen(function*() {
        const watch: Watch = { broken: [], said: new Map() }
        const speed = { isSlow: true }
        const nodes = yield* TestNodes.make({ config, storage: slow(speed), transport: listening(watch) })
        for (let round = 0; round < 12; round++) {
          const leader = yield* nodes.awaitLeader
          const proposals = Array.from(
            { length: 10 },
            (_, place) => leader.raft.propose(TestNodes.bytes(`${round}/${place}`))
          )
          yield* Effect.forkChild(Effect.forEach(proposals, Effect.exit, { concurrency: "unbounded" }))
          yield* TestNodes.elapse(Effect.void, yield* Random.nextIntBetween(1, 300))
          // Some of what is on its way to the disk belongs to a leader that nobody hears any more.
          yield* nodes.network.isolate(leader.id)
          yield* TestNodes.elapse(Effect.exit(leader.raft.propose(TestNodes.bytes("lost"))), 1500)
          yield* nodes.network.heal
          yield* TestNodes.elapse(Effect.void, 500)
        }
        yield* nodes.awaitLeader
        speed.isSlow = false
        yield* TestNodes.elapse(Effect.void, 1000)

        assert.deepStrictEqual(watch.broken, [])
        // What was promised was kept, and everyone made the same of it.
        const [first, ...others] = nodes.running().map(({ applied }) => applied)
        assert.isAbove(first?.length ?? 0, 50)
        assert.strictEqual(new Set(first).size, first?.length)
        for (const applied of others) assert.deepStrictEqual(applied, first)
        for (const tag of ["RequestVote", "VoteReply", "AppendReply", "AppendEntries"] as const) {
          assert.isAbove(watch.said.get(tag) ?? 0, 10, tag)
        }
      }).pipe(Effect.scoped, Random.withSeed(seed)))
  }
})
