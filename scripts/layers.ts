/**
 * The arrows, enforced: who may import whom, between packages, inside the core, inside the engine. One way only.
 *
 * The tables come first, because they are what changes; to move a file or to add one, edit them and nothing else.
 */
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path/posix"
import { type Fault, readSources, report, type Sources } from "./sources.ts"
import { type Stability, stabilityOf } from "./stability.ts"
import { type Import, type Module, parseAll } from "./syntax.ts"

/** Packages and what their sources may import beside themselves; `node:` stands for Node's own modules. */
const packages: Readonly<Record<string, ReadonlyArray<string>>> = {
  "examples/*": [
    "node:",
    "effect",
    "@effect/platform-node",
    "effect-raft",
    "@effect-raft/storage",
    "@effect-raft/transport",
    "@effect-raft/recipes",
    "@effect-raft/cli",
    "@effect-raft/testing"
  ],
  "packages/cli": [
    "node:",
    "effect",
    "@effect/platform-node",
    "effect-raft",
    "@effect-raft/storage",
    "@effect-raft/transport"
  ],
  "packages/recipes": ["effect", "effect-raft"],
  "packages/transport": ["node:", "effect", "@effect/platform-node", "effect-raft"],
  "packages/storage": ["node:", "effect", "@effect/platform-node", "effect-raft"],
  "packages/testing": ["effect", "vitest", "@effect/vitest", "effect-raft"],
  "packages/raft": ["effect"]
}

/** The core, from the roof to the ground: a file may import from its own storey and from those below. */
const storeys: ReadonlyArray<ReadonlyArray<string>> = [
  ["index"],
  ["Replicated"],
  ["Raft"],
  ["internal/*"],
  [
    "StateMachine",
    "MemoryStorage",
    "MembershipCodec",
    "Checksum",
    "Text",
    "Recovery",
    "Storage",
    "MemoryNetwork",
    "Transport",
    "Entries",
    "RaftConfig",
    "RaftError",
    "RaftMetrics"
  ],
  ["engine/*"]
]

/** The engine in reading order: every file may import only files named before it. */
export const engine = {
  nouns: [
    "LogPosition",
    "Chance",
    "Membership",
    "Sizes",
    "Log",
    "Message",
    "Durability",
    "Progress",
    "Settings",
    "State",
    "Input",
    "Output"
  ],
  arithmetic: ["Quorum", "Next"],
  rules: [
    "Repair",
    "Roles",
    "Commit",
    "Compaction",
    "Outcome",
    "SnapshotSending",
    "Replication",
    "SnapshotReceiving",
    "Read",
    "Reconfiguration",
    "Transfer",
    "Election",
    "LastResort"
  ],
  whole: ["Step", "Invariants", "Engine", "Describe", "Explain", "index"]
} as const

/** The engine runs in a browser and in a model checker: of Effect it may import data and `Schema`, nothing that runs. */
const engineMayImport = [
  "Array",
  "BigInt",
  "Boolean",
  "Brand",
  "Chunk",
  "Data",
  "Duration",
  "Equal",
  "Equivalence",
  "Function",
  "Hash",
  "HashMap",
  "HashSet",
  "Iterable",
  "Match",
  "Number",
  "Option",
  "Order",
  "Ordering",
  "Predicate",
  "Record",
  "Result",
  "Schema",
  "String",
  "Struct",
  "Tuple"
]

const core = "packages/raft/src/"
const engineOrder: ReadonlyArray<string> = Object.values(engine).flat()

