/**
 * The live page: one file that needs nothing else, read once when the program starts.
 */
import { readFileSync } from "node:fs"
import * as Answer from "./Answer.ts"

const html = readFileSync(new URL("page.html", import.meta.url), "utf8")

export const answer: Answer.Answer = Answer.ok(html, {
  "Content-Type": "text/html; charset=utf-8",
  "Cache-Control": "no-cache"
})
