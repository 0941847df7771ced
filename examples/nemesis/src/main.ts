/**
 * Lets things go wrong at the box office, first with the right version of the service and then with the wrong one.
 */
import { Console, Effect } from "effect"
import { investigate } from "./Evening.ts"
import { book, bookCarelessly } from "./Seats.ts"

const program = Effect.gen(function*() {
  const right = investigate(book, 20)
  yield* Console.log(`one command: ${right.verdict} after 20 evenings, ${right.operations.length} wishes on the last`)
  const wrong = investigate(bookCarelessly, 100)
  yield* Console.log(`look, then act: ${wrong.verdict} on evening ${wrong.seed}`)
  yield* Console.log(wrong.why)
})

Effect.runFork(program)
