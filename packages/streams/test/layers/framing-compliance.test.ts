import { describe } from "vitest";
import { enveloped, lengthPrefixed, lines, memoryPair, type ObjectStream } from "../../src/index.js";
import { rechunked } from "../support/rechunked.js";
import { suite } from "../support/suite.js";

type Bytes = ObjectStream<Uint8Array>;
type Wrap = (stream: Bytes) => Bytes;

const large = 4 * 1024 * 1024;
/**
 * Lines hold no line feeds: each byte goes as two, of four bits and 0x40. The suite sends one block many times over.
 */
const nibbles = { toItem: split, toBytes: (item: {}) => join(item as Uint8Array) };
const known = new WeakMap<Uint8Array, Uint8Array>();

function split(bytes: Uint8Array): Uint8Array {
  const before = known.get(bytes);
  if (before !== undefined) return before;
  const item = new Uint8Array(bytes.length * 2);
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] as number;
    item[index * 2] = 0x40 | (byte >>> 4);
    item[index * 2 + 1] = 0x40 | (byte & 0x0f);
  }
  known.set(bytes, item);
  return item;
}

function join(item: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(item.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = ((item[index * 2] as number) << 4) | ((item[index * 2 + 1] as number) & 0x0f);
  }
  return bytes;
}

for (const [name, wrap, codec] of [
  ["the envelope", (stream: Bytes) => enveloped(stream), undefined],
  ["length prefixes", (stream: Bytes) => lengthPrefixed(stream, { maxMessageBytes: large }), undefined],
  ["lines", (stream: Bytes) => lines(stream, { maxLineBytes: 2 * large }), nibbles],
] as [string, Wrap, typeof nibbles | undefined][]) {
  describe(`compliance of ${name} over memory pairs`, () => {
    suite({
      ...(codec === undefined ? {} : { codec }),
      maxItemBytes: 1024 * 1024,
      maxUnreadBytes: 1024 * 1024,
      connect(clock) {
        const [first, second] = memoryPair<Uint8Array>({ clock });
        return { first: wrap(first), second: wrap(second) };
      },
    });
  });

  describe(`compliance of ${name} over a way that cuts bytes at random`, () => {
    suite({
      ...(codec === undefined ? {} : { codec }),
      maxItemBytes: 64 * 1024,
      maxUnreadBytes: 1024 * 1024,
      connect(clock) {
        const [first, second] = memoryPair<Uint8Array>({ clock });
        return { first: wrap(rechunked(first, 1)), second: wrap(rechunked(second, 2)) };
      },
    });
  });
}
