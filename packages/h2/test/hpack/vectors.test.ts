import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { portableAscii } from "../../src/bytes/ascii.js";
import { HpackDecoder } from "../../src/hpack/decoder.js";
import { HpackEncoder } from "../../src/hpack/encoder.js";
import { fromHex, lines, roundTrip } from "./helpers.js";

interface Story {
  readonly cases: readonly {
    readonly wire: string;
    readonly headers: readonly Record<string, string>[];
    readonly header_table_size?: number;
  }[];
}

// Public test data (http2jp/hpack-test-case), which is not part of the project.
const corpus = new URL("../../../../../shared/vectors/hpack/", import.meta.url);
const present = existsSync(corpus);

describe.skipIf(!present)(present ? "public HPACK stories" : "public HPACK stories (skipped: ../shared/vectors is not there)", () => {
  const encoders = present ? readdirSync(corpus, { withFileTypes: true }).filter((entry) => entry.isDirectory()) : [];
  for (const { name } of encoders) {
    it(`of ${name} decode to their headers, and so does what our encoder makes of them`, () => {
      const folder = new URL(`${name}/`, corpus);
      const files = readdirSync(folder).filter((file) => file.endsWith(".json"));
      expect(files.length).toBeGreaterThan(0);
      for (const file of files) checkStory(JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Story);
    });
  }
});

function checkStory(story: Story): void {
  const decoder = new HpackDecoder({ ascii: portableAscii, maxTableSize: 4_096 });
  const ourEncoder = new HpackEncoder({ ascii: portableAscii });
  const ourDecoder = new HpackDecoder({ ascii: portableAscii, maxTableSize: 4_096 });
  for (const { wire, headers, header_table_size } of story.cases) {
    if (header_table_size !== undefined && header_table_size !== null) {
      decoder.setMaxTableSize(header_table_size);
      ourEncoder.setMaxTableSize(header_table_size);
      ourDecoder.setMaxTableSize(header_table_size);
    }
    const expected = headers.flatMap((header) => Object.entries(header).map(([name, value]) => ({ name, value })));
    const bytes = fromHex(wire);
    expect(lines(decoder.decode(bytes, 0, bytes.length, 1_000_000))).toEqual(lines(expected));
    expect(roundTrip(ourEncoder, ourDecoder, expected)).toEqual(expected);
  }
}
