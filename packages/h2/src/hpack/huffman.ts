/**
 * Huffman coding of strings (RFC 7541 §5.2). Decoding walks a table four bits at a time: no code is shorter than
 * five bits, so a step ends one symbol at most.
 */
import { compressionError } from "./compression-error.js";
import { codeLengths, codes, endOfString } from "./huffman-codes.js";

/** Octets that `text` takes when coded, padding included. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let index = 0; index < text.length; index++) bits += codeLengths[text.charCodeAt(index) & 0xff] as number;
  return (bits + 7) >>> 3;
}

/**
 * Writes `text`, padded with ones to a whole octet, and returns the offset after it; `huffmanLength` says how much room
 * it needs.
 */
export function writeHuffman(text: string, target: Uint8Array, offset: number): number {
  // The low `pendingBits` of `pending` are still to be written; bits above them have been, and shift out by themselves.
  let pending = 0;
  let pendingBits = 0;
  for (let index = 0; index < text.length; index++) {
    const symbol = text.charCodeAt(index) & 0xff;
    const code = codes[symbol] as number;
    let bits = codeLengths[symbol] as number;
    if (bits > 24) {
      // 7 bits pending and 30 more are over 32: first all but the last 16.
      bits -= 16;
      pending = (pending << bits) | (code >>> 16);
      pendingBits += bits;
      while (pendingBits >= 8) {
        pendingBits -= 8;
        target[offset++] = pending >>> pendingBits;
      }
      bits = 16;
      pending = (pending << 16) | (code & 0xffff);
    } else {
      pending = (pending << bits) | code;
    }
    pendingBits += bits;
    while (pendingBits >= 8) {
      pendingBits -= 8;
      target[offset++] = pending >>> pendingBits;
    }
  }
  if (pendingBits > 0) {
    const padding = 8 - pendingBits;
    target[offset++] = (pending << padding) | ((1 << padding) - 1);
  }
  return offset;
}

/**
 * Octets that `readHuffman` needs for `codedBytes`: one symbol in every five bits, and one that is written ahead of its
 * end.
 */
export function maxDecodedLength(codedBytes: number): number {
  return Math.floor((codedBytes * 8) / 5) + 1;
}

// An entry of the table, indexed by state and the next four bits:
//   bits 0-12   the state after them, times 16 (a state is an inner node of the code's tree; the last has no way out)
//   bit 13      the string may end here
//   bit 14      a symbol ended
//   bits 16-23  that symbol
const stateMask = 0x1ff0;
const mayEnd = 0x2000;
const symbolEndedShift = 14;
const symbolShift = 16;
/** 257 leaves have 256 nodes above them. */
const deadState = 256;

/**
 * Decodes `bytes[start, end)` to the beginning of `target`, which has room for `maxDecodedLength`, and returns how many
 * octets it wrote.
 * @throws H2Error when the end-of-string symbol is in it, or its padding is not the fewest ones that fill the octet.
 */
export function readHuffman(bytes: Uint8Array, start: number, end: number, target: Uint8Array): number {
  let entry = mayEnd;
  let written = 0;
  for (let index = start; index < end; index++) {
    const octet = bytes[index] as number;
    // Written ahead, counted only if a symbol ended: a branch here would be mispredicted half of the time.
    entry = transitions[(entry & stateMask) | (octet >>> 4)] as number;
    target[written] = entry >>> symbolShift;
    written += (entry >>> symbolEndedShift) & 1;
    entry = transitions[(entry & stateMask) | (octet & 0x0f)] as number;
    target[written] = entry >>> symbolShift;
    written += (entry >>> symbolEndedShift) & 1;
  }
  if ((entry & mayEnd) !== 0) return written;
  if ((entry & stateMask) === deadState << 4)
    throw compressionError("Huffman string contains the end-of-string symbol");
  throw compressionError("Huffman string does not end in fewer than 8 bits of padding, all ones");
}

const transitions: Int32Array = buildTransitions();

function buildTransitions(): Int32Array {
  const children = buildTree();
  // Nodes that a symbol's end and at most seven ones lead to: padding.
  const paddingNodes = new Set<number>();
  for (let node = 0; paddingNodes.size < 8; node = children[node * 2 + 1] as number) paddingNodes.add(node);

  const table = new Int32Array((deadState + 1) * 16).fill(deadState << 4);
  for (let state = 0; state < deadState; state++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      let node = state;
      let ended = 0;
      for (let bit = 3; bit >= 0 && node !== deadState; bit--) {
        node = children[node * 2 + ((nibble >>> bit) & 1)] as number;
        if (node >= 0) continue;
        const symbol = ~node;
        if (symbol === endOfString) node = deadState;
        else {
          ended = (symbol << symbolShift) | (1 << symbolEndedShift);
          node = 0;
        }
      }
      table[(state << 4) | nibble] = (node << 4) | (paddingNodes.has(node) ? mayEnd : 0) | ended;
    }
  }
  return table;
}

/** The code's tree: at `node * 2 + bit` the next node, or the complement of a symbol. */
function buildTree(): Int16Array {
  const children = new Int16Array(deadState * 2);
  let nodes = 1;
  for (let symbol = 0; symbol <= endOfString; symbol++) {
    const code = codes[symbol] as number;
    let node = 0;
    for (let bit = (codeLengths[symbol] as number) - 1; bit > 0; bit--) {
      const child = node * 2 + ((code >>> bit) & 1);
      if (children[child] === 0) children[child] = nodes++;
      node = children[child] as number;
    }
    children[node * 2 + (code & 1)] = ~symbol;
  }
  return children;
}
