import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import { createContext, runInContext } from "node:vm"
import { build } from "vite"

const entry = fileURLToPath(import.meta.resolve("effect-raft/engine"))

/** What a bundler for browsers makes of the engine: one script that leaves `engine` behind. */
const bundle = Effect.promise(async () => {
  const built = await build({
    configFile: false,
    logLevel: "silent",
    build: { write: false, minify: true, target: "es2022", lib: { entry, formats: ["iife"], name: "engine" } }
  })
  const outputs = Array.isArray(built) ? built.flatMap((each) => each.output) : "output" in built ? built.output : []
  return outputs.flatMap((each) => each.type === "chunk" ? [each] : [])
})

it.live("the engine runs in a browser: its bundle imports nothing, and needs only the language", () =>
  Effect.gen(function*() {
    const [chunk, ...others] = yield* bundle

    assert.deepStrictEqual(others, [])
    assert.deepStrictEqual(chunk?.imports, [])
    const modules = chunk?.moduleIds.filter((id) => !id.startsWith("\0rolldown/")) ?? []
    assert.isTrue(modules.length > 10 && modules.every((id) => id.includes("/raft/src/engine/")), modules.join("\n"))
    // A context of its own has the language and nothing of Node: no process, no require, no Buffer, no timers.
    const leads = runInContext(
      `${chunk?.code}
      const members = engine.Membership.make([{ id: "n1", address: "" }])
      let [state] = engine.Engine.start({ id: "n1", settings: engine.Settings.defaults, seed: 1, now: 0, bootstrap: members })
      for (let now = 0; now < 10; now++) {
        state = engine.Engine.step(state, { _tag: "Persisted", now, write: state.durability.issued })[0]
        state = engine.Engine.step(state, { _tag: "Timer", now })[0]
      }
      typeof process + " " + engine.Describe.state(state)`,
      createContext({})
    )
    assert.strictEqual(leads, "undefined n1@1 leader last=1@1 commit=1 applied=0 vote=n1")
  }))
