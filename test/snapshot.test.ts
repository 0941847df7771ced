/**
 * A state that is larger than anyone would hold in memory, on two nodes with real disks and sockets in one process: what the
 * process takes is what both sides take. `SNAPSHOT_MIB=1024` makes it a gigabyte.
 */
import { FileStorage } from "@effect-raft/storage"
import { TcpTransport } from "@effect-raft/transport"
import { assert, it } from "@effect/vitest"
import { Context, Effect, Layer, Random, Schedule, Stream } from "effect"
import * as Raft from "effect-raft/Raft"
import * as RaftConfig from "effect-raft/RaftConfig"
import { StateMachine } from "effect-raft/StateMachine"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { crc32 } from "node:zlib"
import { freePorts } from "./freePorts.ts"

const mebibyte = 1024 * 1024
const size = Number(process.env["SNAPSHOT_MIB"] ?? 192) * mebibyte
/** More than a few chunks for each side, and far less than the state. */
const allowance = 160 * mebibyte

/** A piece of the state: the same at the same place, on any node. */
const pieceAt = (place: number): Uint8Array => {
  const piece = new Uint32Array(mebibyte / 4)
  let value = place + 1
  for (let at = 0; at < piece.length; at++) {
    value = (Math.imul(value, 1_664_525) + 1_013_904_223) | 0
    piece[at] = value
  }
  return new Uint8Array(piece.buffer)
}

/** A machine whose state is never there as a whole; what it was restored from is told by its checksum. */
const machine = () => {
  const restored = { size: 0, checksum: 0 }
  const service = StateMachine.of({
    apply: (commands) => Effect.succeed(commands.map(() => "done")),
    read: () => Effect.succeed(restored),
    snapshot: Effect.succeed(
      Stream.range(0, size / mebibyte - 1).pipe(Stream.rechunk(1), Stream.map(pieceAt))
    ),
    restore: (bytes) =>
      Effect.andThen(
        Effect.sync(() => Object.assign(restored, { size: 0, checksum: 0 })),
        Stream.runForEach(bytes, (piece) =>
          Effect.sync(() => {
            restored.size += piece.length
            restored.checksum = crc32(piece, restored.checksum)
          }))
      )
  })
  return { restored, service }
}

const expected = () => {
  let checksum = 0
  for (let place = 0; place < size / mebibyte; place++) checksum = crc32(pieceAt(place), checksum)
  return { size, checksum }
}

it.live("a snapshot far larger than memory allows for is taken, sent and restored", () =>
  Effect.gen(function*() {
    const directory = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "snapshot-"))),
      (made) => Effect.promise(() => rm(made, { recursive: true, force: true }))
    )
    const ports = yield* freePorts(2)
    const member = (place: number) => ({ id: `n${place + 1}`, address: `127.0.0.1:${ports[place] ?? 0}` })
    const start = Effect.fnUntraced(function*(place: number, state: StateMachine["Service"]) {
      const { address, id } = member(place)
      const layer = Raft.layer({ id, bootstrap: place === 0 ? { members: [member(0)] } : undefined }).pipe(
        Layer.provide(Layer.succeed(StateMachine, state)),
        Layer.provide(FileStorage.layer({ directory: join(directory, id) })),
        Layer.provide(TcpTransport.layer({ listen: address })),
        Layer.provide(RaftConfig.layer({ entriesKept: 1, requestTimeout: 120_000 }))
      )
      return Context.get(yield* Layer.build(layer), Raft.Raft)
    })
    const first = yield* start(0, machine().service)
    const propose = Effect.retry(first.propose(new Uint8Array([1])), Schedule.spaced(20))
    for (let count = 0; count < 10; count++) yield* propose
    let peak = 0
    const watch = Effect.sync(() => void (peak = Math.max(peak, process.memoryUsage.rss())))
    yield* Effect.forkScoped(Effect.repeat(watch, Schedule.spaced(20)))
    const before = process.memoryUsage.rss()

    yield* first.snapshot
    yield* propose
    const second = machine()
    const joined = yield* start(1, second.service)
    yield* Effect.retry(first.addVoter(member(1)), Schedule.spaced(50))
    const { commit } = yield* first.status
    yield* Effect.repeat(joined.status, { schedule: Schedule.spaced(50), until: ({ applied }) => applied >= commit })

    assert.deepStrictEqual(second.restored, expected())
    assert.strictEqual(yield* joined.read("which"), second.restored)
    // A snapshot of its own has the same bytes, from a state it never held.
    assert.isBelow(peak - before, allowance, `${Math.round((peak - before) / mebibyte)} MiB for ${size / mebibyte} MiB`)
    yield* Effect.logInfo(`${Math.round((peak - before) / mebibyte)} MiB more for a snapshot of ${size / mebibyte} MiB`)
  }).pipe(Effect.scoped, Random.withSeed("snapshot")), 170_000)
