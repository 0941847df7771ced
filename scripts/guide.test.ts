import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const root = new URL("../", import.meta.url)
// Below the root, so that imports find the workspace's packages as a reader's program would find installed ones.
const work = new URL("results/guide/", root)

const run = promisify(execFile)

const blocks = (markdown: string): ReadonlyArray<string> =>
  [...markdown.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => match[1] ?? "")

const expected = (block: string): string =>
  [...block.matchAll(/^\/\/ prints: (.*)$/gm)].map((match) => `${match[1]}\n`).join("")

const isSuite = (program: string): boolean => /^\w+Test\.suite\(/m.test(program)

/** A program on its own, whatever started us. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_ENV|NODE_OPTIONS)/.test(name))
)

/** Runs a program, or has its suites run; what it printed. */
const runProgram = async (name: string, program: string): Promise<string> => {
  const folder = new URL(`${name}/`, work)
  mkdirSync(folder, { recursive: true })
  try {
    const file = fileURLToPath(new URL(isSuite(program) ? "program.test.ts" : "program.ts", folder))
    writeFileSync(file, program)
    const vitest = fileURLToPath(new URL("node_modules/vitest/vitest.mjs", root))
    const args = isSuite(program) ? [vitest, "run", "--root", fileURLToPath(folder)] : [file]
    const { stdout } = await run(process.execPath, args, { timeout: 60_000, env: environment })
    return isSuite(program) ? "" : stdout
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe("the guide", () => {
  const pages = readdirSync(new URL("docs/guide/", root)).filter((page) => page.endsWith(".md"))

  it.each(pages)("prints what %s says it prints", async (page) => {
    const programs = blocks(readFileSync(new URL(`docs/guide/${page}`, root), "utf8"))
    assert.isAbove(programs.length, 0)
    for (const [place, program] of programs.entries()) {
      assert.strictEqual(await runProgram(`${page}-${place}`, program), expected(program))
    }
  })

  it("shows the counter that the example has and the tests run", () => {
    const source = readFileSync(new URL("examples/counter/src/Counter.ts", root), "utf8")
    const [first] = blocks(readFileSync(new URL("README.md", root), "utf8"))
    assert.isTrue(source.endsWith(first ?? "nothing"), "the README's counter is not the example's")
  })
})
