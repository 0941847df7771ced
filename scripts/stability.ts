/**
 * What Effect promises of its own parts. Every module and every export carries `@stability stable | unstable |
 * experimental` in its sources, which the npm package brings along; the core builds on what is stable alone, so that a
 * minor release of Effect cannot break it.
 */
import { type ESTree, Visitor } from "vite"
import type { Fault } from "./sources.ts"
import type { Import, Module } from "./syntax.ts"

/** Where a file leans on a part of Effect that is not stable. */
export type Stability = (module: Module) => ReadonlyArray<Fault>

/** Reads a file of Effect's sources, such as `Schema.ts` or `encoding/Base64.ts`. */
export type ReadEffect = (path: string) => string | undefined

/** A module of Effect, or one export of it. */
interface Place {
  readonly module: string
  readonly member: string | undefined
}

/** What is promised of a module, and its exports that are promised less. */
interface Promised {
  readonly level: string
  readonly unstable: ReadonlySet<string>
}

export const stabilityOf = (read: ReadEffect): Stability => {
  const cache = new Map<string, Promised | undefined>()
  const promisedOf = (name: string): Promised | undefined => {
    if (!cache.has(name)) cache.set(name, readPromised(read(`${name}.ts`)))
    return cache.get(name)
  }

  const importFault = (specifier: string, name: string, place: Place | undefined): string | undefined => {
    if (place === undefined) return `imports all of ${specifier}; name the modules`
    const promised = promisedOf(place.module)
    if (promised === undefined) return `imports ${place.module}, which effect does not have`
    const stable = promised.level === "stable" && !promised.unstable.has(place.member ?? "")
    const what = name === "*" ? specifier : `${name} of ${specifier}`
    return stable ? undefined : `imports ${what}, and effect does not call it stable`
  }

  return (module) => {
    const faults: Array<Fault> = []
    const bindings = new Map<string, string>()
    for (const { line, names, specifier } of module.imports.filter(isEffect)) {
      for (const [name, local] of names) {
        const place = locate(read, specifier, name)
        const sentence = importFault(specifier, name, place)
        if (sentence !== undefined) faults.push({ file: module.file, line, sentence })
        if (place !== undefined && place.member === undefined) bindings.set(local, place.module)
      }
    }
    for (const { line, member, object } of members(module)) {
      const origin = bindings.get(object)
      if (origin === undefined || promisedOf(origin)?.unstable.has(member) !== true) continue
      faults.push({ file: module.file, line, sentence: `uses ${object}.${member}, and effect does not call it stable` })
    }
    return faults
  }
}

const isEffect = ({ specifier }: Import): boolean => specifier === "effect" || specifier.startsWith("effect/")

/** Which file of Effect an import reaches: a module by its path, or one by its name out of a barrel. */
const locate = (read: ReadEffect, specifier: string, name: string): Place | undefined => {
  const path = specifier.slice("effect/".length)
  if (path !== "" && read(`${path}.ts`) !== undefined) return { module: path, member: name === "*" ? undefined : name }
  if (name === "*") return undefined
  // The root barrel re-exports `pipe` and a few others by themselves, all of them from `Function`.
  if (path === "" && read(`${name}.ts`) === undefined) return { module: "Function", member: name }
  return { module: path === "" ? name : `${path}/${name}`, member: undefined }
}

/** Every `Object.member` of a file, in values and in types. */
const members = ({ lineAt, program }: Module) => {
  const found: Array<{ readonly object: string; readonly member: string; readonly line: number }> = []
  new Visitor({
    MemberExpression: ({ computed, object, property, start }: ESTree.MemberExpression) => {
      if (computed || object.type !== "Identifier") return
      found.push({ object: object.name, member: property.name, line: lineAt(start) })
    },
    TSQualifiedName: ({ left, right, start }) => {
      if (left.type === "Identifier") found.push({ object: left.name, member: right.name, line: lineAt(start) })
    }
  }).visit(program)
  return found
}

const readPromised = (text: string | undefined): Promised | undefined => {
  if (text === undefined) return undefined
  const unstable = new Set<string>()
  const stable = new Set<string>()
  for (const [, comment = "", name = ""] of text.matchAll(documentedExport)) {
    const level = levelIn(comment)
    if (level !== undefined) (level === "stable" ? stable : unstable).add(name)
  }
  // A name may stand for a type and for a value; it is what the better of the two is.
  return { level: levelIn(text) ?? "unknown", unstable: new Set([...unstable].filter((name) => !stable.has(name))) }
}

const documentedExport =
  /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*export (?:declare |abstract )*(?:const|function|class|interface|type|namespace) (\w+)/g

const levelIn = (text: string): string | undefined => /@stability (\w+)/.exec(text)?.[1]
