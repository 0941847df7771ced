import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { judge } from "./Clients.ts"
import { Maelstrom } from "./Maelstrom.ts"

const ids = ["n0", "n1", "n2"]

/** Some other than the node itself. */
const another = (maelstrom: Maelstrom, id: string) => maelstrom.chance.pick(ids.filter((each) => each !== id))

/** What may happen to the network, for a while. */
const troubles: ReadonlyArray<(maelstrom: Maelstrom) => void> = [
  (maelstrom) => maelstrom.isolate(maelstrom.leader.id),
  // The leader does what another asks, and cannot say so.
  (maelstrom) => maelstrom.cut(maelstrom.leader.id, another(maelstrom, maelstrom.leader.id)),
  // The leader is heard by one and does not hear it; it hears nobody; it is heard by nobody.
  (maelstrom) => maelstrom.cut(another(maelstrom, maelstrom.leader.id), maelstrom.leader.id),
  (maelstrom) => {
    for (const id of ids) maelstrom.cut(id, maelstrom.leader.id)
  },
  (maelstrom) => {
    for (const id of ids) maelstrom.cut(maelstrom.leader.id, id)
  },
  // Two that do not reach each other, and one that reaches both.
  (maelstrom) => {
    const [one, other] = [maelstrom.leader.id, another(maelstrom, maelstrom.leader.id)]
    maelstrom.cut(one, other)
    maelstrom.cut(other, one)
  },
  (maelstrom) => {
    maelstrom.loss = 30
    maelstrom.delay = 60
  }
]

/** Each trouble for a while, in an order that the seed says; long enough for others to lead, if they can. */
const nemesis = Effect.fnUntraced(function*(maelstrom: Maelstrom) {
  const left = [...troubles]
  while (left.length > 0) {
    yield* Effect.sleep(400)
    const [trouble] = left.splice(maelstrom.chance.between(0, left.length), 1)
    trouble?.(maelstrom)
    yield* Effect.sleep(maelstrom.chance.between(1100, 1500))
    maelstrom.heal()
  }
})

it.live(
  "what clients see is linearizable while the network is parted, and loses and delays",
  () =>
    Effect.gen(function*() {
      const seed = 20_261
      const maelstrom = yield* Maelstrom.make({ seed, ids })
      yield* maelstrom.startAll

      const seen = yield* judge(maelstrom, seed, nemesis(maelstrom))

      const count = (outcome: string) => seen.get(outcome)?.length ?? 0
      for (const outcome of ["Ok read", "Ok true", "Ok false"]) assert.isAbove(count(outcome), 20, outcome)
      // The leader was cut off while it was asked: some were told that nobody knows, and others were refused.
      for (const code of [0, 11, 22]) assert.isAbove(maelstrom.codes.get(code) ?? 0, 0, `code ${code}`)
      // A read is answered where it is asked: the node itself asks its leader how far to wait.
      for (const type of ["write", "cas"]) assert.isAbove(maelstrom.carried.get(type) ?? 0, 0, "none passed on")
    }),
  120_000
)
