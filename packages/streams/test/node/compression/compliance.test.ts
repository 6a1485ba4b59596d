import { describe, test } from "vitest";
import { bzip2, type CompressionCodec, compressed, identity, memoryPair } from "../../../src/index.js";
import { brotli, deflate, gzip } from "../../../src/node/index.js";
import { complianceTests } from "../../../src/testing/index.js";
import { turns } from "../../support/turns.js";
import { optionalCodecs } from "./available.js";

const codecs: readonly CompressionCodec[] = [
  identity,
  gzip({ level: 1 }),
  deflate({ level: 1 }),
  brotli({ quality: 1 }),
  bzip2({ level: 1 }),
  ...(await optionalCodecs()),
];

/** The tests that move tens of megabytes. Only fast formats run them, since the way through the stream is the same. */
const heavy =
  /^(a send too|a sender stops|close (discards|gives up|with a)|an abort ends|a send that is|both directions)/;

for (const codec of codecs) {
  describe(`compliance of ${codec.name} over memory pairs`, () => {
    const tests = complianceTests({
      keepsBoundaries: false,
      maxItemBytes: (codec.flushes ? 256 : 32) * 1024,
      maxUnreadBytes: 1024 * 1024, // what 32 items and those under way expand to
      settle: () => turns(),
      connect(clock) {
        const [first, second] = memoryPair<Uint8Array>({ clock });
        const options = { send: codec, receive: codec, flushEachMessage: true };
        return { first: compressed(first, options), second: compressed(second, options) };
      },
    });
    for (const { title, run } of tests) if (codec.flushes || !heavy.test(title)) test(title, run);
  });
}
