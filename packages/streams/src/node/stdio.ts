/** Standard input and output as one stream. */
import process from "node:process";
import type { ObjectStream } from "../contract/stream.js";
import { stapled } from "../endpoints/stapled.js";
import { type ReadableOptions, streamFromReadable, streamFromWritable } from "./readable-writable.js";

/**
 * This process' standard input and output as a stream: what is received was written to stdin, what is sent goes to stdout. `sendEof`
 * waits until stdout has taken everything, which `process.exit()` would cut off. To be called once, by whoever owns them.
 */
export function stdio(options: ReadableOptions = {}): ObjectStream<Uint8Array> {
  return stapled(streamFromReadable(process.stdin, options), streamFromWritable(process.stdout, options));
}
