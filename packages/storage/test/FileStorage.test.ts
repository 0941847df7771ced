import { FileStorage } from "@effect-raft/storage"
import * as StorageTest from "@effect-raft/testing/StorageTest"
import { Effect } from "effect"
import { temporaryDirectory } from "./temporaryDirectory.ts"

StorageTest.suite("FileStorage", Effect.map(temporaryDirectory, (directory) => FileStorage.layer({ directory })))
