/**
 * Loaded into a process before anything else: with each SIGUSR2 its wall clock steps, an hour forward, back, an hour back
 * and forward again. The monotonic clock does not step, as it does not when somebody sets the time of a machine.
 */
import { writeSync } from "node:fs"

const hour = 3_600_000
const offsets = [hour, 0, -hour, 0] as const

const now = Date.now
let steps = 0
let offset = 0

Date.now = () => now() + offset

process.on("SIGUSR2", () => {
  offset = offsets[steps % offsets.length] ?? 0
  steps++
  writeSync(2, `the clock is set for the ${steps}. time, by ${offset} ms\n`)
})
