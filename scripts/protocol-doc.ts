/**
 * Prints the protocol from the code that runs it, so that the two cannot differ.
 *
 * `node scripts/protocol-doc.ts` rewrites `docs/protocol.md` and `docs/invariants.md`; a test compares them.
 */
import { Invariants, Step } from "effect-raft/engine"
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

type Rule = (...args: Array<never>) => unknown

const roles = ["Follower", "PreCandidate", "Candidate", "Leader"] as const

/** A rule goes by its own name; the one without a name says that the case cannot be. */
const nameOf = (rule: Rule): string =>
  rule.name === "" ? "*impossible*" : rule.name === "ignore" ? "–" : `\`${rule.name}\``

const table = (
  rows: Readonly<Record<string, Readonly<Record<(typeof roles)[number], Rule>>>>,
  head: string
): string => {
  const lines = [`| ${head} | ${roles.join(" | ")} |`, `| --- | ${roles.map(() => "---").join(" | ")} |`]
  for (const [name, cells] of Object.entries(rows)) {
    lines.push(`| ${name} | ${roles.map((role) => nameOf(cells[role])).join(" | ")} |`)
  }
  return lines.join("\n")
}

const notice = "<!-- Printed by scripts/protocol-doc.ts. Do not edit. -->"

export const protocol = (): string =>
  `${notice}

# The protocol on one page

Which rule hears what, in which role. A dash means that it comes too late to matter. The rules stand in
\`packages/raft/src/engine\`, the tables in \`Step.ts\`.

Before a message reaches the table, the term rule (§3.3) is applied: an older term is not heard and its sender is
told, a newer one is adopted first. Pre-vote stands outside it, and a candidate is not heard while the leader is, unless
the leader asked it to stand.

${table(Step.onMessage, "message")}

${table(Step.onInput, "input")}

After every batch of inputs: votes are counted, the commit index advances, a change of membership takes its next step,
proposals and reads get their outcome, a transfer of leadership goes on, members get what they have not been sent, the
state machine gets what is committed and durable, and a leader that was removed steps down.
`

const list = (sentences: ReadonlyArray<string>): string => sentences.map((sentence) => `- ${sentence}`).join("\n")

export const invariants = (): string =>
  `${notice}

# What always holds

Checked after every step, in tests and in production. When one does not hold, the node stops before anyone is told
anything. The sentence is what the failure says.

## Of every state

${list(Object.keys(Invariants.ofState))}

## Of every step

${list(Object.keys(Invariants.ofStep))}
`

export const pages: ReadonlyArray<readonly [path: string, text: string]> = [
  [fileURLToPath(new URL("../docs/protocol.md", import.meta.url)), protocol()],
  [fileURLToPath(new URL("../docs/invariants.md", import.meta.url)), invariants()]
]

if (import.meta.main) { for (const [path, text] of pages) writeFileSync(path, text) }
