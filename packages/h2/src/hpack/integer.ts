/** Integers with a prefix (RFC 7541 §5.1). */
import { ErrorCode } from "../error-code.js";
import { connectionError } from "../errors.js";

/** Octets of the longest integer that is written or read: its prefix and five more hold over 31 bits. */
export const longestInteger = 6;
const largest = 2 ** 31 - 1;

/** Writes `value` behind `pattern`, the bits above the prefix; returns the offset after it. */
export function writeInteger(target: Uint8Array, offset: number, value: number, prefixBits: number, pattern: number): number {
  const most = (1 << prefixBits) - 1;
  if (value < most) {
    target[offset] = pattern | value;
    return offset + 1;
  }
  target[offset] = pattern | most;
  let out = offset + 1;
  let rest = value - most;
  while (rest >= 0x80) {
    target[out++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[out++] = rest;
  return out;
}

/** Where reading stands in a block. */
export interface BlockCursor {
  bytes: Uint8Array;
  offset: number;
  end: number;
}

/** Reads the integer at the cursor and moves it on. @throws H2Error COMPRESSION_ERROR when it is cut off, or larger than 2^31-1 */
export function readInteger(cursor: BlockCursor, prefixBits: number): number {
  const { bytes, end } = cursor;
  const most = (1 << prefixBits) - 1;
  const first = cursor.offset;
  let value = (bytes[first] as number) & most;
  cursor.offset = first + 1;
  if (value < most) return value;
  let scale = 1;
  for (;;) {
    if (cursor.offset === end) throw connectionError(ErrorCode.COMPRESSION_ERROR, "header block ends within an integer");
    const octet = bytes[cursor.offset++] as number;
    value += (octet & 0x7f) * scale;
    if (value > largest || cursor.offset - first > longestInteger) {
      throw connectionError(ErrorCode.COMPRESSION_ERROR, `integer in a header block is larger than ${largest}`);
    }
    if (octet < 0x80) return value;
    scale *= 0x80;
  }
}
