import { describe, expect, it } from "vitest";
import { portableAscii } from "../../src/bytes/ascii.js";
import type { HeaderField } from "../../src/header-field.js";
import { HpackEncoder, type HpackEncoderOptions } from "../../src/hpack/encoder.js";
import { encodeBlock, fieldsOf, lines, newDecoder, tableOf, toHex } from "./helpers.js";

const newEncoder = (options: Omit<HpackEncoderOptions, "ascii"> = {}) =>
  new HpackEncoder({ ascii: portableAscii, ...options });

/** An encoder with the decoder at its other end. */
class Pair {
  readonly encoder: HpackEncoder;
  readonly decoder = newDecoder();

  constructor(options?: Omit<HpackEncoderOptions, "ascii">) {
    this.encoder = newEncoder(options);
  }

  /** Sends the fields, checks that they arrive, and gives the block. */
  send(...fields: readonly (string | HeaderField)[]): Uint8Array {
    const sent = fields.flatMap((field) => (typeof field === "string" ? fieldsOf(field) : [field]));
    const block = encodeBlock(this.encoder, sent);
    expect(lines(this.decoder.decode(block, 0, block.length, 1_000_000))).toEqual(lines(sent));
    return block;
  }
}

const call = [
  ":method: POST",
  ":scheme: http",
  ":path: /helloworld.Greeter/SayHello",
  ":authority: 127.0.0.1:50051",
  "te: trailers",
  "content-type: application/grpc",
  "user-agent: someone/1.0",
];
const grpcTimeout = (index: number) => `grpc-timeout: ${100_000 + index}u`;

describe("the encoder", () => {
  it("sends a call's fields as one octet each once they are known, and a timeout with its name by index", () => {
    const pair = new Pair();
    pair.send(...call, grpcTimeout(1));
    expect(pair.send(...call)).toHaveLength(call.length);
    const later = pair.send(grpcTimeout(2));
    expect(toHex(later.subarray(0, 2))).toBe("0f2f"); // without indexing, index 62
    expect(lines(tableOf(pair.decoder)).filter((line) => line.startsWith("grpc-timeout"))).toHaveLength(1);
  });

  it("uses the static table for whole fields and for names", () => {
    expect(
      toHex(new Pair().send(":method: POST", ":status: 404", ":path: /index.html", "accept-encoding: gzip, deflate")),
    ).toBe("838d8590");
    expect(toHex(new Pair().send(":status: 299").subarray(0, 1))).toBe("48");
  });

  it("writes a string in Huffman code only where that is shorter", () => {
    expect(toHex(encodeBlock(newEncoder(), fieldsOf("a: 307")))).toBe("40016103333037");
    expect(toHex(encodeBlock(newEncoder(), fieldsOf("a: 302")))).toBe("400161826402");
    expect(toHex(encodeBlock(newEncoder(), fieldsOf("a: \xff\xff")))).toBe("40016102ffff");
  });

  it("sends the low octet of what is not Latin-1, as the codec does", () => {
    const block = encodeBlock(newEncoder(), [{ name: "a", value: "\u0141bc" }]);
    expect(lines(newDecoder().decode(block, 0, block.length, 100))).toEqual(["a: Abc"]);
  });

  it("writes nothing for no fields", () => {
    expect(encodeBlock(newEncoder(), [])).toHaveLength(0);
  });

  it("reaches entries far back in a large table", () => {
    const pair = new Pair({ maxTableSize: 65_536 });
    pair.encoder.setMaxTableSize(65_536);
    pair.decoder.setMaxTableSize(65_536);
    for (let index = 0; index < 1_000; index++) pair.send(`name-${index}: v`);
    expect(pair.send("name-0: v")).toHaveLength(3);
    expect(pair.send("name-999: v")).toHaveLength(1);
  });
});

