/**
 * What every state machine must keep, or its cluster falls apart: one case per promise, for authors of services.
 *
 * A state machine must do the same on every node, today and in a year. The suite applies the same commands on many
 * machines under different clocks and different chance, in other batches, and from a snapshot taken after each of them;
 * and it replays histories that were written down with an older version of the code. Two machines are the same if they
 * answer every command and every question alike.
 *
 * ```ts
 * StateMachineTest.suite("Counter", {
 *   machine: Counter.layer.machine,
 *   commands: [1, 2, 3].map((amount) => Counter.encodeCommand("Add", { amount })),
 *   queries: [{ tag: "Total", payload: {} }]
 * })
 * ```
 *
 * @since 0.1.0
 */
import { assert, describe, it } from "@effect/vitest"
import type { Command, StateMachine } from "effect-raft/StateMachine"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Hostile from "./internal/Hostile.ts"

type Machine = StateMachine["Service"]

/**
 * A history that an earlier version of the code has made: its commands and what applying them answered, as
 * `StateMachineTest.record` wrote them down. Keep it in a file beside the test.
 *
 * @category models
 * @since 0.1.0
 */
export interface Recorded {
  readonly commands: ReadonlyArray<string>
  readonly replies: ReadonlyArray<string>
  readonly answers: ReadonlyArray<string>
  /** The state after all of them, as that version wrote it down. */
  readonly snapshot: string
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Subject {
  /** Makes a new machine, in its first state. */
  readonly machine: Effect.Effect<Machine>
  /** Commands as they are in the log; all kinds of them, also such as the state refuses. */
  readonly commands: ReadonlyArray<Uint8Array>
  /** Questions that together show the whole state. */
  readonly queries: ReadonlyArray<unknown>
  /** What earlier versions have left in logs and snapshots, by a name for each. */
  readonly histories?: Readonly<Record<string, Recorded>> | undefined
}

/** Only what JSON can say is compared, in an order of its own: two equal answers are one text. */
const text = (value: unknown): string => JSON.stringify(sorted(value)) ?? "undefined"

const sorted = (value: unknown): unknown => {
  if (value instanceof Map) return { map: [...value].map(sorted).sort(byText) }
  if (value instanceof Set) return { set: [...value].map(sorted).sort(byText) }
  if (typeof value === "bigint") return `${value}n`
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== "object" || value === null) return value
  const json: unknown = "toJSON" in value && typeof value.toJSON === "function" ? value.toJSON() : value
  if (json !== value) return sorted(json)
  return Object.fromEntries(
    Object.entries(value).sort(([left], [right]) => left < right ? -1 : 1).map(([name, each]) => [name, sorted(each)])
  )
}

const byText = (left: unknown, right: unknown): number => text(left) < text(right) ? -1 : 1

const entries = (commands: ReadonlyArray<Uint8Array>): ReadonlyArray<Command> =>
  commands.map((payload, place) => ({ payload, position: { term: 1 + Math.floor(place / 7), index: 2 + place } }))

/** What a machine shows of itself. */
const look = Effect.fnUntraced(function*(machine: Machine, queries: ReadonlyArray<unknown>, applied: number) {
  const answers = yield* Effect.forEach(queries, (query) => machine.read(query, applied))
  return answers.map(text)
})

const bytesOf = (machine: Machine) => Effect.flatMap(machine.snapshot, (stream) => Stream.runCollect(stream))

/** A new machine that goes on from a snapshot. */
const restored = Effect.fnUntraced(function*({ machine }: Subject, snapshot: ReadonlyArray<Uint8Array>) {
  const made = yield* machine
  yield* made.restore(Stream.fromIterable(snapshot))
  return made
})

/** Applies everything, one command at a time, and says what was answered. */
const applyAll = Effect.fnUntraced(function*(machine: Machine, commands: ReadonlyArray<Command>) {
  const replies: Array<string> = []
  for (const command of commands) replies.push(...(yield* machine.apply([command])).map(text))
  return replies
})

