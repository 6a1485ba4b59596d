/** The formats of `node:zlib`: gzip, deflate, brotli. */
import zlib from "node:zlib";
import { checkOptionNames, optionNames, wholeNumber } from "@trunkline/base";
import type { CompressionCodec, CompressionCoder } from "../../compression/codec.js";
import { TransformCoder } from "./transform-coder.js";

/** The size of a piece of output. A smaller one costs more turns, a larger one more memory on each stream. */
export const pieceBytes: number = 64 * 1024;

/** Options of `gzip` and `deflate`. */
export interface DeflateOptions {
  /** The level, from 0 (none) to 9 (smallest). Default 6, as of the `gzip` command. */
  readonly level?: number;
}

const deflateOptionNames = optionNames<DeflateOptions>({ level: true });

/** Options of `brotli`. */
export interface BrotliOptions {
  /**
   * The quality, from 0 (fastest) to 11 (smallest). Default 5: 11, the default of the library, takes seconds for a
   * megabyte.
   */
  readonly quality?: number;
}

const brotliOptionNames = optionNames<BrotliOptions>({ quality: true });

/**
 * Returns the format gzip (RFC 1952), of one or more members. Its CRC-32 detects changed data.
 * @throws RangeError for a level out of range
 */
export function gzip(options: DeflateOptions = {}): CompressionCodec {
  checkOptionNames("gzip", options, deflateOptionNames);
  const level = wholeNumber("level", options.level ?? 6, 0, 9);
  return {
    name: "gzip",
    concatenates: true,
    allowsZeroPadding: true,
    flushes: true,
    signature: Uint8Array.of(0x1f, 0x8b, 0x08),
    encoder: () => zlibCoder(zlib.createGzip({ level, chunkSize: pieceBytes })),
    decoder: () => zlibCoder(zlib.createGunzip({ chunkSize: pieceBytes })),
  };
}

/**
 * Returns the format that HTTP calls `deflate`: deflate in a zlib wrapper (RFC 1950). Its Adler-32 detects changed
 * data.
 * @throws RangeError for a level out of range
 */
export function deflate(options: DeflateOptions = {}): CompressionCodec {
  checkOptionNames("deflate", options, deflateOptionNames);
  const level = wholeNumber("level", options.level ?? 6, 0, 9);
  return {
    name: "deflate",
    concatenates: false,
    allowsZeroPadding: false,
    flushes: true,
    encoder: () => zlibCoder(zlib.createDeflate({ level, chunkSize: pieceBytes })),
    decoder: () => zlibCoder(zlib.createInflate({ chunkSize: pieceBytes })),
  };
}

/**
 * Returns the format brotli (RFC 7932). It has no checksum: changed data may be decompressed to other bytes without an
 * error.
 * @throws RangeError for a quality out of range
 */
export function brotli(options: BrotliOptions = {}): CompressionCodec {
  checkOptionNames("brotli", options, brotliOptionNames);
  const quality = wholeNumber("quality", options.quality ?? 5, 0, 11);
  const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: quality };
  return {
    name: "brotli",
    concatenates: false,
    allowsZeroPadding: false,
    flushes: true,
    encoder: () => zlibCoder(zlib.createBrotliCompress({ params, chunkSize: pieceBytes })),
    decoder: () => zlibCoder(zlib.createBrotliDecompress({ chunkSize: pieceBytes })),
  };
}

/** Makes a coder of a transform of `node:zlib`. */
export function zlibCoder(transform: zlib.Gzip | zlib.BrotliCompress): CompressionCoder {
  return new TransformCoder(transform, {
    flush: (callback) => transform.flush(() => callback()),
    usedBytes: () => transform.bytesWritten,
  });
}
