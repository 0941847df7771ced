/**
 * Maelstrom's network in this process: lines go from one node to the next in a later turn, and nothing is lost.
 */
import * as Message from "../src/Message.ts"
import * as Network from "../src/Network.ts"

export class Hub {
  readonly #networks = new Map<string, Network.Network["Service"]>()
  /** Every line that was sent, in order. */
  readonly lines: Array<string> = []

  /** The place of a node, under its name. */
  place(name: string): Network.Network["Service"] {
    const network = Network.make({ write: (line) => this.carry(line), complain: () => {} })
    network.claim(name)
    this.#networks.set(name, network)
    return network
  }

  /** Brings a line to whom it is for, if there is such a node. */
  carry(line: string): true {
    this.lines.push(line)
    setImmediate(() => this.#networks.get(Message.parse(line)?.dest ?? "")?.hear(line))
    return true
  }
}
