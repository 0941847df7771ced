/** What may be in a directory that a storage has just opened: nothing that is left over. */
import { assert } from "@effect/vitest"
import * as Entries from "effect-raft/Entries"
import * as Recovery from "effect-raft/Recovery"
import * as FileHeader from "../src/internal/FileHeader.ts"
import * as WalRecord from "../src/internal/WalRecord.ts"
import type { SimulatedDisk } from "./SimulatedDisk.ts"

/** What the records of a file of the log say. */
const bodiesIn = (bytes: Buffer): ReadonlyArray<WalRecord.Body> => {
  const decoded = FileHeader.decode(bytes)
  if (decoded._tag !== "Header") return assert.fail("no header")
  const { seed, size, version } = decoded.header
  const bodies: Array<WalRecord.Body> = []
  for (let at = size; at < bytes.length;) {
    const head = WalRecord.decodeHead(seed, bytes.subarray(at))
    const start = at + WalRecord.headSize
    const body = head && WalRecord.decodeBody(version, bytes.subarray(start, start + head.size))
    if (head === undefined || body === undefined) return assert.fail(`no record at ${at}`)
    bodies.push(body)
    at = start + head.size
  }
  return bodies
}

/** Files of the log whose entries are all covered are gone, except for the last one; so is what does not count. */
export const isClean = (disk: SimulatedDisk): void => {
  const logs = disk.names.filter((name) => name.endsWith(".wal"))
  const others = disk.names.filter((name) => !name.endsWith(".wal"))
  let recovered = Recovery.fresh
  const bodies = logs.map((name) => bodiesIn(disk.bytesOf(name)))
  for (const body of bodies.flat()) {
    recovered = body._tag === "Checkpoint" ? body.recovered : Recovery.after(recovered, body.write)
  }
  const isLive = (body: WalRecord.Body) =>
    body._tag === "Write" && body.write.entries !== undefined
    && Entries.last(body.write.entries) > recovered.log.boundary.index
  if (bodies.length > 1) assert.isTrue(bodies[0]?.some(isLive), `${logs[0]} is covered`)
  assert.strictEqual(others.length, (recovered.snapshot?.size ?? 0) > 0 ? 1 : 0, others.join())
}
