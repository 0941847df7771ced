import { assert, describe, it } from "@effect/vitest"
import { Describe, Engine, Log, type Message, type State } from "effect-raft/engine"
import * as Nodes from "./Nodes.ts"

const { accepted, append, flushed, granted, hear, leading, messages, node, standing, step, timer } = Nodes

const told = (outputs: Parameters<typeof messages>[0]) => outputs.map(Describe.output)

const requestVote = (from: string, term: number, index: number, lastTerm: number): Message.RequestVote => ({
  _tag: "RequestVote",
  from,
  term,
  last: { index, term: lastTerm },
  isTransfer: false
})

const roles: ReadonlyArray<readonly [string, State.State]> = [
  ["follower", node({ term: 1 })],
  ["pre-candidate", timer(node({ term: 1 }))[0]],
  ["candidate", flushed(standing(node({ term: 0 })))[0]],
  ["leader", leading({ term: 0 })]
]

describe("§3.3 Raft basics", () => {
  for (const [name, state] of roles) {
    it(`a ${name} that hears of a newer term adopts it and follows`, () => {
      const [after, outputs] = hear(state, append("n2", 5, [0, 0]))

      assert.strictEqual(after.term, 5)
      assert.strictEqual(after.role._tag, "Follower")
      assert.strictEqual(after.leader, "n2")
      assert.include(told(outputs).join("\n"), "term=5 vote=-")
    })

    it(`a ${name} does not hear an older term, and tells its sender`, () => {
      const [after, outputs] = hear(state, append("n2", 0, [0, 0], [0], 1))

      assert.strictEqual(Describe.state(after), Describe.state(state))
      assert.deepStrictEqual(messages(outputs).map(({ _tag, term }) => [_tag, term]), [["AppendReply", 1]])
    })
  }
})

describe("§3.4 Leader election", () => {
  it("a node starts as a follower", () => {
    assert.strictEqual(node().role._tag, "Follower")
  })

  it("a follower that hears from its leader goes on following", () => {
    const [heard] = step(node(), { _tag: "Receive", now: 400, message: append("n2", 1, [0, 0]), batch: undefined })
    const [after, outputs] = timer(heard, 899)

    assert.strictEqual(after.role._tag, "Follower")
    assert.deepStrictEqual(outputs, [])
  })

  it("a candidate has a new term, its own vote, and asks everyone else", () => {
    const [after, outputs] = flushed(standing(node({ term: 4 })))

    assert.strictEqual(Describe.state(after), "n1@5 candidate last=0@0 commit=0 vote=n1")
    assert.deepStrictEqual(outputs, [])
  })

  it("the time to wait is drawn anew between one and two election timeouts", () => {
    const waits = Array.from({ length: 200 }, (_, seed) => Engine.deadline(node({ seed })))

    assert.isAtLeast(Math.min(...waits), 500)
    assert.isBelow(Math.max(...waits), 1000)
    assert.isAbove(new Set(waits).size, 120)
  })

  it("a majority of the votes makes a leader, and fewer do not", () => {
    const voters = ["n1", "n2", "n3", "n4", "n5"]
    const candidate = flushed(standing(node({ voters })))[0]
    const [one] = hear(candidate, granted("n2", 1))
    const [again] = hear(one, granted("n2", 1))
    const [two] = hear(again, granted("n3", 1))

    assert.deepStrictEqual([one, again, two].map(({ role }) => role._tag), ["Candidate", "Candidate", "Leader"])
  })

  it("the vote of a node outside the membership does not count", () => {
    const candidate = flushed(standing(node()))[0]

    assert.strictEqual(hear(candidate, granted("n9", 1))[0].role._tag, "Candidate")
  })

  it("a node votes once per term, first come, and says the same when asked again", () => {
    const [voted] = hear(node({ term: 1 }), requestVote("n2", 2, 0, 0))
    const [other, refusal] = hear(voted, requestVote("n3", 2, 9, 1))
    const [, repeated] = hear(other, requestVote("n2", 2, 0, 0))

    assert.deepStrictEqual(told(refusal), ["→ n3 VoteReply refused (after write 2)"])
    assert.deepStrictEqual(told(repeated), ["→ n2 VoteReply granted (after write 2)"])
  })

  it("a candidate that hears from the leader of its term follows it and keeps its vote", () => {
    const candidate = flushed(standing(node()))[0]
    const [after] = hear(candidate, append("n2", 1, [0, 0]))

    assert.strictEqual(Describe.state(after), "n1@1 follower last=0@0 commit=0 vote=n1 leader=n2")
  })

  it("a candidate that nobody answers tries again, later", () => {
    const candidate = flushed(standing(node()))[0]
    const [after, outputs] = timer(candidate)

    assert.strictEqual(after.role._tag, "PreCandidate")
    assert.deepStrictEqual(messages(outputs).map(({ _tag }) => _tag), ["RequestPreVote", "RequestPreVote"])
    assert.isAbove(Engine.deadline(after), after.now)
  })

  it("a new leader says so at once, with an entry of its own term", () => {
    const candidate = flushed(standing(node()))[0]
    const [, outputs] = hear(candidate, granted("n2", 1))

    assert.deepStrictEqual(told(outputs), [
      "write 2: append=1@1",
      "→ n2 AppendEntries previous=0@0 entries=1@1 commit=0 round=1",
      "→ n3 AppendEntries previous=0@0 entries=1@1 commit=0 round=1"
    ])
  })

  it("a candidate of an older term gets no vote, and is told the term", () => {
    const [after, outputs] = hear(node({ term: 3 }), requestVote("n2", 2, 9, 2))

    assert.deepStrictEqual([after.term, after.votedFor], [3, undefined])
    assert.deepStrictEqual(messages(outputs), [{ _tag: "VoteReply", from: "n1", term: 3, granted: false }])
  })

  it("a leader with nothing to say speaks once per heartbeat interval", () => {
    const leader = leading()
    const [early, silence] = timer(leader, leader.now + 74)
    const [, heartbeat] = timer(early, leader.now + 75)

    assert.deepStrictEqual(silence, [])
    assert.deepStrictEqual(messages(heartbeat).map(({ _tag }) => _tag), ["AppendEntries", "AppendEntries"])
  })
})

