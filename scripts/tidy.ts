/**
 * What taste can be counted: the size of files and functions, names, time and chance taken behind Effect's back, doubts
 * hidden in a cast, citations that lead nowhere.
 *
 * A rule is a row in `rules`: which files it is about, and the faults it finds in one of them.
 */
import { basename, join } from "node:path/posix"
import { type ESTree, Visitor, type VisitorObject } from "vite"
import { engine } from "./layers.ts"
import { sections } from "./sections.ts"
import { type Fault, readSources, report, type Sources } from "./sources.ts"
import { type Module, parseAll } from "./syntax.ts"

const maxFileLines = 400
const maxFunctionLines = 70
const maxReadmeLines = 150

/** Names that say where a thing was put, not what it is. */
const emptyNames = ["utils", "util", "common", "helpers", "helper", "types", "misc"]

/** Files of the engine that may stop it: what they throw is a broken invariant, never an outcome. */
const mayThrow = ["Next", "Invariants", "Engine"]

type Line = readonly [line: number, sentence: string]

interface Rule {
  readonly about: RegExp
  readonly find: (module: Module) => ReadonlyArray<Line>
}

const engineFiles = /^packages\/raft\/src\/engine\//
const packageSources = /^packages\/[^/]+\/src\//
const ours = /^(packages\/[^/]+\/src|examples\/[^/]+\/src|scripts)\/.*(?<!\.test)\.ts$/
const tests = /\.test\.ts$/
const everything = /\.ts$/

/** Every fault among `sources`, which may be the whole project or a few files of a test. */
export const tidy = (sources: Sources): ReadonlyArray<Fault> => {
  const modules = parseAll(sources)
  const counted = [...modules.values()].flatMap((module) =>
    rules
      .filter(({ about }) => about.test(module.file))
      .flatMap(({ find }) => find(module))
      .map(([line, sentence]) => ({ file: module.file, line, sentence }))
  )
  return [...counted, ...unnamedRules(sources), ...longReadmes(sources)]
}

const fileLength = ({ text }: Module): ReadonlyArray<Line> => {
  const lines = countLines(text)
  return lines > maxFileLines ? [[1, `${lines} lines, and a file has at most ${maxFileLines}`]] : []
}

const functionLengths = (module: Module): ReadonlyArray<Line> => {
  const found: Array<Line> = []
  const measure = ({ end, start }: ESTree.Span) => {
    const first = module.lineAt(start)
    const lines = module.lineAt(end) - first + 1
    if (lines > maxFunctionLines) {
      found.push([first, `a function of ${lines} lines, and a function has at most ${maxFunctionLines}`])
    }
  }
  visit(module, { FunctionDeclaration: measure, FunctionExpression: measure, ArrowFunctionExpression: measure })
  return found
}

const emptyName = ({ file }: Module): ReadonlyArray<Line> =>
  file
    .split("/")
    .map((part) => part.replace(/\..*$/, ""))
    .filter((part) => emptyNames.includes(part.toLowerCase()))
    .map((part) => [1, `a file named ${part} says nothing of what is in it`])

/** Casts and comments that tell the type checker to look away. */
const hiddenDoubts = (module: Module): ReadonlyArray<Line> => {
  const found: Array<Line> = []
  const cast = ({ expression, start, typeAnnotation }: ESTree.TSAsExpression | ESTree.TSTypeAssertion) => {
    const line = module.lineAt(start)
    if (typeAnnotation.type === "TSAnyKeyword") found.push([line, "a cast to any hides a doubt"])
    if (expression.type === "TSAsExpression" && expression.typeAnnotation.type === "TSUnknownKeyword") {
      found.push([line, "a cast by way of unknown hides a doubt"])
    }
  }
  visit(module, { TSAsExpression: cast, TSTypeAssertion: cast })
  for (const { line, text } of module.comments) {
    const directive = /@ts-(?:ignore|expect-error|nocheck)/.exec(text)?.[0]
    if (directive !== undefined) found.push([line, `${directive} hides a doubt`])
  }
  return found
}

const openWork = ({ comments }: Module): ReadonlyArray<Line> =>
  comments.flatMap(({ line, text }) => {
    const word = /\b(?:TODO|FIXME|XXX)\b/.exec(text)?.[0]
    return word === undefined ? [] : [[line, `${word}: do it, or write it where work is planned`] as const]
  })

/** A test left alone or left out would go unnoticed until the day it is needed. */
const switchedOff = (module: Module): ReadonlyArray<Line> => {
  const found: Array<Line> = []
  visit(module, {
    MemberExpression: ({ computed, object, property, start }: ESTree.MemberExpression) => {
      if (computed || !["only", "skip", "todo"].includes(property.name)) return
      const runner = module.text.slice(object.start, object.end)
      if (/^(?:it|test|describe|layer)\b/.test(runner)) {
        found.push([module.lineAt(start), `${runner}.${property.name} leaves tests out`])
      }
    }
  })
  return found
}

