/**
 * What a run is: its nodes, its clients, and everything that goes wrong in it, at which time. A seed draws one; a text
 * says the same, to be read, changed and run again:
 *
 *     seed 17 nodes 3 spares 0 clients 3 until 9000 …
 *     at 1200 crash leader 4 for 700
 *     at 2100 cut n1,n2 0 for 300
 *
 * Each line is a time in milliseconds, a kind of fault, whom it is done to, how much of it, and for how long. What the
 * amount means is said at the kind. Each plan has some kinds only, and those more or less often: many faults at once hide
 * what a few bring to light. It never does more damage than the protocol promises to survive.
 */
import { Dice } from "./Dice.ts"

/** Kinds of faults, and the most that their amount can be. */
export const kinds = {
  /** The others do not hear these, nor they the others. */
  partition: 0,
  /** What the first sends does not reach the second. */
  cut: 0,
  /** Two do not hear each other; everyone else hears both. */
  sever: 0,
  /** Messages are lost, doubled, late and out of order; the amount is how much of that, in percent. */
  flaky: 100,
  /** Bits are flipped on the way in so many percent of the messages. */
  garble: 30,
  /** The machine has lost its power after so many more calls to its disk. */
  crash: 12,
  /** All machines lose their power at once. */
  blackout: 0,
  /** The process is gone without a finalizer, after so many turns of others; what it wrote is there. */
  kill: 20,
  /** The process is asked to stop. */
  stop: 0,
  /** One after the other is asked to stop, and started again. */
  roll: 0,
  /** The process stands still. */
  pause: 0,
  /** The machine is suspended: its monotonic clock stands still, too. */
  suspend: 0,
  /** Somebody sets the wall clock by so many seconds, back if it is less than half of the most. */
  jump: 7200,
  /** The clocks run faster by so many tenths of a percent, as far as nodes may differ. */
  drift: 90,
  /** The disk takes up to so many milliseconds for a write or a sync. */
  slow: 200,
  /** The disk answers nothing. */
  stall: 0,
  /** A call fails, after so many others of its kind. */
  readfails: 10,
  writefails: 20,
  syncfails: 20,
  /** The disk takes nothing more. */
  full: 0,
  /** A bit of what was durable is another; 1 while the node runs, 0 while it is down. */
  flip: 1,
  /** A sector of what was durable is where another belongs. */
  misdirect: 1,
  /** Leadership is to go to that node. */
  transfer: 0,
  /** A snapshot is to be taken there. */
  snapshot: 0,
  /** An operator changes the membership in the way that the amount stands for. */
  change: 5
} as const

export type Kind = keyof typeof kinds

export interface Fault {
  readonly at: number
  readonly kind: Kind
  readonly on: ReadonlyArray<string>
  readonly amount: number
  readonly lasts: number
}

export interface Settings {
  readonly seed: number
  readonly nodes: number
  /** Nodes that belong to nobody yet. */
  readonly spares: number
  readonly clients: number
  /** When everything is repaired, in milliseconds. */
  readonly until: number
  readonly latency: number
  readonly segment: number
  readonly snapshots: number
  readonly kept: number
  readonly chunk: number
  /** How long a request waits, in milliseconds. */
  readonly request: number
}

export interface Plan {
  readonly settings: Settings
  readonly faults: ReadonlyArray<Fault>
}

const isKind = (word: string): word is Kind => Object.hasOwn(kinds, word)
const all = Object.keys(kinds).filter(isKind)

/** Without these little else comes to light. */
const often: ReadonlySet<Kind> = new Set(["crash", "blackout", "partition", "suspend", "snapshot"])

/** Half of everything goes wrong for a moment only, the rest for up to several election timeouts. */
const lasts = (
  kind: Kind,
  dice: Dice
): number => (dice.happens(kind === "suspend" ? 0.2 : 0.5) ? dice.between(20, 300) : dice.between(300, 2500))

const victims = (kind: Kind, founders: ReadonlyArray<string>, spares: ReadonlyArray<string>, dice: Dice) => {
  const shuffled = dice.shuffled(founders)
  const one = shuffled.slice(0, 1)
  switch (kind) {
    case "partition":
      if (dice.happens(0.4)) return ["leader"]
      return shuffled.slice(0, dice.between(1, founders.length - 1))
    case "cut":
    case "sever":
      return shuffled.slice(0, 2)
    case "flaky":
    case "garble":
    case "blackout":
    case "roll":
      return []
    case "change":
    case "transfer":
      return dice.shuffled([...founders, ...spares]).slice(0, 1)
    case "drift":
    case "flip":
    case "misdirect":
      return one
    default:
      return dice.happens(0.5) ? ["leader"] : one
  }
}

