import * as ModelCheck from "@effect-raft/testing/ModelCheck"
const run = (n: number, c: any) => {
  const t = performance.now()
  const r = ModelCheck.check({ about: "", ...c }, { states: n, recoverFrom: 200 })
  const s = (performance.now() - t) / 1000
  console.log(c.name, r.states, r.steps, r.depth, r.isExhausted, r.recoveries, s.toFixed(1), (r.states / s).toFixed(0), (process.memoryUsage().rss/1e6).toFixed(0))
  if (r.counterexample) console.log(r.counterexample.script)
}
const three = ["node n1 n2 n3"]

const t: any = { isOrdered: true, setup: three }
const r: any = { isOrdered: true, setup: [...three, "timeout n1", "deliver"] }
run(100000, { ...t, name: "o t1h1p1", allowance: { timeouts: 1, heartbeats:1, proposals: 1 } })
run(100000, { ...t, name: "o t2", allowance: { timeouts: 2 } })
run(100000, { ...t, name: "o t2c1", allowance: { timeouts: 2, crashes: 1 } })
run(100000, { ...r, name: "o r h1 p1 ", allowance: { heartbeats:1, proposals: 1 } })
run(100000, { ...r, name: "o r t1 p1 ", allowance: { timeouts: 1, proposals: 1 } })
run(100000, { ...r, name: "o r t1 p1 l1", allowance: { timeouts: 1, proposals: 1, losses: 1 } })
