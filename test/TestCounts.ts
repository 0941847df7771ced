/**
 * What a test says of how much it has tried, beside that it has passed: `task.meta.counts`. `pnpm scoreboard --measure`
 * adds it up.
 *
 * A figure is a sum over all that the test went through, and the same whenever the seeds are.
 */
import type { TaskMeta } from "vitest"

declare module "vitest" {
  interface TaskMeta {
    counts?: Readonly<Record<string, number>>
  }
}

export type Counts = NonNullable<TaskMeta["counts"]>
