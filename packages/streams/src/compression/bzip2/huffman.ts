/** Huffman codes as bzip2 uses them: canonical, and of limited length. */

/** The longest code that decoders accept. Encoders have kept to 17 bits since bzip2 1.0.3. */
export const maxCodeBits = 20;
const maxEncodedBits = 17;

/**
 * Returns the length of each symbol's code, none longer than 17 bits. Every symbol gets a code, also one that does not
 * occur.
 */
export function codeLengths(frequencies: Uint32Array): Uint8Array {
  const weights = Float64Array.from(frequencies, (frequency) => Math.max(1, frequency));
  for (;;) {
    const lengths = lengthsOf(weights);
    if (lengths.every((length) => length <= maxEncodedBits)) return lengths;
    // Flatter weights give shorter codes.
    for (let symbol = 0; symbol < weights.length; symbol++)
      weights[symbol] = 1 + Math.floor((weights[symbol] as number) / 2);
  }
}

/**
 * Returns optimal lengths by two queues: of the sorted leaves, and of the nodes made of them, which come out sorted.
 */
function lengthsOf(weights: Float64Array): Uint8Array {
  const count = weights.length;
  const leaves = Array.from(weights.keys()).sort((a, b) => (weights[a] as number) - (weights[b] as number));
  const parents = new Int32Array(2 * count - 1);
  const nodeWeights = new Float64Array(count - 1);
  let leaf = 0;
  let node = 0;
  for (let made = 0; made < count - 1; made++) {
    let weight = 0;
    for (let side = 0; side < 2; side++) {
      const takesLeaf =
        leaf < count && (node >= made || (weights[leaves[leaf] as number] as number) <= (nodeWeights[node] as number));
      const child = takesLeaf ? (leaves[leaf++] as number) : count + node++;
      weight += (child < count ? weights[child] : nodeWeights[child - count]) as number;
      parents[child] = count + made;
    }
    nodeWeights[made] = weight;
  }
  const depths = new Uint8Array(2 * count - 1);
  for (let index = 2 * count - 3; index >= 0; index--) {
    if (index >= count) depths[index] = (depths[parents[index] as number] as number) + 1;
  }
  return Uint8Array.from({ length: count }, (_, symbol) => (depths[parents[symbol] as number] as number) + 1);
}

/**
 * Returns the canonical codes of these lengths: shorter ones first, those of one length in the order of the symbols.
 */
export function canonicalCodes(lengths: Uint8Array): Uint32Array {
  const codes = new Uint32Array(lengths.length);
  let code = 0;
  for (let bits = 1; bits <= maxCodeBits; bits++) {
    for (let symbol = 0; symbol < lengths.length; symbol++) if (lengths[symbol] === bits) codes[symbol] = code++;
    code <<= 1;
  }
  return codes;
}

/** The table of a decoder: for each length the last code of it, and the place where its symbols begin. */
export interface DecodingTable {
  /** The greatest code of each length, or -1. */
  readonly limits: Int32Array;
  /** The number to subtract from a code of each length to get the index of its symbol. */
  readonly bases: Int32Array;
  readonly symbols: Uint16Array;
  readonly minBits: number;
  readonly maxBits: number;
}

/**
 * Makes the decoding table of a code.
 * @throws Error for lengths that no code has
 */
export function decodingTable(lengths: Uint8Array): DecodingTable {
  const counts = new Uint32Array(maxCodeBits + 1);
  for (const length of lengths) counts[length] = (counts[length] as number) + 1;
  const limits = new Int32Array(maxCodeBits + 1).fill(-1);
  const bases = new Int32Array(maxCodeBits + 1);
  const symbols = new Uint16Array(lengths.length);
  let code = 0;
  let index = 0;
  let minBits = 0;
  let maxBits = 0;
  for (let bits = 1; bits <= maxCodeBits; bits++) {
    const count = counts[bits] as number;
    bases[bits] = code - index;
    if (count > 0) {
      minBits ||= bits;
      maxBits = bits;
      for (let symbol = 0; symbol < lengths.length; symbol++) if (lengths[symbol] === bits) symbols[index++] = symbol;
      code += count;
      if (code > 2 ** bits) throw new Error("a Huffman code has more symbols than it can have");
      limits[bits] = code - 1;
    }
    code *= 2;
  }
  return { limits, bases, symbols, minBits, maxBits };
}
