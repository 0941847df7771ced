import { assert, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { pages } from "./protocol-doc.ts"

it("docs/protocol.md and docs/invariants.md say what the code does", () => {
  for (const [path, text] of pages) assert.strictEqual(readFileSync(path, "utf8"), text)
})
