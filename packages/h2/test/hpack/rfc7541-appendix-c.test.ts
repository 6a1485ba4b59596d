import { describe, expect, it } from "vitest";
import { portableAscii } from "../../src/bytes/ascii.js";
import { HpackDecoder } from "../../src/hpack/decoder.js";
import { HpackEncoder } from "../../src/hpack/encoder.js";
import { huffmanDecode, huffmanEncode, huffmanLength } from "../../src/hpack/huffman.js";
import { readInteger, writeInteger } from "../../src/hpack/integer.js";
import { fields, fromHex, lines, toHex } from "./helpers.js";

describe("C.1: integers", () => {
  const examples = [
    { section: "C.1.1", value: 10, prefixBits: 5, hex: "0a" },
    { section: "C.1.2", value: 1337, prefixBits: 5, hex: "1f9a0a" },
    { section: "C.1.3", value: 42, prefixBits: 8, hex: "2a" },
  ];
  for (const { section, value, prefixBits, hex } of examples) {
    it(`${section}: ${value} with a ${prefixBits}-bit prefix is ${hex}`, () => {
      const target = new Uint8Array(6);
      expect(toHex(target.slice(0, writeInteger(target, 0, value, prefixBits, 0)))).toBe(hex);
      const bytes = fromHex(hex);
      expect(readInteger({ bytes, offset: 0, end: bytes.length }, prefixBits)).toBe(value);
    });
  }
});

describe("C.2: single fields", () => {
  const examples = [
    {
      section: "C.2.1 (indexed from then on)",
      hex: "400a637573746f6d2d6b65790d637573746f6d2d686561646572",
      line: "custom-key: custom-header",
    },
    { section: "C.2.2 (without indexing)", hex: "040c2f73616d706c652f70617468", line: ":path: /sample/path" },
    { section: "C.2.3 (never indexed)", hex: "100870617373776f726406736563726574", line: "password: secret" },
    { section: "C.2.4 (indexed)", hex: "82", line: ":method: GET" },
  ];
  for (const { section, hex, line } of examples) {
    it(`${section}: ${line}`, () => {
      const decoder = new HpackDecoder({ ascii: portableAscii, maxTableSize: 4_096 });
      const bytes = fromHex(hex);
      const [field] = decoder.decode(bytes, 0, bytes.length, 1_000);
      expect(lines([field as NonNullable<typeof field>])).toEqual([line]);
      expect(field?.neverIndexed).toBe(section.includes("never"));
    });
  }
});

const requests = [
  [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"],
  [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com", "cache-control: no-cache"],
  [":method: GET", ":scheme: https", ":path: /index.html", ":authority: www.example.com", "custom-key: custom-value"],
];
const responses = [
  [":status: 302", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:21 GMT", "location: https://www.example.com"],
  [":status: 307", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:21 GMT", "location: https://www.example.com"],
  [
    ":status: 200",
    "cache-control: private",
    "date: Mon, 21 Oct 2013 20:13:22 GMT",
    "location: https://www.example.com",
    "content-encoding: gzip",
    "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
  ],
];
const sequences = [
  {
    section: "C.3: requests without Huffman coding",
    stories: requests,
    blocks: [
      "828684410f7777772e6578616d706c652e636f6d",
      "828684be58086e6f2d6361636865",
      "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
    ],
    tableSize: 4_096,
  },
  {
    section: "C.4: requests with Huffman coding",
    stories: requests,
    blocks: ["828684418cf1e3c2e5f23a6ba0ab90f4ff", "828684be5886a8eb10649cbf", "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf"],
    tableSize: 4_096,
  },
  {
    section: "C.5: responses without Huffman coding, with eviction",
    stories: responses,
    blocks: [
      "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d",
      "4803333037c1c0bf",
      "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
    ],
    tableSize: 256,
  },
  {
    section: "C.6: responses with Huffman coding, with eviction",
    stories: responses,
    blocks: [
      "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
      "4883640effc1c0bf",
      "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
    ],
    tableSize: 256,
  },
];

for (const { section, stories, blocks, tableSize } of sequences) {
  it(`${section} decode to the fields of the RFC`, () => {
    const decoder = new HpackDecoder({ ascii: portableAscii, maxTableSize: 4_096 });
    if (tableSize !== 4_096) {
      // The examples' table of 256 bytes is chosen by a size update, as a peer would.
      const update = fromHex("3fe101");
      decoder.decode(update, 0, update.length, 0);
    }
    for (const [index, block] of blocks.entries()) {
      const bytes = fromHex(block);
      expect(lines(decoder.decode(bytes, 0, bytes.length, 10_000))).toEqual(stories[index]);
    }
  });
}

it("C.4: our encoder writes the very octets of the RFC", () => {
  const encoder = new HpackEncoder({ ascii: portableAscii });
  const written = requests.map((story) => {
    const list = fields(story);
    const target = new Uint8Array(encoder.maxEncodedLength(list));
    return toHex(target.slice(0, encoder.encode(list, target, 0)));
  });
  expect(written).toEqual(sequences[1]?.blocks);
});

it("Huffman codes every octet and back, alone and together", () => {
  const all = String.fromCharCode(...Array.from({ length: 256 }, (_, octet) => octet));
  for (const text of [...all, all, ""]) {
    const target = new Uint8Array(huffmanLength(text));
    expect(huffmanEncode(text, target, 0)).toBe(target.length);
    const decoded = new Uint8Array(text.length + 8);
    const length = huffmanDecode(target, 0, target.length, decoded);
    expect(portableAscii.decode(decoded, 0, length)).toBe(text);
  }
});
