/**
 * A copy of the project in which anything may be broken: sources are copied, what was installed is linked.
 *
 * Links between the packages of the workspace are relative, and so lead to the copies.
 */
import { cpSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"

const copied = ["package.json", "tsconfig.base.json", "tsconfig.json", "vitest.config.ts"]
const trees = ["docs", "examples", "packages", "scripts", "test"]
const leftOut = ["dist", "results", ".data", ".tsbuildinfo"]

/** Copies the project at `root`, and gives back where to. It is taken away when the process ends. */
export const make = (root: string): string => {
  const scratch = mkdtempSync(join(tmpdir(), "effect-raft-"))
  process.once("exit", () => rmSync(scratch, { recursive: true, force: true }))
  for (const name of copied) cpSync(join(root, name), join(scratch, name))
  for (const name of trees) {
    cpSync(join(root, name), join(scratch, name), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !leftOut.includes(basename(path))
    })
  }
  linkInstalled(join(root, "node_modules"), join(scratch, "node_modules"))
  return scratch
}

/** What pnpm keeps in one place is linked as a whole; what only points there is copied. */
const linkInstalled = (from: string, to: string): void => {
  mkdirSync(to)
  symlinkSync(join(from, ".pnpm"), join(to, ".pnpm"))
  for (const name of readdirSync(from)) {
    const isLink = lstatSync(join(from, name)).isSymbolicLink()
    if (name === ".bin" || name.startsWith("@") || isLink) {
      cpSync(join(from, name), join(to, name), { recursive: true, verbatimSymlinks: true })
    }
  }
}
