/** Standard input and output as one stream. */
import process from "node:process";
import { checkOptionNames } from "@trunkline/base";
import type { ObjectStream } from "../contract/stream.js";
import { stapled } from "../endpoints/stapled.js";
import { type ReadableOptions, readableOptionNames, readableStream, writableStream } from "./readable-writable.js";

/**
 * Makes a stream of this process' standard input and output: it receives from stdin and sends to stdout. `sendEof`
 * waits until stdout has taken everything, which `process.exit()` would cut off. To be called once, by the part of the
 * program that owns them.
 */
export function stdio(options: ReadableOptions = {}): ObjectStream<Uint8Array> {
  checkOptionNames("stdio", options, readableOptionNames);
  return stapled(readableStream(process.stdin, options), writableStream(process.stdout, options));
}
