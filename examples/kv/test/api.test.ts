import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Failed, StorageError } from "effect-raft/Storage"
import { ask, events, hangUp, raw, request, until } from "./Client.ts"
import * as Cluster from "./Cluster.ts"

const mebibyte = 1024 * 1024

const start = Cluster.startOne()

const field = (body: unknown, name: string): unknown =>
  typeof body === "object" && body !== null ? Object.getOwnPropertyDescriptor(body, name)?.value : undefined

const indexOf = (body: unknown): number => Number(field(body, "index"))

const tag = (answer: readonly [number, unknown]) => [answer[0], field(answer[1], "_tag")]

describe("PUT, GET and DELETE of a key", () => {
  it.live("PUT answers where it stands in the log and what was there before", () =>
    Effect.gen(function*() {
      const { http } = yield* start
      const [status, first] = yield* ask(http, "PUT", "/kv/a", "1")
      const second = yield* ask(http, "PUT", "/kv/a", "2")

      assert.strictEqual(status, 200)
      assert.deepStrictEqual(first, { index: indexOf(first), previous: null })
      assert.deepStrictEqual(second, [200, { index: indexOf(first) + 1, previous: "1" }])
    }))

  it.live("GET answers the value with the index of the write, fresh or stale", () =>
    Effect.gen(function*() {
      const { http } = yield* start
      const [, put] = yield* ask(http, "PUT", "/kv/a", "1")
      yield* ask(http, "PUT", "/kv/b", "2")
      const expected: readonly [number, unknown] = [200, { value: "1", index: indexOf(put) }]

      assert.deepStrictEqual(yield* ask(http, "GET", "/kv/a"), expected)
      assert.deepStrictEqual(yield* ask(http, "GET", "/kv/a?consistency=linearizable"), expected)
      assert.deepStrictEqual(yield* ask(http, "GET", "/kv/a?consistency=stale&other=1"), expected)
      assert.deepStrictEqual(yield* ask(http, "GET", "/kv/a?consistency=lease"), expected)
      assert.deepStrictEqual(yield* ask(http, "GET", "/kv/c"), [404, { _tag: "KeyNotFound" }])
      assert.deepStrictEqual(yield* ask(http, "GET", "/kv/c?consistency=stale"), [404, { _tag: "KeyNotFound" }])
    }))

  it.live("DELETE says whether there was something, and then there is nothing", () =>
    Effect.gen(function*() {
      const { http } = yield* start
      const [, put] = yield* ask(http, "PUT", "/kv/a", "")

      const first = yield* ask(http, "DELETE", "/kv/a")
      const second = yield* ask(http, "DELETE", "/kv/a")

      assert.deepStrictEqual(first, [200, { index: indexOf(put) + 1, existed: true }])
      assert.deepStrictEqual(second, [200, { index: indexOf(put) + 2, existed: false }])
      assert.deepStrictEqual(yield* ask(http, "GET", "/kv/a"), [404, { _tag: "KeyNotFound" }])
    }))

  it.live("any text is a value: empty, with a byte order mark, with characters beyond the first plane", () =>
    Effect.gen(function*() {
      const { http } = yield* start
      for (const value of ["", "\u{feff}x", "žluťoučký 🐎\n\0\"\\", "null"]) {
        yield* ask(http, "PUT", "/kv/a", value)
        assert.strictEqual(field((yield* ask(http, "GET", "/kv/a"))[1], "value"), value)
      }
    }))

  it.live("any text is a key: slashes, dots, names that objects have", () =>
    Effect.gen(function*() {
      const { http } = yield* start
      const keys = [
        "a/b",
        ".",
        "..",
        "../status",
        "cas",
        "a?b#c",
        "__proto__",
        "constructor",
        "%41",
        "a+b c",
        "ключ 🔑"
      ]
      for (const key of keys) {
        const path = `/kv/${encodeURIComponent(key).replaceAll(".", "%2E")}`
        assert.deepStrictEqual((yield* ask(http, "PUT", path, key))[0], 200)
        assert.strictEqual(field((yield* ask(http, "GET", path))[1], "value"), key)
      }
      const [, body] = yield* ask(http, "GET", "/kv")
      assert.deepStrictEqual(Object.keys(Object(field(body, "entries"))), keys.toSorted())
    }))
})

