/**
 * The command line: where to keep the log, if anywhere.
 */
import { Result } from "effect"
import type { Options } from "./Node.ts"

/** What the arguments after the program's name ask for, or one sentence that says what is wrong with them. */
export const parse = (args: ReadonlyArray<string>): Result.Result<Options, string> => {
  const [first, ...rest] = args
  if (first === undefined) return Result.succeed({ directory: undefined })
  const [flag, assigned] = first.startsWith("--data=") ? ["--data", first.slice("--data=".length)] : [first]
  if (flag !== "--data") return Result.fail(`${flag} is no flag, only --data DIR`)
  const [directory, ...others] = assigned === undefined ? rest : [assigned, ...rest]
  if (directory === undefined || directory === "") return Result.fail("--data needs a directory")
  return others.length === 0 ? Result.succeed({ directory }) : Result.fail(`${others[0]} is one too many`)
}
