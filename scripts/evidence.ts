/**
 * The layers of evidence, from cheap to dear, and running one of them.
 *
 * A layer is a set of test files. The test file that is named after a module is no evidence about that module: it says
 * the same thing a second time. The suites of the contracts are, whatever they are named: they say what is promised.
 */
import { existsSync, globSync, readFileSync, rmSync } from "node:fs"
import { basename, join, relative, sep } from "node:path"
import type { Area } from "./mutants/Mutant.ts"
import { runNode } from "./runNode.ts"

export interface Layer {
  readonly name: string
  /** What it is, in the words of the report. */
  readonly meaning: string
  /** Globs, from the root of the project. */
  readonly files: ReadonlyArray<string>
  readonly areas: ReadonlyArray<Area>
  /** Counts even where it bears the name of the module. */
  readonly isContract?: true
}

const nodes = "{raft,membership,snapshots,disks,transfer,anywhere,time,promises,stopping,lane}"

export const layers: ReadonlyArray<Layer> = [
  {
    name: "scripts",
    meaning: "golden scripts",
    files: ["packages/raft/test/scripts.test.ts"],
    areas: ["engine"]
  },
  {
    name: "paper",
    meaning: "the properties and figures of the paper",
    files: ["packages/raft/test/paper*.test.ts"],
    areas: ["engine"]
  },
  {
    name: "suites",
    meaning: "the suites of the contracts",
    files: [
      "packages/storage/test/FileStorage.test.ts",
      "packages/transport/test/TcpTransport.test.ts",
      "packages/raft/test/Memory{Storage,Network}.test.ts"
    ],
    areas: ["storage", "transport"],
    isContract: true
  },
  {
    name: "nodes",
    meaning: "whole nodes in memory",
    files: [`packages/raft/test/${nodes}.test.ts`],
    areas: ["engine", "driver"]
  },
  {
    name: "wire",
    meaning: "sockets, frames and what is wrong with them",
    files: ["packages/transport/test/{wire,fuzz,handshake,strangers,connections,protocol,sendQueue}*.test.ts"],
    areas: ["transport"]
  },
  {
    name: "damage",
    meaning: "files that are torn, damaged, missing, foreign or old",
    files: ["packages/storage/test/!(Crash|Faults|FileStorage).test.ts"],
    areas: ["storage"]
  },
  {
    name: "crashes",
    meaning: "a crash after, and a fault at, every call of the disk",
    files: ["packages/storage/test/{Crash,Faults}.test.ts"],
    areas: ["storage"]
  },
  {
    name: "rules",
    meaning: "tests of the engine that are named after another part of it",
    files: ["packages/raft/test/engine/!(walk|model*).test.ts"],
    areas: ["engine"]
  },
  {
    name: "walks",
    meaning: "random walks under the invariants",
    files: ["packages/raft/test/engine/walk.test.ts"],
    areas: ["engine"]
  },
  {
    name: "model",
    meaning: "the model checker",
    files: ["packages/raft/test/engine/model*.test.ts"],
    areas: ["engine"]
  },
  {
    name: "wholenode",
    meaning: "the real storage, driver and wire under one seed",
    files: ["test/wholenode.test.ts"],
    areas: ["engine", "driver", "storage", "transport"]
  },
  {
    name: "simulation",
    meaning: "whole nodes in memory under a seed, killed and judged",
    files: ["packages/raft/test/simulation*.test.ts", "packages/testing/test/testCluster.test.ts"],
    areas: ["engine", "driver"]
  },
  {
    name: "processes",
    meaning: "real processes",
    files: ["test/!(browser|toolchain|wholenode).test.ts"],
    areas: ["engine", "driver", "storage", "transport"]
  }
]

/** The test files of a layer that say something about `file` which its own unit test does not. */
export const filesOf = (root: string, layer: Layer, file?: string): ReadonlyArray<string> => {
  const own = file === undefined ? "" : basename(file, ".ts").toLowerCase()
  return globSync([...layer.files], { cwd: root })
    .map((found) => found.split(sep).join("/"))
    .filter((found) => layer.isContract === true || basename(found).split(".")[0]?.toLowerCase() !== own)
    .sort()
}

/** The first test that failed, or undefined when all passed. */
export type Finding = string | undefined

interface Report {
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: ReadonlyArray<{ readonly status: string; readonly fullName: string }>
  }>
}

/**
 * Runs test files in the project at `root` until one fails; `seconds` without an end are a failure as well. A test has
 * twice the time that it has elsewhere: that the machine is busy is no finding.
 */
export const ask = async (root: string, files: ReadonlyArray<string>, seconds: number): Promise<Finding> => {
  if (files.length === 0) return undefined
  const results = join(root, "findings.json")
  rmSync(results, { force: true })
  const vitest = join(root, "node_modules/vitest/vitest.mjs")
  const args = [
    "run",
    "--root",
    root,
    "--bail=1",
    "--testTimeout=60000",
    "--reporter=json",
    `--outputFile.json=${results}`,
    ...files
  ]
  const env = { ...outerEnvironment(), NODE_OPTIONS: "--max-old-space-size=3072" }
  const end = await runNode([vitest, ...args], { cwd: root, env, stdio: "ignore" }, seconds * 1000)
  if (end === "late") return `no end within ${seconds} seconds`
  if (end === 0) return undefined
  return existsSync(results) ? firstFailure(root, JSON.parse(readFileSync(results, "utf8"))) : "the tests did not run"
}

/** Without what a test runner that started this one has put there. */
const outerEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_ENV|NODE_OPTIONS)/.test(name)))

/** A file that does not load is worth a mention only if no test has failed: whatever runs when one does is given up. */
const firstFailure = (root: string, { testResults }: Report): string => {
  const nameOf = (path: string) => relative(root, path).split(sep).join("/")
  for (const { assertionResults, name } of testResults) {
    const failed = assertionResults.find((test) => test.status === "failed")
    if (failed !== undefined) return `${nameOf(name)}: ${failed.fullName.trim()}`
  }
  const broken = testResults.find(({ assertionResults, status }) =>
    status === "failed" && assertionResults.length === 0
  )
  return broken === undefined ? "an error outside of any test" : `${nameOf(broken.name)} did not load`
}
