import { describe, expect, test } from "vitest";
import { bzip2, type CompressionCodec } from "../../../src/index.js";
import { deflate, gzip } from "../../../src/node/index.js";
import { optionalCodecs } from "./available.js";
import { decode, encode } from "./support.js";

const optional = await optionalCodecs();
const named = (list: readonly CompressionCodec[]): [string, CompressionCodec][] =>
  list.map((codec) => [codec.name, codec]);
const text = Buffer.from("the quick brown fox jumps over the lazy dog\n".repeat(50));

describe("a checksum", () => {
  test.each(named([gzip(), deflate(), bzip2({ level: 1 }), ...optional]))(
    "of %s finds each flipped bit",
    async (_, codec) => {
      const bytes = await encode(codec, [text]);
      let unnoticed = 0;
      for (let count = 0; count < 200; count++) {
        const flipped = Buffer.from(bytes);
        const bit = Math.floor((count * bytes.length * 8) / 200);
        flipped[bit >>> 3] = (flipped[bit >>> 3] as number) ^ (1 << (bit & 7));
        const outcome = await decode(codec, [flipped]).catch((error: unknown) => error);
        // Some bits do not matter, such as those of gzip's time: then the output is the same.
        if (Buffer.isBuffer(outcome) && !outcome.equals(text)) unnoticed++;
      }
      expect(unnoticed).toBe(0);
    },
  );
});
