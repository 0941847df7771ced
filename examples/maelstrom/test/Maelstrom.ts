/**
 * Maelstrom's part, played by us: it starts the nodes, carries their lines, and is as strict as Maelstrom is.
 *
 * Nodes are processes of their own, started the way Maelstrom would. What they say is held against the protocol: a line
 * that is no message, comes in another's name, goes to nobody, or answers a client with fields that the workload does not
 * know is written down in `violations`. Between nodes the network loses and delays as it is told to, by chance that has
 * a seed; between clients and nodes it does neither, as Maelstrom's.
 */
import { Data, Effect, Option, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import { Chance } from "../../../packages/transport/test/Chance.ts"
import { Lines } from "../src/Lines.ts"
import * as Message from "../src/Message.ts"

const program = join(import.meta.dirname, "../run.sh")

/** How long a node may take to be ready on a machine that is busy with something else, in milliseconds. */
export const startTime = 20_000

/** An error that says that the request did not happen, and never will. */
export class Definite extends Data.TaggedError("Definite")<{ readonly code: number; readonly text: unknown }> {}

/** Nobody knows: an indefinite error, or no answer in time. */
export class Indefinite extends Data.TaggedError("Indefinite")<{ readonly code: number }> {}

/** All codes that Maelstrom knows to be definite. */
const definite: ReadonlyArray<unknown> = [1, 10, 11, 12, 14, 20, 21, 22, 30]

/** The fields of each answer; an answer with others is refused. An error may have any. */
const fields: Readonly<Record<string, ReadonlyArray<string>>> = {
  init_ok: ["in_reply_to", "type"],
  read_ok: ["in_reply_to", "type", "value"],
  write_ok: ["in_reply_to", "type"],
  cas_ok: ["in_reply_to", "type"]
}

const count = (counts: Map<unknown, number>, what: unknown) => counts.set(what, (counts.get(what) ?? 0) + 1)

type Answered = (body: Message.Body) => void

export class Maelstrom {
  readonly ids: ReadonlyArray<string>
  readonly chance: Chance
  /** What Maelstrom would have refused. */
  readonly violations: Array<string> = []
  /** What the nodes wrote to stderr, for whoever has to find out why. */
  readonly complaints: Array<string> = []
  /** How many messages of each kind went from node to node. */
  readonly carried = new Map<unknown, number>()
  /** How many answers to clients had each code of an error. */
  readonly codes = new Map<unknown, number>()
  /** Of messages between nodes, how many in a hundred are lost. */
  loss = 0
  /** How long a message between nodes takes at most, in milliseconds. */
  delay = 0
  /** The node that last spoke as a leader, and its term. */
  leader = { id: "", term: 0 }
  readonly #cuts = new Set<string>()
  readonly #args: ReadonlyArray<string>
  readonly #children = new Map<string, ChildProcess>()
  readonly #waiting = new Map<string, Answered>()
  #lastId = 0

  private constructor(seed: number, ids: ReadonlyArray<string>, args: ReadonlyArray<string>) {
    this.chance = new Chance(seed)
    this.ids = ids
    this.#args = args
  }

  /** A network without nodes; those that are started end with the scope. */
  static make(options: {
    readonly seed: number
    readonly ids: ReadonlyArray<string>
    readonly args?: ReadonlyArray<string>
  }): Effect.Effect<Maelstrom, never, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.sync(() => new Maelstrom(options.seed, options.ids, options.args ?? [])),
      (maelstrom) => Effect.forEach(maelstrom.ids, (id) => maelstrom.kill(id), { discard: true })
    )
  }

  /** Starts a node and does not tell it who it is. */
  launch(id: string): Effect.Effect<void> {
    return Effect.sync(() => {
      const child = spawn(program, this.#args, { stdio: ["pipe", "pipe", "pipe"] })
      const lines = new Lines()
      child.stdout.on("data", (chunk: Uint8Array) => lines.push(chunk, (line) => this.#hear(id, line)))
      child.stderr.setEncoding("utf8").on("data", (text: string) => void this.complaints.push(`${id}: ${text}`))
      child.stdin.on("error", () => {}) // It has ended; what is still on its way there is lost.
      this.#children.set(id, child)
    })
  }

  /** Starts a node and waits until it is ready. */
  start(id: string): Effect.Effect<void> {
    const init = { type: "init", node_id: id, node_ids: this.ids }
    return this.launch(id).pipe(Effect.andThen(this.ask("c0", id, init, startTime)), Effect.asVoid, Effect.orDie)
  }

  get startAll(): Effect.Effect<void> {
    return Effect.forEach(this.ids, (id) => this.start(id), { concurrency: "unbounded", discard: true })
  }

  /** Ends a node, and waits until it is gone. */
  kill(id: string): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const child = this.#children.get(id)
      this.#children.delete(id)
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
      child.once("close", () => resume(Effect.void))
      child.kill("SIGKILL")
    })
  }

  /** Waits for the end of a node whose input ends now: its exit code. */
  hangUp(id: string): Effect.Effect<number | null> {
    return Effect.callback<number | null>((resume) => {
      const child = this.#children.get(id)
      this.#children.delete(id)
      if (child === undefined || child.exitCode !== null) return resume(Effect.succeed(child?.exitCode ?? null))
      child.once("close", (code) => resume(Effect.succeed(code)))
      child.stdin?.end()
    })
  }

  /** Those that have ended by themselves. */
  get ended(): ReadonlyArray<string> {
    return [...this.#children].filter(([, child]) => child.exitCode !== null).map(([id]) => id)
  }

  /** What `from` says to `to` is lost from now on. */
  cut(from: string, to: string): void {
    this.#cuts.add(`${from} ${to}`)
  }

  /** Nothing goes in or out. */
  isolate(id: string): void {
    for (const other of this.ids) {
      this.cut(id, other)
      this.cut(other, id)
    }
  }

  heal(): void {
    this.#cuts.clear()
    this.loss = 0
    this.delay = 0
  }

  /** One request of a client to a node, as Maelstrom's clients make it; only that they would wait a little less. */
  ask(client: string, node: string, body: Message.Body, patience = 1500) {
    return Effect.callback<Message.Body>((resume) => {
      const id = ++this.#lastId
      const name = `${client} ${id}`
      this.#waiting.set(name, (answer) => resume(Effect.succeed(answer)))
      this.write(node, Message.print({ src: client, dest: node, body: { ...body, msg_id: id } }))
      return Effect.sync(() => this.#waiting.delete(name))
    }).pipe(
      Effect.timeoutOption(patience),
      Effect.flatMap((answer) => {
        if (Option.isNone(answer)) return Effect.fail(new Indefinite({ code: 0 }))
        const { code, text, type } = answer.value
        if (type !== "error") return Effect.succeed(answer.value)
        return Effect.fail(
          definite.includes(code) ? new Definite({ code: Number(code), text }) : new Indefinite({ code: Number(code) })
        )
      })
    )
  }

  /** Writes a line to a node, whatever it says. */
  write(node: string, line: string): void {
    this.#children.get(node)?.stdin?.write(`${line}\n`)
  }

  #hear(id: string, line: string): void {
    const message = Message.parse(line)
    if (message === undefined || message.src !== id) return void this.violations.push(`${id} said: ${line}`)
    if (this.ids.includes(message.dest)) return this.#carry(message)
    const { in_reply_to, type } = message.body
    const known = typeof type === "string" ? fields[type] : undefined
    const isKnown = type === "error" || known?.join() === Object.keys(message.body).sort().join()
    if (!/^c\d+$/.test(message.dest) || !isKnown) this.violations.push(`${id} said: ${line}`)
    if (type === "error") count(this.codes, message.body["code"])
    const name = `${message.dest} ${in_reply_to}`
    const answered = this.#waiting.get(name)
    this.#waiting.delete(name)
    answered?.(message.body)
  }

  #carry(message: Message.Message): void {
    this.#observe(message)
    const [lost, delay] = [this.chance.between(0, 100) < this.loss, this.chance.between(0, this.delay + 1)]
    if (lost) return
    const arrive = () => {
      if (this.#cuts.has(`${message.src} ${message.dest}`)) return
      this.write(message.dest, Message.print(message))
    }
    if (delay === 0) arrive()
    else setTimeout(arrive, delay)
  }

  #observe({ body, src }: Message.Message): void {
    count(this.carried, body["type"])
    const { _tag, term }: { readonly _tag?: unknown; readonly term?: unknown } = Object(body["message"])
    if (_tag === "AppendEntries" && typeof term === "number" && term >= this.leader.term) {
      this.leader = { id: src, term }
    }
  }
}
