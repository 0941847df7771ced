/**
 * Key-value nodes as processes of their own, on real disks and sockets, and a client that speaks to them.
 *
 * The client is told only what an HTTP answer says. No answer, for whatever reason, means that it does not know.
 */
import { Effect, Schedule, Schema } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { freePorts } from "./freePorts.ts"

const main = fileURLToPath(new URL("../examples/kv/src/main.ts", import.meta.url))

/** It certainly did not happen. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", {
  leader: Schema.NullOr(Schema.Struct({ id: Schema.String, http: Schema.String }))
}) {}

/** Nobody knows whether it happened. */
export class NoAnswer extends Schema.TaggedError<NoAnswer>()("NoAnswer", { detail: Schema.String }) {}

const Status = Schema.Struct({
  id: Schema.String,
  role: Schema.Literals(["follower", "pre-candidate", "candidate", "leader"]),
  term: Schema.Int,
  leader: Schema.NullOr(Schema.String),
  commit: Schema.Int,
  applied: Schema.Int,
  members: Schema.Array(Schema.Struct({ id: Schema.String, role: Schema.String }))
})

const Explanation = Schema.fromJsonString(Schema.Struct({
  log: Schema.Struct({ snapshot: Schema.Int, first: Schema.Int, commit: Schema.Int, last: Schema.Int })
}))

interface Place {
  readonly id: string
  readonly http: string
  /** Where others find it. */
  readonly raft: string
  /** Where it listens. */
  readonly listen: string
}

interface Options {
  /** Nodes listen elsewhere than where they are found, so that a test can stand between. */
  readonly isApart?: boolean
  /** How long to wait for an answer, in milliseconds. */
  readonly patience?: number
}

/** How a node is started when it is not just started. */
interface Launch {
  /** Arguments of Node itself. */
  readonly node?: ReadonlyArray<string>
  /** What a shell does before it becomes the node. */
  readonly shell?: string
}

const request = (url: string, init: RequestInit = {}, patience = 7000) =>
  Effect.tryPromise({
    try: async (signal) => {
      const response = await fetch(url, { ...init, signal: AbortSignal.any([signal, AbortSignal.timeout(patience)]) })
      return { status: response.status, body: await response.text() }
    },
    catch: (cause) => new NoAnswer({ detail: String(cause) })
  })

const Refusal = Schema.fromJsonString(Schema.Struct({
  _tag: Schema.String,
  leader: Schema.optionalKey(Schema.NullOr(Schema.Struct({ id: Schema.String, http: Schema.String })))
}))

/** 421 and 503 say that nothing happened; 504, 500 and silence leave it open. */
const outcome = Effect.fnUntraced(function*(answer: { readonly status: number; readonly body: string }) {
  if (answer.status === 200 || answer.status === 404 || answer.status === 409) return answer
  if (answer.status !== 421 && answer.status !== 503) return yield* new NoAnswer({ detail: answer.body })
  const refusal = yield* Effect.orDie(Schema.decodeUnknownEffect(Refusal)(answer.body))
  return yield* new Refused({ leader: refusal.leader ?? null })
})

export class KvCluster {
  /** Where each node is, whether it runs or not. */
  readonly places: ReadonlyArray<Place>
  private readonly founders: ReadonlyArray<string>
  private readonly directory: string
  private readonly children = new Map<string, ChildProcess>()
  /** What the nodes wrote to stderr, for whoever has to find out why. */
  readonly complaints: Array<string> = []
  private readonly patience: number | undefined

  private constructor(
    directory: string,
    places: ReadonlyArray<Place>,
    founders: ReadonlyArray<string>,
    patience: number | undefined
  ) {
    this.directory = directory
    this.places = places
    this.founders = founders
    this.patience = patience
  }

  /**
   * A cluster in a directory of its own; both are gone when the scope closes. Nodes that are no founders join it, and wait
   * to be added.
   */
  static readonly of = (
    ids: ReadonlyArray<string>,
    founders: ReadonlyArray<string>,
    { isApart = false, patience }: Options = {}
  ) =>
    Effect.acquireRelease(
      Effect.gen(function*() {
        const directory = yield* Effect.promise(() => mkdtemp(join(tmpdir(), "kv-")))
        const ports = yield* freePorts(3 * ids.length)
        const addressOf = (place: number) => `127.0.0.1:${ports[place] ?? 0}`
        const places = ids.map((id, place) => {
          const raft = addressOf(place + ids.length)
          return { id, http: addressOf(place), raft, listen: isApart ? addressOf(place + 2 * ids.length) : raft }
        })
        return new KvCluster(directory, places, founders, patience)
      }),
      (cluster) =>
        Effect.promise(async () => {
          for (const id of cluster.children.keys()) await cluster.signal(id, "SIGKILL")
          await rm(cluster.directory, { recursive: true, force: true })
        })
    )

  /** Three nodes that found it together. */
  static readonly make = KvCluster.of(["n1", "n2", "n3"], ["n1", "n2", "n3"])

  /** The same, otherwise. */
  static readonly three = (options: Options) => KvCluster.of(["n1", "n2", "n3"], ["n1", "n2", "n3"], options)

  /** Those whose process runs, as far as nobody stopped them. */
  get running(): ReadonlyArray<Place> {
    return this.places.filter(({ id }) => this.children.has(id))
  }

