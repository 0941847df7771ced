/**
 * The command line: what may be asked for, and one sentence for each way to get it wrong.
 */
import * as Address from "@effect-raft/transport/Address"
import { Result } from "effect"
import { Buffer } from "node:buffer"
import type { Member } from "./Node.ts"

export interface Serve {
  readonly _tag: "Serve"
  readonly id: string
  /** The cluster's name. */
  readonly cluster: string
  /** Those who found the cluster; undefined for a node that waits to be added. */
  readonly founders: ReadonlyArray<Member> | undefined
  /** Where the other nodes find this one. */
  readonly address: string
  /** Where it listens for them: the same, unless there is something between. */
  readonly listen: string
  readonly http: Address.Address
  /** Where the files are; undefined keeps everything in memory. */
  readonly directory: string | undefined
}

export interface Start {
  readonly _tag: "Start"
  /** Each node has a directory in this one. */
  readonly directory: string
  /** The first of three ports in a row. */
  readonly raftPort: number
  readonly httpPort: number
}

export type Command = Serve | Start | { readonly _tag: "Help" }

export const usage = `Three nodes on this machine, until Ctrl-C:

  main.ts start [--data .data] [--raft-port 7101] [--http-port 8101]

One node:

  main.ts serve --id n1 --data DIR --http 127.0.0.1:8101 \\
    --cluster n1=127.0.0.1:7101,n2=127.0.0.1:7102,n3=127.0.0.1:7103 \\
    [--name kv] [--storage file|memory] [--listen 0.0.0.0:7101]

One more node, which waits to be added (POST /admin/members):

  main.ts serve --join --id n4 --data DIR --http 127.0.0.1:8104 --cluster n4=127.0.0.1:7104 [--name kv]
`

type Parsed<A> = Result.Result<A, string>

type Values = ReadonlyMap<string, string>

const known = {
  serve: ["--id", "--data", "--http", "--cluster", "--storage", "--name", "--listen", "--join"],
  start: ["--data", "--raft-port", "--http-port"]
} as const

/** What the arguments after the program's name ask for, or what is wrong with them. */
export const parse = (args: ReadonlyArray<string>): Parsed<Command> => {
  const [command, ...rest] = args
  if (args.includes("--help")) return Result.succeed({ _tag: "Help" })
  switch (command) {
    case "serve":
      return Result.flatMap(valuesOf(rest, known.serve), serve)
    case "start":
      return Result.flatMap(valuesOf(rest, known.start), start)
    case undefined:
      return Result.fail("say serve or start (--help says more)")
    default:
      return Result.fail(`there is no command ${command}, only serve and start`)
  }
}

/** Flags that stand alone. */
const switches: ReadonlyArray<string> = ["--join"]

/** `--flag value` or `--flag=value`, each at most once. */
const valuesOf = (args: ReadonlyArray<string>, flags: ReadonlyArray<string>): Parsed<Values> => {
  const values = new Map<string, string>()
  for (let place = 0; place < args.length; place++) {
    const [argument = "", flag = argument, assigned] = /^(--[^=]*)=(.*)$/s.exec(args[place] ?? "") ?? [args[place]]
    if (!flags.includes(flag)) return Result.fail(`${flag} is no flag of this command`)
    if (values.has(flag)) return Result.fail(`${flag} is given twice`)
    const isSwitch = switches.includes(flag)
    if (isSwitch && assigned !== undefined) return Result.fail(`${flag} takes no value`)
    const value = isSwitch ? "yes" : assigned ?? args[++place]
    if (value === undefined || value === "") return Result.fail(`${flag} needs a value`)
    values.set(flag, value)
  }
  return Result.succeed(values)
}

const required = (values: Values, flag: string): Parsed<string> => {
  const value = values.get(flag)
  return value === undefined ? Result.fail(`${flag} is missing`) : Result.succeed(value)
}

const serve = (values: Values): Parsed<Serve> =>
  Result.gen(function*() {
    const id = yield* required(values, "--id")
    const members = yield* membersOf(yield* required(values, "--cluster"))
    const http = yield* addressOf("--http", yield* required(values, "--http"))
    const listen = values.get("--listen")
    if (listen !== undefined) yield* addressOf("--listen", listen)
    const self = members.find((member) => member.id === id)
    if (self === undefined) return yield* Result.fail(`--id ${id} is not in --cluster`)
    const joins = values.has("--join")
    if (joins && members.length > 1) return yield* Result.fail("with --join, --cluster names this node alone")
    const cluster = values.get("--name") ?? "kv"
    if (Buffer.byteLength(cluster) > maxNameBytes) {
      return yield* Result.fail(`--name is longer than ${maxNameBytes} bytes`)
    }
    const storage = values.get("--storage") ?? "file"
    if (storage !== "file" && storage !== "memory") {
      return yield* Result.fail(`--storage is file or memory, not ${storage}`)
    }
    const directory = storage === "memory" ? undefined : yield* required(values, "--data")
    const founders = joins ? undefined : members
    const { address } = self
    return { _tag: "Serve", id, cluster, founders, address, listen: listen ?? address, http, directory }
  })

const addressOf = (flag: string, text: string): Parsed<Address.Address> =>
  Result.fromNullishOr(Address.parse(text), () => `${flag} ${text} is not host:port`)

/** Longer names cannot be sent to the other nodes. */
const maxNameBytes = 255

const membersOf = (text: string): Parsed<ReadonlyArray<Member>> =>
  Result.gen(function*() {
    const members: Array<Member> = []
    for (const part of text.split(",")) {
      const [, id, address] = /^([^=]+)=([^=]+)$/.exec(part) ?? []
      if (id === undefined || address === undefined) {
        return yield* Result.fail(
          `--cluster is id=host:port,id=host:port,… and ${JSON.stringify(part)} is not a part of it`
        )
      }
      const { port } = yield* addressOf("--cluster", address)
      if (port === 0) return yield* Result.fail(`--cluster ${address} has no port that others could dial`)
      if (members.some((member) => member.id === id)) return yield* Result.fail(`--cluster has ${id} twice`)
      if (members.some((member) => member.address === address)) {
        return yield* Result.fail(`--cluster has ${address} twice`)
      }
      if (Buffer.byteLength(id) > maxNameBytes) {
        return yield* Result.fail(`a name in --cluster is longer than ${maxNameBytes} bytes`)
      }
      members.push({ id, address })
    }
    return members
  })

const start = (values: Values): Parsed<Start> =>
  Result.gen(function*() {
    const raftPort = yield* portOf(values, "--raft-port", 7101)
    const httpPort = yield* portOf(values, "--http-port", 8101)
    if (Math.abs(raftPort - httpPort) < 3) {
      return yield* Result.fail("--raft-port and --http-port need three ports each")
    }
    return { _tag: "Start", directory: values.get("--data") ?? ".data", raftPort, httpPort }
  })

const portOf = (values: Values, flag: string, otherwise: number): Parsed<number> => {
  const text = values.get(flag) ?? String(otherwise)
  const port = Number(text)
  return /^\d{1,5}$/.test(text) && port >= 1 && port <= 65_533
    ? Result.succeed(port)
    : Result.fail(`${flag} is a port up to 65533, not ${text}`)
}
