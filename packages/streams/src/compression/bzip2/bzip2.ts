/** bzip2, written here: of the packages there are, none that is kept up both compresses and works piece by piece. */
import type { CompressionCodec } from "../codec.js";
import { Bzip2Decoder } from "./decoder.js";
import { Bzip2Encoder } from "./encoder.js";

export interface Bzip2Options {
  /** 1 to 9: the size of a block in 100 kB. Default 9, as of the `bzip2` command. A stream that sends takes 17 times as much memory. */
  readonly level?: number;
}

/**
 * bzip2, of one or more streams. There is no flush: letting a message out ends the bzip2 stream and begins another. For files rather
 * than for conversations: a full block keeps the program busy for some hundred milliseconds.
 * @throws RangeError
 */
export function bzip2(options: Bzip2Options = {}): CompressionCodec {
  const { level = 9 } = options;
  if (!Number.isInteger(level) || level < 1 || level > 9) {
    throw new RangeError(`level must be a whole number from 1 to 9, but is ${level}`);
  }
  return {
    name: "bzip2",
    concatenates: true,
    allowsZeroPadding: false,
    flushes: false,
    signature: Uint8Array.of(0x42, 0x5a, 0x68),
    encoder: () => new Bzip2Encoder(level),
    decoder: () => new Bzip2Decoder(),
  };
}
