import { assert, describe, it } from "@effect/vitest"
import { type Message, type Output, type State } from "effect-raft/engine"
import {
  accepted,
  append,
  described,
  flushed,
  granted,
  hear,
  leading,
  messages,
  node,
  standing,
  step,
  timer,
  told
} from "../Nodes.ts"

const read = (state: State.State, read = 9, isLease = false) =>
  step(state, { _tag: "Read", now: state.now, read, isLease })

const requests = (outputs: ReadonlyArray<Output.Output>): ReadonlyArray<Message.RequestRead> =>
  messages(outputs).filter((message) => message._tag === "RequestRead")

const roundOf = (outputs: ReadonlyArray<Output.Output>): number => requests(outputs)[0]?.round ?? Number.NaN

const answer = (round: number, fields: Partial<Message.ReadReply> = {}): Message.ReadReply => ({
  _tag: "ReadReply",
  from: "n2",
  term: 1,
  read: 9,
  round,
  index: 3,
  ...fields
})

const later = (state: State.State, milliseconds: number): State.State => ({ ...state, now: state.now + milliseconds })

/** Follows n2, with three entries. */
const follower = hear(node({ terms: [1, 1, 1], commit: 1 }), append("n2", 1, [3, 1], [], 1))[0]

describe("a read on a node that does not lead", () => {
  const [asked, outputs] = read(follower)
  const round = roundOf(outputs)

  it("is asked of the leader, and writes nothing", () => {
    assert.deepStrictEqual(told(outputs), ["→ n2 RequestRead #9"])
    assert.deepStrictEqual(requests(read(follower, 9, true)[1]).map(({ isLease }) => isLease), [true])
  })

  it("may be answered from the entry on that the leader names, once it has answered", () => {
    const [after, answered] = hear(asked, answer(round))

    assert.deepStrictEqual(told(answered), ["read #9 may be answered at 3"])
    assert.deepStrictEqual(after.forwarded, [])
  })

  it("is answered once, however often the leader says so", () => {
    const [after] = hear(asked, answer(round))

    assert.deepStrictEqual(hear(after, answer(round))[1], [])
  })

  it("is not answered by the answer to another one, also of before a restart", () => {
    assert.deepStrictEqual(hear(asked, answer(round + 1))[1], [])
    assert.deepStrictEqual(hear(asked, answer(round, { read: 8 }))[1], [])
    assert.notStrictEqual(roundOf(read({ ...follower, seed: 77 })[1]), round)
    assert.notStrictEqual(roundOf(read(asked, 9)[1]), round)
  })

  it("is answered also by a leader that leads no longer: it did, after the read came", () => {
    const [asking] = timer(later(asked, 1000), 5000)

    assert.strictEqual(asking.role._tag, "PreCandidate")
    assert.deepStrictEqual(told(hear(asking, answer(round))[1]), ["read #9 may be answered at 3"])
  })

  it("is not answered by one of an earlier term: it may not have led when it was asked", () => {
    const [next] = hear(asked, append("n3", 2, [3, 1]))

    assert.deepStrictEqual(hear(next, answer(round))[1], [])
  })

  it("is asked again when there was no answer for two heartbeat intervals", () => {
    const beat = (state: State.State, after: number) => hear(later(state, after), append("n2", 1, [3, 1], [], 1))
    const [early, nothing] = beat(asked, 149)
    const [again, repeated] = beat(early, 1)
    const [, quiet] = beat(again, 75)

    assert.deepStrictEqual([requests(nothing), requests(quiet)], [[], []])
    assert.deepStrictEqual(requests(repeated), requests(outputs))
  })

  it("is asked of the next leader, at once", () => {
    const [, again] = hear(asked, append("n3", 2, [3, 1]))

    assert.include(told(again).join("\n"), "→ n3 RequestRead #9")
  })

  it("waits while nobody leads", () => {
    const [waiting, nothing] = timer(asked)

    assert.deepStrictEqual(requests(nothing), [])
    assert.strictEqual(waiting.forwarded.length, 1)
  })

  it("is asked of the others when this node leads by then", () => {
    const candidate = flushed(standing(later(asked, 2000)))[0]
    const [leads, outputs] = hear(candidate, granted("n3", candidate.term))
    const [committed] = hear(flushed(leads)[0], accepted("n3", leads.term, 4, 1))
    const [, confirmed] = hear(committed, accepted("n3", leads.term, 4, 2))

    assert.deepStrictEqual([leads.role._tag, leads.forwarded], ["Leader", []])
    assert.deepStrictEqual(requests(outputs), [])
    assert.include(told(confirmed), "read #9 may be answered at 4")
  })

  it("fails where no leader is known, and on a witness, which has nothing to answer with", () => {
    const witness = node({ terms: [1], membership: described({ n1: { isWitness: true }, n2: {}, n3: {} }) })
    const [following] = hear(witness, append("n2", 1, [1, 1]))

    assert.deepStrictEqual(told(read(node({ terms: [1] }))[1]), ["read #9 failed"])
    assert.deepStrictEqual(told(read(following)[1]), ["read #9 failed"])
  })
})

