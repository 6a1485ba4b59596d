/** Reads short text of ASCII, such as a name or an id, without a call into the platform. */
const { fromCharCode } = String;

/** The longest text that `shortAscii` reads. Beyond it, a native call is faster. */
export const longestShortAscii = 8;

/**
 * Returns the text of `length` bytes, at most 8, from `at` on; undefined if one of them is not ASCII. A call of
 * `fromCharCode` with a fixed number of arguments makes one flat string and no array.
 */
export function shortAscii(bytes: Uint8Array, at: number, length: number): string | undefined {
  let all = 0;
  for (let index = at; index < at + length; index++) all |= bytes[index] as number;
  if (all > 0x7f) return undefined;
  const code = (offset: number): number => bytes[at + offset] as number;
  switch (length) {
    case 0:
      return "";
    case 1:
      return fromCharCode(code(0));
    case 2:
      return fromCharCode(code(0), code(1));
    case 3:
      return fromCharCode(code(0), code(1), code(2));
    case 4:
      return fromCharCode(code(0), code(1), code(2), code(3));
    case 5:
      return fromCharCode(code(0), code(1), code(2), code(3), code(4));
    case 6:
      return fromCharCode(code(0), code(1), code(2), code(3), code(4), code(5));
    case 7:
      return fromCharCode(code(0), code(1), code(2), code(3), code(4), code(5), code(6));
    case 8:
      return fromCharCode(code(0), code(1), code(2), code(3), code(4), code(5), code(6), code(7));
    default:
      return undefined;
  }
}
