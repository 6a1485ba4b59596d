/** The examples of RFC 7541 Appendix C. */
import { describe, expect, it } from "vitest";
import { portableAscii } from "../../src/bytes/ascii.js";
import { HpackEncoder } from "../../src/hpack/encoder.js";
import { readInteger, writeInteger } from "../../src/hpack/integer.js";
import { decodeHex, encodeBlock, fieldsOf, fromHex, lines, newDecoder, tableBytes, tableOf, toHex } from "./helpers.js";

interface Step {
  readonly fields: readonly string[];
  readonly wire: string;
  /** The entries of the table, the newest first. */
  readonly table: readonly string[];
  readonly tableBytes: number;
}

const decodeSteps = (steps: readonly Step[], maxTableSize?: number) => {
  for (let last = 0; last < steps.length; last++) {
    const decoder = newDecoder();
    if (maxTableSize !== undefined) decodeHex(decoder, sizeUpdate(maxTableSize));
    for (const step of steps.slice(0, last + 1)) expect(lines(decodeHex(decoder, step.wire))).toEqual(step.fields);
    const { table, tableBytes: bytes } = steps[last] as Step;
    const entries = tableOf(decoder);
    expect(lines(entries)).toEqual(table);
    expect(tableBytes(entries)).toBe(bytes);
  }
};

const sizeUpdate = (bytes: number): string => {
  const target = new Uint8Array(6);
  return toHex(target.slice(0, writeInteger(bytes, 5, 0x20, target, 0)));
};

