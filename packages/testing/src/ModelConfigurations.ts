/**
 * What the model checker looks at: small clusters, each about one part of the protocol.
 *
 * Small is enough: what goes wrong among five nodes and ten terms goes wrong among three and three, if it is looked at
 * from every side.
 *
 * @since 0.1.0
 */
import type { Configuration } from "./ModelCheck.ts"

const slowDisks = (...ids: ReadonlyArray<string>): ReadonlyArray<string> => ids.map((id) => `disk ${id} slow`)

/** n1 leads three nodes in term 1, and all have its first entry. */
const reign = ["node n1 n2 n3", "timeout n1", "deliver"]

/** @category models @since 0.1.0 */
export const election: Configuration = {
  name: "election",
  about: "three nodes stand for election, and hear each other late, twice or never",
  setup: ["node n1 n2 n3"],
  allowance: { timeouts: 3, repetitions: 1, crashes: 1 },
  maxTerm: 3,
  maxFlights: 8
}
export const all: ReadonlyArray<Configuration> = [election]
