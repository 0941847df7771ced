/** Rules of the driver: the order of disk, network and state machine, and what callers are told. */
import type { Mutant } from "./Mutant.ts"

const file = (name: string) => `packages/raft/src/internal/${name}.ts`

export const driver: ReadonlyArray<Mutant> = [
  {
    name: "message-leaves-before-its-write",
    file: file("sender"),
    find: "if (output.after <= persisted) return transmit(output.to, output.message)",
    replace: "if (output.after >= 0) return transmit(output.to, output.message)",
    removes: "holds a message until the write it promises is durable"
  },
  {
    name: "held-messages-without-bound",
    file: file("sender"),
    find: "if (held.length >= maxHeldMessages) held.shift()\n",
    replace: "",
    removes: "bounds how many messages wait for the disk",
    survives: "the memory it would take is more than a test gives itself; the engine's windows bound most of it as well"
  },
  {
    name: "entries-of-another-term-are-sent",
    file: file("sender"),
    find: "if (!isSame(sliceRuns(message.runs, entries.first, last), entries.runs)) return undefined\n",
    replace: "",
    removes: "holds what it read against what the message names",
    survives:
      "only while a piece is read from the disk for a former leader and the log is written anew meanwhile; a second guard, for the message is of an older term by then"
  },
  {
    name: "told-before-it-is-written",
    file: file("writer"),
    find: `return Effect.map(storage.write(changes), () => {
      busySince = undefined
      onPersisted(write)
    })`,
    replace: `onPersisted(write)
    return Effect.map(storage.write(changes), () => {
      busySince = undefined
    })`,
    removes: "says that a write is durable when the disk has said so"
  },
  {
    name: "written-again-after-a-failure",
    file: file("writer"),
    find: "if (waiting.length === 0 || busySince !== undefined) return Effect.void",
    replace: "if (waiting.length === 0) return Effect.void",
    removes: "never writes again after a write has failed"
  },
  {
    name: "late-proposal-is-said-not-to-have-happened",
    file: file("proposals"),
    find: "(place) => new Unknown({ position: { term: batch.term, index: batch.from + place } })",
    replace: "() => new NotLeader({ leader: undefined })",
    removes: "says Unknown of what was not decided in time"
  },
  {
    name: "overtaken-proposal-is-said-not-to-have-happened",
    file: file("proposals"),
    find: "this.complete(batch, index - first, Exit.fail(new Unknown({ position: { term, index } })))",
    replace: "this.complete(batch, index - first, Exit.fail(new NotLeader({ leader: undefined })))",
    removes: "says Unknown of what a snapshot has overtaken"
  },
  {
    name: "requests-without-bound",
    file: file("proposals"),
    find: "if (isFull) return Effect.fail(this.busy())\n",
    replace: "",
    removes: "refuses requests beyond its bounds"
  },
  {
    name: "committed-answers-whoever-waits",
    file: file("proposals"),
    find: "if (range === undefined || range.from > index) return\n",
    replace: "if (range === undefined) return\n",
    removes: "answers a proposal with the reply of its own entry",
    survives: "equivalent: an index before the batch has no place in it, so nobody is answered, and the batch stays"
  },
  {
    name: "read-before-it-is-applied",
    file: file("applier"),
    find: "const ready = this.questions.filter(({ index }) => index <= this.done)",
    replace: "const ready = this.questions",
    removes: "answers a read once its index is applied"
  },
  {
    name: "lease-is-not-looked-at-again",
    file: file("applier"),
    find: "const isLate = each.validUntil < Number.POSITIVE_INFINITY && time.now() >= each.validUntil",
    replace: "const isLate = false",
    removes: "looks at the lease after it has looked at the state"
  },
  {
    name: "restored-before-it-is-written",
    file: file("applier"),
    find: "return this.persisted >= restoring.after ? this.become(restoring) : undefined",
    replace: "return this.become(restoring)",
    removes: "restores a snapshot once it is durable"
  },
  {
    name: "snapshot-of-a-later-state",
    file: file("applier"),
    find: "const to = Math.min(this.handed, stop ?? this.handed)",
    replace: "const to = this.handed",
    removes: "takes a snapshot right after its entry"
  },
  {
    name: "told-before-it-is-applied",
    file: file("applier"),
    find: "  handOver(index: Index): void {\n    this.handed = index\n",
    replace: "  handOver(index: Index): void {\n    this.handed = index\n    this.options.onApplied(index)\n",
    removes: "says that an entry is applied when it is"
  },
  {
    name: "tail-keeps-what-was-truncated",
    file: file("tail"),
    find: "    this.truncateFrom(entries.first)\n",
    replace: "",
    removes: "drops from memory what was truncated"
  },
  {
    name: "tail-drops-what-is-not-written",
    file: file("tail"),
    find: "      if (Entries.last(piece) > this.durable) break\n",
    replace: "",
    removes: "keeps in memory what is not on the disk",
    survives: "slower and not wrong: what is no longer in memory is sent once it can be read from the disk"
  },
  {
    name: "inbox-without-bound",
    file: file("inbox"),
    find:
      "if (this.messages.length >= this.maxMessages || (this.bytes > 0 && this.bytes + size > this.maxBytes)) return\n",
    replace: "",
    removes: "loses messages beyond its bounds",
    survives: "what it takes is memory, and more of it than a test gives itself"
  },
  {
    name: "silence-before-what-was-said",
    file: file("loop"),
    find: `if (now >= Engine.deadline(state)) inputs.push({ _tag: "Timer", now })`,
    replace: `if (now >= Engine.deadline(state)) inputs.unshift({ _tag: "Timer", now })`,
    removes: "hears what came before it acts on silence"
  },
  {
    name: "stopped-node-stays-in-the-network",
    file: file("driver"),
    find: "    yield* Scope.close(presence, Exit.void)\n",
    replace: "",
    removes: "leaves the network when it stops"
  },
  {
    name: "reads-outlive-the-node",
    file: file("driver"),
    find: "    reads.stop(reason)\n",
    replace: "",
    removes: "answers open reads when it stops"
  },
  {
    name: "sleep-is-no-time",
    file: file("time"),
    find: "if (ahead - this.ahead > 2 * tolerance) this.asleep += ahead - this.ahead\n",
    replace: "",
    removes: "counts the time that the machine was suspended",
    survives:
      "only a machine that was suspended shows it; time.test.ts plays one, and does not count, for it is named after the module"
  }
]
