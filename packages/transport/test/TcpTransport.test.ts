import * as TransportTest from "@effect-raft/testing/TransportTest"
import * as TcpTransport from "@effect-raft/transport/TcpTransport"
import { Effect } from "effect"
import { freePort } from "./freePort.ts"

TransportTest.suite(
  "TcpTransport",
  Effect.succeed(() =>
    Effect.gen(function*() {
      const address = `127.0.0.1:${yield* freePort}`
      return { address, transport: yield* TcpTransport.make({ listen: address, backoffMin: 5 }) }
    })
  )
)
