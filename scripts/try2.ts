import * as ModelCheck from "@effect-raft/testing/ModelCheck"
import { engines } from "../packages/raft/test/engine/BrokenEngines.ts"
const only = process.argv[2]
for (const e of engines) {
  if (only && !e.mistake.includes(only)) continue
  const t = performance.now()
  try {
  const r = ModelCheck.check(e.where, { states: Number(process.argv[3] ?? 40000), reduce: e.reduce })
  const s = (performance.now() - t) / 1000
  const ok = r.counterexample !== undefined && e.sentence.test(r.counterexample.sentence) && /✗|halts/.test(r.counterexample.script)
  console.log(ok ? "ok " : "BAD", e.mistake, "|", e.where.name, r.states, r.depth, s.toFixed(1), "s |", r.counterexample?.moves, r.counterexample?.sentence)
  if (only && r.counterexample) console.log(r.counterexample.script)
  } catch (e2) { console.log("THROWS", e.mistake, e2) }
}
