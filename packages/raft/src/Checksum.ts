/**
 * CRC-32 (the polynomial of zlib, PNG and Ethernet): tells damage from data. No protection against anyone who wants to
 * deceive.
 *
 * @since 0.1.0
 */

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  return value
})

/**
 * The checksum of bytes, or, given the checksum of what came before them, of all together.
 *
 * @category conversions
 * @since 0.1.0
 */
export const crc32 = (bytes: Uint8Array, before = 0): number => {
  let value = ~before
  for (let place = 0; place < bytes.length; place++) {
    value = (value >>> 8) ^ (table[(value ^ (bytes[place] ?? 0)) & 0xff] ?? 0)
  }
  return ~value >>> 0
}