describe("what the encoder keeps out of the table", () => {
  const neverIndexedFields = (pair: Pair, field: string | HeaderField) => {
    const block = pair.send(field);
    const decoded = pair.decoder.decode(block, 0, block.length, 10_000);
    expect(tableOf(pair.decoder)).toEqual([]);
    return decoded.every(({ neverIndexed }) => neverIndexed === true);
  };

  it.each([
    "cookie: a",
    `cookie: ${"long".repeat(20)}`,
    `set-cookie: ${"long".repeat(20)}`,
    `proxy-authorization: Bearer ${"long".repeat(20)}`,
    "authorization: short",
    "authorization: Bearer 1234567890123456789",
    `authorization: Basic ${"bG9uZw==".repeat(20)}`,
    `authorization: basic ${"bG9uZw==".repeat(20)}`,
  ])("never indexes %s", (field) => {
    expect(neverIndexedFields(new Pair(), field)).toBe(true);
  });

  it("never indexes a field marked so, even if it stands in a table", () => {
    const pair = new Pair();
    expect(neverIndexedFields(pair, { name: "token", value: "a", neverIndexed: true })).toBe(true);
    expect(neverIndexedFields(new Pair(), { name: ":method", value: "GET", neverIndexed: true })).toBe(true);
    pair.send("token: a");
    const block = pair.send({ name: "token", value: "a", neverIndexed: true });
    expect(toHex(block)).toBe("1f2f0161"); // never indexed, index 62
  });

  it.each([
    `authorization: Bearer ${"0123456789".repeat(50)}`,
    "authorization: Bearer 12345678901234567890",
    "authorization: 12345678901234567890",
  ])("indexes %s, which is no password and too long to guess, unless told otherwise", (field) => {
    const pair = new Pair();
    pair.send(field);
    expect(pair.send(field)).toHaveLength(1);
    expect(neverIndexedFields(new Pair({ indexLongAuthorization: false }), field)).toBe(true);
  });

  it("does not index a field that would take more than three quarters of the table", () => {
    const pair = new Pair();
    pair.send("keep: me");
    pair.send(`large: ${"x".repeat(3_072 - 32 - 5 + 1)}`);
    expect(lines(tableOf(pair.decoder))).toEqual(["keep: me"]);
    pair.send(`large: ${"x".repeat(3_072 - 32 - 5)}`);
    expect(tableOf(pair.decoder)).toHaveLength(2);
  });

  it("does not let a value that changes with every call push the others out", () => {
    const pair = new Pair();
    for (let index = 0; index < 500; index++) pair.send(...call, `request: ${index}-${"x".repeat(40)}`);
    const inserted = lines(tableOf(pair.decoder)).filter((line) => line.startsWith("request"));
    expect(inserted.length).toBeLessThan(45);
    let octets = 0;
    for (let index = 500; index < 600; index++) octets += pair.send(...call, `request: ${index}`).length;
    // Seven for the call, and the request as a literal with an indexed name; a trial insertion now and then.
    expect(octets / 100).toBeLessThan(call.length + 9);
  });

  it("indexes a value again once it has settled down", () => {
    const pair = new Pair();
    for (let index = 0; index < 50; index++) pair.send(`session: ${index}`);
    for (let index = 0; index < 20; index++) pair.send("session: settled");
    expect(pair.send("session: settled").length).toBeLessThanOrEqual(2);
  });

  it("indexes all of a set of values that come round again and again", () => {
    const pair = new Pair();
    const paths = Array.from({ length: 30 }, (_, index) => `:path: /service/method-${index}`);
    for (let round = 0; round < 20; round++) for (const path of paths) pair.send(path);
    for (const path of paths) expect(pair.send(path)).toHaveLength(1);
  });

  it("keeps count of a name whose only entry makes room for its next", () => {
    const pair = new Pair({ maxTableSize: 100 });
    for (let index = 0; index < 40; index++) {
      pair.send(`name-of-twenty-chars: ${"x".repeat(20)}${index % 3}`);
      pair.send(`name-of-twenty-chars: ${"x".repeat(20)}${index % 3}`);
    }
    expect(tableOf(pair.decoder)).toHaveLength(1);
  });
});

describe("the size of the encoder's table", () => {
  it("is never larger than our own limit, which needs no word where it is the protocol's default", () => {
    const encoder = newEncoder();
    encoder.setMaxTableSize(1_000_000);
    expect(toHex(encodeBlock(encoder, fieldsOf(":method: GET")))).toBe("82");
  });

  it("is announced once, at the beginning of the next block", () => {
    const encoder = newEncoder();
    encoder.setMaxTableSize(100);
    expect(toHex(encodeBlock(encoder, fieldsOf(":method: GET")))).toBe("3f4582");
    expect(toHex(encodeBlock(encoder, fieldsOf(":method: GET")))).toBe("82");
    encoder.setMaxTableSize(100);
    expect(toHex(encodeBlock(encoder, fieldsOf(":method: GET")))).toBe("82");
  });

  it("is announced as the smallest in between and then the last, if those differ", () => {
    const encoder = newEncoder();
    for (const size of [2_000, 0, 50, 4_096]) encoder.setMaxTableSize(size);
    expect(toHex(encodeBlock(encoder, []))).toBe("203fe11f");
    for (const size of [2_000, 100]) encoder.setMaxTableSize(size);
    expect(toHex(encodeBlock(encoder, []))).toBe("3f45");
  });

  it("starts as our own where that is smaller, and follows the peer up to it", () => {
    const encoder = newEncoder({ maxTableSize: 100 });
    expect(toHex(encodeBlock(encoder, []))).toBe("3f45");
    encoder.setMaxTableSize(50);
    encoder.setMaxTableSize(4_096);
    expect(toHex(encodeBlock(encoder, []))).toBe("3f133f45");
  });

  it("grows past 4,096 only when the peer allows it", () => {
    const encoder = newEncoder({ maxTableSize: 8_192 });
    expect(toHex(encodeBlock(encoder, []))).toBe("");
    encoder.setMaxTableSize(10_000);
    expect(toHex(encodeBlock(encoder, []))).toBe("3fe13f");
  });

  it("evicts at once, so that nothing gone is referred to", () => {
    const pair = new Pair();
    pair.send(...call);
    pair.encoder.setMaxTableSize(0);
    pair.encoder.setMaxTableSize(4_096);
    pair.send(...call);
    expect(pair.send(...call)).toHaveLength(call.length);
  });

  it("lets the older entries of a name go without losing the newer", () => {
    const pair = new Pair({ maxTableSize: 100 });
    for (const value of ["a", "b", "c"]) pair.send(`n: ${value}`); // the table holds two
    expect(pair.send("n: c")).toHaveLength(1);
    expect(pair.send("n: b")).toHaveLength(1);
    expect(pair.send("n: a").length).toBeGreaterThan(1);
  });

  it("of zero sends everything as literals without indexing", () => {
    const pair = new Pair();
    pair.encoder.setMaxTableSize(0);
    pair.send(...call, grpcTimeout(0));
    pair.send(...call, grpcTimeout(0));
    expect(tableOf(pair.decoder)).toEqual([]);
  });
});

describe("a long value that is never indexed", () => {
  it("is written as it is, and a short one in Huffman code", () => {
    const ofLength = (length: number) => ({ name: "token", value: "a".repeat(length), neverIndexed: true });
    expect(toHex(new Pair().send(ofLength(128)))).toContain("61".repeat(128));
    expect(new Pair().send(ofLength(127)).length).toBeLessThan(127);
  });
});
