/**
 * The program that Maelstrom starts: messages on stdin and stdout, everything else on stderr.
 *
 * It ends with 0 when its input ends or it is told to stop, with 2 when it was started wrongly, and with 1 when the node
 * has stopped itself: a process that does nothing would only look alive.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, Data, Effect, Exit, Logger, References, Result, type Runtime } from "effect"
import * as Flags from "./Flags.ts"
import { Lines } from "./Lines.ts"
import * as Network from "./Network.ts"
import * as Node from "./Node.ts"

class Quit extends Data.TaggedError("Quit")<{ readonly line: string; readonly code: 1 | 2 }> {}

/** How much may wait to be written, in bytes. */
const maxWaitingBytes = 64 * 1024 * 1024

const complain = (sentence: string) => void process.stderr.write(`${sentence}\n`)

const write = (line: string): boolean => {
  if (process.stdout.writableLength > maxWaitingBytes) return false
  process.stdout.write(`${line}\n`)
  return true
}

/** Gives `hear` every line, until there are no more or nobody listens to ours. */
const readLines = (hear: (line: string) => void): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const lines = new Lines()
    const end = () => resume(Effect.void)
    process.stdout.on("error", end)
    process.stdin.on("data", (chunk: Uint8Array) => lines.push(chunk, hear)).on("end", end).on("error", end)
  })

const program = Effect.gen(function*() {
  const options = yield* Effect.fromResult(
    Result.mapError(Flags.parse(process.argv.slice(2)), (line) => new Quit({ line, code: 2 }))
  )
  const network = Network.make({ write, complain })
  const level = options.isVerbose ? "Debug" : "Warn"
  const node = Effect.scoped(Node.run(options)).pipe(
    Effect.provideService(Network.Network, network),
    Effect.provideService(References.MinimumLogLevel, level),
    Effect.mapError((error) => new Quit({ line: error.message, code: 1 }))
  )
  yield* Effect.raceFirst(node, readLines(network.hear))
}).pipe(
  Effect.tapDefect((defect) => Effect.logFatal("a mistake in the program", defect)),
  Effect.tapErrorTag("Quit", ({ line }) => Effect.sync(() => complain(line))),
  Effect.provide(Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)]))
)

const teardown: Runtime.Teardown = (exit, onExit) => {
  if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return onExit(0)
  const error = Cause.squash(exit.cause)
  return onExit(error instanceof Quit ? error.code : 1)
}

NodeRuntime.runMain(program, { teardown, disableErrorReporting: true })