describe("§3.5 Log replication", () => {
  it("a leader adds a command to its log and sends it to all", () => {
    const [caughtUp] = hear(leading(), accepted("n2", 1, 1))
    const [, outputs] = step(caughtUp, { _tag: "Propose", now: caughtUp.now, batch: 7, count: 2 })

    assert.deepStrictEqual(told(outputs), [
      "accepted #7 as 2-3@1",
      "write 3: append=2-3@1",
      "→ n2 AppendEntries previous=1@1 entries=2-3@1 commit=1 round=1"
    ])
  })

  it("an entry is committed once a majority has it, and followers learn it", () => {
    const leader = leading()
    const [after, outputs] = hear(leader, accepted("n2", 1, 1))

    assert.strictEqual(after.commit, 1)
    assert.include(told(outputs), "→ n2 AppendEntries previous=1@1 commit=1 round=1")
    assert.include(told(outputs), "apply 1")
  })

  it("a leader that is refused goes back to where the logs agree, and sends from there", () => {
    const refused = { _tag: "AppendReply", from: "n2", term: 3, sequence: 1, accepted: false } as const
    const leader = leading({ terms: [1, 1, 2, 2], term: 2 })
    const [, outputs] = hear(leader, { ...refused, match: 4, last: 3, runs: [{ start: 1, term: 1 }] })

    assert.include(told(outputs), "→ n2 AppendEntries previous=2@1 entries=3-4@2 5@3 commit=0 round=1")
  })

  it("a leader that is not answered asks again at each heartbeat, and then sends what was lost", () => {
    const leader = leading()
    const [beating, question] = timer(leader, leader.now + 75)
    const [, outputs] = hear(beating, accepted("n2", 1, 0, 2))

    assert.include(told(question), "→ n2 AppendEntries previous=0@0 commit=0 round=2")
    assert.include(told(outputs), "→ n2 AppendEntries previous=0@0 entries=1@1 commit=0 round=2")
  })

  it("entries are applied in order, each once", () => {
    const state = node({ terms: [1, 1, 1] })
    const [first, one] = hear(state, append("n2", 1, [3, 1], [], 2))
    const [second, two] = hear(first, append("n2", 1, [3, 1], [], 3))
    const [, three] = hear(second, append("n2", 1, [3, 1], [], 3))

    const applied = [one, two, three].map((outputs) => told(outputs).filter((line) => line.startsWith("apply")))
    assert.deepStrictEqual(applied, [["apply 1-2"], ["apply 3"], []])
  })

  // A follower with 1@1 2@2, as in etcd's table: which places it accepts.
  const places: ReadonlyArray<readonly [index: number, term: number, fits: boolean]> = [
    [0, 0, true],
    [1, 1, true],
    [2, 2, true],
    [2, 1, false],
    [1, 2, false],
    [3, 2, false]
  ]
  for (const [index, term, fits] of places) {
    it(`a log of 1@1 2@2 ${fits ? "takes" : "refuses"} what follows ${index}@${term}`, () => {
      const [, outputs] = hear(node({ terms: [1, 2], term: 3 }), append("n2", 3, [index, term]))

      const replies = messages(outputs).map((message) => message._tag === "AppendReply" && message.accepted)
      assert.deepStrictEqual(replies, [fits])
    })
  }

  // What a follower holds, what it is sent after which place, and what it holds then.
  const overwrites: ReadonlyArray<
    readonly [ReadonlyArray<number>, readonly [number, number], ReadonlyArray<number>, string]
  > = [
    [[1, 2], [2, 2], [3], "1@1 2@2 3@3"],
    [[1, 2], [1, 1], [3, 4], "1@1 2@3 3@4"],
    [[1, 2], [0, 0], [1], "1@1 2@2"],
    [[1, 2], [0, 0], [3], "1@3"],
    [[1, 2, 2], [1, 1], [2], "1@1 2-3@2"]
  ]
  for (const [held, previous, sent, result] of overwrites) {
    it(`${held.join(" ")} with ${sent.join(" ")} after ${previous[0]} becomes ${result}`, () => {
      const [after] = hear(node({ terms: held, term: 4 }), append("n2", 4, previous, sent), 1)

      assert.strictEqual(Describe.runs(after.log.runs, after.log.last), result)
    })
  }

  it("a follower commits what its leader committed, up to what it knows to agree", () => {
    const state = node({ terms: [1, 1, 2, 2], term: 3 })
    const [after] = hear(state, append("n2", 3, [2, 1], [], 4))

    assert.strictEqual(after.commit, 2)
  })
})

