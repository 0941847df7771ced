/**
 * Why bytes from a socket were not believed.
 *
 * Whoever sends such bytes is no peer, or is broken, or speaks a later version. Nothing after them can be trusted
 * either, for it is not known where the next frame begins: the connection ends, the process lives.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * `reason` says which promise of the format was broken, `detail` says how:
 *
 * - `Version`: a frame of another layout than ours
 * - `Header`: the checksum of a frame's header does not match, so its length means nothing
 * - `Length`: a frame larger than allowed
 * - `Checksum`: the checksum of a frame's payload does not match
 * - `Kind`: a kind of frame that does not exist, or that has no place here
 * - `Content`: a payload that is too short or too long, or that contradicts itself
 * - `Sender`: a message in the name of somebody else
 *
 * @category errors
 * @since 0.1.0
 */
export class WireError extends Schema.TaggedError<WireError>()("WireError", {
  reason: Schema.Literals(["Version", "Header", "Length", "Checksum", "Kind", "Content", "Sender"]),
  detail: Schema.String
}) {
  override get message() {
    return this.detail
  }
}

/**
 * Most of what can be wrong is wrong with the content.
 *
 * @category constructors
 * @since 0.1.0
 */
export const content = (detail: string): WireError => new WireError({ reason: "Content", detail })
