/**
 * The program as a process of its own, as people run it.
 */
import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

const main = join(import.meta.dirname, "../src/main.ts")

export interface Program {
  readonly process: ChildProcess
  /** What it has said so far. */
  readonly stdout: () => string
  readonly stderr: () => string
  /** Waits for its end: an exit code, or the signal that killed it. */
  readonly ended: Effect.Effect<number | string | null>
}

/** Runs the program; it is killed when the scope closes, should it still run. */
export const run = (...args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => launch(args)),
    ({ process }) => Effect.sync(() => void process.kill("SIGKILL"))
  )

const launch = (args: ReadonlyArray<string>): Program => {
  const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] })
  let stdout = ""
  let stderr = ""
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk
  })
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk
  })
  const end = new Promise<number | string | null>((resolve) => {
    child.once("close", (code, signal) => resolve(code ?? signal))
  })
  return { process: child, stdout: () => stdout, stderr: () => stderr, ended: Effect.promise(() => end) }
}

export const temporaryDirectory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "kv-"))),
  (directory) => Effect.promise(() => rm(directory, { recursive: true, force: true }))
)

/** A port of this machine that stays taken until the scope closes. */
export const takePort = Effect.acquireRelease(
  Effect.callback<ReturnType<typeof createServer>>((resume) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
).pipe(Effect.map((server) => {
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
}))