describe("POST of a compare-and-swap", () => {
  const cas = (http: string, expect: string | null, value: string) =>
    ask(http, "POST", "/kv/a/cas", JSON.stringify({ expect, value }))

  it.live("writes if the value is what was expected, and says what it found if not", () =>
    Effect.gen(function*() {
      const { http } = yield* start
      assert.deepStrictEqual(yield* cas(http, "x", "1"), [409, { _tag: "CasMismatch", actual: null }])
      const [status, body] = yield* cas(http, null, "1")
      assert.deepStrictEqual([status, body], [200, { index: indexOf(body) }])
      assert.deepStrictEqual(yield* cas(http, null, "2"), [409, { _tag: "CasMismatch", actual: "1" }])
      assert.deepStrictEqual(yield* cas(http, "1", "2"), [200, { index: indexOf(body) + 2 }])
      assert.deepStrictEqual(yield* ask(http, "GET", "/kv/a"), [200, { value: "2", index: indexOf(body) + 2 }])
    }))

  it.live("refuses a body that is not what it should be", () =>
    Effect.gen(function*() {
      const { http } = yield* start
      const bodies = ["", "{", "[]", "null", "1", `{"value":"1"}`, `{"expect":null}`, `{"expect":1,"value":"1"}`]
      const worse = [
        `{"expect":null,"value":"\\ud800"}`,
        "[".repeat(100_000),
        `{"__proto__":{"expect":null,"value":"1"}}`
      ]
      for (const body of [...bodies, ...worse]) {
        assert.deepStrictEqual(tag(yield* ask(http, "POST", "/kv/a/cas", body)), [400, "BadRequest"], body.slice(0, 50))
      }
    }))

  it.live("takes values of the full size, however they have to be escaped, and no larger ones", () =>
    Effect.gen(function*() {
      const { http } = yield* start
      const full = "\u{1}".repeat(mebibyte)
      assert.strictEqual((yield* cas(http, null, full))[0], 200)
      assert.strictEqual((yield* cas(http, full, "\u{2}".repeat(mebibyte)))[0], 200)
      assert.deepStrictEqual(tag(yield* cas(http, null, "x".repeat(mebibyte + 1))), [413, "TooLarge"])
      assert.deepStrictEqual(tag(yield* cas(http, "x".repeat(mebibyte + 1), "")), [413, "TooLarge"])
      assert.deepStrictEqual(tag(yield* cas(http, null, "x".repeat(13 * mebibyte))), [413, "TooLarge"])
    }))
})

describe("GET of many keys", () => {
  it.live("prints those with the prefix, in order, also where an object would have another one", () =>
    Effect.gen(function*() {
      const { http } = yield* start
      for (const key of ["b", "10", "9", "__proto__", "1", "Z", "é"]) {
        yield* ask(http, "PUT", `/kv/${encodeURIComponent(key)}`, `of ${key}`)
      }
      const { headers, text } = yield* request(http, "GET", "/kv")
      const { index }: { readonly index: number } = JSON.parse(text)

      const entries = ["1", "10", "9", "Z", "__proto__", "b", "é"].map((key) => `"${key}":"of ${key}"`)
      assert.strictEqual(text, `{"entries":{${entries.join()}},"index":${index}}`)
      assert.strictEqual(headers["content-type"], "application/json")
      assert.strictEqual(
        (yield* request(http, "GET", "/kv?prefix=1&consistency=stale")).text,
        `{"entries":{"1":"of 1","10":"of 10"},"index":${index}}`
      )
      assert.deepStrictEqual(yield* ask(http, "GET", "/kv?prefix=nothing"), [200, { entries: {}, index }])
    }))

  it.live("prints more than fits into one piece", () =>
    Effect.gen(function*() {
      const { http } = yield* start
      const keys = Array.from({ length: 700 }, (_, place) => `k${place}`)
      yield* Effect.forEach(keys, (key) => ask(http, "PUT", `/kv/${key}`, key), { concurrency: 16 })

      const [status, body] = yield* ask(http, "GET", "/kv?prefix=k")

      assert.strictEqual(status, 200)
      assert.deepStrictEqual(Object.keys(Object(field(body, "entries"))), keys.toSorted())
    }))

  it.live("takes a prefix apart as forms do", () =>
    Effect.gen(function*() {
      const { http } = yield* start
      yield* ask(http, "PUT", "/kv/a%20b%26c", "1")
      for (const prefix of ["a+b", "a%20b%26", ""]) {
        const [, body] = yield* ask(http, "GET", `/kv?x&prefix=${prefix}`)
        assert.deepStrictEqual(field(body, "entries"), { "a b&c": "1" })
      }
    }))
})

