import { FileStorage } from "@effect-raft/storage"
import * as StorageTest from "@effect-raft/testing/StorageTest"
import { Effect } from "effect"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { temporaryDirectory } from "./temporaryDirectory.ts"

StorageTest.suite("FileStorage", Effect.map(temporaryDirectory, (directory) => FileStorage.layer({ directory })))

/** Changes a letter of what was written with the entry. */
const damage = (directory: string, index: number) =>
  Effect.sync(() => {
    for (const name of readdirSync(directory).filter((each) => each.endsWith(".wal"))) {
      const bytes = readFileSync(join(directory, name))
      const place = bytes.indexOf(`entry ${index} of term`)
      if (place < 0) continue
      bytes[place] = 0
      return writeFileSync(join(directory, name), bytes)
    }
  })

StorageTest.damageSuite(
  "FileStorage",
  Effect.map(temporaryDirectory, (directory) => ({
    layer: FileStorage.layer({ directory }),
    damage: (index) => damage(directory, index)
  }))
)
