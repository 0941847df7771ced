import { Effect } from "effect"
import { freePorts } from "../../../test/freePorts.ts"

/** A port that nobody listens on, and that no outgoing connection is given. */
export const freePort = Effect.map(freePorts(1), ([port = 0]) => port)
