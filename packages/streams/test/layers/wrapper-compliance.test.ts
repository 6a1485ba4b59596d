import { createHash } from "node:crypto";
import { describe } from "vitest";
import {
  buffered,
  Crc32,
  counted,
  enveloped,
  lengthPrefixed,
  memoryPair,
  type ObjectStream,
  rateLimited,
  tap,
  withTimeouts,
} from "../../src/index.js";
import { text } from "../../src/node/index.js";
import { rechunked } from "../support/rechunked.js";
import { small, suite } from "../support/suite.js";

type Bytes = ObjectStream<Uint8Array>;

const wrappers: readonly [string, (stream: Bytes) => Bytes][] = [
  [
    "tap",
    (stream) =>
      tap(stream, {
        onSend() {},
        onReceive() {},
        onSendEof() {},
        onReceiveEof() {},
        onError() {},
        onAbort() {},
        onClose() {},
      }),
  ],
  ["counted", (stream) => counted(stream, { sent: new Crc32(), received: createHash("sha1") })],
  ["buffered", (stream) => buffered(stream)],
  ["withTimeouts", (stream) => withTimeouts(stream, { idleTimeoutMs: 1e9, totalTimeoutMs: 1e9 })],
  ["rateLimited", (stream) => rateLimited(stream, { sendBytesPerSecond: 1e12, receiveBytesPerSecond: 1e12 })],
  [
    "all of them, one in the other",
    (stream) =>
      buffered(
        counted(
          tap(withTimeouts(rateLimited(enveloped(stream), { sendBytesPerSecond: 1e12 }), { idleTimeoutMs: 1e9 }), {}),
        ),
      ),
  ],
];

for (const [name, wrap] of wrappers) {
  describe(`compliance of ${name} over memory pairs`, () => {
    suite({
      ...small,
      connect(clock) {
        const [first, second] = memoryPair<Uint8Array>({ clock });
        return { first: wrap(first), second: wrap(second) };
      },
    });
  });
}

describe("compliance of buffered over a way that cuts bytes at random", () => {
  suite({
    keepsBoundaries: false,
    maxItemBytes: 64 * 1024,
    maxUnreadBytes: 1024 * 1024,
    connect(clock) {
      const [first, second] = memoryPair<Uint8Array>({ clock });
      return { first: buffered(rechunked(first, 1)), second: rechunked(second, 2) };
    },
  });
});

describe("compliance of text over length prefixes", () => {
  suite({
    codec: {
      toItem: (bytes) => Buffer.from(bytes).toString("latin1"),
      toBytes: (item) => new Uint8Array(Buffer.from(item as string, "latin1")),
    },
    ...small,
    connect(clock) {
      const [first, second] = memoryPair<Uint8Array>({ clock });
      return { first: text(lengthPrefixed(first)), second: text(lengthPrefixed(second)) };
    },
  });
});