/** The same under another clock and other chance, also where code asks the platform for them. */
const elsewhere = <A, E>(seed: number, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Hostile.platform(
    seed,
    effect.pipe(Random.withSeed(`${seed}`), Effect.provideService(Clock.Clock, Hostile.clock(seed)))
  )

/** What must be true, and how to see it. */
type Case = readonly [sentence: string, check: Effect.Effect<void>]

const same = (subject: Subject): ReadonlyArray<Case> => {
  const commands = entries(subject.commands)
  const last = 1 + commands.length
  const everything = Effect.gen(function*() {
    const machine = yield* subject.machine
    const replies = yield* applyAll(machine, commands)
    return { replies, answers: yield* look(machine, subject.queries, last) }
  })

  return [
    [
      "answers the same whatever the clock says and chance has in store",
      Effect.gen(function*() {
        const expected = yield* elsewhere(1, everything)

        for (const seed of [2, 3, 4]) assert.deepStrictEqual(yield* elsewhere(seed, everything), expected)
      })
    ],

    [
      "answers the same however the commands are put together",
      Effect.gen(function*() {
        const expected = yield* everything

        for (const size of [2, 3, commands.length]) {
          const machine = yield* subject.machine
          const replies: Array<string> = []
          for (let from = 0; from < commands.length; from += size) {
            replies.push(...(yield* machine.apply(commands.slice(from, from + size))).map(text))
          }
          assert.deepStrictEqual({ replies, answers: yield* look(machine, subject.queries, last) }, expected)
        }
      })
    ],

    [
      "has one reply for each command",
      Effect.gen(function*() {
        const machine = yield* subject.machine

        assert.strictEqual((yield* machine.apply(commands)).length, commands.length)
      })
    ],

    [
      "is not changed by being looked at",
      Effect.gen(function*() {
        const machine = yield* subject.machine
        const replies: Array<string> = []
        for (const command of commands) {
          yield* look(machine, subject.queries, command.position.index - 1)
          replies.push(...(yield* machine.apply([command])).map(text))
        }

        assert.deepStrictEqual({ replies, answers: yield* look(machine, subject.queries, last) }, yield* everything)
      })
    ]
  ]
}

const snapshots = (subject: Subject): ReadonlyArray<Case> => {
  const commands = entries(subject.commands)
  const last = 1 + commands.length

  return [
    [
      "goes on from a snapshot as it would have, whichever entry that was taken after",
      Effect.gen(function*() {
        const machine = yield* subject.machine
        for (let place = 0; place <= commands.length; place++) {
          const other = yield* restored(subject, yield* bytesOf(machine))
          const replies = yield* applyAll(other, commands.slice(place))
          const answers = yield* look(other, subject.queries, last)
          const expected = yield* subject.machine
          const all = yield* applyAll(expected, commands)
          assert.deepStrictEqual(replies, all.slice(place), `from entry ${place}`)
          assert.deepStrictEqual(answers, yield* look(expected, subject.queries, last), `from entry ${place}`)
          const next = commands[place]
          if (next !== undefined) yield* machine.apply([next])
        }
      })
    ],

    [
      "is in a snapshot what it was when that was asked for, not what it became while that was read",
      Effect.gen(function*() {
        const middle = Math.floor(commands.length / 2)
        const machine = yield* subject.machine
        yield* machine.apply(commands.slice(0, middle))
        const before = yield* look(machine, subject.queries, 1 + middle)

        const stream = yield* machine.snapshot
        yield* machine.apply(commands.slice(middle))
        const other = yield* restored(subject, yield* Stream.runCollect(stream))

        assert.deepStrictEqual(yield* look(other, subject.queries, 1 + middle), before)
      })
    ],

    [
      "forgets what it was when it is restored, and does not mind how a snapshot is cut into pieces",
      Effect.gen(function*() {
        const first = yield* subject.machine
        const middle = Math.floor(commands.length / 2)
        yield* first.apply(commands.slice(0, middle))
        const pieces = (yield* bytesOf(first)).flatMap((piece) => [...piece].map((byte) => Uint8Array.of(byte)))

        const other = yield* subject.machine
        yield* other.apply(commands)
        yield* other.restore(Stream.fromIterable(pieces))

        const expected = yield* look(first, subject.queries, 1 + middle)
        assert.deepStrictEqual(yield* look(other, subject.queries, 1 + middle), expected)
      })
    ]
  ]
}

const Base64 = Schema.Uint8ArrayFromBase64
const toBase64 = Schema.encodeSync(Base64)
const fromBase64 = Schema.decodeSync(Base64)

const join = (pieces: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

/**
 * Writes down what the code of today makes of the subject's commands, for `histories` of tomorrow.
 *
 * @category testing
 * @since 0.1.0
 */
export const record = (subject: Subject): Effect.Effect<Recorded> =>
  Effect.gen(function*() {
    const machine = yield* subject.machine
    const replies = yield* applyAll(machine, entries(subject.commands))
    const answers = yield* look(machine, subject.queries, 1 + subject.commands.length)
    const snapshot = toBase64(join(yield* bytesOf(machine)))
    return { commands: subject.commands.map((command) => toBase64(command)), replies, answers, snapshot }
  })

const histories = (subject: Subject): ReadonlyArray<Case> =>
  Object.entries(subject.histories ?? {}).flatMap(([name, recorded]): ReadonlyArray<Case> => {
    const commands = recorded.commands.map((command) => fromBase64(command))
    return [
      [
        `answers as it did when ${name} was written down`,
        Effect.gen(function*() {
          const found = yield* record({ ...subject, commands })

          assert.deepStrictEqual([found.replies, found.answers], [recorded.replies, recorded.answers])
        })
      ],
      [
        `goes on from the snapshot of ${name}`,
        Effect.gen(function*() {
          const machine = yield* restored(subject, [fromBase64(recorded.snapshot)])

          assert.deepStrictEqual(yield* look(machine, subject.queries, 1 + commands.length), recorded.answers)
        })
      ]
    ]
  })

/**
 * The cases by themselves: what must be true, and an effect that dies when it is not. For whoever tests with something
 * else than Vitest.
 *
 * @category testing
 * @since 0.1.0
 */
export const cases = (subject: Subject): ReadonlyArray<Case> => [
  ...same(subject),
  ...snapshots(subject),
  ...histories(subject)
]

/**
 * Declares the cases under `name`.
 *
 * @category testing
 * @since 0.1.0
 */
export const suite = (name: string, subject: Subject): void => {
  describe(`${name} as StateMachine`, () => {
    for (const [sentence, check] of cases(subject)) it.effect(sentence, () => check)
  })
}
