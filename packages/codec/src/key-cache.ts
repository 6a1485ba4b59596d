/**
 * Remembers the short keys of maps, which come again and again: a string made anew has to be looked up in V8's table of
 * property names before it can name a property, while a remembered one is that name already.
 */

/** The number of keys that are remembered; each takes the place of another one with the same hash. */
const places = 512;
/** The longest key that is remembered, in bytes. */
const longestKey = 24;

const keys: string[] = new Array<string>(places).fill("");

/** Returns the key of `length` ASCII bytes from `at` on if it is remembered. */
export function rememberedKey(bytes: Uint8Array, at: number, length: number): string | undefined {
  if (length > longestKey) return undefined;
  const key = keys[placeOf(bytes, at, length)] as string;
  if (key.length !== length) return undefined;
  for (let index = 0; index < length; index++) if (key.charCodeAt(index) !== bytes[at + index]) return undefined;
  return key;
}

/** Remembers a key that was read from `length` bytes. */
export function rememberKey(key: string, bytes: Uint8Array, at: number, length: number): void {
  if (length <= longestKey && key.length === length) keys[placeOf(bytes, at, length)] = key;
}

function placeOf(bytes: Uint8Array, at: number, length: number): number {
  let hash = length;
  for (let index = at; index < at + length; index++) hash = (Math.imul(hash, 31) + (bytes[index] as number)) | 0;
  return (hash ^ (hash >>> 9)) & (places - 1);
}
