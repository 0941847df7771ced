/**
 * Seats of a theatre, each for one guest: a service of one's own, in two versions. One has a mistake.
 */
import { Effect, HashMap, Option, Schema } from "effect"
import { Replicated } from "effect-raft"

/** Who has a seat; nobody: null. */
const Guest = Schema.NullOr(Schema.String)

export class Seats extends Replicated.Service<Seats>()("example/Seats", {
  state: Schema.HashMap(Schema.Int, Schema.String),
  commands: {
    /** Gives the seat to the guest if it is free, and answers whose it is afterwards. */
    Book: Replicated.command({ payload: { seat: Schema.Int, guest: Schema.String }, success: Schema.String }),
    /** Gives the seat to the guest, whoever had it. */
    Assign: Replicated.command({ payload: { seat: Schema.Int, guest: Schema.String }, success: Schema.String })
  },
  queries: { Look: Replicated.query({ payload: { seat: Schema.Int }, success: Guest }) }
}) {
  static readonly layer = Seats.toLayer(HashMap.empty(), {
    Book: (state, { guest, seat }) => {
      const owner = Option.getOrElse(HashMap.get(state, seat), () => guest)
      return [HashMap.set(state, seat, owner), owner]
    },
    Assign: (state, { guest, seat }) => [HashMap.set(state, seat, guest), guest],
    Look: (state, { seat }) => Option.getOrNull(HashMap.get(state, seat))
  })
}

/** One command decides: whoever is first has the seat. */
export const book = (seats: Seats["Service"], seat: number, guest: string) => seats.Book({ seat, guest })

/** The mistake: it looks first, and then acts on what it saw, as though nobody could come in between. */
export const bookCarelessly = (seats: Seats["Service"], seat: number, guest: string) =>
  Effect.flatMap(
    seats.Look({ seat }),
    (owner) => owner === null ? seats.Assign({ seat, guest }) : Effect.succeed(owner)
  )
