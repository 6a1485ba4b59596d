/** Standard input and output as one stream. */
import process from "node:process";
import type { ObjectStream } from "../contract/stream.js";
import { stapled } from "../endpoints/stapled.js";
import { type ReadableOptions, streamFromReadable, streamFromWritable } from "./readable-writable.js";

/**
 * Makes a stream of this process' standard input and output: it receives from stdin and sends to stdout. `sendEof`
 * waits until stdout has taken everything, which `process.exit()` would cut off. To be called once, by the part of the
 * program that owns them.
 */
export function stdio(options: ReadableOptions = {}): ObjectStream<Uint8Array> {
  return stapled(streamFromReadable(process.stdin, options), streamFromWritable(process.stdout, options));
}
