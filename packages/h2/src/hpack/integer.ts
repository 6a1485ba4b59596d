/**
 * Integers with a prefix (RFC 7541 §5.1): what fits into the low bits of the first octet, else seven bits an octet
 * after it.
 */
import { compressionError } from "./compression-error.js";

/** A place in a header block. The octets belong to the maker of the cursor; nothing here keeps them. */
export interface Cursor {
  readonly bytes: Uint8Array;
  offset: number;
  readonly end: number;
}

/** Lengths, indexes and table sizes all stay far below: what HTTP/2 can carry in a block is less. */
export const maxInteger: number = 2 ** 31 - 1;
/** The first octet and the five that 31 bits can need: nothing longer is ever written by a sane encoder. */
export const maxIntegerOctets = 6;

/**
 * Writes `value` into the low `prefixBits` of an octet whose other bits are `pattern`, and further octets; returns the
 * offset after it.
 */
export function writeInteger(
  value: number,
  prefixBits: number,
  pattern: number,
  target: Uint8Array,
  offset: number,
): number {
  const prefixMax = (1 << prefixBits) - 1;
  if (value < prefixMax) {
    target[offset] = pattern | value;
    return offset + 1;
  }
  target[offset++] = pattern | prefixMax;
  let rest = value - prefixMax;
  while (rest >= 0x80) {
    target[offset++] = 0x80 | (rest & 0x7f);
    rest >>>= 7;
  }
  target[offset++] = rest;
  return offset;
}

/** Reads an integer at the cursor and moves it on. @throws H2Error when it is cut off, too long or too large. */
export function readInteger(cursor: Cursor, prefixBits: number): number {
  if (cursor.offset >= cursor.end) throw compressionError("header block ends where an integer should begin");
  const prefixMax = (1 << prefixBits) - 1;
  const prefix = (cursor.bytes[cursor.offset++] as number) & prefixMax;
  return prefix < prefixMax ? prefix : readContinuation(cursor, prefixMax);
}

function readContinuation(cursor: Cursor, prefixMax: number): number {
  let value = prefixMax;
  // A multiplier instead of a shift: five groups make 35 bits.
  for (let octets = 1, multiplier = 1; octets < maxIntegerOctets; octets++, multiplier *= 0x80) {
    if (cursor.offset >= cursor.end) throw compressionError("header block ends inside an integer");
    const octet = cursor.bytes[cursor.offset++] as number;
    value += (octet & 0x7f) * multiplier;
    if (octet >= 0x80) continue;
    if (value > maxInteger) throw compressionError(`integer ${value} is larger than the limit (${maxInteger})`);
    return value;
  }
  throw compressionError(`integer is longer than the limit (${maxIntegerOctets} octets)`);
}
