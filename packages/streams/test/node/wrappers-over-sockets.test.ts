import { describe } from "vitest";
import {
  buffered,
  compressed,
  counted,
  enveloped,
  lengthPrefixed,
  type ObjectStream,
  rateLimited,
  tap,
  withTimeouts,
} from "../../src/index.js";
import { gzip } from "../../src/node/index.js";
import { socketSuite } from "./socket-suite.js";

type Bytes = ObjectStream<Uint8Array>;

interface Case {
  readonly name: string;
  readonly keepsBoundaries: boolean;
  wrap(stream: Bytes): Bytes;
}

const codec = gzip({ level: 1 });
const cases: readonly Case[] = [
  { name: "the envelope", keepsBoundaries: true, wrap: (stream) => enveloped(stream) },
  { name: "length prefixes", keepsBoundaries: true, wrap: (stream) => lengthPrefixed(stream) },
  {
    name: "gzip",
    keepsBoundaries: false,
    wrap: (stream) => compressed(stream, { send: codec, receive: codec, flushEachMessage: true }),
  },
  { name: "buffered", keepsBoundaries: false, wrap: (stream) => buffered(stream) },
  {
    name: "tap, counts, timeouts and a rate limit",
    keepsBoundaries: false,
    wrap: (stream) =>
      tap(
        counted(
          withTimeouts(rateLimited(stream, { sendBytesPerSecond: 1e12, receiveBytesPerSecond: 1e12 }), {
            idleTimeoutMs: 1e9,
          }),
        ),
        {},
      ),
  },
];

for (const { name, keepsBoundaries, wrap } of cases) {
  describe(`compliance of ${name} over sockets`, () => {
    socketSuite({ keepsBoundaries, maxItemBytes: 256 * 1024 }, (first, second) => ({
      first: wrap(first),
      second: wrap(second),
    }));
  });
}
