/**
 * A node in a process of its own, which ends with the scope that started it.
 *
 * The child is not in the terminal's group: Ctrl-C reaches the parent alone, which then stops its children in order.
 * Should the parent be killed, the channel between them closes, and the child stops by itself: there are no orphans.
 */
import { Deferred, Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"
import type { Readable } from "node:stream"

export interface Child {
  readonly id: string
  /** Waits until it says that it serves; fails with how it ended and what it said, should it end before. */
  readonly ready: Effect.Effect<void, Ended>
  /** Waits for its end. */
  readonly ended: Effect.Effect<Ended>
}

export interface Ended {
  readonly id: string
  /** An exit code, or the signal that killed it. */
  readonly outcome: number | string
  /** What it said on stderr before it was ready. Later lines go to our stderr as they come. */
  readonly lines: ReadonlyArray<string>
}

/** How long a child may take to stop before it is killed. */
const patience = "5 seconds"

const main = join(import.meta.dirname, "main.ts")

/** Starts the program with other arguments. */
export const start = Effect.fnUntraced(function*(id: string, args: ReadonlyArray<string>) {
  const child = yield* Effect.acquireRelease(Effect.sync(() => launch(args)), stop)
  const lines: Array<string> = []
  const ready = Deferred.makeUnsafe<void>()
  const say = (line: string) => void process.stderr.write(`${id}: ${line}\n`)
  onLine(child.stdout, () => Deferred.doneUnsafe(ready, Effect.void))
  onLine(child.stderr, (line) => Deferred.isDoneUnsafe(ready) ? say(line) : lines.push(line))
  // A child that could not even be started has ended.
  child.on("error", (error) => lines.push(error.message))
  const end = Effect.map(ended(child), (outcome): Ended => ({ id, outcome, lines }))
  const node: Child = { id, ready: Effect.raceFirst(Deferred.await(ready), Effect.flip(end)), ended: end }
  return node
})

const launch = (args: ReadonlyArray<string>): ChildProcess =>
  spawn(process.execPath, [main, ...args], { detached: true, stdio: ["ignore", "pipe", "pipe", "ipc"] })

const onLine = (input: Readable | null, listener: (line: string) => void) => {
  if (input !== null) createInterface({ input }).on("line", listener)
}

const hasEnded = (child: ChildProcess) =>
  child.pid === undefined || child.exitCode !== null || child.signalCode !== null

const outcome = ({ exitCode, signalCode }: ChildProcess): number | string => exitCode ?? signalCode ?? 1

/** `close`, and not `exit`: by then all that it had to say has been heard. */
const ended = (child: ChildProcess): Effect.Effect<number | string> =>
  Effect.callback((resume) => {
    if (hasEnded(child)) return resume(Effect.succeed(outcome(child)))
    const onClose = () => resume(Effect.succeed(outcome(child)))
    child.once("close", onClose)
    return Effect.sync(() => child.off("close", onClose))
  })

const stop = (child: ChildProcess) =>
  Effect.suspend(() => {
    if (hasEnded(child)) return Effect.void
    child.kill("SIGTERM")
    return Effect.timeoutOrElse(Effect.interruptible(ended(child)), {
      duration: patience,
      orElse: () => Effect.sync(() => void child.kill("SIGKILL"))
    })
  })
