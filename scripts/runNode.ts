/**
 * A process of Node, and all that it starts: it ends with this one, and when its time is over.
 */
import { spawn, type SpawnOptions } from "node:child_process"

/** Its exit code, or "late" when it had not ended after so many milliseconds. */
export const runNode = async (
  args: ReadonlyArray<string>,
  options: Pick<SpawnOptions, "cwd" | "env" | "stdio">,
  milliseconds: number
): Promise<number | "late"> => {
  const child = spawn(process.execPath, args, { ...options, detached: true })
  const kill = () => void (child.pid !== undefined && child.exitCode === null && process.kill(-child.pid, "SIGKILL"))
  process.once("exit", kill)
  const end = await new Promise<number | "late">((resolve) => {
    const late = setTimeout(() => {
      resolve("late")
      kill()
    }, milliseconds)
    child.once("exit", (code) => {
      clearTimeout(late)
      resolve(code ?? 1)
    })
  })
  process.off("exit", kill)
  return end
}
