/**
 * The command line: where to keep the log, if anywhere, and how much to say.
 */
import { Result } from "effect"
import type { Options } from "./Node.ts"

/** What the arguments after the program's name ask for, or one sentence that says what is wrong with them. */
export const parse = (args: ReadonlyArray<string>): Result.Result<Options, string> => {
  let directory: string | undefined
  let isVerbose = false
  for (let place = 0; place < args.length; place++) {
    const [flag = "", assigned] = /^(--data)=(.*)$/s.exec(args[place] ?? "")?.slice(1) ?? [args[place]]
    if (flag === "--verbose") isVerbose = true
    else if (flag !== "--data") return Result.fail(`${flag} is no flag, only --data DIR and --verbose`)
    else if (directory !== undefined) return Result.fail("--data is given twice")
    else directory = assigned ?? args[++place] ?? ""
    if (directory === "") return Result.fail("--data needs a directory")
  }
  return Result.succeed({ directory, isVerbose })
}
