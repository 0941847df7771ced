/**
 * Three nodes on this machine, each a process with its own directory and its own ports, until Ctrl-C.
 *
 * A node that ends is reported and not started again, so that one can be killed to see what the others make of it.
 * Before there is a leader it is different: then something is wrong with how they were started, and all are stopped.
 */
import { Console, Effect, Schedule, Schema } from "effect"
import { join } from "node:path"
import * as Child from "./Child.ts"
import type * as Flags from "./Flags.ts"
import * as Quit from "./Quit.ts"

interface Node {
  readonly id: string
  readonly raft: string
  readonly http: string
}

const nodesOf = ({ httpPort, raftPort }: Flags.Start): ReadonlyArray<Node> =>
  [0, 1, 2].map((place) => ({
    id: `n${place + 1}`,
    raft: `127.0.0.1:${raftPort + place}`,
    http: `127.0.0.1:${httpPort + place}`
  }))

const argumentsOf = ({ http, id }: Node, nodes: ReadonlyArray<Node>, directory: string): ReadonlyArray<string> => [
  "serve",
  `--id=${id}`,
  `--data=${join(directory, id)}`,
  `--http=${http}`,
  `--cluster=${nodes.map((node) => `${node.id}=${node.raft}`).join()}`
]

/** How long an election may take on a machine that is busy with something else. */
const patience = "30 seconds"

/** Runs the three nodes until all of them have ended. */
export const start = Effect.fnUntraced(function*(flags: Flags.Start) {
  const nodes = nodesOf(flags)
  const children = yield* Effect.forEach(
    nodes,
    (node) => Child.start(node.id, argumentsOf(node, nodes, flags.directory))
  )
  yield* Effect.forEach(children, ({ ready }) => ready, { concurrency: "unbounded" }).pipe(Effect.mapError(early))
  const someEnd = Effect.raceAllFirst(
    children.map(({ ended }) => Effect.flatMap(ended, (end) => Effect.fail(early(end))))
  )
  const leader = yield* Effect.raceFirst(leaderAmong(nodes), someEnd)
  yield* Console.log(greeting(nodes, leader, flags.directory))
  yield* Effect.forEach(children, report, { concurrency: "unbounded", discard: true })
  return yield* Quit.broken("no node is left")
}, Effect.scoped)

const early = ({ id, lines, outcome }: Child.Ended): Quit.Quit => {
  const line = `${id}: ${lines.length > 0 ? lines.join(" ") : `it has ended (${outcome})`}`
  return outcome === 2 ? Quit.misused(line) : Quit.broken(line)
}

const report = ({ ended }: Child.Child) =>
  Effect.flatMap(ended, ({ id, outcome }) => Console.error(`${id} has ended (${outcome}); the others go on`))

const decodeStatus = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Struct({ role: Schema.String })))

const leads = (node: Node) =>
  Effect.tryPromise(async (signal) => (await fetch(`http://${node.http}/status`, { signal })).text()).pipe(
    Effect.flatMap(decodeStatus),
    Effect.filterOrFail(({ role }) => role === "leader"),
    Effect.as(node)
  )

/** Asks one node after the other, until one says that it leads. */
const leaderAmong = (nodes: ReadonlyArray<Node>) =>
  Effect.firstSuccessOf(nodes.map(leads)).pipe(
    Effect.retry(Schedule.spaced("50 millis")),
    Effect.timeout(patience),
    Effect.mapError(() => Quit.broken(`no node has come to lead within ${patience}`))
  )

const greeting = (nodes: ReadonlyArray<Node>, leader: Node, directory: string): string => {
  const url = `http://${leader.http}/kv/greeting`
  const rows = nodes.map(({ http, id, raft }) =>
    `  ${id}  http://${http}  raft ${raft}  ${join(directory, id)}${id === leader.id ? "  leads" : ""}`
  )
  return `Three nodes are running:

${rows.join("\n")}

Try:

  curl -X PUT -d 'hello' ${url}
  curl ${url}
  curl -X POST -d '{"expect":"hello","value":"good morning"}' ${url}/cas

Watch: http://${leader.http}/

Ctrl-C stops them; what they keep stays.`
}
