/**
 * Clients that read, write, and compare-and-set a few registers through any of the nodes, and write down what they saw.
 *
 * They know what Maelstrom's clients know: an answer, a definite error, or nothing. Each value is written once, so that
 * whoever reads it knows who wrote it. Keys and values are JSON of many shapes.
 */
import * as History from "@effect-raft/testing/History"
import * as Linearizability from "@effect-raft/testing/Linearizability"
import * as Models from "@effect-raft/testing/Models"
import type { Operation } from "@effect-raft/testing/Operation"
import { assert } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { type Definite, type Indefinite, type Maelstrom } from "./Maelstrom.ts"

/** Keys and values as text. What is read of a key that does not exist is empty, which is no JSON. */
type Action = Models.KeyValueAction<string>
type Result = Models.RegisterResult<string>

const absent = ""

const keys: ReadonlyArray<string> = [`0`, `"0"`, `[0]`, `{"a":[0]}`, `null`]

export const tell = (outcome: Operation<Action, Result>["outcome"]) =>
  outcome._tag === "Ok" ? `Ok ${typeof outcome.result === "string" ? "read" : outcome.result}` : outcome._tag

/** A bar of the picture, short enough to be read. */
const label = ({ action, outcome }: Operation<Action, Result>): string => {
  const answer = outcome._tag === "Ok" ? `${outcome.result}` : outcome._tag
  if (action._tag === "Read") return `read ${answer}`
  return action._tag === "Write" ? `write ${action.value} ${answer}` : `${action.from} to ${action.to} ${answer}`
}

const classify = History.classify<Result, Definite | Indefinite, Result>({
  result: (result) => result,
  didNotHappen: (error) => error._tag === "Definite"
})

export class Clients {
  readonly #maelstrom: Maelstrom
  readonly #history: History.Recorder<Action, Result>
  /** The last value that anyone has seen of each key. */
  readonly #seen = new Map<string, string>()
  #written = 0

  constructor(maelstrom: Maelstrom, history: History.Recorder<Action, Result>) {
    this.#maelstrom = maelstrom
    this.#history = history
  }

  /** Asks without end, with short pauses. */
  run(name: string): Effect.Effect<never> {
    return Effect.forever(Effect.suspend(() => {
      const node = this.#maelstrom.chance.pick(this.#maelstrom.ids)
      return Effect.andThen(this.act(name, node, this.#draw()), Effect.sleep(this.#maelstrom.chance.between(1, 20)))
    }))
  }

  /** Does one thing by way of one node. */
  act(name: string, node: string, action: Action) {
    const asked = this.#ask(name, node, action).pipe(
      Effect.tap((result) => Effect.sync(() => this.#learn(action, result)))
    )
    return Effect.exit(this.#history.record(name, action, asked, classify))
  }

  /** A value that was never written before. */
  value(): string {
    const number = ++this.#written
    return [`${number}`, `"v${number}"`, `[${number},{"n":null}]`, `{"n":${number}}`][number % 4] ?? ""
  }

  #draw(): Action {
    const { chance } = this.#maelstrom
    const key = chance.pick(keys)
    const kind = chance.between(0, 10)
    if (kind < 4) return { _tag: "Read", key }
    if (kind < 6) return { _tag: "Write", key, value: this.value() }
    return { _tag: "CompareAndSet", key, from: this.#seen.get(key) ?? `"never"`, to: this.value() }
  }

  #ask(name: string, node: string, action: Action): Effect.Effect<Result, Definite | Indefinite> {
    const key: unknown = JSON.parse(action.key)
    const ask = (body: object) => this.#maelstrom.ask(name, node, { ...body, key })
    switch (action._tag) {
      case "Read":
        return ask({ type: "read" }).pipe(
          Effect.map((answer): Result => JSON.stringify(answer["value"])),
          Effect.catchIf(({ code }) => code === 20, () => Effect.succeed<Result>(absent))
        )
      case "Write":
        return Effect.as(ask({ type: "write", value: JSON.parse(action.value) }), true)
      case "CompareAndSet":
        return ask({ type: "cas", from: JSON.parse(action.from), to: JSON.parse(action.to) }).pipe(
          Effect.as(true),
          Effect.catchIf(({ code }) => code === 20 || code === 22, () => Effect.succeed(false))
        )
    }
  }

  #learn(action: Action, result: Result): void {
    if (typeof result === "string" && result !== absent) this.#seen.set(action.key, result)
    if (action._tag === "Write") this.#seen.set(action.key, action.value)
    if (action._tag === "CompareAndSet" && result === true) this.#seen.set(action.key, action.to)
  }
}

const names = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"]

/** Runs clients while `faults` goes on; then every node must serve, and the history must have an order. */
export const judge = Effect.fnUntraced(function*(maelstrom: Maelstrom, seed: number, faults: Effect.Effect<void>) {
  const history = yield* History.make<Action, Result>()
  const clients = new Clients(maelstrom, history)
  yield* settled(maelstrom)
  yield* Effect.raceFirst(faults, Effect.all(names.map((name) => clients.run(name)), { concurrency: "unbounded" }))
  maelstrom.heal()

  for (const node of maelstrom.ids) {
    for (const key of keys) yield* insist(clients, node, { _tag: "Write", key, value: clients.value() })
    for (const key of keys) yield* insist(clients, node, { _tag: "Read", key })
  }

  const operations = yield* history.operations
  const verdict = Linearizability.check(operations, Models.keyValue<string>(absent), { label })
  const found = verdict._tag === "NotLinearizable" ? `key ${verdict.key}\n${verdict.picture}` : ""
  assert.strictEqual(verdict._tag, "Linearizable", `seed ${seed}, ${found}`)
  assert.deepStrictEqual(maelstrom.violations, [])
  assert.deepStrictEqual(maelstrom.ended, [], maelstrom.complaints.join(""))
  return Map.groupBy(operations, ({ outcome }) => tell(outcome))
})

/** Waits until some node leads. */
const settled = (maelstrom: Maelstrom) =>
  Effect.sleep(20).pipe(Effect.repeat({ until: () => maelstrom.leader.id !== "", times: 500 }))

/** Asks until there is an answer, which must not take for ever once all is well. */
const insist = (clients: Clients, node: string, action: Action) =>
  clients.act("c9", node, action).pipe(
    Effect.repeat({ schedule: Schedule.spaced("50 millis"), until: (exit) => exit._tag === "Success", times: 200 }),
    Effect.tap((exit) => Effect.sync(() => assert.strictEqual(exit._tag, "Success", `${node} does not serve`)))
  )
