/**
 * What a request asks for, by its method and its path.
 *
 * The path is taken apart as it was sent. `URL` would resolve `.` and `..`, also where they are percent-encoded, and
 * those are keys like any other. A key is one segment; its slashes are sent as `%2F`.
 */
import { Result } from "effect"
import { Buffer } from "node:buffer"
import * as Answer from "./Answer.ts"

/** In bytes of UTF-8. */
export const maxKeyBytes = 1024

export type Route =
  | { readonly _tag: "Get"; readonly key: string; readonly freshness: Freshness }
  | { readonly _tag: "Put"; readonly key: string }
  | { readonly _tag: "Delete"; readonly key: string }
  | { readonly _tag: "Cas"; readonly key: string }
  | { readonly _tag: "List"; readonly prefix: string; readonly freshness: Freshness }
  | { readonly _tag: "Status" }
  | { readonly _tag: "Health" }
  | { readonly _tag: "Events" }
  | { readonly _tag: "Page" }
  | { readonly _tag: "Explain"; readonly index: number | undefined }
  | Admin

/** What operators ask for. With `expected`, only if the membership in force is still that of this entry of the log. */
export type Admin =
  | { readonly _tag: "AddMember"; readonly expected: number | undefined }
  | { readonly _tag: "Promote" | "Remove"; readonly id: string; readonly expected: number | undefined }
  | { readonly _tag: "Transfer" | "AbortTransfer" | "Snapshot" }

/** How fresh a read must be. Without a word about it the leader answers, and nobody else. */
export interface Freshness {
  readonly consistency: "linearizable" | "lease" | "stale" | undefined
  /** For a stale read, in milliseconds. */
  readonly maxAge: number | undefined
}

type Parsed = Result.Result<Route, Answer.Answer>

const refuse = (detail: string) => Result.fail(Answer.badRequest(detail))

/** The route of a request line; what has none gets an answer. */
export const parse = (method: string, target: string): Parsed => {
  // A client that takes this for a proxy sends the whole URL.
  const local = target.startsWith("/") ? target : target.replace(/^https?:\/\/[^/?]*/i, "")
  const mark = local.indexOf("?")
  const path = mark < 0 ? local : local.slice(0, mark)
  const query = mark < 0 ? "" : local.slice(mark + 1)
  const page = pages.get(path)
  if (page !== undefined) return method === "GET" ? Result.succeed(page) : Result.fail(Answer.methodNotAllowed(["GET"]))
  if (path.startsWith("/admin/")) return admin(method, path, query)
  if (path === "/kv") return method === "GET" ? list(query) : Result.fail(Answer.methodNotAllowed(["GET"]))
  const [found, segment = "", cas] = /^\/kv\/([^/]*)(\/cas)?$/.exec(path) ?? []
  if (found === undefined) return Result.fail(Answer.notFound)
  return Result.flatMap(keyOf(segment), (key) => cas === undefined ? ofKey(method, key, query) : ofCas(method, key))
}

const pages: ReadonlyMap<string, Route> = new Map([
  ["/", { _tag: "Page" }],
  ["/status", { _tag: "Status" }],
  ["/health", { _tag: "Health" }],
  ["/events", { _tag: "Events" }]
])

const ofKey = (method: string, key: string, query: string): Parsed => {
  switch (method) {
    case "GET":
      return Result.map(freshnessOf(query), (freshness) => ({ _tag: "Get", key, freshness }))
    case "PUT":
      return Result.succeed({ _tag: "Put", key })
    case "DELETE":
      return Result.succeed({ _tag: "Delete", key })
    default:
      return Result.fail(Answer.methodNotAllowed(["GET", "PUT", "DELETE"]))
  }
}

const ofCas = (method: string, key: string): Parsed =>
  method === "POST" ? Result.succeed({ _tag: "Cas", key }) : Result.fail(Answer.methodNotAllowed(["POST"]))