describe("§3.6.1 Election restriction", () => {
  const own = [1, 1, 2]
  // The voter's log ends at 3@2. A later last term wins; within a term, the longer log; equal logs may vote.
  const cases: ReadonlyArray<readonly [index: number, term: number, granted: boolean]> = [
    [3, 2, true],
    [4, 2, true],
    [2, 2, false],
    [1, 3, true],
    [9, 1, false],
    [0, 0, false]
  ]
  for (const [index, term, isGranted] of cases) {
    it(`a log that ends at 3@2 ${isGranted ? "votes" : "does not vote"} for one that ends at ${index}@${term}`, () => {
      const [after] = hear(node({ terms: own, term: 3 }), requestVote("n2", 4, index, term))

      assert.strictEqual(after.votedFor, isGranted ? "n2" : undefined)
    })
  }
})

describe("§3.6.2 Committing entries from previous terms", () => {
  it("copies of an older term's entry commit nothing, until the own term does", () => {
    const leader = leading({ terms: [1, 2], term: 2 })
    const [older] = hear(leader, accepted("n2", 3, 2))
    const [own] = hear(older, accepted("n2", 3, 3))

    assert.deepStrictEqual([leader.term, older.commit, own.commit], [3, 0, 3])
  })
})

describe("§3.8 Persisted state and server restarts", () => {
  it("a vote leaves after the write that holds it", () => {
    const [, outputs] = hear(node({ term: 1 }), requestVote("n2", 2, 0, 0))

    assert.deepStrictEqual(told(outputs), [
      "write 1: term=2 vote=-",
      "write 2: term=2 vote=n2",
      "→ n2 VoteReply granted (after write 2)"
    ])
  })

  it("an acknowledgement leaves after the write of what it acknowledges", () => {
    const [, outputs] = hear(node({ term: 1 }), append("n2", 1, [0, 0], [1, 1]), 1)

    assert.include(told(outputs), "→ n2 AppendReply match=2 round=1 (after write 1)")
  })

  it("term, vote and log survive; role, leader and commit index do not", () => {
    const recovered = { hardState: { term: 3, votedFor: "n1" }, log: Nodes.log([1, 3], ["n1", "n2", "n3"]) }
    const [state, outputs] = Engine.start({ id: "n1", settings: node().settings, seed: 1, now: 0, recovered })

    assert.strictEqual(Describe.state(state), "n1@3 follower last=2@3 commit=0 vote=n1")
    assert.deepStrictEqual(outputs, [])
  })
})