/** Every import among `sources` that goes against the arrows. `stability` tells what Effect promises of a module. */
export const layers = (sources: Sources, stability: Stability): ReadonlyArray<Fault> => {
  const modules = [...parseAll(sources).values()].filter(({ file }) => /^(packages|examples)\/[^/]+\/src\//.test(file))
  return [
    ...modules.flatMap((module) => [
      ...placeFaults(module.file),
      ...module.imports.flatMap((arrow) =>
        [
          ...packageFaults(module.file, arrow, sources),
          ...storeyFaults(module.file, arrow),
          ...engineFaults(module.file, arrow)
        ].map((sentence) => ({ file: module.file, line: arrow.line, sentence }))
      ),
      ...(module.file.startsWith(core) ? stability(module) : [])
    ]),
    ...circles(modules)
  ]
}

/** A file without a place in the tables is a decision nobody took. */
const placeFaults = (file: string): ReadonlyArray<Fault> => {
  const fault = (sentence: string) => [{ file, line: 1, sentence }]
  const home = homeOf(file)
  if (allowedIn(home) === undefined) return fault(`${home} has no place among the packages of scripts/layers.ts`)
  if (file.startsWith(`${core}engine/`)) {
    const name = nameIn(`${core}engine/`, file)
    return engineOrder.includes(name) ? [] : fault(`${name} has no place in the engine's order in scripts/layers.ts`)
  }
  if (file.startsWith(core) && storeyOf(file) < 0) {
    return fault(`${nameIn(core, file)} has no place among the storeys of scripts/layers.ts`)
  }
  return []
}

const packageFaults = (file: string, { specifier }: Import, sources: Sources): ReadonlyArray<string> => {
  const home = homeOf(file)
  if (specifier.startsWith(".")) {
    return resolve(file, specifier).startsWith(`${home}/src/`) ? [] : [`imports ${specifier}, outside of ${home}/src`]
  }
  const name = /^(?:node:|@[^/]+\/[^/]+|[^/]+)/.exec(specifier)?.[0] ?? specifier
  const allowed = allowedIn(home)
  if (allowed !== undefined && !allowed.includes(name)) return [`imports ${specifier}, and ${home} may not`]
  if (/^effect-raft\/(internal|engine\/)/.test(specifier)) return [`imports ${specifier}, which is not public`]
  if (name !== "node:" && !declared(sources.get(`${home}/package.json`)).includes(name)) {
    return [`imports ${name}, which ${home}/package.json does not name as a dependency`]
  }
  return []
}

const storeyFaults = (file: string, { specifier }: Import): ReadonlyArray<string> => {
  if (!file.startsWith(core) || !specifier.startsWith(".")) return []
  const target = resolve(file, specifier)
  const above = storeyOf(target) >= 0 && storeyOf(target) < storeyOf(file)
  return above ? [`imports ${nameIn(core, target)}, which stands above it`] : []
}

const engineFaults = (file: string, { names, specifier }: Import): ReadonlyArray<string> => {
  const folder = `${core}engine/`
  if (!file.startsWith(folder)) return []
  if (specifier.startsWith(".")) {
    const name = nameIn(folder, file)
    const target = nameIn(folder, resolve(file, specifier))
    if (!engineOrder.includes(target) || !engineOrder.includes(name)) return []
    const before = engineOrder.indexOf(target) < engineOrder.indexOf(name)
    return before ? [] : [`imports ${target}, which comes after ${name} in the engine's order`]
  }
  const wanted = specifier === "effect" ? names.map(([imported]) => imported) : [specifier.replace(/^effect\//, "")]
  const functions = ["absurd", "cast", "flow", "hole", "identity", "pipe"]
  return wanted
    .filter((name) => !engineMayImport.includes(name) && !functions.includes(name))
    .map((name) =>
      `imports ${name === "*" ? "all" : name} of ${specifier}, and the engine imports only data and Schema`
    )
}

/** Two files that need each other are one file in disguise, also where only types go round. */
const circles = (modules: ReadonlyArray<Module>): ReadonlyArray<Fault> => {
  const byFile = new Map(modules.map((module) => [module.file, module]))
  const faults: Array<Fault> = []
  const done = new Set<string>()
  const visit = (module: Module, path: ReadonlyArray<string>): void => {
    const here = [...path, module.file]
    for (const { line, specifier } of module.imports) {
      if (!specifier.startsWith(".")) continue
      const target = byFile.get(resolve(module.file, specifier))
      if (target === undefined || done.has(target.file)) continue
      const start = here.indexOf(target.file)
      if (start < 0) visit(target, here)
      else {
        const circle = [...here.slice(start), target.file].join(" → ")
        faults.push({ file: module.file, line, sentence: `closes a circle: ${circle}` })
      }
    }
    done.add(module.file)
  }
  for (const module of modules) if (!done.has(module.file)) visit(module, [])
  return faults
}

const homeOf = (file: string): string => file.split("/").slice(0, 2).join("/")

const allowedIn = (home: string): ReadonlyArray<string> | undefined =>
  packages[home.startsWith("examples/") ? "examples/*" : home]

const nameIn = (folder: string, file: string): string => file.slice(folder.length).replace(/\.ts$/, "")

const resolve = (file: string, specifier: string): string => join(dirname(file), specifier)

const storeyOf = (file: string): number => {
  const name = nameIn(core, file)
  return storeys.findIndex((storey) => storey.includes(name) || storey.includes(name.replace(/\/.*/, "/*")))
}

/** The names under `dependencies` and `peerDependencies`: what an application that installs the package will have. */
const declared = (manifest: string | undefined): ReadonlyArray<string> => {
  const { dependencies, peerDependencies }: Manifest = JSON.parse(manifest ?? "{}")
  return Object.keys({ ...dependencies, ...peerDependencies })
}

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

if (import.meta.main) {
  const root = join(import.meta.dirname, "..")
  const effect = (path: string) => {
    const file = join(root, "node_modules/effect/src", path)
    return existsSync(file) ? readFileSync(file, "utf8") : undefined
  }
  report("layers", layers(readSources(root), stabilityOf(effect)))
}
