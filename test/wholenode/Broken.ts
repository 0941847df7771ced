/**
 * Nodes as they should not be, one mistake in each. A simulation that finds nothing wrong with one of them proves
 * nothing about the others.
 */
import { Effect, Result } from "effect"
import { NotLeader, Unknown } from "effect-raft/RaftError"
import { type Envelope, Transport } from "effect-raft/Transport"
import type { Variant } from "./Variant.ts"
import * as Wire from "./Wire.ts"

/** A codec from which something is gone on the way. */
const losing = (lose: (envelope: Envelope) => Envelope): Variant => ({
  codec: { ...Wire.codec, decode: (kind, payload) => Result.map(Wire.codec.decode(kind, payload), lose) }
})

/** Whoever is sent entries is taken to have them. */
const optimistic = (transport: Transport["Service"]): Transport["Service"] =>
  Transport.of({
    join: (self, receive) => {
      const known = new Map<string, number>()
      const hear = (envelope: Envelope, incarnation: number) => {
        known.set(envelope.message.from, incarnation)
        receive(envelope, incarnation)
      }
      return Effect.map(transport.join(self, hear), (connection) => ({
        ...connection,
        send: (to, envelope) => {
          const { message } = envelope
          if (message._tag === "AppendEntries") {
            const { last, sequence, term } = message
            const reply = {
              _tag: "AppendReply",
              from: to,
              term,
              sequence,
              accepted: true,
              match: last,
              last,
              runs: []
            } as const
            receive({ message: reply, entries: undefined }, known.get(to) ?? 0)
          }
          return connection.send(to, envelope)
        }
      }))
    }
  })

export const broken: Readonly<Record<string, Variant>> = {
  "a disk that is never synced": { onDisk: (disk) => void (disk.syncs = () => false) },
  "a snapshot that counts before it is synced": {
    onDisk: (disk) => void (disk.syncs = (name) => !/^(taken|received)\.draft$/.test(name))
  },
  "a vote that is not kept": {
    storage: (storage) => ({
      ...storage,
      write: (writes) =>
        storage.write(
          writes.map((write) =>
            write.hardState === undefined
              ? write
              : { ...write, hardState: { ...write.hardState, votedFor: undefined } }
          )
        )
    })
  },
  "a codec that loses where the log of a candidate ends": losing((envelope) =>
    envelope.message._tag === "RequestVote" || envelope.message._tag === "RequestPreVote"
      ? { ...envelope, message: { ...envelope.message, last: { term: envelope.message.term, index: 2 ** 40 } } }
      : envelope
  ),
  "a codec that loses what is committed": losing((envelope) =>
    envelope.message._tag === "AppendEntries"
      ? { ...envelope, message: { ...envelope.message, commit: 0 } }
      : envelope
  ),
  "a leader that does not wait for the others": { transport: optimistic },
  "a lease that does not look at the wall clock": { onClock: (clock) => void (clock.isWallTruthful = false) },
  "clocks that differ by more than they may": { onClock: (clock) => void (clock.exaggeration = 40) },
  "reads that ask nobody": {
    raft: (raft) => ({ ...raft, read: (query) => raft.read(query, { consistency: "stale" }) })
  },
  "an error that says more than it knows": {
    raft: (raft) => ({
      ...raft,
      propose: (command) =>
        Effect.mapError(
          raft.propose(command),
          (error) => error instanceof Unknown ? new NotLeader({ leader: undefined }) : error
        )
    })
  },
  "a command that is tried again though it may have happened": {
    raft: (raft) => ({
      ...raft,
      propose: (command) => Effect.catchTag(raft.propose(command), "Unknown", () => raft.propose(command))
    })
  }
}

/** What brings the mistakes to light that few plans do, from the second line on. */
export const grounds: Readonly<Record<string, ReadonlyArray<string>>> = {
  "a lease that does not look at the wall clock": [
    "at 1500 suspend leader 0 for 1200",
    "at 3500 suspend leader 0 for 1300",
    "at 5500 suspend leader 0 for 1400",
    "at 7500 suspend leader 0 for 1100"
  ],
  "clocks that differ by more than they may": [
    "at 0 drift n1 90 for 0",
    "at 0 drift n2 80 for 0",
    "at 1500 partition leader 0 for 700",
    "at 3500 partition leader 0 for 700",
    "at 5500 partition leader 0 for 700",
    "at 7500 partition leader 0 for 700"
  ]
}