describe("§4.4 System integration", () => {
  it("a cluster begins with one server whose configuration names it alone, and others start empty and wait", () => {
    const { settings } = node()
    const founder = { id: "n1", settings, seed: 1, now: 0, bootstrap: Nodes.membership(["n1"]) }
    const [alone] = flushed(timer(Engine.start(founder)[0])[0])
    const [empty] = timer(Engine.start({ id: "n2", settings, seed: 1, now: 0 })[0])

    assert.strictEqual(alone.role._tag, "Leader")
    assert.strictEqual(empty.role._tag, "Follower")
  })

  it("a server that is added learns of the configuration from the log, and is then like any other", () => {
    const empty = Engine.start({ id: "n2", settings: node().settings, seed: 1, now: 0 })[0]
    const two = { ...Nodes.membership(["n1", "n2"]), outgoing: ["n1"] }
    const joining = { ...append("n1", 1, [0, 0], [1, 1]), memberships: [{ index: 2, membership: two }] }
    const [after] = hear(empty, joining, 1)

    assert.strictEqual(Describe.members(Log.membership(after.log)), "n1 & n1,n2")
    assert.strictEqual(timer(after)[0].role._tag, "PreCandidate")
  })
})

describe("§4.2.3 Disruptive servers", () => {
  it("who hears a leader does not hear a candidate, however new its term", () => {
    const [following] = hear(node({ term: 1 }), append("n2", 1, [0, 0]))
    const [after, outputs] = hear(following, requestVote("n3", 9, 9, 9))

    assert.deepStrictEqual([after.term, outputs.length], [1, 0])
  })
})

describe("§6.2 Routing requests to the leader", () => {
  it("a leader that heard from no majority for an election timeout steps down", () => {
    const leader = leading()
    const [still] = timer(leader, leader.now + 499)
    const [after] = timer(still, leader.now + 500)

    assert.deepStrictEqual([still.role._tag, after.role._tag, after.term], ["Leader", "Follower", leader.term])
  })

  it("a server that does not lead takes no commands, and knows who does", () => {
    const [following] = hear(node({ term: 1 }), append("n2", 1, [0, 0]))
    const [, outputs] = step(following, { _tag: "Propose", now: 0, batch: 7, count: 1 })

    assert.deepStrictEqual(told(outputs), ["refused #7: NotLeader"])
    assert.strictEqual(following.leader, "n2")
  })
})