const list = (query: string): Parsed =>
  Result.flatMap(
    freshnessOf(query),
    (freshness) =>
      Result.flatMap(parameter(query, "prefix"), (prefix = "") =>
        Buffer.byteLength(prefix) > maxKeyBytes
          ? Result.fail(Answer.tooLarge("the prefix", maxKeyBytes))
          : Result.succeed({ _tag: "List", prefix, freshness }))
  )

const only = (allowed: string, method: string, route: Parsed): Parsed =>
  method === allowed ? route : Result.fail(Answer.methodNotAllowed([allowed]))

const admin = (method: string, path: string, query: string): Parsed => {
  if (path === "/admin/explain") {
    return only("GET", method, Result.map(indexOf(query, "index"), (index) => ({ _tag: "Explain", index })))
  }
  const expected = indexOf(query, "expected")
  if (path === "/admin/members") {
    return only("POST", method, Result.map(expected, (expected) => ({ _tag: "AddMember", expected })))
  }
  if (path === "/admin/transfer") {
    if (method === "DELETE") return Result.succeed({ _tag: "AbortTransfer" })
    return method === "POST"
      ? Result.succeed({ _tag: "Transfer" })
      : Result.fail(Answer.methodNotAllowed(["POST", "DELETE"]))
  }
  if (path === "/admin/snapshot") return only("POST", method, Result.succeed({ _tag: "Snapshot" }))
  const [found, segment = "", promote] = /^\/admin\/members\/([^/]+)(\/promote)?$/.exec(path) ?? []
  const id = decode(segment)
  if (found === undefined) return Result.fail(Answer.notFound)
  if (id === undefined) return refuse("the id is not percent-encoded UTF-8")
  const _tag = promote === undefined ? "Remove" : "Promote"
  const route = Result.map(expected, (expected) => ({ _tag, id, expected }) as const)
  return only(_tag === "Remove" ? "DELETE" : "POST", method, route)
}

const indexOf = (query: string, name: string): Result.Result<number | undefined, Answer.Answer> =>
  Result.flatMap(parameter(query, name), (text) => {
    if (text === undefined) return Result.succeed(undefined)
    return /^\d{1,15}$/.test(text) ? Result.succeed(Number(text)) : refuse(`${name} is an index of the log`)
  })

const keyOf = (segment: string): Result.Result<string, Answer.Answer> => {
  const key = decode(segment)
  if (key === undefined) return refuse("the key is not percent-encoded UTF-8")
  if (key === "") return refuse("the key is empty")
  return Buffer.byteLength(key) > maxKeyBytes
    ? Result.fail(Answer.tooLarge("the key", maxKeyBytes))
    : Result.succeed(key)
}

const freshnessOf = (query: string): Result.Result<Freshness, Answer.Answer> =>
  Result.gen(function*() {
    const consistency = yield* parameter(query, "consistency")
    const maxAge = yield* indexOf(query, "max-age")
    if (maxAge !== undefined && consistency !== "stale") return yield* refuse("max-age goes with consistency=stale")
    return consistency === undefined || consistency === "linearizable" || consistency === "lease" ||
        consistency === "stale"
      ? { consistency, maxAge }
      : yield* refuse("consistency is linearizable, lease or stale")
  })

/** The first parameter of that name. Parameters that nobody asks for are not looked at. */
const parameter = (query: string, name: string): Result.Result<string | undefined, Answer.Answer> => {
  if (query === "") return Result.succeed(undefined)
  const found = query.split("&").find((part) => part === name || part.startsWith(`${name}=`))
  if (found === undefined) return Result.succeed(undefined)
  const value = decode(found.slice(name.length + 1).replaceAll("+", " "))
  return value === undefined ? refuse(`${name} is not percent-encoded UTF-8`) : Result.succeed(value)
}

const decode = (encoded: string): string | undefined => {
  if (!encoded.includes("%")) return encoded
  try {
    return decodeURIComponent(encoded)
  } catch {
    return undefined
  }
}
