/**
 * Makes a plan that fails smaller: fewer faults, a shorter run, fewer clients, with which it still fails. Not each step
 * has to fail in the same words, only with the same verdict; the seed stays, for it decides what the scheduler does.
 */
import type { Plan, Settings } from "./Plan.ts"
import { type Report, run } from "./Run.ts"
import type { Variant } from "./Variant.ts"

/** Without the faults at `from` up to `to`. */
const without = ({ faults, settings }: Plan, from: number, to: number): Plan => ({
  settings,
  faults: [...faults.slice(0, from), ...faults.slice(to)]
})

const set = ({ faults, settings }: Plan, change: Partial<Settings>): Plan => ({
  settings: { ...settings, ...change },
  faults
})

/** What may be tried on a plan, the boldest first. */
const attempts = function*(plan: Plan): Generator<Plan> {
  const { faults, settings } = plan
  for (let size = faults.length; size >= 1; size = size >> 1) {
    for (let from = 0; from < faults.length; from += size) yield without(plan, from, from + size)
  }
  const last = Math.max(0, ...faults.map(({ at }) => at))
  for (const until of [last + 100, last + 1000, Math.round(settings.until * 0.7)]) {
    if (until < settings.until) yield set(plan, { until })
  }
  for (let clients = 1; clients < settings.clients; clients++) yield set(plan, { clients })
  if (settings.spares > 0) yield set(plan, { spares: 0 })
  for (const [place, { lasts }] of faults.entries()) {
    if (lasts < 100) continue
    yield { ...plan, faults: faults.map((fault, each) => each === place ? { ...fault, lasts: lasts >> 1 } : fault) }
  }
}

/** The smallest that was found in at most so many runs, and what came of it. */
export const shrink = (report: Report, maxRuns: number, variant?: Variant): Report => {
  let smallest = report
  let runs = 0
  for (let isSmaller = true; isSmaller;) {
    isSmaller = false
    for (const plan of attempts(smallest.plan)) {
      if (runs++ >= maxRuns) return smallest
      const tried = run(plan, variant)
      if (tried.verdict !== report.verdict) continue
      smallest = tried
      isSmaller = true
      break
    }
  }
  return smallest
}
