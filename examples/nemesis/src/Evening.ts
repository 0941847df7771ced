/**
 * An evening at the box office, for `TestCluster`: what clients do, and what they may be told.
 *
 * The model is ten lines, and the same for both versions of the service: a seat that is free goes to whoever asks, and
 * then stays theirs.
 */
import { TestCluster } from "@effect-raft/testing"
import { Effect, Random } from "effect"
import type { Replicated } from "effect-raft"
import { Seats } from "./Seats.ts"

export interface Wish {
  readonly seat: number
  readonly guest: string
}

type Book = (
  seats: Seats["Service"],
  seat: number,
  guest: string
) => Effect.Effect<string, Replicated.RequestError>

const guests = ["Ada", "Ben", "Cy", "Di", "Ed", "Flo", "Guy", "Hal"]

export const evening = (book: Book) => ({
  service: Seats,
  layer: Seats.layer,
  model: {
    initial: "",
    apply: (owner: string, { guest }: Wish): readonly [string, string] =>
      owner === "" ? [guest, guest] : [owner, owner],
    keyOf: ({ seat }: Wish) => `seat ${seat}`
  },
  action: Effect.map(
    Effect.all([Random.nextIntBetween(1, 200), Random.nextIntBetween(0, guests.length - 1)]),
    ([seat, place]): Wish => ({ seat: Math.ceil(seat / 4), guest: guests[place] ?? "" })
  ),
  perform: (seats: Seats["Service"], { guest, seat }: Wish) => book(seats, seat, guest)
})

/** Looks for a seed with which it goes wrong, and for as few faults as it takes. */
export const investigate = (book: Book, count: number) => {
  const subject = evening(book)
  const found = TestCluster.search(subject, { seed: 1, count, clients: 8, faults: 5 })
  return found.verdict === "good"
    ? found
    : TestCluster.shrink(subject, { seed: found.seed, clients: 8, faults: 5 }).report
}
