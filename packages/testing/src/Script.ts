/**
 * Stories about a cluster, told in text: commands, and below each what came of it.
 *
 *   > timeout n1
 *   n1@2 follower last=5@1 commit=0 vote=- ⇨ n1@2 pre-candidate last=5@1 commit=0 vote=-
 *   n1@2 → n2 RequestPreVote last=5@1
 *
 * Nodes are pure functions and the network does what it is told (see `ScriptCommands`), so a story goes the
 * same way every time. Comparing the text with what a run prints makes it a test; writing the run's text back
 * makes the next golden. A line that begins with `✗` is a broken invariant, and belongs in no golden.
 */
import { Describe, Log, type Membership, type Message, type Output, type State } from "effect-raft/engine"
import * as EngineCluster from "./EngineCluster.ts"
import { commands, type Stage } from "./ScriptCommands.ts"
import { parseArguments } from "./ScriptNotation.ts"

/** The membership is told when it is no longer the founding one, and a transfer while it is open. */
const describeState = (state: State.State, founding: Membership.Membership | undefined): string => {
  const { log, transfer } = state
  const inForce = Describe.members(Log.membership(log))
  const isFounding = log.boundary.index === 0 || founding === undefined || inForce === Describe.members(founding)
  const members = log.memberships.length === 0 && isFounding ? "" : ` members=${inForce}`
  return `${Describe.state(state)}${members}${transfer === undefined ? "" : ` transfer=${transfer.to}`}`
}

const foundingOf = ({ history }: EngineCluster.Cluster): Membership.Membership | undefined => history.snapshots.founding

const speaker = ({ state: { id, term } }: EngineCluster.Node): string => `${id}@${term}`

/** What a client is told. Everything else is how it came about. */
const isOutcome = ({ _tag }: Output.Output): boolean =>
  !["Write", "Send", "Accepted", "Apply", "TakeSnapshot"].includes(_tag)

/** Prints each step as one change of state and what was asked for; a message that changed nothing, as heard. */
const printer = (stage: () => Stage) => {
  const lost = new Set<Message.Message>()
  const moved = (event: Extract<EngineCluster.Event, { readonly _tag: "Moved" }>): void => {
    const { cluster, isQuiet, print } = stage()
    const { inputs, node, outputs } = event
    const founding = foundingOf(cluster)
    const [before, after] = [describeState(event.before, founding), describeState(node.state, founding)]
    if (before !== after && !isQuiet) print(`${before} ⇨ ${after}`)
    if (before === after && !isQuiet && outputs.length === 0 && node.isUp) {
      for (const input of inputs) print(`${speaker(node)} hears ${Describe.input(input)}`)
    }
    for (const output of outputs) {
      const note = output._tag === "Send" && lost.has(output.message) ? " (lost)" : ""
      if (!isQuiet || isOutcome(output)) print(`${speaker(node)} ${Describe.output(output)}${note}`)
    }
  }
  return (event: EngineCluster.Event): void => {
    const { isQuiet, print } = stage()
    if (event._tag === "Moved") return moved(event)
    if (event._tag === "Halted") return print(`${event.node.id} halts: ${event.sentence}`)
    const { flight: { message, to }, isLate, isLost, node } = event
    if (isLost) lost.add(message)
    const note = isLost ? " (lost)" : ""
    if (isLate && !isQuiet) print(`${speaker(node)} sends → ${to} ${Describe.message(message)}${note}`)
  }
}

/** Runs one command; whatever is wrong with it, or comes of it, is a line of the output. */
const perform = (stage: Stage, line: string): void => {
  const args = parseArguments(line)
  const [name = "", ...words] = args.words
  const command = commands[name]
  if (command === undefined) return stage.print(`✗ there is no command ${name}`)
  try {
    command(stage, { words, options: args.options })
  } catch (error) {
    stage.print(`✗ ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** What a script came to. */
export interface Played {
  /** The script as it should be: comments, empty lines and commands as they were, and below each what this run printed. */
  readonly text: string
  readonly cluster: EngineCluster.Cluster
}

/** Runs a script; with `reduce`, of nodes that have another engine than the one that is shipped. */
export const play = (text: string, reduce?: EngineCluster.Reduce): Played => {
  const lines: Array<string> = []
  const print = (line: string) => void lines.push(line)
  const cluster = EngineCluster.make(printer(() => stage), reduce)
  const describe = ({ isUp, state }: EngineCluster.Node): string =>
    `${describeState(state, foundingOf(cluster))}${isUp ? "" : " (down)"}`
  const stage: Stage = { cluster, held: [], plan: undefined, isQuiet: false, print, describe }
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) lines.push(line)
    else if (line.startsWith("> ")) {
      lines.push(line)
      perform(stage, line.slice(2))
    }
  }
  return { text: lines.join("\n"), cluster }
}

/**
 * Runs a script and answers with its text as it should be: comments, empty lines and commands as they were,
 * and below each command what this run printed.
 */
export const run = (text: string, reduce?: EngineCluster.Reduce): string => play(text, reduce).text
