/**
 * The Huffman code of RFC 7541 Appendix B. It is canonical (codes count up in order of length, then of symbol), so the
 * lengths say everything. Symbol 256 is EOS.
 */

/** Bits of each symbol's code. */
// biome-ignore format: sixteen a row
const lengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];

export const endOfString = 256;

export const huffmanLengths: Uint8Array = Uint8Array.from(lengths);

/** Each symbol's code, in its lowest bits. */
export const huffmanCodes: Uint32Array = canonicalCodes(huffmanLengths);

function canonicalCodes(bits: Uint8Array): Uint32Array {
  const symbols = Array.from(bits.keys()).sort((a, b) => (bits[a] as number) - (bits[b] as number) || a - b);
  const codes = new Uint32Array(bits.length);
  let code = 0;
  let length = bits[symbols[0] as number] as number;
  for (const symbol of symbols) {
    const next = bits[symbol] as number;
    code <<= next - length;
    length = next;
    codes[symbol] = code;
    code += 1;
  }
  return codes;
}
