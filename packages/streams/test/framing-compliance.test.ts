import { describe } from "vitest";
import { enveloped, lengthPrefixed, lines, memoryPair, type ObjectStream } from "../src/index.js";
import { suite } from "./suite.js";
import { rechunked } from "./support/rechunked.js";

type Bytes = ObjectStream<Uint8Array>;
type Wrap = (stream: Bytes) => Bytes;

const large = 4 * 1024 * 1024;
/** Lines hold no line feeds: two characters a byte. */
const hex = { toItem: (bytes: Uint8Array) => Buffer.from(Buffer.from(bytes).toString("hex")), toBytes: fromHex };

function fromHex(item: {}): Uint8Array {
  return new Uint8Array(Buffer.from(Buffer.from(item as Uint8Array).toString("latin1"), "hex"));
}

for (const [name, wrap, codec] of [
  ["the envelope", (stream: Bytes) => enveloped(stream), undefined],
  ["length prefixes", (stream: Bytes) => lengthPrefixed(stream, { maxMessageBytes: large }), undefined],
  ["lines", (stream: Bytes) => lines(stream, { maxLineBytes: 2 * large }), hex],
] as [string, Wrap, typeof hex | undefined][]) {
  describe(`compliance of ${name} over memory pairs`, () => {
    suite({
      ...(codec === undefined ? {} : { codec }),
      maxItemBytes: 1024 * 1024,
      maxUnreadBytes: 4 * 1024 * 1024,
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
      maxUnreadBytes: 4 * 1024 * 1024,
      connect(clock) {
        const [first, second] = memoryPair<Uint8Array>({ clock });
        return { first: wrap(rechunked(first, 1)), second: wrap(rechunked(second, 2)) };
      },
    });
  });
}
