/**
 * Addresses as people write them: `host:port`, with an IPv6 host in brackets (`[::1]:7000`).
 *
 * @since 0.1.0
 */

/**
 * @category models
 * @since 0.1.0
 */
export interface Address {
  readonly host: string
  readonly port: number
}

const pattern = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/

/**
 * The address that `text` stands for, or undefined.
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = (text: string): Address | undefined => {
  const [, bracketed, plain, digits] = pattern.exec(text) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  return host === undefined || !(port <= 65_535) ? undefined : { host, port }
}
