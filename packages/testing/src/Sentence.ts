/**
 * A sentence about a cluster that must hold. When it does not, it is what the failure says.
 */
export const hold = (sentence: string, isTrue: boolean, detail: () => string): void => {
  if (!isTrue) throw new Error(`not so: ${sentence} (${detail()})`)
}
