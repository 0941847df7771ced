/**
 * What a crash of the machine, or a disk that forgets, leaves of a log. Nothing tells a test which bytes were synced, so a
 * cut may take what was promised: that is damage, and befalls one node at a time, once the other two have everything.
 */
import { assert, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { copyFile, readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { KvCluster } from "./KvCluster.ts"
import * as Leadership from "./Leadership.ts"
import * as Workload from "./Workload.ts"

type Harm = "cut near the end" | "cut anywhere" | "zeroes" | "garbage" | "a wrong byte"

const newest = (directory: string) =>
  Effect.promise(async () => {
    const files = (await readdir(directory)).filter((file) => file.endsWith(".wal")).sort()
    return join(directory, files.at(-1) ?? "")
  })

const garbage = Effect.fnUntraced(function*(count: number) {
  const bytes = new Uint8Array(count)
  for (let place = 0; place < count; place++) bytes[place] = yield* Random.nextIntBetween(0, 255)
  return bytes
})

/** What is left of the file. */
const harmed = Effect.fnUntraced(function*(harm: Harm, bytes: Buffer) {
  switch (harm) {
    case "cut near the end":
      return bytes.subarray(0, bytes.length - (yield* Random.nextIntBetween(1, 400)))
    case "cut anywhere":
      return bytes.subarray(0, yield* Random.nextIntBetween(0, bytes.length - 1))
    case "zeroes":
      return Buffer.concat([bytes, new Uint8Array(yield* Random.nextIntBetween(1, 9000))])
    case "garbage":
      return Buffer.concat([bytes, yield* garbage(yield* Random.nextIntBetween(1, 9000))])
    case "a wrong byte": {
      const place = yield* Random.nextIntBetween(0, Math.floor(bytes.length / 2))
      const copy = Buffer.from(bytes)
      copy.writeUInt8(copy.readUInt8(place) ^ 0x10, place)
      return copy
    }
  }
})

/** What a crash may leave must not be refused. A byte that is wrong is mended from the others, or refused where none can. */
const expected: Readonly<Record<Harm, ReadonlyArray<"back" | "refused">>> = {
  "cut near the end": ["back"],
  "cut anywhere": ["back", "refused"],
  zeroes: ["back"],
  garbage: ["back"],
  "a wrong byte": ["back", "refused"]
}

/**
 * Waits until the node has everything. The leader that it had acknowledged more to than is left does not believe it, for
 * that is damage; the next leader asks anew.
 */
const takeBack = Effect.fnUntraced(function*(cluster: KvCluster, id: string, harm: Harm) {
  yield* Leadership.statusOf(cluster, id)
  if (harm.startsWith("cut")) {
    const leader = yield* cluster.leader
    yield* cluster.atLeader("/admin/transfer", "POST", { to: cluster.otherThan(id, leader.id).id })
  }
  yield* Leadership.caughtUp(cluster, id)
})

const harms: ReadonlyArray<Harm> = ["garbage", "cut near the end", "a wrong byte", "zeroes", "cut anywhere"]

it.live(
  "a node whose log was cut or damaged comes back with what counts, or says where it is damaged",
  () =>
    Effect.gen(function*() {
      const cluster = yield* KvCluster.three({ patience: 3000 })
      yield* cluster.startAll()
      const { clients, rest } = yield* Workload.begin(cluster, ["a", "b", "c"])

      for (const [turn, harm] of harms.entries()) {
        yield* Workload.progress(clients, 10)
        const leader = yield* cluster.leader
        const { id } = turn % 2 === 0 ? leader : cluster.otherThan(leader.id)
        yield* cluster.stop(id, "SIGKILL")
        // The other two can only go on together, so both have all that was acknowledged.
        yield* Workload.progress(clients, 10)
        const file = yield* newest(cluster.dataOf(id))
        const bytes = yield* Effect.promise(() => readFile(file))
        const left = yield* harmed(harm, bytes)
        yield* Effect.promise(() => copyFile(file, `${file}.kept`))
        yield* Effect.promise(() => writeFile(file, left))

        yield* cluster.start(id)
        const back = Effect.as(takeBack(cluster, id, harm), "back" as const)
        const refused = Effect.map(cluster.ended(id), (code) => {
          assert.strictEqual(code, 1)
          return "refused" as const
        })
        const outcome = yield* Effect.raceFirst(back, refused)
        const what = `${harm}: ${bytes.length} bytes, ${left.length} of them left`
        assert.include(expected[harm], outcome, `${what}\n${cluster.complaints.join("")}`)
        if (outcome === "refused") {
          const said = cluster.complaints.filter((line) => line.startsWith(`${id}: `)).join("")
          assert.match(said, new RegExp(`${file} is damaged at byte \\d+: `), what)
          // And nothing was changed: whoever can repair it still can.
          assert.isTrue(left.equals(yield* Effect.promise(() => readFile(file))), what)
          yield* Effect.promise(() => copyFile(`${file}.kept`, file))
          yield* cluster.start(id)
          yield* Leadership.caughtUp(cluster, id)
        }
      }
      yield* rest

      yield* Workload.holdsUp(clients)
    }).pipe(Effect.scoped, Random.withSeed("damage")),
  170_000
)
