/** The bounds of one peer's queue, before a socket that takes what it is given and is not done with it. */
import { reserveBytes, SendQueue } from "@effect-raft/transport/SendQueue"
import { assert, describe, it } from "@effect/vitest"
import * as Net from "node:net"

/** A socket that finishes with a batch only when it is told to. */
class SlowSocket extends Net.Socket {
  readonly batches: Array<ReadonlyArray<Uint8Array>> = []
  #done = () => {}

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    this._writev([{ chunk }], done)
  }

  override _writev(chunks: ReadonlyArray<{ readonly chunk: Uint8Array }>, done: () => void): void {
    this.batches.push(chunks.map(({ chunk }) => chunk))
    this.#done = done
  }

  finish(): void {
    this.#done()
  }
}

const limits = { maxQueueBytes: 10_000, maxQueueMessages: 1000 }

const make = (other: Partial<typeof limits> = {}) => {
  const socket = new SlowSocket()
  const queue = new SendQueue(socket, { ...limits, ...other })
  const bulk = (size: number) => queue.offer([new Uint8Array(size)], true)
  const light = (size: number) => queue.offer([new Uint8Array(size)])
  return { socket, queue, bulk, light }
}

/** How often it is taken before it is refused; more than that would be without bounds. */
const countTaken = (offer: () => boolean): number => {
  let taken = 0
  while (taken < 10_000 && offer()) taken++
  return taken
}

/** Until what was taken is with the socket. */
const turn = () => new Promise<void>((resolve) => process.nextTick(resolve))

describe("bulk", () => {
  it("fills the queue up to its limit of bytes, those with the socket included", async () => {
    const { bulk, socket } = make()

    const taken = countTaken(() => bulk(1000))

    await turn()
    assert.deepStrictEqual([taken, socket.batches.length, bulk(1)], [10, 1, false])
  })

  it("goes beyond the limit as a single message", () => {
    const { bulk } = make()

    assert.deepStrictEqual([bulk(20_000), bulk(1)], [true, false])
  })

  it("leaves a quarter of the messages to those without payloads", () => {
    const { bulk, light } = make({ maxQueueMessages: 8 })

    assert.deepStrictEqual([countTaken(() => bulk(1)), countTaken(() => light(1))], [6, 2])
  })

  it("is taken again once the socket is done with what it had", async () => {
    const { bulk, queue, socket } = make()
    countTaken(() => bulk(1000))
    await turn()

    socket.finish()

    await turn()
    assert.deepStrictEqual([queue.hasRoom(true), countTaken(() => bulk(1000))], [true, 10])
  })
})

describe("a message without payloads", () => {
  it("is taken when bulk has filled the queue, up to a reserve", () => {
    for (const fill of [[20_000], [5000, 5000]]) {
      const { bulk, light, queue } = make()
      for (const size of fill) assert.isTrue(bulk(size))
      assert.isFalse(bulk(1))

      const taken = countTaken(() => light(1024))

      assert.strictEqual(taken, reserveBytes / 1024)
      assert.isFalse(light(1))
      assert.isFalse(queue.hasRoom(true))
    }
  })

  it("has the whole queue, as long as bulk does not need it", () => {
    const { light } = make({ maxQueueBytes: 10 * reserveBytes })

    assert.strictEqual(countTaken(() => light(1024)), 10 * reserveBytes / 1024)
  })

  it("has its reserve again once the socket is done with what it had", async () => {
    const { bulk, light, socket } = make()
    bulk(20_000)
    countTaken(() => light(1024))
    await turn()
    socket.finish()
    await turn()
    bulk(20_000)

    const taken = countTaken(() => light(1024))

    assert.strictEqual(taken, reserveBytes / 1024)
  })

  it("overtakes nothing", async () => {
    const { bulk, light, socket } = make()
    for (const size of [1, 3, 5]) {
      bulk(size)
      light(size + 1)
    }

    await turn()

    assert.deepStrictEqual(socket.batches.flat().map(({ length }) => length), [1, 2, 3, 4, 5, 6])
  })
})
