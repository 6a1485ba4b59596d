/** Huffman coding of strings (RFC 7541 §5.2): decoded by a table, a nibble at a time. */
import { ErrorCode } from "../error-code.js";
import { connectionError } from "../errors.js";
import { endOfString, huffmanCodes, huffmanLengths } from "./huffman-codes.js";

/** Octets that `text` (one octet a character) takes when coded. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let index = 0; index < text.length; index++) bits += huffmanLengths[text.charCodeAt(index)] as number;
  return (bits + 7) >>> 3;
}

/** Writes `text` coded at `offset` and returns the offset after it. */
export function huffmanEncode(text: string, target: Uint8Array, offset: number): number {
  let out = offset;
  // At most 7 bits are left over from one symbol to the next, and a code has at most 30: they are taken in two steps.
  let pending = 0;
  let pendingBits = 0;
  const put = (code: number, bits: number): void => {
    pending = (pending << bits) | code;
    pendingBits += bits;
    while (pendingBits >= 8) {
      pendingBits -= 8;
      target[out++] = pending >>> pendingBits;
    }
    pending &= (1 << pendingBits) - 1;
  };
  for (let index = 0; index < text.length; index++) {
    const symbol = text.charCodeAt(index);
    const code = huffmanCodes[symbol] as number;
    const bits = huffmanLengths[symbol] as number;
    if (bits > 16) {
      put(code >>> 16, bits - 16);
      put(code & 0xffff, 16);
    } else put(code, bits);
  }
  // §5.2: padded with the most significant bits of EOS, which are ones.
  if (pendingBits > 0) target[out++] = (pending << (8 - pendingBits)) | (0xff >>> pendingBits);
  return out;
}

/**
 * The decoder's states are the inner nodes of the code's tree. `steps[state * 16 + nibble]` is where four more bits lead: the
 * next state, and the symbol that was completed on the way (at most one: no code is shorter than five bits).
 */
const emits = 1 << 16;
const fails = 1 << 17;
const { steps, accepts } = buildTable();

function buildTable(): { steps: Uint32Array; accepts: Uint8Array } {
  // children[node * 2 + bit]: another inner node, or -1 - symbol.
  const children: number[] = [0, 0];
  for (let symbol = 0; symbol <= endOfString; symbol++) {
    const code = huffmanCodes[symbol] as number;
    let node = 0;
    for (let bit = (huffmanLengths[symbol] as number) - 1; bit > 0; bit--) {
      const slot = node * 2 + ((code >>> bit) & 1);
      if (children[slot] === 0) {
        children[slot] = children.length / 2;
        children.push(0, 0);
      }
      node = children[slot] as number;
    }
    children[node * 2 + (code & 1)] = -1 - symbol;
  }
  const states = children.length / 2;
  const table = new Uint32Array(states * 16);
  for (let state = 0; state < states; state++) {
    for (let nibble = 0; nibble < 16; nibble++) table[state * 16 + nibble] = step(children, state, nibble);
  }
  // What may be left over at the end is the beginning of EOS, at most seven ones.
  const accepting = new Uint8Array(states);
  let node = 0;
  for (let ones = 0; ones <= 7; ones++) {
    accepting[node] = 1;
    node = children[node * 2 + 1] as number;
  }
  return { steps: table, accepts: accepting };
}

function step(children: readonly number[], state: number, nibble: number): number {
  let node = state;
  let symbol = -1;
  for (let bit = 3; bit >= 0; bit--) {
    const next = children[node * 2 + ((nibble >>> bit) & 1)] as number;
    if (next >= 0) {
      node = next;
      continue;
    }
    symbol = -1 - next;
    if (symbol === endOfString) return fails;
    node = 0;
  }
  return symbol < 0 ? node : node | emits | (symbol << 18);
}

/** Octets that `length` coded octets decode to at most: no code is shorter than five bits. */
export function largestDecodedLength(length: number): number {
  return Math.floor((length * 8) / 5);
}

/** Decodes `bytes[start, end)` into `target` and returns how many octets came out. @throws H2Error COMPRESSION_ERROR */
export function huffmanDecode(bytes: Uint8Array, start: number, end: number, target: Uint8Array): number {
  let state = 0;
  let out = 0;
  for (let index = start; index < end; index++) {
    const octet = bytes[index] as number;
    const high = steps[state * 16 + (octet >>> 4)] as number;
    if ((high & emits) !== 0) target[out++] = high >>> 18;
    const low = steps[(high & 0xffff) * 16 + (octet & 0xf)] as number;
    if ((low & emits) !== 0) target[out++] = low >>> 18;
    if (((high | low) & fails) !== 0) throw connectionError(ErrorCode.COMPRESSION_ERROR, "Huffman string with EOS in it");
    state = low & 0xffff;
  }
  if (accepts[state] !== 1) throw connectionError(ErrorCode.COMPRESSION_ERROR, "Huffman string with wrong padding");
  return out;
}