describe("status, health and the page", () => {
  it.live("the status has these fields and no others", () =>
    Effect.gen(function*() {
      const { http } = yield* start
      yield* ask(http, "PUT", "/kv/a", "1")
      const { headers, text } = yield* request(http, "GET", "/status")
      const status: Readonly<Record<string, number>> = JSON.parse(text)

      const { applied, commit, last, term } = status
      const members = [{ id: "n1", address: "n1", role: "voter" }]
      assert.deepStrictEqual(Object(status), {
        id: "n1",
        role: "leader",
        term,
        leader: "n1",
        commit,
        applied,
        last,
        members
      })
      assert.deepStrictEqual([commit, applied], [last, last])
      assert.strictEqual(headers["access-control-allow-origin"], "*")
    }))

  it.live("the node explains what stands in the way of an entry", () =>
    Effect.gen(function*() {
      const { http } = yield* start
      yield* ask(http, "PUT", "/kv/a", "1")
      const [status, explained] = yield* ask(http, "GET", "/admin/explain?index=9")
      assert.strictEqual(status, 200)
      assert.include(JSON.stringify(explained), "there is no entry 9: the log ends at 3")
      assert.strictEqual((yield* ask(http, "GET", "/admin/explain?index=x"))[0], 400)
      assert.strictEqual((yield* ask(http, "POST", "/admin/explain"))[0], 405)
    }))

  it.live("the page and the events are there", () =>
    Effect.gen(function*() {
      const { http } = yield* start
      const page = yield* request(http, "GET", "/")
      assert.match(page.headers["content-type"] ?? "", /^text\/html/)
      assert.notMatch(page.text, /(src|href)="(?!data:)/)

      const { text, type } = yield* events(
        http,
        (text) => text.includes("event: nodes") && text.includes("event: status")
      )
      assert.strictEqual(type, "text/event-stream")
      assert.include(text, `data: [{"id":"n1","http":"${http}"}]\n\n`)
      assert.include(text, `data: {"id":"n1","role":"leader"`)
    }))
})

describe("what is malformed", () => {
  it.live("has an answer with a tag, never a 500", () =>
    Effect.gen(function*() {
      const { http } = yield* start
      const long = "é".repeat(513)
      const cases: ReadonlyArray<readonly [string, string, number, string]> = [
        ["GET", "/kv/%", 400, "BadRequest"],
        ["PUT", "/kv/%ff", 400, "BadRequest"],
        ["GET", "/kv/%ED%A0%80", 400, "BadRequest"],
        ["PUT", "/kv/", 400, "BadRequest"],
        ["POST", "/kv//cas", 400, "BadRequest"],
        ["GET", "/kv/a?consistency=eventual", 400, "BadRequest"],
        ["GET", "/kv?consistency=", 400, "BadRequest"],
        ["GET", "/kv/a?max-age=5", 400, "BadRequest"],
        ["GET", "/kv/a?consistency=lease&max-age=5", 400, "BadRequest"],
        ["GET", "/kv/a?consistency=stale&max-age=soon", 400, "BadRequest"],
        ["GET", "/kv?prefix=%zz", 400, "BadRequest"],
        ["PUT", `/kv/${encodeURIComponent(long)}`, 413, "TooLarge"],
        ["GET", `/kv/${"k".repeat(60_000)}`, 413, "TooLarge"],
        ["GET", `/kv/${"k".repeat(100_000)}`, 413, "TooLarge"],
        ["GET", `/kv?prefix=${"k".repeat(1025)}`, 413, "TooLarge"],
        ["GET", "/kv/a/b", 404, "NotFound"],
        ["GET", "/kv/a/", 404, "NotFound"],
        ["GET", "/kvs", 404, "NotFound"],
        ["GET", "/status/", 404, "NotFound"],
        ["GET", "*", 404, "NotFound"],
        ["OPTIONS", "/kv/a", 405, "MethodNotAllowed"],
        ["POST", "/kv/a", 405, "MethodNotAllowed"],
        ["GET", "/kv/a/cas", 405, "MethodNotAllowed"],
        ["PUT", "/kv", 405, "MethodNotAllowed"],
        ["DELETE", "/status", 405, "MethodNotAllowed"]
      ]
      for (const [method, path, status, name] of cases) {
        assert.deepStrictEqual(tag(yield* ask(http, method, path)), [status, name], `${method} ${path.slice(0, 80)}`)
      }
      assert.strictEqual((yield* request(http, "HEAD", "/kv/a")).status, 405)
      assert.strictEqual((yield* request(http, "GET", "http://other/kv/a")).status, 404)
    }))

  it.live("a key may have 1024 bytes, a value a mebibyte, and not one more", () =>
    Effect.gen(function*() {
      const { http } = yield* start
      const path = `/kv/${encodeURIComponent("é".repeat(512))}`
      const full = "\0".repeat(mebibyte)
      assert.strictEqual((yield* ask(http, "PUT", path, full))[0], 200)
      assert.strictEqual(field((yield* ask(http, "GET", path))[1], "value"), full)
      assert.deepStrictEqual(tag(yield* ask(http, "PUT", path, `${full}x`)), [413, "TooLarge"])
    }))

  it.live("a body that grows too large unannounced is refused, and the connection goes on", () =>
    Effect.gen(function*() {
      const { http } = yield* start
      const chunk = `100000\r\n${"x".repeat(mebibyte)}\r\n`
      const head = "PUT /kv/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      const next = "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

      const text = yield* raw(http, `${head}${chunk}${chunk}${chunk}0\r\n\r\n${next}`)

      assert.match(text, /^HTTP\/1\.1 413 /)
      assert.match(text, /HTTP\/1\.1 200 OK/)
    }))

  it.live("a body that is not UTF-8 is refused", () =>
    Effect.gen(function*() {
      const { http } = yield* start
      for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80]]) {
        assert.deepStrictEqual(tag(yield* ask(http, "PUT", "/kv/a", Uint8Array.from(bytes))), [400, "BadRequest"])
      }
    }))

  it.live("a client that asks before it sends too much is told not to", () =>
    Effect.gen(function*() {
      const { http } = yield* start
      const head = (size: number) =>
        `PUT /kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\nExpect: 100-continue\r\n`
      const refused = yield* raw(http, `${head(2 * mebibyte)}\r\n`)
      const accepted = yield* raw(http, `${head(1)}Connection: close\r\n\r\nx`)

      assert.match(refused, /^HTTP\/1\.1 413 /)
      assert.match(accepted, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /)
    }))

  it.live("what is no HTTP is answered and hung up on, and others do not notice", () =>
    Effect.gen(function*() {
      const { http } = yield* start
      const text = yield* raw(http, "hello\r\n\r\n")
      assert.match(text, /^HTTP\/1\.1 400 .*"_tag":"BadRequest"/s)
      assert.match(yield* raw(http, "GET /kv/ключ HTTP/1.1\r\n\r\n"), /^HTTP\/1\.1 400 .*"_tag":"BadRequest"/s)
      assert.match(yield* raw(http, "PUT /kv/a HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), /^HTTP\/1\.1 400 /)
      assert.strictEqual((yield* request(http, "GET", "/health")).status, 200)
    }))
})

