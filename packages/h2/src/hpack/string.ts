/** String literals (RFC 7541 §5.2). */
import type { AsciiCodec } from "../bytes/ascii.js";
import { ErrorCode } from "../error-code.js";
import { connectionError } from "../errors.js";
import { huffmanDecode, huffmanEncode, huffmanLength, largestDecodedLength } from "./huffman.js";
import { type BlockCursor, readInteger, writeInteger } from "./integer.js";

const huffmanFlag = 0x80;

/** Writes `text`, coded where that is shorter; returns the offset after it. */
export function writeString(target: Uint8Array, offset: number, text: string, ascii: AsciiCodec): number {
  const coded = huffmanLength(text);
  if (coded < text.length) return huffmanEncode(text, target, writeInteger(target, offset, coded, 7, huffmanFlag));
  const at = writeInteger(target, offset, text.length, 7, 0);
  ascii.encode(text, target, at);
  return at + text.length;
}

/** Reads strings; keeps one scratch buffer for what is Huffman coded. */
export class StringReader {
  readonly #ascii: AsciiCodec;
  #scratch: Uint8Array = new Uint8Array(256);

  constructor(ascii: AsciiCodec) {
    this.#ascii = ascii;
  }

  /** Reads the string at the cursor and moves it on. @throws H2Error COMPRESSION_ERROR */
  read(cursor: BlockCursor): string {
    const { bytes, end } = cursor;
    if (cursor.offset === end) throw connectionError(ErrorCode.COMPRESSION_ERROR, "header block ends before a string");
    const coded = ((bytes[cursor.offset] as number) & huffmanFlag) !== 0;
    const length = readInteger(cursor, 7);
    const start = cursor.offset;
    if (length > end - start) {
      throw connectionError(ErrorCode.COMPRESSION_ERROR, `string of ${length} bytes in a header block with ${end - start} left`);
    }
    cursor.offset = start + length;
    if (!coded) return this.#ascii.decode(bytes, start, start + length);
    const room = largestDecodedLength(length);
    if (room > this.#scratch.length) this.#scratch = new Uint8Array(room);
    return this.#ascii.decode(this.#scratch, 0, huffmanDecode(bytes, start, start + length, this.#scratch));
  }
}