/** Time and chance come from Effect's `Clock` and `Random`, so that a simulation can own them. */
const wildTime = (module: Module): ReadonlyArray<Line> => {
  const wild = ["Date.now", "performance.now", "Math.random"]
  const timers = ["setTimeout", "setInterval", "setImmediate"]
  const because = "time and chance are services"
  const found: Array<Line> = []
  visit(module, {
    MemberExpression: ({ computed, object, property, start }: ESTree.MemberExpression) => {
      if (computed || object.type !== "Identifier") return
      const name = `${object.name}.${property.name}`
      const timer = object.name === "globalThis" && timers.includes(property.name)
      if (wild.includes(name) || timer) found.push([module.lineAt(start), `uses ${name}: ${because}`])
    },
    CallExpression: ({ callee, start }) => {
      if (callee.type !== "Identifier" || !timers.includes(callee.name)) return
      found.push([module.lineAt(start), `uses ${callee.name}: ${because}`])
    },
    NewExpression: ({ arguments: args, callee, start }) => {
      if (callee.type !== "Identifier" || callee.name !== "Date" || args.length > 0) return
      found.push([module.lineAt(start), `uses new Date(): ${because}`])
    }
  })
  return found
}

/** The engine is a pure function of its arguments, and reads like one. */
const impure = (module: Module): ReadonlyArray<Line> => {
  const found: Array<Line> = []
  const fault = (what: string) => ({ start }: ESTree.Span) => {
    found.push([module.lineAt(start), `${what} in the engine, which is a pure function`])
  }
  const global = (node: ESTree.Expression | ESTree.Super) => {
    if (node.type === "Identifier" && ["Date", "console"].includes(node.name)) fault(node.name)(node)
  }
  const asynchronous = (node: ESTree.Function | ESTree.ArrowFunctionExpression) => {
    if (node.async) fault("async")(node)
  }
  visit(module, {
    MemberExpression: ({ object }: ESTree.MemberExpression) => global(object),
    NewExpression: ({ callee }) => global(callee),
    CallExpression: ({ callee }) => global(callee),
    FunctionDeclaration: asynchronous,
    FunctionExpression: asynchronous,
    ArrowFunctionExpression: asynchronous,
    ClassDeclaration: fault("a class"),
    ClassExpression: fault("a class"),
    TSAnyKeyword: fault("any"),
    ...(mayThrow.includes(nameOf(module.file)) ? {} : { ThrowStatement: fault("throw") })
  })
  return found
}

const citations = ({ lineAt, text }: Module): ReadonlyArray<Line> =>
  [...text.matchAll(/§\s?([A-Z]?\d+(?:\.\d+)*)/g)]
    .filter(([, section = ""]) => !Object.hasOwn(sections, section))
    .map(({ 1: section, index }) => [lineAt(index), `§${section} is no section of the dissertation`])

const rules: ReadonlyArray<Rule> = [
  { about: ours, find: fileLength },
  { about: ours, find: functionLengths },
  { about: everything, find: emptyName },
  { about: everything, find: hiddenDoubts },
  { about: everything, find: openWork },
  { about: tests, find: switchedOff },
  { about: packageSources, find: wildTime },
  { about: engineFiles, find: impure },
  { about: /^packages\//, find: citations }
]

/** `Step` is the protocol on one page: a file of rules that it does not name is a rule that never runs. */
const unnamedRules = (sources: Sources): ReadonlyArray<Fault> => {
  const step = sources.get("packages/raft/src/engine/Step.ts")
  if (step === undefined) return []
  return engine.rules
    .map((rule) => [rule, `packages/raft/src/engine/${rule}.ts`] as const)
    .filter(([rule, file]) => sources.has(file) && !new RegExp(`\\b${rule}\\b`).test(step))
    .map(([rule, file]) => ({ file, line: 1, sentence: `Step.ts does not name ${rule}` }))
}

const longReadmes = (sources: Sources): ReadonlyArray<Fault> =>
  [...sources]
    .filter(([file, text]) => basename(file) === "README.md" && countLines(text) > maxReadmeLines)
    .map(([file, text]) => ({
      file,
      line: maxReadmeLines + 1,
      sentence: `${countLines(text)} lines, and a README has at most ${maxReadmeLines}`
    }))

const visit = ({ program }: Module, visitor: VisitorObject): void => new Visitor(visitor).visit(program)

const nameOf = (file: string): string => basename(file, ".ts")

const countLines = (text: string): number => text.split("\n").length - (text.endsWith("\n") ? 1 : 0)

if (import.meta.main) report("tidy", tidy(readSources(join(import.meta.dirname, ".."))))
