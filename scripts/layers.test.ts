import { assert, describe, it } from "@effect/vitest"
import { layers } from "./layers.ts"
import { stabilityOf } from "./stability.ts"

const manifest = JSON.stringify({ dependencies: { "effect-raft": "*" }, peerDependencies: { effect: "*" } })

/** An effect of three modules, as far as its promises go. */
const effect = new Map([
  ["Schema.ts", "/** @stability stable */\n\n/** @stability unstable */\nexport const MacKey = 1"],
  ["Effect.ts", "/** @stability stable */"],
  ["Function.ts", "/** @stability stable */"],
  ["FileSystem.ts", "/** @stability unstable */"]
])
const stability = stabilityOf((path) => effect.get(path))

/** What `layers` says of these files, as an editor would show it. */
const faults = (files: Readonly<Record<string, string>>): ReadonlyArray<string> => {
  const manifests = ["raft", "storage", "transport", "testing"].map((
    name
  ) => [`packages/${name}/package.json`, manifest])
  const sources = new Map<string, string>()
  for (const [file = "", text = ""] of [...manifests, ...Object.entries(files)]) sources.set(file, text)
  return layers(sources, stability).map(({ file, line, sentence }) => `${file}:${line}: ${sentence}`)
}

describe("layers", () => {
  it("lets every arrow pass that points down", () => {
    assert.deepStrictEqual(
      faults({
        "packages/raft/src/Raft.ts":
          `import { Effect, pipe } from "effect"\nimport * as loop from "./internal/loop.ts"`,
        "packages/raft/src/internal/loop.ts": `import { step } from "../engine/Step.ts"`,
        "packages/raft/src/engine/Step.ts": `import * as Election from "./Election.ts"`,
        "packages/raft/src/engine/Election.ts": `import type { State } from "./State.ts"`,
        "packages/raft/src/engine/State.ts": `import { Schema } from "effect"`,
        "packages/storage/src/FileStorage.ts": `import { Storage } from "effect-raft"\nimport "node:fs"`
      }),
      []
    )
  })

  it("finds a file of the engine that imports one below it", () => {
    assert.deepStrictEqual(
      faults({
        "packages/raft/src/engine/Log.ts": `// §\nimport type { Next } from "./Next.ts"`,
        "packages/raft/src/engine/Next.ts": ""
      }),
      ["packages/raft/src/engine/Log.ts:2: imports Next, which comes after Log in the engine's order"]
    )
  })

  it("finds a file without a place", () => {
    assert.deepStrictEqual(
      faults({
        "packages/raft/src/engine/Gossip.ts": "",
        "packages/raft/src/Server.ts": "",
        "packages/web/src/Page.ts": ""
      }),
      [
        "packages/raft/src/engine/Gossip.ts:1: Gossip has no place in the engine's order in scripts/layers.ts",
        "packages/raft/src/Server.ts:1: Server has no place among the storeys of scripts/layers.ts",
        "packages/web/src/Page.ts:1: packages/web has no place among the packages of scripts/layers.ts"
      ]
    )
  })

  it("finds an engine that runs things", () => {
    assert.deepStrictEqual(
      faults({ "packages/raft/src/engine/Log.ts": `import { Effect } from "effect"` }),
      ["packages/raft/src/engine/Log.ts:1: imports Effect of effect, and the engine imports only data and Schema"]
    )
  })

  it("finds a contract that knows the driver, and an engine that knows a contract", () => {
    assert.deepStrictEqual(
      faults({
        "packages/raft/src/Storage.ts": `export * from "./internal/writer.ts"`,
        "packages/raft/src/engine/Log.ts": `export const late = () => import("../Storage.ts")`
      }),
      [
        "packages/raft/src/Storage.ts:1: imports internal/writer, which stands above it",
        "packages/raft/src/engine/Log.ts:1: imports Storage, which stands above it"
      ]
    )
  })

  it("finds a core that leans on Node or on what Effect may change", () => {
    assert.deepStrictEqual(
      faults({
        "packages/raft/src/Raft.ts": [
          `import { readFileSync } from "node:fs"`,
          `import { FileSystem, Schema } from "effect"`,
          `export const key = Schema.MacKey`,
          `export type Key = import("effect/FileSystem").File`
        ].join("\n")
      }),
      [
        "packages/raft/src/Raft.ts:1: imports node:fs, and packages/raft may not",
        "packages/raft/src/Raft.ts:2: imports FileSystem of effect, and effect does not call it stable",
        "packages/raft/src/Raft.ts:4: imports effect/FileSystem, and effect does not call it stable",
        "packages/raft/src/Raft.ts:3: uses Schema.MacKey, and effect does not call it stable"
      ]
    )
  })

  it("finds an adapter that knows another, or the inside of the core", () => {
    assert.deepStrictEqual(
      faults({
        "packages/storage/src/FileStorage.ts": `import "@effect-raft/transport"`,
        "packages/storage/src/SqliteStorage.ts": `import "effect-raft/internal/writer"`,
        "packages/transport/src/TcpTransport.ts": `import "../../raft/src/Raft.ts"`,
        "packages/transport/src/Wire.ts": `import "@effect/platform-node/NodeSocket"`
      }),
      [
        "packages/storage/src/FileStorage.ts:1: imports @effect-raft/transport, and packages/storage may not",
        "packages/storage/src/SqliteStorage.ts:1: imports effect-raft/internal/writer, which is not public",
        "packages/transport/src/TcpTransport.ts:1: imports ../../raft/src/Raft.ts, outside of packages/transport/src",
        "packages/transport/src/Wire.ts:1: imports @effect/platform-node, which packages/transport/package.json does not"
        + " name as a dependency"
      ]
    )
  })

  it("finds a circle, also one of types", () => {
    assert.deepStrictEqual(
      faults({
        "packages/storage/src/A.ts": `import type { B } from "./B.ts"`,
        "packages/storage/src/B.ts": `import { a } from "./A.ts"`
      }),
      [
        "packages/storage/src/B.ts:1: closes a circle: packages/storage/src/A.ts → packages/storage/src/B.ts"
        + " → packages/storage/src/A.ts"
      ]
    )
  })
})
