import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    // A test may kill what it started, change directory or hang: a process can be ended, a thread cannot.
    pool: "forks",
    // Vitest would leave one core to itself, which on two cores is half the speed.
    maxWorkers: "100%",
    testTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["packages/*/test/**/*.test.ts", "scripts/**/*.test.ts"],
          // Loading Effect anew for each file costs more than most files. A test that minds who ran before it has found
          // a global, and we have none.
          isolate: false
        }
      },
      {
        extends: true,
        test: {
          name: "system",
          include: ["examples/*/test/**/*.test.ts", "test/**/*.test.ts"]
        }
      }
    ]
  }
})
