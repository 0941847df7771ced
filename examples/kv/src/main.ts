/**
 * The program: what the command line asks for, and what it leaves behind as its exit code.
 *
 * Ctrl-C and SIGTERM stop it cleanly, with 0; a second one ends it at once, with 130. 2 says that it was started wrongly,
 * 1 that something broke; both come with a line on stderr.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Cause, Console, Effect, Exit, Logger, References, Result, type Runtime } from "effect"
import * as Flags from "./Flags.ts"
import * as Quit from "./Quit.ts"
import { serve } from "./Serve.ts"
import { start } from "./Start.ts"

const run = (command: Flags.Command): Effect.Effect<void, Quit.Quit> => {
  switch (command._tag) {
    case "Help":
      return Console.log(Flags.usage)
    case "Serve":
      return serve(command)
    case "Start":
      return start(command)
  }
}

const command = Effect.fromResult(Result.mapError(Flags.parse(process.argv.slice(2)), Quit.misused))

const program = Effect.flatMap(command, run).pipe(
  Effect.tapDefect((defect) => Effect.logFatal("a mistake in the program", defect)),
  Effect.tapErrorTag("Quit", ({ line }) => Console.error(line)),
  Effect.provide(Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)])),
  Effect.provideService(References.MinimumLogLevel, "Warn")
)

const teardown: Runtime.Teardown = (exit, onExit) => {
  if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return onExit(0)
  const error = Cause.squash(exit.cause)
  return onExit(error instanceof Quit.Quit ? error.code : 1)
}

// The terminal signals everyone, and a package manager passes it on once more: what comes at once is one signal.
let first = Number.POSITIVE_INFINITY
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    const now = performance.now()
    if (now > first + 500) process.exit(130)
    first = Math.min(first, now)
  })
}

// A node that was started by `start` does not outlive it.
if (process.connected) process.once("disconnect", () => process.kill(process.pid, "SIGTERM"))

NodeRuntime.runMain(program, { teardown, disableErrorReporting: true })
