/** String literals (RFC 7541 §5.2): a length, and octets as they are or in Huffman code. */
import type { AsciiCodec } from "../bytes/ascii.js";
import { compressionError } from "./compression-error.js";
import { huffmanLength, maxDecodedLength, readHuffman, writeHuffman } from "./huffman.js";
import { type Cursor, maxIntegerOctets, readInteger, writeInteger } from "./integer.js";

const huffmanFlag = 0x80;
const lengthBits = 7;

/** Returns an upper bound of the bytes that `writeString` writes. */
export function maxStringLength(text: string): number {
  return maxIntegerOctets + text.length;
}

/** Writes `text` in the shorter form (as it is where both are equal) and returns the offset after it. */
export function writeString(text: string, ascii: AsciiCodec, target: Uint8Array, offset: number): number {
  const coded = huffmanLength(text);
  if (coded < text.length)
    return writeHuffman(text, target, writeInteger(coded, lengthBits, huffmanFlag, target, offset));
  return writePlainString(text, ascii, target, offset);
}

/** Writes `text` as it is and returns the offset after it. */
export function writePlainString(text: string, ascii: AsciiCodec, target: Uint8Array, offset: number): number {
  const textAt = writeInteger(text.length, lengthBits, 0, target, offset);
  ascii.encode(text, target, textAt);
  return textAt + text.length;
}

/**
 * The buffer that Huffman strings are decoded to, for all connections: a string is made of it before anything else can
 * run.
 */
let scratch = new Uint8Array(1_024);
/** The size up to which a scratch buffer is kept for the next string. */
const largestKeptScratch = 65_536;

/**
 * Reads a string at the cursor and moves it on. @throws H2Error when it is longer than the block or its Huffman code is
 * wrong.
 */
export function readString(cursor: Cursor, ascii: AsciiCodec): string {
  const { bytes } = cursor;
  const coded = ((bytes[cursor.offset] as number) & huffmanFlag) !== 0;
  const length = readInteger(cursor, lengthBits);
  const start = cursor.offset;
  if (length > cursor.end - start) {
    throw compressionError(
      `string of ${length} bytes is longer than the rest of its header block (${cursor.end - start})`,
    );
  }
  const end = start + length;
  cursor.offset = end;
  if (!coded) return ascii.decode(bytes, start, end);
  const target = scratchFor(maxDecodedLength(length));
  return ascii.decode(target, 0, readHuffman(bytes, start, end, target));
}

function scratchFor(bytes: number): Uint8Array {
  if (bytes <= scratch.length) return scratch;
  const larger = new Uint8Array(bytes);
  if (bytes <= largestKeptScratch) scratch = larger;
  return larger;
}
