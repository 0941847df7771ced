/**
 * Text as bytes: UTF-8, which every platform can do.
 *
 * @since 0.1.0
 */

// Every platform has these two; the language's own library just does not list them.
declare const TextEncoder: new () => { readonly encode: (text: string) => Uint8Array }
declare const TextDecoder: new (
  label: string,
  options: { readonly fatal: boolean }
) => { readonly decode: (bytes: Uint8Array) => string }

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true })

/**
 * @category conversions
 * @since 0.1.0
 */
export const encode = (text: string): Uint8Array => encoder.encode(text)

/**
 * Throws if the bytes are not UTF-8.
 *
 * @category conversions
 * @since 0.1.0
 */
export const decode = (bytes: Uint8Array): string => decoder.decode(bytes)