const requests = [
  [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"],
  [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com", "cache-control: no-cache"],
  [":method: GET", ":scheme: https", ":path: /index.html", ":authority: www.example.com", "custom-key: custom-value"],
] as const;
const requestTables = [
  { table: [":authority: www.example.com"], tableBytes: 57 },
  { table: ["cache-control: no-cache", ":authority: www.example.com"], tableBytes: 110 },
  { table: ["custom-key: custom-value", "cache-control: no-cache", ":authority: www.example.com"], tableBytes: 164 },
] as const;

const date21 = "date: Mon, 21 Oct 2013 20:13:21 GMT";
const date22 = "date: Mon, 21 Oct 2013 20:13:22 GMT";
const location = "location: https://www.example.com";
const cookie = "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
const responses = [
  [":status: 302", "cache-control: private", date21, location],
  [":status: 307", "cache-control: private", date21, location],
  [":status: 200", "cache-control: private", date22, location, "content-encoding: gzip", cookie],
] as const;
const responseTables = [
  { table: [location, date21, "cache-control: private", ":status: 302"], tableBytes: 222 },
  { table: [":status: 307", location, date21, "cache-control: private"], tableBytes: 222 },
  { table: [cookie, "content-encoding: gzip", date22], tableBytes: 215 },
] as const;

const steps = (
  fields: readonly (readonly string[])[],
  tables: readonly Pick<Step, "table" | "tableBytes">[],
  wires: readonly string[],
) =>
  wires.map(
    (wire, index): Step => ({ fields: fields[index] ?? [], wire, ...(tables[index] ?? { table: [], tableBytes: 0 }) }),
  );

const plainRequests = steps(requests, requestTables, [
  "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
  "8286 84be 5808 6e6f 2d63 6163 6865",
  "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
]);
const huffmanRequests = steps(requests, requestTables, [
  "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
  "8286 84be 5886 a8eb 1064 9cbf",
  "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
]);
const plainResponses = steps(responses, responseTables, [
  `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32
   3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
  "4803 3330 37c1 c0bf",
  `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970
   7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61
   6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31`,
]);
const huffmanResponses = steps(responses, responseTables, [
  `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad
   1718 63c7 8f0b 97c8 e9ae 82ae 43d3`,
  "4883 640e ffc1 c0bf",
  `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2
   e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
]);

describe("C.1, integers", () => {
  it.each([
    ["C.1.1: 10 with a 5-bit prefix", 10, 5, "0a"],
    ["C.1.2: 1337 with a 5-bit prefix", 1337, 5, "1f9a0a"],
    ["C.1.3: 42 at an octet boundary", 42, 8, "2a"],
  ])("%s goes both ways", (_, value, prefixBits, wire) => {
    const target = new Uint8Array(6);
    expect(toHex(target.slice(0, writeInteger(value, prefixBits, 0, target, 0)))).toBe(wire);
    const bytes = fromHex(wire);
    const cursor = { bytes, offset: 0, end: bytes.length };
    expect(readInteger(cursor, prefixBits)).toBe(value);
    expect(cursor.offset).toBe(bytes.length);
  });
});

describe("C.2, the four forms of a field", () => {
  it.each<[title: string, wire: string, field: string, neverIndexed: true | undefined, table: string[], bytes: number]>(
    [
      [
        "C.2.1: a literal with indexing is decoded and kept",
        "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
        "custom-key: custom-header",
        undefined,
        ["custom-key: custom-header"],
        55,
      ],
      [
        "C.2.2: a literal without indexing is decoded and not kept",
        "040c 2f73 616d 706c 652f 7061 7468",
        ":path: /sample/path",
        undefined,
        [],
        0,
      ],
      [
        "C.2.3: a literal never indexed is decoded, not kept, and says so",
        "1008 7061 7373 776f 7264 0673 6563 7265 74",
        "password: secret",
        true,
        [],
        0,
      ],
      ["C.2.4: an indexed field comes from the static table", "82", ":method: GET", undefined, [], 0],
    ],
  )("%s", (_, wire, field, neverIndexed, table, bytes) => {
    const decoder = newDecoder();
    const fields = decodeHex(decoder, wire);
    expect(lines(fields)).toEqual([field]);
    expect(fields[0]?.neverIndexed).toBe(neverIndexed);
    const entries = tableOf(decoder);
    expect(lines(entries)).toEqual(table);
    expect(tableBytes(entries)).toBe(bytes);
  });

  it("C.2.1, C.2.3 and C.2.4 are the forms that our encoder chooses, with its strings in Huffman code", () => {
    const encoder = new HpackEncoder({ ascii: portableAscii });
    expect(toHex(encodeBlock(encoder, fieldsOf("custom-key: custom-header")))).toBe(
      "408825a849e95ba97d7f8925a849e95a728e42d9",
    );
    const secret = encodeBlock(encoder, [{ name: "password", value: "secret", neverIndexed: true }]);
    expect(secret[0]).toBe(0x10);
    expect(newDecoder().decode(secret, 0, secret.length, 100)).toMatchObject([
      { name: "password", value: "secret", neverIndexed: true },
    ]);
    expect(toHex(encodeBlock(encoder, fieldsOf(":method: GET")))).toBe("82");
  });
});

describe("C.3 to C.6, sequences on one connection", () => {
  it("C.3: requests without Huffman code are decoded, with the table after each", () => decodeSteps(plainRequests));
  it("C.4: requests with Huffman code are decoded, with the table after each", () => decodeSteps(huffmanRequests));
  it("C.5: responses without Huffman code are decoded with evictions from a table of 256 bytes", () =>
    decodeSteps(plainResponses, 256));
  it("C.6: responses with Huffman code are decoded with evictions from a table of 256 bytes", () =>
    decodeSteps(huffmanResponses, 256));

  it("C.4: our encoder writes the very octets of the example", () => {
    const encoder = new HpackEncoder({ ascii: portableAscii });
    for (const { fields, wire } of huffmanRequests)
      expect(toHex(encodeBlock(encoder, fieldsOf(...fields)))).toBe(toHex(fromHex(wire)));
  });

  it("C.6: our encoder writes the octets of the example, but 307 as it is and the cookie never indexed", () => {
    const encoder = new HpackEncoder({ ascii: portableAscii, maxTableSize: 256 });
    const blocks = huffmanResponses.map(({ fields }) => toHex(encodeBlock(encoder, fieldsOf(...fields))));
    const examples = huffmanResponses.map(({ wire }) => toHex(fromHex(wire))) as [string, string, string];
    expect(blocks[0]).toBe(sizeUpdate(256) + examples[0]);
    expect(blocks[1]).toBe(examples[1].replace("83640eff", "03333037"));
    // Index 55 with indexing is 0x77, never indexed it is 0x1f28.
    expect(blocks[2]).toBe(examples[2].replace("77ad94e7", "1f28ad94e7"));
  });
});
