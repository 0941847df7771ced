/**
 * A rule taken out, and what should notice.
 */

/** Which tests are asked, and in which order: see `layers` in `evidence.ts`. */
export type Area = "engine" | "driver" | "storage" | "transport"

/** One rule less than the program has. */
export interface Mutant {
  /** What the program does without it, in a few words with hyphens between. */
  readonly name: string
  /** From the root of the project. */
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
  /** The rule that is gone, in a sentence that goes on after "no longer". */
  readonly removes: string
  /** Why nothing can notice, if nothing can. Said of no mutant that something does notice. */
  readonly survives?: string
}

/** The area that a file belongs to, by where it is. */
export const areaOf = (file: string): Area => {
  if (file.startsWith("packages/raft/src/engine/")) return "engine"
  if (file.startsWith("packages/storage/")) return "storage"
  return file.startsWith("packages/transport/") ? "transport" : "driver"
}

/** The path of a module of the engine. */
export const engineFile = (name: string): string => `packages/raft/src/engine/${name}.ts`

/** The program's text without the rule. */
export const applyTo = (text: string, { file, find, name, replace }: Mutant): string => {
  const found = text.split(find).length - 1
  if (found !== 1) throw new Error(`${name}: what it replaces occurs ${found} times in ${file}, not once`)
  return text.replace(find, () => replace)
}
