/**
 * A node from its naming on: Maelstrom says who it is and who else there is, and then clients ask.
 *
 * Those that Maelstrom names found the cluster. Their names are their addresses. A node with a directory remembers what it
 * knew when it is started again; one without keeps everything in memory, and must not come back under its name.
 */
import * as FileStorage from "@effect-raft/storage/FileStorage"
import { Cause, Context, Deferred, Effect, Layer, Option, Schema } from "effect"
import * as MemoryStorage from "effect-raft/MemoryStorage"
import * as Raft from "effect-raft/Raft"
import * as RaftConfig from "effect-raft/RaftConfig"
import { join } from "node:path"
import * as Fault from "./Fault.ts"
import * as Json from "./Json.ts"
import { Kv } from "./Kv.ts"
import * as MaelstromTransport from "./MaelstromTransport.ts"
import type { Message } from "./Message.ts"
import { Network } from "./Network.ts"
import * as Server from "./Server.ts"

export interface Options {
  /** Each node has a directory of its own in this one; undefined keeps everything in memory. */
  readonly directory: string | undefined
  /** Whether to tell the operator of every change, and not only of trouble. */
  readonly isVerbose: boolean
}

/** In milliseconds. Maelstrom's clients give up after one second, unless its network is made slow. */
const patience = 1000

/**
 * A command has up to three texts of up to `Json.maxLength` characters, each of which takes three bytes at most. Messages
 * are small, for all of them pass through Maelstrom as text.
 */
const limits = RaftConfig.layer({
  requestTimeout: patience,
  maxCommandBytes: 10 * Json.maxLength,
  maxMessageBytes: 64 * 1024
})

const Init = Schema.Struct({
  node_id: Schema.NonEmptyString,
  node_ids: Schema.Array(Schema.NonEmptyString)
}).check(
  Schema.makeFilter(({ node_id, node_ids }) => node_ids.includes(node_id) && new Set(node_ids).size === node_ids.length)
)

const decodeInit = Schema.decodeUnknownOption(Init)

/** Who the node is, and the message that said so. */
interface Naming {
  readonly init: typeof Init.Type
  readonly request: Message
}

/** Waits to be named. From then on other names are refused, and messages for others are not heard. */
const named = Effect.fnUntraced(function*(network: Network["Service"]) {
  const naming = Deferred.makeUnsafe<Naming>()
  yield* network.listen("init", (request) => {
    const init = Option.getOrUndefined(decodeInit(request.body))
    if (init === undefined) {
      network.reply(request, Fault.make("malformedRequest", "init has a node_id, which is among its node_ids"))
    } else if (Deferred.isDoneUnsafe(naming)) {
      network.reply(request, Fault.make("abort", "this node has its name already"))
    } else {
      network.claim(init.node_id)
      Deferred.doneUnsafe(naming, Effect.succeed({ init, request }))
    }
  })
  return yield* Deferred.await(naming)
})

/** What a node is called in the file system, whatever Maelstrom calls it. */
const folderOf = (id: string) => `node-${encodeURIComponent(id)}`

const layerOf = ({ node_id: id, node_ids }: Naming["init"], { directory }: Options) => {
  const members = node_ids.map((each) => ({ id: each, address: each }))
  const storage = directory === undefined
    ? MemoryStorage.layer
    : FileStorage.layer({ directory: join(directory, folderOf(id)) })
  return Kv.layer({ id, cluster: "maelstrom", bootstrap: { members } }).pipe(
    Layer.provide([storage, MaelstromTransport.layer, Layer.orDie(limits)])
  )
}

/** Runs one node until it stops itself, and fails with the reason. */
export const run = Effect.fnUntraced(function*(options: Options) {
  const network = yield* Network
  const { init, request } = yield* named(network)
  const services = yield* Layer.build(layerOf(init, options)).pipe(
    Effect.tapCause((cause) => Effect.sync(() => network.reply(request, Fault.make("crash", Cause.pretty(cause)))))
  )
  const kv = Context.get(services, Kv)
  yield* Server.serve({ network, kv, self: init.node_id, nodes: init.node_ids, patience })
  network.reply(request, { type: "init_ok" })
  return yield* Effect.flatMap(Context.get(services, Raft.Raft).stopped, Effect.fail)
})
