import * as ModelCheck from "@effect-raft/testing/ModelCheck"
import * as Configurations from "@effect-raft/testing/ModelConfigurations"
const n = Number(process.argv[2] ?? 20000)
for (const c of Configurations.all) {
  const t = performance.now()
  const r = ModelCheck.check(c, { states: n, recoverFrom: 100 })
  const s = (performance.now() - t) / 1000
  console.log(c.name, r.states, r.steps, r.depth, r.isExhausted, r.recoveries, s.toFixed(1), (r.states / s).toFixed(0), (process.memoryUsage().rss/1e6).toFixed(0))
  if (r.counterexample) console.log(r.counterexample.script)
}
