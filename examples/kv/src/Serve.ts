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
import { Storage } from "effect-raft/Storage"
import type * as Flags from "./Flags.ts"
import * as Node from "./Node.ts"
import * as Ownership from "./Ownership.ts"
import * as Quit from "./Quit.ts"

/** Runs the node until it stops itself. */
export const serve = Effect.fnUntraced(
  function*({ cluster, founders, http, id }: Flags.Serve) {
    const node = yield* Node.start({ id, cluster, founders, http })
    yield* Console.log(`${id} serves http://${node.http}`)
    return yield* Effect.flip(node.stopped)
  },
  (node, flags) => {
    const { address, cluster, directory, founders, id, listen } = flags
    const disk = directory === undefined ? MemoryStorage.layer : FileStorage.layer({ directory })
    const claim = { id, cluster, address, founders }
    const guarded = Effect.map(Storage, (storage) => Ownership.guard(storage, directory ?? "memory", claim))
    const storage = Layer.provide(Layer.effect(Storage, guarded), disk)
    return node.pipe(Effect.provide([storage, Layer.orDie(TcpTransport.layer({ listen }))]))
  },
  Effect.scoped,
  Effect.mapError(Quit.ofError)
)
