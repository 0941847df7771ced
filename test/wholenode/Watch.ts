/**
 * What must hold at every moment, held against what nodes write, send and apply: not against what they believe.
 *
 * - What a storage has acknowledged is there when it is opened again, and nothing that nobody wrote.
 * - A message never promises what its sender has not made durable: votes, entries, terms.
 * - A node votes once in a term, and a term has one leader.
 * - Entries of one place and term are the same on all nodes, and so are all before them.
 * - What was applied at a place is applied there by all; a later leader writes nothing else there.
 */
import { Effect } from "effect"
import type { LogPosition, State } from "effect-raft/engine"
import * as Entries from "effect-raft/Entries"
import * as Recovery from "effect-raft/Recovery"
import type { Loaded, Storage, StorageError, StorageWrite } from "effect-raft/Storage"
import type { Envelope } from "effect-raft/Transport"
import * as Ledger from "./Ledger.ts"

/** What is known to be durable on one node's disk, and what of it is under way. */
interface Kept {
  durable: State.Recovered
  outstanding: ReadonlyArray<StorageWrite>
  /** For each place of the log, its term and a checksum of everything up to it. */
  readonly sums: Map<number, { readonly term: number; readonly sum: number }>
}

interface Committed {
  readonly term: number
  readonly content: string
  readonly sum: number
  /** A term in which it was committed for certain. */
  readonly by: number
}

const describe = ({ hardState: { term, votedFor }, log, snapshot }: State.Recovered): string =>
  `term ${term}, vote for ${votedFor ?? "nobody"}, entries ${log.boundary.index + 1} to ${log.last} of terms ${
    log.runs.map((run) => `${run.term} from ${run.start}`).join(", ")
  }, snapshot ${snapshot?.index ?? 0}`

export class Watch {
  readonly faults: Array<string> = []
  /** How many things were looked at, by kind. */
  readonly looked = { messages: 0, writes: 0, entries: 0, applied: 0, openings: 0 }
  /** What is durable is compared when a disk is opened again. */
  checksDisks = true
  readonly #kept = new Map<string, Kept>()
  readonly #votes = new Map<string, string>()
  readonly #leaders = new Map<number, string>()
  readonly #sums = new Map<string, number>()
  readonly #committed = new Map<number, Committed>()
  readonly #applied = new Map<number, { readonly content: string; readonly sum: number }>()

  say(sentence: string): void {
    this.faults.push(sentence)
  }

  /** Who led a term, as far as anyone has said so. */
  led(id: string): boolean {
    return [...this.#leaders.values()].includes(id)
  }

  /** The disk is given up, and another is put in its place. */
  forget(id: string): void {
    this.#kept.delete(id)
  }

  /** A node sends. */
  sends(from: string, to: string, { message }: Envelope): void {
    this.looked.messages++
    const durable = this.#kept.get(from)?.durable
    const term = durable?.hardState.term ?? 0
    const { log } = durable ?? Recovery.fresh
    switch (message._tag) {
      case "RequestVote":
        this.#vote(from, message.term, from)
        return this.#promises(from, `to stand in term ${message.term}`, term >= message.term)
      case "VoteReply":
        if (!message.granted) return
        this.#vote(from, message.term, to)
        return this.#promises(
          from,
          `a vote for ${to} in term ${message.term}`,
          term > message.term || (term === message.term && durable?.hardState.votedFor === to)
        )
      case "AppendReply":
        if (!message.accepted) return
        return this.#promises(from, `entries up to ${message.match}`, log.last >= message.match)
      case "AppendEntries":
      case "InstallSnapshot": {
        const leader = this.#leaders.get(message.term) ?? from
        this.#leaders.set(message.term, leader)
        if (leader !== from) this.say(`${leader} and ${from} led term ${message.term}`)
      }
    }
  }

