/** The platform module for Node: `Buffer` converts strings several times as fast as the Encoding API. */
import { Buffer } from "node:buffer";
import type { CodecPlatform } from "../platform.js";

// The methods work on any Uint8Array, whatever their types say.
const { utf8Slice, utf8Write } = Buffer.prototype as unknown as {
  utf8Slice(this: Uint8Array, start: number, end: number): string;
  utf8Write(this: Uint8Array, text: string, at: number, length: number): number;
};

/** Text and memory by `Buffer`. */
export const nodePlatform: CodecPlatform = {
  decode: (bytes, start, end) => utf8Slice.call(bytes, start, end),
  byteLength: (text) => Buffer.byteLength(text),
  write(text, bytes, at, length) {
    utf8Write.call(bytes, text, at, length);
  },
  // Node's own pool is too small to matter here, and a Uint8Array of uninitialised memory is not to be had otherwise.
  allocate: (length) => new Uint8Array(Buffer.allocUnsafeSlow(length).buffer),
};
