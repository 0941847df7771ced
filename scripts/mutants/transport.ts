/** Rules of the wire: to whom a node talks, and what it believes. */
import type { Mutant } from "./Mutant.ts"

const file = (name: string) => `packages/transport/src/${name}.ts`

export const transport: ReadonlyArray<Mutant> = [
  {
    name: "cluster-is-not-compared",
    file: file("Handshake"),
    find: "if (hello.cluster !== self.cluster) {",
    replace: `if (hello.cluster === "") {`,
    removes: "refuses nodes of other clusters"
  },
  {
    name: "whoever-answers-is-who-was-dialled",
    file: file("Handshake"),
    find: "if (dialled !== undefined && hello.node !== dialled) {",
    replace: `if (dialled === "") {`,
    removes: "refuses whoever answers in the place of the one it dialled"
  },
  {
    name: "whoever-was-meant-is-me",
    file: file("Handshake"),
    find: "if (hello.expected !== self.node) {",
    replace: `if (hello.expected === "") {`,
    removes: "refuses a call that was meant for another"
  },
  {
    name: "talks-to-itself",
    file: file("Handshake"),
    find: "  if (hello.node === self.node) return refuse(\"Self\", `both sides go by the name ${self.node}`)\n",
    replace: "",
    removes: "refuses another one of its own name"
  },
  {
    name: "another-protocol-is-read",
    file: file("Handshake"),
    find: "if (version !== protocol) {",
    replace: "if (version < 0) {",
    removes: "refuses a version that it does not speak"
  },
  {
    name: "frame-of-any-length",
    file: file("Frame"),
    find: "if (size > this.maxBytes) {",
    replace: "if (size < 0) {",
    removes: "refuses frames beyond the limit"
  },
  {
    name: "frame-checksum-is-not-compared",
    file: file("Frame"),
    find: "if (crc32(payload) !== frame.readUInt32BE(8)) {",
    replace: "if (payload.length < 0) {",
    removes: "compares the checksum of a frame"
  },
  {
    name: "header-checksum-is-not-compared",
    file: file("Frame"),
    find: "if (headerCheck(bytes, offset) !== bytes.readUInt16BE(offset + 6)) {",
    replace: "if (bytes.length < 0) {",
    removes: "compares the checksum of a frame's header"
  },
  {
    name: "strangers-send-large-frames",
    file: file("Conversation"),
    find: "new FrameDecoder(Handshake.maxHandshakeBytes)",
    replace: "new FrameDecoder(2 ** 30)",
    removes: "keeps frames small until it knows the other side"
  },
  {
    name: "speaks-in-the-name-of-others",
    file: file("Conversation"),
    find: "if (this.peer === undefined || from !== this.peer.node) {",
    replace: "if (this.peer === undefined) {",
    removes: "refuses messages in another name than the hello's"
  },
  {
    name: "heard-after-it-hung-up",
    file: file("Conversation"),
    find: `    if (this.#state === "closed") return undefined\n`,
    replace: "",
    removes: "receives nothing after it has hung up"
  },
  {
    name: "silence-is-no-end",
    file: file("Conversation"),
    find: "if (this.#quiet >= idleParts) {",
    replace: "if (this.#quiet < 0) {",
    removes: "gives up a connection that has fallen silent"
  },
  {
    name: "strangers-stay-as-long-as-they-like",
    file: file("Conversation"),
    find: "duration: handshakeTimeout,",
    replace: `duration: "1000 days",`,
    removes: "gives up whoever does not introduce himself"
  },
  {
    name: "queue-without-bound",
    file: file("SendQueue"),
    find: "if (this.#ending || (this.#messages > 0 && this.#isFull(size, isBulk))) return false",
    replace: "if (this.#ending) return false",
    removes: "bounds what waits for a socket",
    survives:
      "`hasRoom` asks the same before anything is encoded, so no more than one message goes beyond; sendQueue.test.ts notices, and is named after the module"
  },
  {
    name: "entries-leave-no-room-for-votes",
    file: file("SendQueue"),
    find:
      "    if (isBulk) return isBeyond || this.#messages >= Math.max(1, Math.floor(maxQueueMessages * bulkShare))\n",
    replace: "",
    removes: "keeps room for messages without payloads"
  },
  {
    name: "former-life-keeps-its-connection",
    file: file("Neighbours"),
    find: "newcomer.peer?.session !== current.peer?.session || ",
    replace: "",
    removes: "gives a restarted peer the place of its former life"
  },
  {
    name: "both-connections-go",
    file: file("Neighbours"),
    find: "this.#diallerOf(newcomer) <= this.#diallerOf(current)",
    replace: "this.#self < this.#diallerOf(current)",
    removes: "agrees with the other side which of two connections stays"
  },
  {
    name: "entries-of-a-later-term",
    file: file("MessageCodec"),
    find:
      "  if (position.term > term) throw content(`an entry of term ${position.term} in a message of term ${term}`)\n  return position",
    replace: "  return position",
    removes: "refuses positions of a later term than the message"
  },
  {
    name: "memory-for-what-is-not-there",
    file: file("MessageCodec"),
    find: "  if (5 * count > reader.remaining) throw content(`${count} entries in ${reader.remaining} bytes`)\n",
    replace: "",
    removes: "holds a count against the bytes that are there"
  },
  {
    name: "runs-fall",
    file: file("MessageCodec"),
    find: "if (before !== undefined && (run.start <= before.start || run.term <= before.term)) {",
    replace: "if (before !== undefined && run.start < 0) {",
    removes: "refuses runs that do not rise"
  },
  {
    name: "chunk-lies-about-its-length",
    file: file("MessageCodec"),
    find:
      "  if (length !== reader.remaining) throw content(`a chunk of ${length} bytes in ${reader.remaining} bytes`)\n",
    replace: "",
    removes: "holds a chunk's length against its bytes"
  }
]
