/** The very bytes of each kind of message: whoever changes one of them raises the number of the protocol. */
import { headerBytes } from "@effect-raft/transport/Frame"
import { protocol } from "@effect-raft/transport/Handshake"
import { decode, encode } from "@effect-raft/transport/MessageCodec"
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { Membership, type Message } from "effect-raft/engine"
import * as Entries from "effect-raft/Entries"
import type { Envelope } from "effect-raft/Transport"

/** A message, the number of its kind, and what follows the sender's name and term. */
type Sample = readonly [envelope: Envelope, kind: number, body: string]

const header = { from: "n1", term: 9 }
const headerDigits = "02 6e31 0000000000000009"

const last = { term: 3, index: 0x1_0000_0004 }
const lastDigits = "0000000000000003 0000000100000004"

const runs = [{ start: 5, term: 3 }]
const runsDigits = "00000001 0000000000000005 0000000000000003"

const membershipDigits = Buffer
  .from(`{"members":[],"voters":[],"outgoing":[],"departing":[],"promoting":[]}`)
  .toString("hex")

const alone = (message: Message.Message): Envelope => ({ message, entries: undefined })

const samples: { readonly [Tag in Message.Message["_tag"]]: Sample } = {
  RequestPreVote: [
    alone({ _tag: "RequestPreVote", ...header, last, round: 1 }),
    16,
    `${lastDigits} 0000000000000001`
  ],
  PreVoteReply: [alone({ _tag: "PreVoteReply", ...header, round: 1, granted: true }), 17, "0000000000000001 01"],
  RequestVote: [alone({ _tag: "RequestVote", ...header, last, isTransfer: true }), 18, `${lastDigits} 01`],
  VoteReply: [alone({ _tag: "VoteReply", ...header, granted: false }), 19, "00"],
  AppendEntries: [
    {
      message: {
        _tag: "AppendEntries",
        ...header,
        previous: { term: 2, index: 4 },
        last: 5,
        runs,
        memberships: [],
        commit: 1,
        sequence: 2
      },
      entries: Entries.commands(5, 3, [Uint8Array.of(0xaa, 0xbb)])
    },
    20,
    `0000000000000002 0000000000000004 0000000000000005 0000000000000001 0000000000000002 ${runsDigits} 00000003 01aabb`
  ],
  AppendReply: [
    alone({ _tag: "AppendReply", ...header, sequence: 1, accepted: false, match: 2, last: 6, runs }),
    21,
    `0000000000000001 00 0000000000000002 0000000000000006 ${runsDigits}`
  ],
  TimeoutNow: [alone({ _tag: "TimeoutNow", ...header, last }), 22, lastDigits],
  InstallSnapshot: [
    {
      message: {
        _tag: "InstallSnapshot",
        ...header,
        snapshot: { index: 5, term: 3, membership: Membership.none, size: 7, checksum: 8 },
        offset: 1,
        length: 2,
        sequence: 3
      },
      entries: undefined,
      chunk: Uint8Array.of(0xaa, 0xbb)
    },
    23,
    `0000000000000003 0000000000000005 0000000000000007 0000000000000008 0000000000000001 0000000000000002
     0000000000000003 00000046 ${membershipDigits} aabb`
  ],
  SnapshotReply: [
    alone({ _tag: "SnapshotReply", ...header, sequence: 1, offset: 2, index: 3, received: 5, stored: 4 }),
    24,
    "0000000000000001 0000000000000002 0000000000000003 0000000000000005 0000000000000004"
  ],
  RequestRead: [
    alone({ _tag: "RequestRead", ...header, read: 1, round: 2, isLease: true }),
    25,
    "0000000000000001 0000000000000002 01"
  ],
  ReadReply: [
    alone({ _tag: "ReadReply", ...header, read: 1, round: 2, index: 3 }),
    26,
    "0000000000000001 0000000000000002 0000000000000003"
  ],
  Disowned: [
    alone({ _tag: "Disowned", ...header, reason: "Epoch", incarnation: 1 }),
    27,
    "01 01 0000000000000001"
  ]
}

describe("protocol 2", () => {
  it("is what this version speaks", () => {
    assert.strictEqual(protocol, 2)
  })

  for (const [tag, [envelope, kind, body]] of Object.entries(samples)) {
    it(`writes and reads ${tag} in these bytes`, () => {
      const payload = Buffer.from(`${headerDigits}${body}`.replaceAll(/\s/g, ""), "hex")

      const frame = Buffer.concat(encode(envelope))
      const decoded = decode(kind, payload)

      assert.deepStrictEqual([frame.readUInt8(5), frame.toString("hex", headerBytes)], [kind, payload.toString("hex")])
      assert.deepStrictEqual(Result.isSuccess(decoded) && decoded.success.message, envelope.message)
    })
  }
})