  /** Starts a node on its directory, whatever is there. */
  start(id: string, { node = [], shell }: Launch = {}): Effect.Effect<void> {
    return Effect.sync(() => {
      const place = this.placeOf(id)
      const isFounder = this.founders.includes(id)
      const known = this.places.filter((each) => each.id === id || (isFounder && this.founders.includes(each.id)))
      const members = known.map((each) => `${each.id}=${each.raft}`).join(",")
      const joining = isFounder ? [] : ["--join"]
      const own = ["--id", id, "--data", this.dataOf(id), "--http", place.http, "--listen", place.listen]
      const command = [process.execPath, ...node, main, "serve", ...joining, ...own, "--cluster", members]
      const [program = "", ...rest] = shell === undefined
        ? command
        : ["sh", "-c", `${shell}; exec "$@"`, "sh", ...command]
      const child = spawn(program, rest, { stdio: ["ignore", "ignore", "pipe"] })
      child.stderr.setEncoding("utf8").on("data", (text: string) => void this.complaints.push(`${id}: ${text}`))
      this.children.set(id, child)
    })
  }

  startAll(launch?: Launch): Effect.Effect<void> {
    return Effect.forEach(this.places, ({ id }) => this.start(id, launch), { discard: true })
  }

  /** Sends a signal that does not end the process. */
  send(id: string, signal: "SIGSTOP" | "SIGCONT" | "SIGUSR2"): Effect.Effect<void> {
    return Effect.sync(() => void this.children.get(id)?.kill(signal))
  }

  /** Waits until the process has ended by itself: its exit code, or null if a signal ended it. */
  ended(id: string): Effect.Effect<number | null> {
    return Effect.callback((resume) => {
      const child = this.children.get(id)
      if (child === undefined) throw new Error(`${id} was not started`)
      const leave = () => {
        this.children.delete(id)
        resume(Effect.succeed(child.exitCode))
      }
      if (child.exitCode !== null || child.signalCode !== null) return leave()
      // By then, what it wrote has been read.
      child.once("close", leave)
    })
  }

  /** The directory of a node. */
  dataOf(id: string): string {
    return join(this.directory, id)
  }

  /** Sends a signal and waits until the process is gone. */
  stop(id: string, signal: "SIGKILL" | "SIGTERM"): Effect.Effect<number | null> {
    return Effect.promise(() => this.signal(id, signal))
  }

  /** What a node says of itself. */
  status(id: string): Effect.Effect<typeof Status.Type, NoAnswer> {
    return request(`http://${this.placeOf(id).http}/status`, {}, this.patience).pipe(
      Effect.flatMap(({ body }) =>
        Effect.mapError(
          Schema.decodeUnknownEffect(Schema.fromJsonString(Status))(body),
          (error) => new NoAnswer({ detail: error.message })
        )
      )
    )
  }

  /** What a node has of the log. */
  log(id: string) {
    return Effect.flatMap(
      this.ask(this.placeOf(id).http, "/admin/explain"),
      ({ body }) => Effect.orDie(Effect.map(Schema.decodeEffect(Explanation)(body), ({ log }) => log))
    )
  }

  /** Waits for a node that leads. */
  readonly leader: Effect.Effect<Place> = Effect.suspend(() =>
    Effect.forEach(this.running, (place) => Effect.option(this.status(place.id)), { concurrency: "unbounded" })
  ).pipe(
    Effect.flatMap((all) => {
      const statuses = all.flatMap((each) => each._tag === "Some" ? [each.value] : [])
      // A former leader may not know yet; the highest term does.
      const newest = statuses.filter((each) => each.role === "leader").sort((left, right) => right.term - left.term)[0]
      return newest === undefined ? Effect.fail("none yet") : Effect.succeed(this.placeOf(newest.id))
    }),
    Effect.retry(Schedule.upTo(Schedule.spaced("50 millis"), { duration: "30 seconds" })),
    Effect.orDie
  )

  /** Asks the leader, again and again until it has done it. What is asked for must be fit to be done twice. */
  atLeader(path: string, method: string, body?: object) {
    return Effect.flatMap(this.leader, ({ http }) =>
      Effect.flatMap(
        request(`http://${http}${path}`, body === undefined ? { method } : { method, body: JSON.stringify(body) }),
        (answer) => answer.status === 200 ? Effect.succeed(answer) : Effect.fail(new NoAnswer({ detail: answer.body }))
      )).pipe(
        Effect.retry(Schedule.upTo(Schedule.spaced("50 millis"), { duration: "30 seconds" })),
        Effect.orDie
      )
  }

  /** One request to one node. */
  ask(http: string, path: string, init?: RequestInit) {
    return Effect.flatMap(request(`http://${http}${path}`, init, this.patience), outcome)
  }

  /** Some node that is none of these. */
  otherThan(...ids: ReadonlyArray<string>): Place {
    const place = this.places.find(({ id }) => !ids.includes(id))
    if (place === undefined) throw new Error(`there is none but ${ids.join()}`)
    return place
  }

  placeOf(id: string): Place {
    const place = this.places.find((each) => each.id === id)
    if (place === undefined) throw new Error(`there is no ${id}`)
    return place
  }

  private async signal(id: string, signal: "SIGKILL" | "SIGTERM"): Promise<number | null> {
    const child = this.children.get(id)
    this.children.delete(id)
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null
    return await new Promise((resolve) => {
      child.once("exit", (code) => resolve(code))
      child.kill(signal)
    })
  }
}
