import * as Script from "@effect-raft/testing/Script"
import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const folder = join(import.meta.dirname, "scripts")
const scripts = globSync("**/*.txt", { cwd: folder }).sort()

// With UPDATE=1 the goldens are written anew, for a reader of the diff to judge.
describe("the scripts", () => {
  for (const name of scripts) {
    it(`${name.replace(/\.txt$/, "").replaceAll("-", " ")} goes as it is written`, () => {
      const file = join(folder, name)
      const written = readFileSync(file, "utf8")

      const told = Script.run(written)

      if (process.env["UPDATE"] === "1") writeFileSync(file, told)
      else assert.strictEqual(told, written)
      assert.notMatch(told, /^✗/m, "no invariant is broken, whatever the golden says")
    })
  }

  it("are all found", () => {
    assert.isAtLeast(scripts.length, 50)
  })
})
