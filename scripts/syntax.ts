/**
 * TypeScript as the checks see it: what a file imports, and its tree. TypeScript 7 has no JavaScript API; the parser is
 * oxc, which Vite brings with it.
 */
import { type ESTree, parseSync, Visitor } from "vite"
import type { Sources } from "./sources.ts"

/** One `from "…"` or `import("…")`, types included: an arrow between two files is an arrow, even where it is erased. */
export interface Import {
  readonly specifier: string
  readonly line: number
  /** The imported names and what they are called here. `*` is the module as a whole. */
  readonly names: ReadonlyArray<readonly [imported: string, local: string]>
}

export interface Comment {
  readonly text: string
  readonly line: number
}

export interface Module {
  readonly file: string
  readonly text: string
  readonly imports: ReadonlyArray<Import>
  readonly comments: ReadonlyArray<Comment>
  readonly program: ESTree.Program
  readonly lineAt: (offset: number) => number
}

/** Every TypeScript file among `sources`, parsed. A file that does not parse is left to the type checker. */
export const parseAll = (sources: Sources): ReadonlyMap<string, Module> => {
  const modules = new Map<string, Module>()
  for (const [file, text] of sources) if (file.endsWith(".ts")) modules.set(file, parse(file, text))
  return modules
}

export const parse = (file: string, text: string): Module => {
  const { comments, module, program } = parseSync(file, text)
  const lineAt = lineFinder(text)
  const imports: Array<Import> = []
  for (const { entries, moduleRequest, start } of module.staticImports) {
    const names = entries.map(({ importName, localName }) => [importName.name ?? "*", localName.value] as const)
    imports.push({ specifier: moduleRequest.value, line: lineAt(start), names })
  }
  for (const { entries, start } of module.staticExports) {
    for (const { importName, moduleRequest } of entries) {
      if (moduleRequest === null) continue
      const name = importName.name ?? "*"
      imports.push({ specifier: moduleRequest.value, line: lineAt(start), names: [[name, name]] })
    }
  }
  const reach = (specifier: ESTree.Expression, start: number) => {
    if (specifier.type !== "Literal" || typeof specifier.value !== "string") return
    imports.push({ specifier: specifier.value, line: lineAt(start), names: [["*", "*"]] })
  }
  new Visitor({
    ImportExpression: ({ source, start }) => reach(source, start),
    TSImportType: ({ source, start }) => reach(source, start)
  }).visit(program)
  return {
    file,
    text,
    imports,
    comments: comments.map(({ start, value }) => ({ text: value, line: lineAt(start) })),
    program,
    lineAt
  }
}

/** Offsets to line numbers, both from the parser's point of view: the first line is 1. */
const lineFinder = (text: string): (offset: number) => number => {
  const starts = [0]
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1)
  return (offset) => {
    let low = 0
    let high = starts.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if ((starts[middle] ?? Infinity) <= offset) low = middle
      else high = middle
    }
    return low + 1
  }
}
