/** Rules of files: what is durable when, and what is believed when it is read back. */
import type { Mutant } from "./Mutant.ts"

const file = (name: string) => `packages/storage/src/internal/${name}.ts`

export const storage: ReadonlyArray<Mutant> = [
  {
    name: "write-is-not-synced",
    file: file("Session"),
    find: "  yield* segment.file.syncData\n",
    replace: "",
    removes: "syncs a write before it says that it is durable"
  },
  {
    name: "snapshot-is-not-synced",
    file: file("SnapshotFile"),
    find: "      Effect.andThen(this.#file.sync),\n",
    replace: "",
    removes: "syncs a snapshot before it gets its name"
  },
  {
    name: "new-file-is-not-in-its-directory",
    file: file("Segment"),
    find: "  yield* disk.rename(draft, path)\n  yield* disk.syncDirectory(directory)\n",
    replace: "  yield* disk.rename(draft, path)\n",
    removes: "syncs the directory after a new file has its name"
  },
  {
    name: "new-file-is-not-synced",
    file: file("Segment"),
    find: "Effect.andThen(writeAll(file, record === undefined ? [header] : [header, record], 0), file.sync)",
    replace: "writeAll(file, record === undefined ? [header] : [header, record], 0)",
    removes: "syncs a new file before it gets its name"
  },
  {
    name: "new-file-has-its-name-at-once",
    file: file("Segment"),
    find: "const draft = `${path}.draft`",
    replace: "const draft = path",
    removes: "gives a file its name when it is whole"
  },
  {
    name: "record-checksum-is-not-compared",
    file: file("WalRecord"),
    find: "body.length === head.size && crc32(body, seed) === head.checksum",
    replace: "body.length === head.size",
    removes: "compares the checksum of a record"
  },
  {
    name: "head-checksum-is-not-compared",
    file: file("WalRecord"),
    find: "  if (crc32(bytes.subarray(8, headSize), seed) !== bytes.readUInt32LE(4)) return undefined\n",
    replace: "",
    removes: "compares the checksum of a record's head"
  },
  {
    name: "sequence-is-not-compared",
    file: file("LogScan"),
    find: "if (head.sequence !== sequence) {",
    replace: "if (head.sequence < 0) {",
    removes: "notices that a record is missing"
  },
  {
    name: "damage-is-taken-for-a-crash",
    file: file("LogScan"),
    find: "if (behind.later === undefined) return { ...scanned, torn: true } satisfies Scanned",
    replace: "if (behind !== undefined) return { ...scanned, torn: true } satisfies Scanned",
    removes: "refuses a log that is damaged before its end"
  },
  {
    name: "torn-tail-stays",
    file: file("Segment"),
    find: "  if (scanned.torn) yield* file.truncate(scanned.end)\n",
    replace: "",
    removes: "cuts off what a crash left behind"
  },
  {
    name: "what-was-read-is-not-made-durable",
    file: file("Segment"),
    find: "    yield* writeAll(file, [part], at)\n  }\n  yield* file.sync\n",
    replace: "  }\n",
    removes: "makes durable what it read back"
  },
  {
    name: "missing-file-is-not-noticed",
    file: file("ReadBack"),
    find: "if (scanned !== undefined && scanned.nextSequence !== sequence) {",
    replace: "if (scanned !== undefined && scanned.nextSequence < 0) {",
    removes: "notices that a file is missing"
  },
  {
    name: "foreign-log-is-opened",
    file: file("Segment"),
    find: "if (found.cluster !== expected.cluster || found.node !== expected.node) {",
    replace: "if (found.cluster === \"\") {",
    removes: "refuses the log of another node"
  },
  {
    name: "file-of-another-disk-is-believed",
    file: file("ReadBack"),
    find: "  yield* assertOneDisk(segments)\n",
    replace: "",
    removes: "refuses files that belong to different disks"
  },
  {
    name: "directory-is-shared",
    file: file("DirectoryLock"),
    find: "BEGIN EXCLUSIVE",
    replace: "BEGIN",
    removes: "keeps others out of its directory"
  },
  {
    name: "used-after-a-failed-write",
    file: "packages/storage/src/FileStorage.ts",
    find: `Effect.tapError(Session.append(current, writes), () => Effect.sync(() => leave("a write has failed")))`,
    replace: "Session.append(current, writes)",
    removes: "refuses everything after a write has failed"
  },
  {
    name: "received-snapshot-is-not-compared",
    file: file("Snapshots"),
    find: "if (taken.size !== snapshot.size || taken.checksum !== snapshot.checksum) {",
    replace: "if (taken.size < 0) {",
    removes: "compares what was received with the snapshot that was meant"
  },
  {
    name: "block-checksum-is-not-compared",
    file: file("SnapshotFile"),
    find: "if (there < filled + 4 || blockChecksum(seed, place, bytes) !== block.readUInt32LE(filled)) {",
    replace: "if (there < filled + 4) {",
    removes: "compares the checksums of a snapshot's blocks"
  },
  {
    name: "record-speaks-of-half-a-snapshot",
    file: file("Session"),
    find: "    if (snapshot !== undefined) yield* snapshots.prepare(snapshot)\n",
    replace: "",
    removes: "makes a snapshot whole before a record says that it counts"
  },
  {
    name: "files-go-in-any-order",
    file: file("Segment"),
    find: "    yield* disk.syncDirectory(dirname(path))\n",
    replace: "",
    removes: "makes sure that a file is gone before the next one goes"
  },
  {
    name: "truncated-entries-are-read",
    file: file("LogIndex"),
    find: "    if (truncateAfter !== undefined) this.truncateAfter(truncateAfter)\n",
    replace: "",
    removes: "forgets where truncated entries were"
  },
  {
    name: "entries-are-read-unchecked",
    file: file("Session"),
    find: "if (head === undefined || !WalRecord.isIntact(seed, head, body)) return undefined",
    replace: "if (head === undefined) return undefined",
    removes: "checks again what it reads while the node runs"
  }
]