  #promises(id: string, what: string, holds: boolean): void {
    if (!holds && this.checksDisks) this.say(`${id} promised ${what}, which is not on its disk`)
  }

  #vote(id: string, term: number, candidate: string): void {
    const key = `${id} ${term}`
    const before = this.#votes.get(key) ?? candidate
    this.#votes.set(key, before)
    if (before !== candidate) this.say(`${id} voted for ${before} and ${candidate} in term ${term}`)
  }

  /** A node has applied a command. */
  observer(id: string, termOf: () => number): Ledger.Observer {
    return {
      onApply: (position, payload, sum) => {
        this.looked.applied++
        const content = Buffer.from(payload).toString()
        const before = this.#applied.get(position.index) ?? { content, sum }
        this.#applied.set(position.index, before)
        if (before.content !== content || before.sum !== sum) {
          this.say(`${id} applied ${content} at ${position.index}, and another node ${before.content}`)
        }
        this.#commit(position, content, sum, termOf())
      },
      onRestore: (index, sum) => {
        const before = this.#applied.get(index)?.sum ?? 0
        if (before !== sum) this.say(`${id} restored a state that none has had at ${index}`)
      }
    }
  }

  #commit({ index, term }: LogPosition.LogPosition, content: string, sum: number, by: number): void {
    if (!this.#committed.has(index)) this.#committed.set(index, { term, content, sum, by: Math.max(by, term) })
  }

  /** The storage of a node, looked over the shoulder. `isDamaged`: it may find less than it has kept. */
  storage(id: string, storage: Storage["Service"], onLess: () => boolean): Storage["Service"] {
    const open = (loaded: Loaded): Effect.Effect<Loaded, StorageError> =>
      Effect.suspend(() => {
        this.looked.openings++
        const kept = this.#kept.get(id)
        if (kept !== undefined && !this.#finds(kept, loaded)) {
          if (onLess()) return Effect.die(new Error("the disk holds less than it did"))
          if (this.checksDisks) {
            this.say(`${id} had on its disk ${describe(kept.durable)}, and found ${describe(loaded)}`)
          }
        }
        const sums = kept?.sums ?? new Map()
        for (const index of sums.keys()) if (index > loaded.log.last) sums.delete(index)
        this.#kept.set(id, { durable: loaded, outstanding: [], sums })
        return Effect.succeed(loaded)
      })
    return {
      ...storage,
      open: (identity) => Effect.flatMap(storage.open(identity), open),
      write: (writes) =>
        Effect.suspend(() => {
          const kept = this.#kept.get(id)
          if (kept === undefined) return storage.write(writes)
          kept.outstanding = writes
          return Effect.map(storage.write(writes), () => {
            kept.outstanding = []
            for (const write of writes) this.#keeps(id, kept, write)
          })
        })
    }
  }

  /** Whether what was found is what was acknowledged, with the first of what was under way. */
  #finds(kept: Kept, loaded: State.Recovered): boolean {
    const found = describe(loaded)
    let before = kept.durable
    if (describe(before) === found) return true
    for (const write of kept.outstanding) {
      before = Recovery.after(before, write)
      this.#note("", kept, write)
      if (describe(before) === found) return true
    }
    return false
  }

  #keeps(id: string, kept: Kept, write: StorageWrite): void {
    this.looked.writes++
    kept.durable = Recovery.after(kept.durable, write)
    this.#note(id, kept, write)
  }

  #note(id: string, { sums }: Kept, { boundary, entries, truncateAfter }: StorageWrite): void {
    if (truncateAfter !== undefined) { for (const index of sums.keys()) if (index > truncateAfter) sums.delete(index) }
    if (entries !== undefined) {
      for (let index = entries.first; index <= Entries.last(entries); index++) this.#noteEntry(id, sums, entries, index)
    }
    if (boundary === undefined) return
    const { index, term } = boundary
    if (!sums.has(index)) sums.set(index, { term, sum: this.#sums.get(`${index} ${term}`) ?? 0 })
    for (const each of sums.keys()) if (each < index) sums.delete(each)
  }

  #noteEntry(id: string, sums: Kept["sums"], entries: Entries.Entries, index: number): void {
    this.looked.entries++
    const term = Entries.termAt(entries, index)
    const kind = Entries.kindAt(entries, index)
    const payload = Entries.payloadAt(entries, index)
    const sum = Ledger.mix(Ledger.mix(sums.get(index - 1)?.sum ?? 0, Uint8Array.of(term, kind)), payload)
    const place = `${index} ${term}`
    const before = this.#sums.get(place) ?? sum
    this.#sums.set(place, before)
    sums.set(index, { term, sum })
    if (before !== sum) this.say(`${id} has another entry of term ${term} at ${index}, or before it, than another node`)
    const committed = this.#committed.get(index)
    if (committed === undefined || term <= committed.by) return
    if (committed.term !== term || committed.content !== Buffer.from(payload).toString()) {
      this.say(`${id} has an entry of term ${term} at ${index}, where ${committed.content} was committed`)
    }
  }
}
