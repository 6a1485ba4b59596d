import { describe } from "vitest";
import { type Codec, compressed, identity, memoryPair } from "../../../src/index.js";
import { brotli, deflate, gzip } from "../../../src/node/index.js";
import { suite } from "../../suite.js";
import { turns } from "../turns.js";
import { optionalCodecs } from "./available.js";

const codecs: readonly Codec[] = [identity, gzip({ level: 1 }), deflate({ level: 1 }), brotli({ quality: 1 }), ...(await optionalCodecs())];

for (const codec of codecs) {
  describe(`compliance of ${codec.name} over memory pairs`, () => {
    suite({
      keepsBoundaries: false,
      maxItemBytes: 256 * 1024,
      maxUnreadBytes: 4 * 1024 * 1024, // what 32 items and those under way expand to
      settle: () => turns(),
      connect(clock) {
        const [first, second] = memoryPair<Uint8Array>({ clock });
        const options = { send: codec, receive: codec, flushEachMessage: true };
        return { first: compressed(first, options), second: compressed(second, options) };
      },
    });
  });
}
