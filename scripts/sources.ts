/**
 * The project as a map from path to text, so that a check is a pure function of what it reads.
 */
import { globSync, readFileSync } from "node:fs"
import { join, sep } from "node:path"

/** Paths are relative to the root of the project and written with `/`. */
export type Sources = ReadonlyMap<string, string>

/** What is wrong, and where, in one sentence. */
export interface Fault {
  readonly file: string
  readonly line: number
  readonly sentence: string
}

const patterns = [
  "*.ts",
  "*.md",
  "{packages,examples}/*/package.json",
  "{packages,examples}/*/*.{ts,md}",
  "{packages,examples}/*/{src,test}/**/*.ts",
  "{scripts,test}/**/*.ts",
  "docs/**/*.md"
]

export const readSources = (root: string): Sources =>
  new Map(
    globSync(patterns, { cwd: root, exclude: ["**/node_modules/**", "**/dist/**"] })
      .map((file) => file.split(sep).join("/"))
      .toSorted()
      .map((file) => [file, readFileSync(join(root, file), "utf8")])
  )

/** Prints every fault as an editor can follow it, and ends the process as CI expects. */
export const report = (name: string, faults: ReadonlyArray<Fault>): void => {
  for (const { file, line, sentence } of faults) console.error(`${file}:${line}: ${sentence}`)
  if (faults.length > 0) console.error(`${name}: ${faults.length} ${faults.length === 1 ? "fault" : "faults"}`)
  process.exitCode = faults.length === 0 ? 0 : 1
}
