/** The format bzip2. It is written here, since no maintained package both compresses and works piece by piece. */
import { checkOptionNames, optionNames, wholeNumber } from "@trunkline/base";
import type { CompressionCodec } from "../codec.js";
import { Bzip2Decoder } from "./decoder.js";
import { Bzip2Encoder } from "./encoder.js";

/** Options of `bzip2`. */
export interface Bzip2Options {
  /**
   * The size of a block in 100 kB, from 1 to 9. Default 9, as of the `bzip2` command. A sending stream takes 17 times
   * as much memory.
   */
  readonly level?: number;
}

const bzip2OptionNames = optionNames<Bzip2Options>({ level: true });

/**
 * Returns the format bzip2, of one or more bzip2 streams. It has no flush: completing a message ends the bzip2 stream
 * and begins another. It is meant for files rather than for conversations: a full block keeps the program busy for some
 * hundred milliseconds.
 * @throws RangeError for a level out of range
 */
export function bzip2(options: Bzip2Options = {}): CompressionCodec {
  checkOptionNames("bzip2", options, bzip2OptionNames);
  const level = wholeNumber("level", options.level ?? 9, 1, 9);
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