const idsOf = (from: number, count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, place) => `n${from + place}`)

export const founders = ({ nodes }: Settings): ReadonlyArray<string> => idsOf(1, nodes)
export const spares = ({ nodes, spares }: Settings): ReadonlyArray<string> => idsOf(nodes + 1, spares)

/** Damage to what is durable takes a disk away for good: a minority at most, and no vote is given up meanwhile. */
const bearable = (chosen: ReadonlyArray<Kind>, dice: Dice): ReadonlyArray<Kind> => {
  const damages = chosen.filter((kind) => kind === "flip" || kind === "misdirect")
  if (damages.length === 0) return chosen
  return dice.happens(0.5)
    ? chosen.filter((kind) => kind !== "flip" && kind !== "misdirect")
    : chosen.filter((kind) => kind !== "change")
}

export const draw = (seed: number): Plan => {
  const dice = new Dice(seed)
  const share = dice.pick(0.1, 0.2, 0.35)
  const some = bearable(all.filter((kind) => dice.happens(share + (often.has(kind) ? 0.2 : 0))), dice)
  const chosen = some.length === 0 ? [dice.pick("crash", ...all)] : some
  const isDamaged = chosen.includes("flip") || chosen.includes("misdirect")
  const nodes = dice.pick(3, 3, 3, 5)
  const settings: Settings = {
    seed,
    nodes,
    spares: isDamaged ? (nodes - 1) / 2 : chosen.includes("change") ? dice.between(0, 2) : 0,
    clients: dice.between(1, 3),
    until: dice.between(3000, 9000),
    latency: dice.pick(0, 1, 4, 15),
    segment: dice.pick(5000, 8192, 20_000),
    snapshots: dice.pick(10, 30, 100, 1000),
    kept: dice.pick(1, 5, 30),
    chunk: dice.pick(64, 200, 1000, 100_000),
    request: dice.pick(300, 800, 2000)
  }
  const gap = dice.pick(150, 400, 1000)
  const drifting = dice.happens(0.7) ? founders(settings) : []
  const faults: Array<Fault> = drifting.map((id) => {
    return { at: 0, kind: "drift", on: [id], amount: dice.between(0, kinds.drift), lasts: 0 }
  })
  let damages = (nodes - 1) / 2
  for (let at = dice.between(0, 2 * gap); at < settings.until; at += dice.between(0, 2 * gap)) {
    const kind = dice.pick(chosen[0] ?? "crash", ...chosen.slice(1))
    if ((kind === "flip" || kind === "misdirect") && damages-- <= 0) continue
    const on = victims(kind, founders(settings), spares(settings), dice)
    faults.push({ at, kind, on, amount: dice.between(0, kinds[kind]), lasts: lasts(kind, dice) })
  }
  return { settings, faults }
}

export const print = ({ faults, settings }: Plan): string =>
  [
    Object.entries(settings).map(([name, value]) => `${name} ${value}`).join(" "),
    ...faults.map(({ amount, at, kind, lasts, on }) =>
      `at ${at} ${kind} ${on.length === 0 ? "all" : on.join(",")} ${amount} for ${lasts}`
    )
  ].join("\n")

/** A plan from its text. Throws where it makes no sense. */
export const parse = (text: string): Plan => {
  const [head = "", ...lines] = text.split("\n").map((line) => line.trim()).filter((line) => line !== "")
  const words = head.split(" ")
  const number = (word: string | undefined, what: string): number => {
    const value = Number(word)
    if (word === undefined || word === "" || !Number.isFinite(value)) throw new Error(`${what} is no number: ${word}`)
    return value
  }
  const setting = (name: keyof Settings): number => {
    const place = words.indexOf(name)
    if (place < 0) throw new Error(`the first line does not say ${name}`)
    return number(words[place + 1], name)
  }
  const settings: Settings = {
    seed: setting("seed"),
    nodes: setting("nodes"),
    spares: setting("spares"),
    clients: setting("clients"),
    until: setting("until"),
    latency: setting("latency"),
    segment: setting("segment"),
    snapshots: setting("snapshots"),
    kept: setting("kept"),
    chunk: setting("chunk"),
    request: setting("request")
  }
  const faults = lines.map((line): Fault => {
    const [, at, kind = "", on = "", amount, , lasts] = line.split(" ")
    if (!isKind(kind)) throw new Error(`there is no fault called ${kind}`)
    return {
      at: number(at, "the time"),
      kind,
      on: on === "all" ? [] : on.split(","),
      amount: number(amount, "the amount"),
      lasts: number(lasts, "the duration")
    }
  })
  return { settings, faults }
}
