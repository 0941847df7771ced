import { assert, describe, it } from "@effect/vitest"
import { tidy } from "./tidy.ts"

const faults = (files: Readonly<Record<string, string>>): ReadonlyArray<string> =>
  tidy(new Map(Object.entries(files))).map(({ file, line, sentence }) => `${file}:${line}: ${sentence}`)

const log = "packages/raft/src/engine/Log.ts"
const lines = (count: number) => "\n".repeat(count)

describe("tidy", () => {
  it("has nothing to say of a tidy file", () => {
    assert.deepStrictEqual(
      faults({
        [log]: "/** Up to date (§3.6.1). */\nexport const last = (log: ReadonlyArray<number>) => log.at(-1)\n"
      }),
      []
    )
  })

  it("counts the lines of files, functions and READMEs", () => {
    assert.deepStrictEqual(
      faults({
        "packages/storage/src/FileStorage.ts": lines(401),
        [log]: `// §3.5\nexport const long = () => {${lines(70)}}\nexport const short = () => {${lines(69)}}`,
        "README.md": lines(151)
      }),
      [
        "packages/storage/src/FileStorage.ts:1: 401 lines, and a file has at most 400",
        `${log}:2: a function of 71 lines, and a function has at most 70`,
        "README.md:151: 151 lines, and a README has at most 150"
      ]
    )
  })

  it("finds names that say nothing", () => {
    assert.deepStrictEqual(
      faults({ "packages/storage/test/helpers.ts": "", "packages/raft/src/Utils/Log.ts": "" }),
      [
        "packages/storage/test/helpers.ts:1: a file named helpers says nothing of what is in it",
        "packages/raft/src/Utils/Log.ts:1: a file named Utils says nothing of what is in it"
      ]
    )
  })

  it("finds an engine that is no pure function", () => {
    const text = [
      "export const now = () => new Date(0)",
      "export const later = async () => 1",
      "export class Log {}",
      "export const anything = (x: any) => console.log(x)",
      "export const stop = () => { throw new Error() }"
    ]
    assert.deepStrictEqual(faults({ [log]: text.join("\n") }), [
      `${log}:1: Date in the engine, which is a pure function`,
      `${log}:2: async in the engine, which is a pure function`,
      `${log}:3: a class in the engine, which is a pure function`,
      `${log}:4: any in the engine, which is a pure function`,
      `${log}:4: console in the engine, which is a pure function`,
      `${log}:5: throw in the engine, which is a pure function`
    ])
  })

  it("lets invariants stop the engine", () => {
    assert.deepStrictEqual(
      faults({ "packages/raft/src/engine/Invariants.ts": "export const stop = () => { throw new Error() }" }),
      []
    )
  })

  it("finds time and chance taken past their services, in packages alone", () => {
    const text = "export const chance = () => setTimeout(() => Date.now() + Math.random(), 1)"
    const found = (what: string) => `packages/transport/src/Tcp.ts:1: uses ${what}: time and chance are services`
    assert.sameMembers(
      [...faults({ "packages/transport/src/Tcp.ts": text, "test/bench/throughput.ts": text })],
      [found("setTimeout"), found("Date.now"), found("Math.random")]
    )
  })

  it("finds doubts hidden in casts and comments, in tests too", () => {
    const text = ["export const a = 1 as any", "export const b = a as unknown as string", "// @ts-ignore", "b()"]
    assert.deepStrictEqual(faults({ "packages/raft/test/a.test.ts": text.join("\n") }), [
      "packages/raft/test/a.test.ts:1: a cast to any hides a doubt",
      "packages/raft/test/a.test.ts:2: a cast by way of unknown hides a doubt",
      "packages/raft/test/a.test.ts:3: @ts-ignore hides a doubt"
    ])
  })

  it("finds open work, and tests left out", () => {
    assert.deepStrictEqual(
      faults({ "test/a.test.ts": "// TODO: later\nit.effect.only(\"a\", run)\nit.skipIf(slow)(\"b\", run)" }),
      [
        "test/a.test.ts:1: TODO: do it, or write it where work is planned",
        "test/a.test.ts:2: it.effect.only leaves tests out"
      ]
    )
  })

  it("finds citations that lead nowhere", () => {
    assert.deepStrictEqual(
      faults({ [log]: "/** Elections (§3.4, §3.6.1, §10.2.1). */\n\n/** Reads (§6.4.2). */" }),
      [`${log}:3: §6.4.2 is no section of the dissertation`]
    )
  })

  it("finds a rule that Step does not name", () => {
    const step = "packages/raft/src/engine/Step.ts"
    const election = "packages/raft/src/engine/Election.ts"
    assert.deepStrictEqual(
      faults({ [step]: "import * as Commit from \"./Commit.ts\"", [election]: "" }),
      [`${election}:1: Step.ts does not name Election`]
    )
  })
})
