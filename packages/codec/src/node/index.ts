/** The platform module for Node: `Buffer` converts strings several times as fast as the Encoding API. */
import { Buffer } from "node:buffer";
import type { TextCodec } from "../text.js";

// The methods work on any Uint8Array, whatever their types say.
const { utf8Slice, utf8Write } = Buffer.prototype as unknown as {
  utf8Slice(this: Uint8Array, start: number, end: number): string;
  utf8Write(this: Uint8Array, text: string, at: number, length: number): number;
};

/** UTF-8 by `Buffer`. */
export const nodeText: TextCodec = {
  decode: (bytes, start, end) => utf8Slice.call(bytes, start, end),
  byteLength: (text) => Buffer.byteLength(text),
  write(text, bytes, at, length) {
    utf8Write.call(bytes, text, at, length);
  },
};
