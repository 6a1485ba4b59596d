import { describe, expect, it } from "vitest";
import { H2Error } from "../../src/errors.js";
import { decodeHex, fromHex, lines, newDecoder, tableOf, toHex } from "./helpers.js";

const failure = (decode: () => unknown): H2Error => {
  try {
    decode();
  } catch (error) {
    if (error instanceof H2Error) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
};

/** `name: value` as a literal with indexing, strings as they are. */
const literal = (name: string, value: string): string => {
  const text = (characters: string) => {
    const length = characters.length;
    const prefix = length < 127 ? [length] : [127, ((length - 127) & 0x7f) | 0x80, (length - 127) >> 7];
    return toHex(Uint8Array.from(prefix)) + Buffer.from(characters, "latin1").toString("hex");
  };
  return `40${text(name)}${text(value)}`;
};

describe("the decoder", () => {
  it("refuses what is malformed as a connection error COMPRESSION_ERROR by the peer", () => {
    const error = failure(() => decodeHex(newDecoder(), "80"));
    expect(error).toMatchObject({ code: "COMPRESSION_ERROR", scope: "connection", origin: "remote", streamId: 0 });
  });

  it.each([
    ["index 0", "80", "index 0 is not from 1 to 61, the end of the tables"],
    ["an index past both tables", "be", "index 62 is not from 1 to 61, the end of the tables"],
    ["a huge index", "ffffffff0f", "index 33554558 is not from 1 to 61, the end of the tables"],
    ["a name's index past both tables, with indexing", "7f0000", "index 63 is not from 1 to 61, the end of the tables"],
    [
      "a name's index past both tables, without indexing",
      "0f3000",
      "index 63 is not from 1 to 61, the end of the tables",
    ],
    [
      "an index past the entries there are",
      `${literal("a", "b")}bf`,
      "index 63 is not from 1 to 62, the end of the tables",
    ],
    ["an index that is cut off", "ff", "header block ends inside an integer"],
    ["an index written in seven octets", "ff808080808000", "integer is longer than the limit (6 octets)"],
    ["a literal without a name", "40", "header block ends where an integer should begin"],
    ["a literal without a value", "400161", "header block ends where an integer should begin"],
    ["a literal with an indexed name and no value", "41", "header block ends where an integer should begin"],
    ["a name longer than the block", "40056162", "string of 5 bytes is longer than the rest of its header block (2)"],
    ["a value longer than the block", "410361", "string of 3 bytes is longer than the rest of its header block (1)"],
    [
      "a length of 2 GiB",
      "417f80ffffff07",
      "string of 2147483647 bytes is longer than the rest of its header block (0)",
    ],
    ["an end-of-string symbol", "4184fffffffc", "Huffman string contains the end-of-string symbol"],
    [
      "Huffman padding that is too long",
      "4182ffff",
      "Huffman string does not end in fewer than 8 bits of padding, all ones",
    ],
    ["a size update after a field", "8220", "dynamic table size update after the beginning of a header block"],
    [
      "a size update larger than announced",
      "3fe21f",
      "dynamic table size 4097 is larger than the announced one (4096)",
    ],
  ])("refuses %s", (_, hex, message) => {
    expect(failure(() => decodeHex(newDecoder(), hex)).message).toBe(message);
  });

  it("looks at its own part of a chunk only", () => {
    const chunk = fromHex("ffff 82 400161 0162 ffff");
    expect(lines(newDecoder().decode(chunk, 2, 8, 1_000))).toEqual([":method: GET", "a: b"]);
    expect(failure(() => newDecoder().decode(chunk, 2, 7, 1_000)).message).toContain("string of 1 bytes");
    expect(newDecoder().decode(chunk, 2, 2, 1_000)).toEqual([]);
  });

  it("knows the 61 fields of the static table", () => {
    const fields = decodeHex(
      newDecoder(),
      Array.from({ length: 61 }, (_, index) => (0x81 + index).toString(16)).join(""),
    );
    expect(lines(fields.slice(0, 16))).toEqual([
      ":authority: ",
      ":method: GET",
      ":method: POST",
      ":path: /",
      ":path: /index.html",
      ":scheme: http",
      ":scheme: https",
      ":status: 200",
      ":status: 204",
      ":status: 206",
      ":status: 304",
      ":status: 400",
      ":status: 404",
      ":status: 500",
      "accept-charset: ",
      "accept-encoding: gzip, deflate",
    ]);
    expect(
      [fields[18], fields[22], fields[30], fields[31], fields[54], fields[57], fields[60]].map((field) => field?.name),
    ).toEqual(["accept", "authorization", "content-type", "cookie", "set-cookie", "user-agent", "www-authenticate"]);
  });

  it("gives the same object for an indexed field every time, so that a check can be remembered on it", () => {
    const decoder = newDecoder();
    const [inserted, method] = decodeHex(decoder, `${literal("a", "b")}82`);
    if (inserted === undefined || method === undefined) throw new Error("two fields were expected");
    inserted.checked = true;
    const again = decodeHex(decoder, `be82`);
    expect(again[0]).toBe(inserted);
    expect(again[1]).toBe(method);
    expect(decodeHex(newDecoder(), "82")[0]).toBe(method);
  });

  it("keeps octets that are not ASCII as Latin-1 characters", () => {
    expect(decodeHex(newDecoder(), "00016103e900ff")[0]?.value).toBe("\xe9\x00\xff");
  });

  it("reads the name of an entry that the insertion itself evicts", () => {
    const decoder = newDecoder();
    const name = "n".repeat(100);
    decodeHex(decoder, `3f75${literal(name, "1")}`); // a table of 148 bytes
    expect(lines(decodeHex(decoder, "7e0132"))).toEqual([`${name}: 2`]);
    expect(lines(tableOf(decoder))).toEqual([`${name}: 2`]);
  });
});

describe("the limit of a header list", () => {
  it("counts name, value and 32 for each field, and lets through what is exactly as large", () => {
    const decoder = newDecoder();
    const block = `${literal("a", "bc")}82`; // 35 + 42
    expect(decodeHex(decoder, block, 77)).toHaveLength(2);
    expect([decoder.listTooLarge, decoder.listBytes]).toEqual([false, 77]);
    decodeHex(decoder, block, 76);
    expect([decoder.listTooLarge, decoder.listBytes]).toEqual([true, 77]);
  });

  it("does not keep the table from following the peer's, and is forgotten with the next block", () => {
    const decoder = newDecoder();
    expect(decodeHex(decoder, literal("a", "b") + literal("c", "d"), 34)).toHaveLength(1);
    expect(decoder.listTooLarge).toBe(true);
    expect(lines(decodeHex(decoder, "bebf"))).toEqual(["c: d", "a: b"]);
    expect([decoder.listTooLarge, decoder.listBytes]).toEqual([false, 68]);
  });

  it("still refuses what is malformed past it", () => {
    expect(failure(() => decodeHex(newDecoder(), "8282828280", 50)).code).toBe("COMPRESSION_ERROR");
  });

  it("bounds what a block of references to one large entry costs (CVE-2016-6581)", () => {
    const decoder = newDecoder();
    const [large] = decodeHex(decoder, literal("a", "x".repeat(4_000)));
    const bomb = new Uint8Array(60_000).fill(0xbe);
    const fields = decoder.decode(bomb, 0, bomb.length, 16_384);
    expect(fields).toEqual([large, large, large, large]);
    expect(fields.every((field) => field === large)).toBe(true);
    expect([decoder.listTooLarge, decoder.listBytes]).toEqual([true, 60_000 * 4_033]);
  });
});

describe("the size of the decoder's table", () => {
  it("is 4,096 until the peer has heard of another, and only the announced one from then on", () => {
    const decoder = newDecoder(100);
    expect(decodeHex(decoder, "3fe11f")).toEqual([]); // 4,096
    decoder.setMaxTableSize(100);
    expect(failure(() => decodeHex(decoder, "3f46")).message).toBe(
      "dynamic table size 101 is larger than the announced one (100)",
    );
  });

  it("grows only when the peer says so, up to what was announced", () => {
    const decoder = newDecoder(8_192);
    decoder.setMaxTableSize(8_192);
    const value = "x".repeat(4_000);
    decodeHex(decoder, literal("a", value) + literal("b", value));
    expect(lines(tableOf(decoder))).toEqual([`b: ${value}`]);
    decodeHex(decoder, `3fe13f${literal("a", value)}`);
    expect(lines(tableOf(decoder))).toEqual([`a: ${value}`, `b: ${value}`]);
  });

  it("may be changed several times at the beginning of a block, each with its evictions", () => {
    const decoder = newDecoder();
    decodeHex(decoder, literal("a", "b") + literal("c", "d"));
    expect(lines(decodeHex(decoder, "3f043fe11fbe"))).toEqual(["c: d"]); // 35, which holds one entry; 4,096
    expect(lines(tableOf(decoder))).toEqual(["c: d"]);
    expect(decodeHex(decoder, "20")).toEqual([]);
    expect(tableOf(decoder)).toEqual([]);
  });

  it("must be lowered by the peer in the first block after we have lowered the limit", () => {
    const decoder = newDecoder();
    decoder.setMaxTableSize(100);
    const error = failure(() => decodeHex(decoder, "82"));
    expect(error.code).toBe("COMPRESSION_ERROR");
    expect(error.message).toBe(
      "header block without the update that shrinks the dynamic table to the announced size (100)",
    );
  });

  it("must be lowered as far as the smallest limit, even if the last is larger", () => {
    for (const [hex, valid] of [
      ["3f453fe11f82", true], // 100, then 4,096
      ["3f4582", true],
      ["2082", true],
      ["3fe11f82", false],
      ["3f463fe11f82", false], // 101, then 4,096
    ] as const) {
      const decoder = newDecoder();
      decoder.setMaxTableSize(100);
      decoder.setMaxTableSize(4_096);
      if (valid) expect(lines(decodeHex(decoder, hex))).toEqual([":method: GET"]);
      else expect(failure(() => decodeHex(decoder, hex)).message).toContain("without the update that shrinks");
    }
  });

  it("need not be lowered where it is small enough already, whether by choice or by an earlier update", () => {
    const decoder = newDecoder();
    decodeHex(decoder, "3f13"); // 50
    decoder.setMaxTableSize(100);
    expect(decodeHex(decoder, "82")).toHaveLength(1);
    decoder.setMaxTableSize(4_096);
    expect(decodeHex(decoder, "82")).toHaveLength(1);
    expect(decodeHex(decoder, "3fe11f82")).toHaveLength(1);
  });
});