describe("clients that hang up in the middle", () => {
  it.live("are not missed, and others do not notice", () =>
    Effect.gen(function*() {
      const { http } = yield* start
      const value = "x".repeat(mebibyte)
      for (const key of ["a", "b", "c", "d"]) yield* ask(http, "PUT", `/kv/${key}`, value)
      const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
      for (let round = 0; round < 3; round++) {
        yield* hangUp(http, "PUT /kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc", "at once")
        yield* hangUp(http, get("/kv"), "at once")
        yield* hangUp(http, get("/kv"), "on an answer")
        yield* hangUp(http, get("/events"), "on an answer")
        yield* hangUp(http, get("/events").repeat(3), "at once")
      }
      const [status, body] = yield* ask(http, "GET", "/kv")
      assert.deepStrictEqual([status, field(body, "entries")], [200, { a: value, b: value, c: value, d: value }])
    }))
})

describe("a node whose disk fails", () => {
  it.live("says Fatal, is not healthy, and says why it has stopped", () =>
    Effect.gen(function*() {
      let isBroken = false
      const cause = new Error("no space left")
      const failure = new StorageError({ reason: new Failed({ operation: "write", path: "disk", cause }) })
      const { http, stopped } = yield* Cluster.startOne({
        storage: (storage) => ({
          ...storage,
          write: (writes) => isBroken ? Effect.fail(failure) : storage.write(writes)
        })
      })
      yield* ask(http, "PUT", "/kv/a", "1")
      isBroken = true

      assert.deepStrictEqual(yield* ask(http, "PUT", "/kv/a", "2"), [500, { _tag: "Fatal" }])
      assert.strictEqual((yield* stopped).reason, "Storage")
      assert.deepStrictEqual(yield* ask(http, "GET", "/kv/a?consistency=stale"), [500, { _tag: "Fatal" }])
      assert.strictEqual((yield* request(http, "GET", "/health")).status, 503)
      yield* until(ask(http, "GET", "/status"), ([status]) => status === 200)
    }))
})