describe("a leader that is asked where to read", () => {
  const leader = hear(leading(), accepted("n2", 1, 1))[0]
  const request = (fields: Partial<Message.RequestRead> = {}): Message.RequestRead => ({
    _tag: "RequestRead",
    from: "n3",
    term: 1,
    read: 5,
    round: 70,
    isLease: false,
    ...fields
  })
  const asked = hear(leader, request())

  it("asks the others first, in a round that begins after that", () => {
    const [early, nothing] = hear(asked[0], accepted("n2", 1, 1, 1))
    const [, outputs] = hear(early, accepted("n2", 1, 1, 2))

    assert.deepStrictEqual(told(asked[1]), [
      "→ n2 AppendEntries previous=1@1 commit=1 round=2",
      "→ n3 AppendEntries previous=0@0 commit=1 round=2"
    ])
    assert.deepStrictEqual(told(nothing), [])
    assert.deepStrictEqual(messages(outputs), [{
      _tag: "ReadReply",
      from: "n1",
      term: 1,
      read: 5,
      round: 70,
      index: 1
    }])
  })

  it("names what was committed when it was asked, and no less than the entry that opened its term", () => {
    const older = leading({ terms: [1, 1, 1], term: 1 })
    const [waiting] = hear(older, request({ term: 2 }))
    const [confirmed, nothing] = hear(waiting, accepted("n2", 2, 3, 2))
    const [, outputs] = hear(confirmed, accepted("n2", 2, 4, 2))

    assert.notInclude(told(nothing).join("\n"), "ReadReply")
    assert.include(told(outputs), "→ n3 ReadReply #5 at 4")
  })

  it("is not asked twice by the same question, which may come again", () => {
    const [after, outputs] = hear(asked[0], request())

    assert.deepStrictEqual([after.role, outputs], [asked[0].role, []])
  })

  it("tells questions apart by who asks, and by their numbers", () => {
    const others = [request({ from: "n2" }), request({ read: 6 }), request({ round: 71 })]
    const [all] = others.reduce((current, message) => hear(current[0], message), asked)
    const [, outputs] = hear(all, accepted("n2", 1, 1, 9))

    assert.deepStrictEqual(told(outputs), [])
    assert.strictEqual(messages(hear(all, accepted("n2", 1, 1, 5))[1]).length, 4)
  })

  it("answers at once by its lease, and asks the others where that does not hold", () => {
    const [, outputs] = hear(leader, request({ isLease: true }))
    const [, late] = hear(later(leader, 450), request({ isLease: true }))

    assert.deepStrictEqual(told(outputs), ["→ n3 ReadReply #5 at 1"])
    assert.include(told(late), "→ n2 AppendEntries previous=1@1 commit=1 round=2")
  })

  it("answers neither when it leads no longer: whoever asks will ask the next", () => {
    const [after, outputs] = hear(asked[0], append("n2", 2, [1, 1]))

    assert.strictEqual(after.role._tag, "Follower")
    assert.deepStrictEqual(told(outputs).filter((line) => line.includes("ead")), [])
  })

  it("fails its own reads then: nobody else knows of them", () => {
    const [own] = read(asked[0], 4)

    assert.include(told(hear(own, append("n2", 2, [1, 1]))[1]), "read #4 failed")
  })
})

describe("a node that is asked where to read, and does not lead", () => {
  it("says nothing", () => {
    const request = { _tag: "RequestRead", from: "n3", term: 1, read: 5, round: 7, isLease: false } as const
    const candidate = standing(node())

    for (const state of [follower, timer(follower)[0], candidate]) assert.deepStrictEqual(hear(state, request)[1], [])
  })
})
