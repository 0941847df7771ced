/**
 * Why the program ends before anyone asked it to: one line for people, one number for programs.
 *
 * 2 says that it was started in a way that cannot work, and that nothing was changed. 1 says that something broke.
 */
import { Data } from "effect"
import type { Fatal, MembershipError } from "effect-raft/RaftError"
import type { StorageError } from "effect-raft/Storage"
import type { TransportError } from "effect-raft/Transport"
import type { ListenError } from "./Listener.ts"

export class Quit extends Data.TaggedError("Quit")<{ readonly line: string; readonly code: 1 | 2 }> {}

export const misused = (line: string): Quit => new Quit({ line, code: 2 })

export const broken = (line: string): Quit => new Quit({ line, code: 1 })

const isDamage = (error: StorageError) => error.reason._tag === "Corrupt" || error.reason._tag === "UnsupportedFormat"

/** Why a node could not be started, or why it has stopped itself. */
export const ofError = (error: ListenError | MembershipError | StorageError | TransportError | Fatal): Quit => {
  const line = error.message.replaceAll("\n", " ")
  return error._tag === "Fatal" || (error._tag === "StorageError" && isDamage(error)) ? broken(line) : misused(line)
}
