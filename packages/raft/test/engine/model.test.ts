import * as ModelCheck from "@effect-raft/testing/ModelCheck"
import * as ModelConfigurations from "@effect-raft/testing/ModelConfigurations"
import * as Script from "@effect-raft/testing/Script"
import { assert, describe, it } from "@effect/vitest"
import * as BrokenEngines from "./BrokenEngines.ts"

/** How many states of each configuration are looked at here; `pnpm model` looks at as many as one likes. */
const states = 6_000

/** Of real time: searching is work, and the machine may have other work. */
const patience = { timeout: 120_000 }

describe("the engine as it is", patience, () => {
  for (const configuration of ModelConfigurations.all) {
    it(`keeps its promises where ${configuration.about}`, () => {
      const report = ModelCheck.check(configuration, { states })

      assert.isUndefined(report.counterexample?.script)
      assert.isTrue(report.isExhausted || report.states === states, "the search ends nowhere before its bound")
      assert.isAbove(report.recoveries, 0)
    })
  }
})

describe("an engine that", patience, () => {
  for (const { mistake, reduce, sentence, where } of BrokenEngines.engines) {
    it(`${mistake} is found out, and the story can be replayed`, () => {
      const { counterexample } = ModelCheck.check(where, { states: 2 * states, reduce })
      const script = counterexample?.script ?? ""

      assert.match(counterexample?.sentence ?? "nothing was found", sentence)
      assert.match(script, /^✗ |^\S+ halts: /m)
      assert.strictEqual(Script.run(script, reduce), script, "the script is a golden of that engine")
    })
  }
})

describe("a search", () => {
  const three: ModelCheck.Configuration = {
    name: "three",
    about: "one election",
    setup: ["node n1 n2 n3"],
    allowance: { timeouts: 1 }
  }

  it("ends when there is nothing else, and says so", () => {
    const report = ModelCheck.check(three, { states: 100_000 })

    assert.isTrue(report.isExhausted)
    assert.isAbove(report.states, 100)
    assert.isAbove(report.steps, report.states)
  })

  it("ends at its bound", () => {
    const report = ModelCheck.check(three, { states: 50 })

    assert.isFalse(report.isExhausted)
    assert.strictEqual(report.states, 50)
  })

  it("does not bring answers that nobody waits for, unless it is to", () => {
    const usual = ModelCheck.check(three, { states: 100_000 })
    const patient = ModelCheck.check({ ...three, keepsSpent: true }, { states: 100_000 })

    assert.isTrue(patient.isExhausted)
    assert.isAbove(patient.states, usual.states)
  })

  it("goes the same way every time", () => {
    const search = () => ModelCheck.check(ModelConfigurations.leases, { states: 1000 })

    assert.deepStrictEqual(search(), search())
  })

  it("tells of a setup that is broken by itself", () => {
    const { counterexample, states } = ModelCheck.check({ ...three, setup: ["node n1", "drop n1→n2"] }, { states: 10 })

    assert.match(counterexample?.sentence ?? "", /no message is n1→n2/)
    assert.strictEqual(states, 0)
  })
})
