/**
 * One node as a process: files and sockets below it, signals around it.
 *
 * It says where it serves on stdout, and everything else on stderr. When the node stops itself, so does the process:
 * whoever looks after processes can only help one that has ended.
 */
import { FileStorage } from "@effect-raft/storage"
import { TcpTransport } from "@effect-raft/transport"
import { Console, Effect, Layer } from "effect"
import * as MemoryStorage from "effect-raft/MemoryStorage"
import type * as Flags from "./Flags.ts"
import * as Node from "./Node.ts"
import * as Quit from "./Quit.ts"

/** Runs the node until it stops itself. */
export const serve = Effect.fnUntraced(
  function*({ http, id, members }: Flags.Serve) {
    const node = yield* Node.start({ id, members, http })
    yield* Console.log(`${id} serves http://${node.http}`)
    return yield* Effect.flip(node.stopped)
  },
  (node, { directory, listen }) => {
    const storage = directory === undefined ? MemoryStorage.layer : FileStorage.layer({ directory })
    return node.pipe(Effect.provide([storage, Layer.orDie(TcpTransport.layer({ listen }))]))
  },
  Effect.scoped,
  Effect.mapError(Quit.ofError)
)
