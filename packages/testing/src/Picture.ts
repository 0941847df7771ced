/**
 * A history as a picture: one row for each client, time from left to right.
 *
 *     c1  |--write 1--|
 *     c2       |--write 2--?
 *   > c3                   |--read = 1--|
 *
 * A bar ends in `|` when the operation happened, in `x` when it did not, in `?` when no one knows. Columns are order
 * numbers, stretched until every label fits: the picture tells what overlaps what, and not how long anything took.
 *
 * @since 0.1.0
 */
import type { Operation } from "./Operation.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options<Action, Result> {
  /** Draws each key by itself, in the order of first use. Without it, all is one drawing. */
  readonly keyOf?: ((action: Action) => string) | undefined
  /** What to write on a bar. Without it, the action and its result as JSON. */
  readonly label?: ((operation: Operation<Action, Result>) => string) | undefined
  /** Rows that hold one of these are marked with `>`. */
  readonly marked?: ReadonlySet<Operation<Action, Result>> | undefined
}

/** The action and what it answered, in the shortest form that is not ambiguous. */
const plainLabel = ({ action, outcome }: Operation<unknown, unknown>): string =>
  outcome._tag === "Ok" ? `${plain(action)} = ${plain(outcome.result)}` : plain(action)

const plain = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value) ?? "nothing")

/**
 * Draws the operations. The width grows with their number: a picture of more than thirty or so helps no one.
 *
 * @category rendering
 * @since 0.1.0
 */
export const draw = <Action, Result>(
  operations: ReadonlyArray<Operation<Action, Result>>,
  options: Options<Action, Result> = {}
): string => {
  const { keyOf } = options
  if (keyOf === undefined) return drawOne(operations, options).join("\n")
  const keys = Map.groupBy(operations, ({ action }) => keyOf(action))
  return [...keys].flatMap(([key, group]) => [`key ${key}`, ...drawOne(group, options)]).join("\n")
}

const drawOne = <Action, Result>(
  operations: ReadonlyArray<Operation<Action, Result>>,
  { label = plainLabel, marked }: Options<Action, Result>
): ReadonlyArray<string> => {
  const columns = columnsOf(operations, label)
  const rows = Map.groupBy(operations.toSorted((left, right) => left.invoked - right.invoked), ({ client }) => client)
  const width = Math.max(0, ...[...rows.keys()].map((client) => client.length))
  const end = Math.max(0, ...columns.values()) + 1
  return [...rows].map(([client, row]) => {
    const mark = row.some((operation) => marked?.has(operation)) ? ">" : " "
    const line = row.reduce((text, operation) => {
      const from = columns.get(operation.invoked) ?? 0
      const to = operation.returned === undefined ? end : columns.get(operation.returned) ?? end
      return `${text.padEnd(from)}${bar(operation, label(operation), to - from + 1)}`
    }, "")
    return `${mark} ${client.padEnd(width)}  ${line}`
  })
}

const ends = { Ok: "|", Fail: "x", Unknown: "?" } as const

const bar = ({ outcome }: Operation<unknown, unknown>, text: string, width: number): string =>
  `|${`--${text}--`.padEnd(width - 2, "-")}${ends[outcome._tag]}`

/** Where each moment is drawn: one column after the one before, and far enough from its beginning for the label. */
const columnsOf = <Action, Result>(
  operations: ReadonlyArray<Operation<Action, Result>>,
  label: (operation: Operation<Action, Result>) => string
): ReadonlyMap<number, number> => {
  const moments = operations
    .flatMap((operation) => [
      { moment: operation.invoked, operation, isEnd: false },
      ...(operation.returned === undefined ? [] : [{ moment: operation.returned, operation, isEnd: true }])
    ])
    .sort((left, right) => left.moment - right.moment)
  const columns = new Map<number, number>()
  let column = -1
  for (const { isEnd, moment, operation } of moments) {
    const least = isEnd ? (columns.get(operation.invoked) ?? 0) + label(operation).length + 5 : 0
    column = Math.max(column + 1, least)
    columns.set(moment, column)
  }
  return extended(operations, columns, column, label)
}

/** An operation without an end is drawn up to the right edge, which must leave room for what is written on it. */
const extended = <Action, Result>(
  operations: ReadonlyArray<Operation<Action, Result>>,
  columns: Map<number, number>,
  last: number,
  label: (operation: Operation<Action, Result>) => string
): ReadonlyMap<number, number> => {
  const open = operations.filter(({ returned }) => returned === undefined)
  const edge = open.map((operation) => (columns.get(operation.invoked) ?? 0) + label(operation).length + 5)
  return columns.set(Number.POSITIVE_INFINITY, Math.max(last, ...edge))
}
