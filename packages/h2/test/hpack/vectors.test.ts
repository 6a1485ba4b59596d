import { deepEqual } from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { portableAscii } from "../../src/bytes/ascii.js";
import type { HeaderField } from "../../src/header-field.js";
import { HpackEncoder } from "../../src/hpack/encoder.js";
import { nodeAscii } from "../../src/node/ascii.js";
import { decodeHex, encodeBlock, lines, newDecoder } from "./helpers.js";

/** A connection's header blocks in order, as some encoder wrote them. */
interface Story {
  readonly cases: readonly {
    readonly wire: string;
    readonly headers: readonly Readonly<Record<string, string>>[];
    /** The table size that the decoder announces from this block on. */
    readonly header_table_size?: number | null;
  }[];
}

// Public test data (http2jp/hpack-test-case), which is not part of the project.
const corpus = new URL("../../../../../shared/vectors/hpack/", import.meta.url);
const present = existsSync(corpus);
const encoders = present
  ? readdirSync(corpus, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
  : [];

describe.skipIf(!present)(
  present ? "public HPACK stories" : "public HPACK stories: not run, ../shared/vectors/hpack is absent",
  () => {
    it("come from four encoders", () => expect(encoders.length).toBeGreaterThanOrEqual(4));

    it.each(encoders)("of %s are decoded to their headers", (encoder) => {
      for (const { cases } of storiesOf(encoder)) {
        const decoder = newDecoder();
        for (const { wire, headers, header_table_size: tableSize } of cases) {
          if (typeof tableSize === "number") decoder.setMaxTableSize(tableSize);
          deepEqual(lines(decodeHex(decoder, wire)), lines(fieldsOf(headers)));
        }
      }
    });

    it.each(encoders)("of %s survive our encoder and decoder, with the same table sizes", (encoder) => {
      for (const { cases } of storiesOf(encoder)) {
        const ours = new HpackEncoder({ ascii: nodeAscii });
        const decoder = newDecoder();
        for (const { headers, header_table_size: tableSize } of cases) {
          if (typeof tableSize === "number") {
            ours.setMaxTableSize(tableSize);
            decoder.setMaxTableSize(tableSize);
          }
          const fields = fieldsOf(headers);
          const block = encodeBlock(ours, fields);
          deepEqual(lines(decoder.decode(block, 0, block.length, 65_536)), lines(fields));
        }
      }
    });

    it("take our encoder no more octets than nghttp2's, cookies apart, which are never indexed here", () => {
      let theirs = 0;
      let ours = 0;
      for (const { cases } of storiesOf("nghttp2")) {
        const encoder = new HpackEncoder({ ascii: portableAscii });
        for (const { wire, headers } of cases) {
          const fields = fieldsOf(headers);
          if (fields.some(({ name }) => name === "cookie" || name === "set-cookie")) continue;
          theirs += wire.length / 2;
          ours += encodeBlock(encoder, fields).length;
        }
      }
      expect(ours).toBeLessThanOrEqual(theirs * 1.01);
    });
  },
);

function storiesOf(encoder: string): Story[] {
  const folder = new URL(`${encoder}/`, corpus);
  const files = readdirSync(folder).filter((file) => file.endsWith(".json"));
  if (files.length === 0) throw new Error(`no stories in ${encoder}`);
  return files.map((file) => JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Story);
}

function fieldsOf(headers: Story["cases"][number]["headers"]): HeaderField[] {
  return headers.flatMap((header) => Object.entries(header).map(([name, value]) => ({ name, value })));
}
