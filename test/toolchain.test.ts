import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"

const run = (command: string, ...args: ReadonlyArray<string>) =>
  Effect.sync(() => execFileSync(command, args, { encoding: "utf8" }).trim())

describe("the tools under the tests", () => {
  it.effect("start child processes on the Node the project brings, not on the machine's", () =>
    Effect.gen(function*() {
      const [major] = (yield* run(process.execPath, "--version")).slice(1).split(".")
      assert.isAtLeast(Number(major), 24)
    }))

  it.effect("run TypeScript as it is written", () =>
    Effect.gen(function*() {
      const program = "const answer: number = 42; console.log(answer)"
      assert.strictEqual(yield* run(process.execPath, "--input-type=module-typescript", "--eval", program), "42")
    }))

  // Without the patch `tsc` still passes, and Effects that nobody runs pass with it.
  it.effect("check types with Effect's own diagnostics", () =>
    Effect.gen(function*() {
      assert.include(yield* run("tsc", "--version"), "effect-tsgo")
    }))
})
