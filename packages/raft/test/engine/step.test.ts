import { assert, describe, it } from "@effect/vitest"
import type { Message, Next, State, Step } from "effect-raft/engine"

type Fits<Given, Wanted> = Given extends Wanted ? true : false
type Rule<R extends State.Role> = (state: State.State<R>, message: Message.VoteReply) => Next.Next
type Row = Step.MessageTable["VoteReply"]

// These are checked by the compiler; running them only shows that they are there.
const ruleUnderItsRole: Fits<Rule<State.Candidate>, Row["Candidate"]> = true
const ruleUnderAnotherRole: Fits<Rule<State.Candidate>, Row["Leader"]> = false
const ruleForAnyRole: Fits<Rule<State.Role>, Row["Leader"]> = true
const missingCell: Fits<Omit<Row, "Follower">, Row> = false
const missingRow: Fits<Omit<Step.MessageTable, "VoteReply">, Step.MessageTable> = false
const missingInput: Fits<Omit<Step.InputTable, "Timer">, Step.InputTable> = false

describe("the table of rules", () => {
  it("takes a rule only under the role that it is for, and has no empty cell", () => {
    assert.isTrue(ruleUnderItsRole && ruleForAnyRole)
    assert.isFalse(ruleUnderAnotherRole || missingCell || missingRow || missingInput)
  })
})