describe("§6.4 Processing read-only queries more efficiently", () => {
  it("a read is answered once a majority has confirmed the leader after it came, and not in a log entry", () => {
    const [committed] = hear(leading(), accepted("n2", 1, 1))
    const [asked] = step(committed, { _tag: "Read", now: committed.now, read: 9, isLease: false })
    const [stale, nothing] = hear(asked, accepted("n3", 1, 1, 1))
    const [after, outputs] = hear(stale, accepted("n3", 1, 1, 2))

    assert.notInclude(told(nothing).join("\n"), "read #9")
    assert.include(told(outputs), "read #9 may be answered at 1")
    assert.strictEqual(after.log.last, committed.log.last)
  })

  it("a read before the own term has committed waits for it", () => {
    const leader = leading({ terms: [1, 1], term: 1 })
    const [asked] = step(leader, { _tag: "Read", now: leader.now, read: 9, isLease: false })
    const [confirmed, nothing] = hear(asked, accepted("n2", 2, 2, 2))
    const [, outputs] = hear(confirmed, accepted("n2", 2, 3, 2))

    assert.notInclude(told(nothing).join("\n"), "read #9")
    assert.include(told(outputs), "read #9 may be answered at 3")
  })

  it("one round confirms all reads that came before it", () => {
    const [committed] = hear(leading(), accepted("n2", 1, 1))
    const reads = [7, 8, 9].map((read) => ({ _tag: "Read", now: committed.now, read, isLease: false }) as const)
    const [asked, questions] = Engine.stepAll(committed, reads)
    const [, outputs] = hear(asked, accepted("n2", 1, 1, 4))

    assert.strictEqual(messages(questions).length, 2)
    assert.deepStrictEqual(told(outputs).map((line) => line.slice(0, 7)), ["read #7", "read #8", "read #9"])
  })

  it("a follower asks the leader where to read, and answers once it has applied that", () => {
    const [following] = hear(node({ terms: [1] }), append("n2", 1, [1, 1], [], 1))
    const [asked, question] = step(following, { _tag: "Read", now: 0, read: 9, isLease: false })
    const [request] = messages(question)
    const round = request?._tag === "RequestRead" ? request.round : 0
    const [, outputs] = hear(asked, { _tag: "ReadReply", from: "n2", term: 1, read: 9, round, index: 4 })

    assert.deepStrictEqual(told(question), ["→ n2 RequestRead #9"])
    assert.deepStrictEqual(told(outputs), ["read #9 may be answered at 4"])
  })

  it("and the leader confirms that it leads before it tells", () => {
    const [committed] = hear(leading(), accepted("n2", 1, 1))
    const request = { _tag: "RequestRead", from: "n3", term: 1, read: 5, round: 7, isLease: false } as const
    const [asked, nothing] = hear(committed, request)
    const [, outputs] = hear(asked, accepted("n2", 1, 1, 2))

    assert.notInclude(told(nothing).join("\n"), "ReadReply")
    assert.include(told(outputs), "→ n3 ReadReply #5 at 1")
  })
})

describe("§6.4.1 Using clocks to reduce messaging for read-only queries", () => {
  const read = (state: State.State) => {
    const [, outputs] = step(state, { _tag: "Read", now: state.now, read: 9, isLease: true })
    return told(outputs).filter((line) => line.startsWith("read"))
  }
  const [leader] = hear(leading(), accepted("n2", 1, 1))

  it("a leader extends its lease from when it sent what a majority has acknowledged", () => {
    const [beating] = timer(leader, leader.now + 75)
    const [late] = hear({ ...beating, now: beating.now + 100 }, accepted("n2", 1, 1, 2))

    assert.deepStrictEqual(read(late), [`read #9 may be answered at 1 until ${beating.now + 450}`])
  })

  it("the lease is shorter than an election timeout by what clocks may drift apart", () => {
    const [exact] = hear(leading({ settings: { maxClockDrift: 20 } }), accepted("n2", 1, 1))

    assert.strictEqual(read({ ...exact, now: exact.now + 399 }).length, 1)
    assert.deepStrictEqual(read({ ...exact, now: exact.now + 400 }), [])
  })

  it("a leader that hands over leadership expires its lease", () => {
    const wish = { _tag: "TransferLeadership", now: leader.now, request: 5, to: "n2", deadline: 9e9 } as const

    assert.strictEqual(read(leader).length, 1)
    assert.deepStrictEqual(read(step(leader, wish)[0]), [])
  })
})

describe("§9.6 Preventing disruptions when a server rejoins the cluster", () => {
  it("a pre-candidate changes neither its term nor its vote until a majority would vote for it", () => {
    const [asking] = timer(node({ term: 4, vote: "n2" }))

    assert.strictEqual(Describe.state(asking), "n1@4 pre-candidate last=0@0 commit=0 vote=n2")
    assert.strictEqual(Log.lastTerm(asking.log), 0)
    assert.strictEqual(standing(node({ term: 4 })).term, 5)
  })
})

describe("§10.2.1 Writing to the leader's disk in parallel", () => {
  it("entries leave before they are on the leader's disk, and it counts itself only after", () => {
    const [ready] = hear(leading(), accepted("n2", 1, 1))
    const [proposed, outputs] = step(ready, { _tag: "Propose", now: ready.now, batch: 7, count: 1 })
    const [heard] = hear(proposed, accepted("n2", 1, 2))
    const [after] = flushed(heard)

    assert.include(told(outputs), "→ n2 AppendEntries previous=1@1 entries=2@1 commit=1 round=1")
    assert.deepStrictEqual([heard.commit, after.commit], [1, 2])
  })
})
