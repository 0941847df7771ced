/**
 * What happens to a node, for whoever watches: its status now and whenever it changes, as server-sent events.
 *
 * Roles, terms and leaders are told of as they change. The commit index changes with every command, so it is looked at
 * a few times a second instead. Now and then comes a comment, so that both sides notice when the other one is gone.
 */
import { Effect, Schedule, Stream } from "effect"
import type * as Raft from "effect-raft/Raft"
import * as Answer from "./Answer.ts"
import type { Peers } from "./Peers.ts"
import * as Status from "./Status.ts"

/** How many may watch one node. */
const maxWatchers = 100

const headers = { ...Answer.anyOrigin, "Content-Type": "text/event-stream", "Cache-Control": "no-store" }

const event = (name: string, data: string) => `event: ${name}\ndata: ${data}\n\n`

export class Events {
  /** Answers with the events, for as long as the client listens. */
  readonly watch: Effect.Effect<Answer.Answer, Answer.Refusal>
  #watchers = 0

  constructor(raft: Raft.Raft["Service"], peers: Peers) {
    const often = Stream.fromSchedule(Schedule.spaced("250 millis"))
    const seldom = Stream.fromSchedule(Schedule.spaced("10 seconds"))
    // A change says that it is time to look: what it carries is what was true when it happened.
    const statuses = Stream.merge(raft.changes, often).pipe(
      Stream.mapEffect(() => raft.status),
      Stream.map((status) => event("status", Status.print(status))),
      Stream.changes
    )
    const places = Stream.fromEffect(peers.all).pipe(
      Stream.concat(Stream.mapEffect(often, () => peers.all)),
      Stream.map((all) => event("nodes", JSON.stringify(all))),
      Stream.changes
    )
    const events = Stream.mergeAll([places, statuses, Stream.map(seldom, () => ":\n\n")], { concurrency: 3 })
    const count = (by: number) =>
      Effect.sync(() => {
        this.#watchers += by
      })
    const counted = Stream.unwrap(Effect.as(Effect.acquireRelease(count(1), () => count(-1)), events))
    this.watch = Effect.suspend(() =>
      this.#watchers >= maxWatchers
        ? Effect.fail(new Answer.Refusal({ answer: Answer.busy(0) }))
        : Effect.succeed(Answer.ok(counted, headers))
    )
  }
}
