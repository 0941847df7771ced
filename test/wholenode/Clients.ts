/**
 * Clients: each asks one thing at a time, of any node, and writes down what it was told.
 */
import * as History from "@effect-raft/testing/History"
import { Cause, Effect, Exit, Random } from "effect"
import { NotLeader } from "effect-raft/RaftError"
import * as Ledger from "./Ledger.ts"
import type { Machines, Node } from "./Machines.ts"

export interface Clients {
  readonly history: History.Recorder<Ledger.Action, string>
  /** Words of which someone was told that they will never be there. */
  readonly refused: Set<string>
  /** Words of which someone was told that they are there. */
  readonly kept: Set<string>
  /** Lists as they were read without asking anyone, and so perhaps old. */
  readonly old: Array<readonly [key: string, list: string]>
}

export const make: Effect.Effect<Clients> = Effect.map(
  History.make<Ledger.Action, string>(),
  (history) => ({ history, refused: new Set(), kept: new Set(), old: [] })
)

const isGone = Symbol("isGone")
const late = Symbol("late")

const didNotHappen = (error: unknown): boolean =>
  error === isGone
  || (typeof error === "object" && error !== null && "_tag" in error
    && (error._tag === "NotLeader" || error._tag === "Busy"))

const classify = History.classify<string, unknown, string>({ result: (list) => list, didNotHappen })

/** Waits for an answer. A node that runs says something in time, and whoever waits for longer than that is wronged. */
const answered = Effect.fnUntraced(function*(
  machines: Machines,
  node: Node,
  request: Effect.Effect<unknown, unknown>,
  patience: number
) {
  const { absences } = node
  const isPatient = patience > machines.plan.settings.request + 500
  const answer = yield* Effect.timeoutOption(request, patience)
  if (answer._tag === "Some") return String(answer.value)
  const isThere = machines.nodes.get(node.id) === node && node.absences === absences && !machines.isPaused(node.id)
  const { stopped } = yield* node.raft.status
  if (isPatient && isThere && stopped === undefined) {
    machines.watch.say(`${node.id} has left a client without an answer`)
  }
  return yield* Effect.fail(late)
})

export const perform = (
  machines: Machines,
  node: Node | undefined,
  action: Ledger.Action,
  isLease: boolean,
  patience = machines.plan.settings.request + 1000
) => {
  if (node === undefined) return Effect.fail(isGone)
  const request: Effect.Effect<unknown, unknown> = action._tag === "Add"
    ? node.raft.propose(Ledger.command(action.key, action.word))
    : node.raft.read(action.key, { consistency: isLease ? "lease" : "linearizable" })
  return answered(machines, node, request, patience)
}

/** Asks, writes down what came of it, and answers with the exit. */
export const record = Effect.fnUntraced(function*(
  { history, kept, refused }: Clients,
  name: string,
  action: Ledger.Action,
  effect: Effect.Effect<string, unknown>
) {
  const exit = yield* Effect.exit(history.record(name, action, effect, classify))
  if (action._tag === "Add") {
    const outcome = classify(exit)
    if (outcome._tag === "Ok") kept.add(action.word)
    if (outcome._tag === "Fail") refused.add(action.word)
  }
  return exit
})

/** Whom an error says to ask. */
const named = (cause: Cause.Cause<unknown>): string | undefined => {
  const error = Cause.squash(cause)
  return error instanceof NotLeader ? error.leader : undefined
}

const keys = ["a", "b", "c"]

/** Goes on until it is interrupted. */
export const client = Effect.fnUntraced(function*(machines: Machines, clients: Clients, name: string) {
  let leader: string | undefined
  for (let turn = 0;; turn++) {
    const key = keys[yield* Random.nextIntBetween(0, 2)] ?? "a"
    const dice = yield* Random.nextIntBetween(0, 9)
    const all = [...machines.nodes.values()]
    const anyone = all[yield* Random.nextIntBetween(0, Math.max(0, all.length - 1))]
    const isForLeader = dice < 4 || dice > 6
    const node = isForLeader && leader !== undefined ? machines.nodes.get(leader) ?? anyone : anyone
    if (dice === 4) {
      const list = yield* Effect.option(node?.raft.read(key, { consistency: "stale" }) ?? Effect.succeed(""))
      if (list._tag === "Some") clients.old.push([key, String(list.value)])
      continue
    }
    const action: Ledger.Action = dice < 4 || dice === 9
      ? { _tag: "Add", key, word: `${name}${turn}` }
      : { _tag: "Read", key }
    // Some have no patience: they ask elsewhere, and never know.
    const isPatient = (yield* Random.nextIntBetween(0, 3)) > 0
    const patience = isPatient ? undefined : yield* Random.nextIntBetween(50, 500)
    const exit = yield* record(clients, name, action, perform(machines, node, action, dice > 5, patience))
    leader = Exit.isSuccess(exit) ? leader : named(exit.cause)
    if (Exit.isSuccess(exit) && action._tag === "Add") leader = node?.id
    yield* Effect.sleep(yield* Random.nextIntBetween(1, Exit.isSuccess(exit) ? 25 : 80))
  }
})

/**
 * Reads by lease from whoever leads, and stays with it until it says that it does not: one that was deposed must not
 * answer. It asks anew all the time, for what was asked before others wrote may be answered as if they had not.
 */
export const reader = Effect.fnUntraced(function*(machines: Machines, clients: Clients, name: string) {
  let faithful: string | undefined
  while (true) {
    const key = keys[yield* Random.nextIntBetween(0, 2)] ?? "a"
    faithful ??= (yield* machines.leader)?.id
    const node = machines.nodes.get(faithful ?? "")
    const action: Ledger.Action = { _tag: "Read", key }
    const exit = yield* record(clients, name, action, perform(machines, node, action, true, 100))
    if (Exit.isFailure(exit) && Cause.squash(exit.cause) !== late) faithful = undefined
    yield* Effect.sleep(yield* Random.nextIntBetween(1, 50))
  }
})

/** What clients were told against what is there in the end. */
export const contradictions = (clients: Clients, lists: ReadonlyMap<string, string>): ReadonlyArray<string> => {
  const words = [...lists.values()].flatMap((list) => list === "" ? [] : list.split(" "))
  const there = new Set(words)
  const found: Array<string> = []
  if (there.size !== words.length) {
    found.push(`applied more than once: ${words.filter((word, place) => words.indexOf(word) !== place)}`)
  }
  for (const word of clients.kept) if (!there.has(word)) found.push(`acknowledged and lost: ${word}`)
  for (const word of clients.refused) if (there.has(word)) found.push(`refused and done: ${word}`)
  for (const [key, list] of clients.old) {
    const now = lists.get(key) ?? ""
    if (list !== "" && now !== list && !now.startsWith(`${list} `)) found.push(`read, and never so: ${key} = ${list}`)
  }
  return found
}
