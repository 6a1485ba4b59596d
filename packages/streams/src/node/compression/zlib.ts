/** The formats of `node:zlib`: gzip, deflate, brotli. */
import zlib from "node:zlib";
import type { CompressionCodec, CompressionCoder } from "../../compression/codec.js";
import { TransformCoder } from "./transform-coder.js";

/** What comes out of a coder at once. Less costs more turns, more costs memory on each stream. */
export const pieceBytes: number = 64 * 1024;

export interface DeflateOptions {
  /** 0 (none) to 9 (smallest). Default 6, as of the `gzip` command. */
  readonly level?: number;
}

export interface BrotliOptions {
  /** 0 (fastest) to 11 (smallest). Default 5: 11, the library's own, is for files that are compressed once and takes seconds a megabyte. */
  readonly quality?: number;
}

/** gzip (RFC 1952), of one or more members. @throws RangeError */
export function gzip(options: DeflateOptions = {}): CompressionCodec {
  const level = within("level", options.level ?? 6, 0, 9);
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

/** deflate in a zlib wrapper (RFC 1950), which is what HTTP calls `deflate`. @throws RangeError */
export function deflate(options: DeflateOptions = {}): CompressionCodec {
  const level = within("level", options.level ?? 6, 0, 9);
  return {
    name: "deflate",
    concatenates: false,
    allowsZeroPadding: false,
    flushes: true,
    encoder: () => zlibCoder(zlib.createDeflate({ level, chunkSize: pieceBytes })),
    decoder: () => zlibCoder(zlib.createInflate({ chunkSize: pieceBytes })),
  };
}

/** brotli (RFC 7932). @throws RangeError */
export function brotli(options: BrotliOptions = {}): CompressionCodec {
  const quality = within("quality", options.quality ?? 5, 0, 11);
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

/** The part that all coders of `node:zlib` share. */
export function zlibCoder(transform: zlib.Gzip | zlib.BrotliCompress): CompressionCoder {
  return new TransformCoder(transform, {
    flush: (callback) => transform.flush(() => callback()),
    usedBytes: () => transform.bytesWritten,
  });
}

export function within(name: string, value: number, lowest: number, highest: number): number {
  if (!Number.isInteger(value) || value < lowest || value > highest) {
    throw new RangeError(`${name} must be a whole number from ${lowest} to ${highest}, but is ${value}`);
  }
  return value;
}
