/** xz, by the package lzma-native if it is installed. */
import type { Transform } from "node:stream";
import { checkOptionNames, optionNames, wholeNumber } from "@trunkline/base";
import type { CompressionCodec } from "../../compression/codec.js";
import { optionalPackage } from "./optional-package.js";
import { TransformCoder } from "./transform-coder.js";

/** Options of `xz`. */
export interface XzOptions {
  /** The level, from 1 (fastest) to 9 (smallest). Default 6, as of the `xz` command. */
  readonly level?: number;
}

const xzOptionNames = optionNames<XzOptions>({ level: true });

/** The limit of the memory that a decoder may take at the request of the other side; level 9 needs 65 MiB. */
const maxDecoderBytes = 128 * 1024 * 1024;

interface LzmaPackage {
  createStream(coder: "easyEncoder" | "streamDecoder", options: object): Transform;
}

/**
 * Returns the format xz, of one or more xz streams. It has no flush: completing a message ends the xz stream and begins
 * another.
 * @throws RangeError for a level out of range
 */
export function xz(options: XzOptions = {}): CompressionCodec {
  checkOptionNames("xz", options, xzOptionNames);
  const preset = wholeNumber("level", options.level ?? 6, 1, 9);
  const lzma = (): Promise<LzmaPackage> => optionalPackage<LzmaPackage>("lzma-native", "xz");
  return {
    name: "xz",
    concatenates: true,
    allowsZeroPadding: true,
    flushes: false,
    signature: Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00),
    async encoder() {
      return new TransformCoder((await lzma()).createStream("easyEncoder", { preset }), withoutFlush);
    },
    async decoder() {
      const transform = (await lzma()).createStream("streamDecoder", { memlimit: maxDecoderBytes });
      return new TransformCoder(transform, { ...withoutFlush, sliceLength: slices() });
    },
  };
}

/** The number of bytes that a decoder is given at once: xz expands them up to 7,000 times. */
const sliceBytes = 2_048;

/**
 * Makes the function that cuts the input of a decoder. An xz stream ends in YZ, where the package cuts its input to
 * begin with the next stream. It misses a Y at the end of one chunk with a Z at the beginning of the next, and would
 * lose the bytes after that Z.
 */
function slices(): (rest: Uint8Array) => number {
  let last: number | undefined;
  return (rest) => {
    const length = last === 0x59 && rest[0] === 0x5a ? 1 : sliceBytes;
    last = rest[Math.min(length, rest.length) - 1];
    return length;
  };
}

const withoutFlush = { flush: (callback: () => void): void => callback() };
