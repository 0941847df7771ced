/**
 * Numbers and text as bytes, little endian: what the formats of files are made of.
 *
 * A `Writer` fills a buffer whose size was counted before. A `Reader` believes nothing: what reaches past the end
 * or is no safe integer makes it `damaged`, and it yields zeros from then on; whoever reads asks once, at the end.
 */
const high = 2 ** 32

export class Writer {
  readonly bytes: Buffer
  #at = 0

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafe(size)
  }

  uint8(value: number): void {
    this.#at = this.bytes.writeUInt8(value, this.#at)
  }

  uint32(value: number): void {
    this.#at = this.bytes.writeUInt32LE(value, this.#at)
  }

  /** A term, an index, a count: whole, not negative, at most 2^53 - 1. */
  integer(value: number): void {
    this.uint32(value % high)
    this.uint32(Math.floor(value / high))
  }

  text(value: string): void {
    this.uint32(Buffer.byteLength(value))
    this.#at += this.bytes.write(value, this.#at)
  }

  raw(value: Uint8Array): void {
    this.bytes.set(value, this.#at)
    this.#at += value.length
  }
}

/** How many bytes `Writer.text` takes. */
export const textSize = (value: string): number => 4 + Buffer.byteLength(value)

export class Reader {
  readonly #bytes: Buffer
  #at = 0
  #damaged = false

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get damaged(): boolean {
    return this.#damaged
  }

  /** How many bytes are left. Nothing that is counted in the bytes may be larger. */
  get left(): number {
    return this.#bytes.length - this.#at
  }

  /** Whether `size` bytes are there to be taken. */
  #take(size: number): boolean {
    if (this.#damaged || size > this.left) this.#damaged = true
    else this.#at += size
    return !this.#damaged
  }

  uint8(): number {
    return this.#take(1) ? this.#bytes.readUInt8(this.#at - 1) : 0
  }

  uint32(): number {
    return this.#take(4) ? this.#bytes.readUInt32LE(this.#at - 4) : 0
  }

  integer(): number {
    const value = this.uint32() + this.uint32() * high
    if (!Number.isSafeInteger(value)) this.#damaged = true
    return this.#damaged ? 0 : value
  }

  text(): string {
    const size = this.uint32()
    return this.#take(size) ? this.#bytes.toString("utf8", this.#at - size, this.#at) : ""
  }

  /** The next `size` bytes, as a view. */
  raw(size: number): Buffer {
    return this.#take(size) ? this.#bytes.subarray(this.#at - size, this.#at) : this.#bytes.subarray(0, 0)
  }

  /** What was read makes no sense. */
  refuse(): void {
    this.#damaged = true
  }

  /** As many items as the bytes say, or those before the one that is not there. */
  list<A>(item: () => A): Array<A> {
    const count = this.uint32()
    const items: Array<A> = []
    for (let place = 0; place < count && !this.#damaged; place++) items.push(item())
    return items
  }

  /** Everything that is left, as a view. */
  rest(): Buffer {
    const rest = this.#bytes.subarray(this.#at)
    this.#at = this.#bytes.length
    return rest
  }
}
