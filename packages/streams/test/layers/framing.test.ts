import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buffered, lengthPrefixed, lines, memoryPair, type ObjectStream, ReadError } from "../../src/index.js";
import { text } from "../../src/node/index.js";
import { rechunked } from "../support/rechunked.js";

type Bytes = ObjectStream<Uint8Array>;
const bytes = (value: string): Uint8Array => new Uint8Array(Buffer.from(value));
const string = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString();

/** A stream that gives these chunks and the end. */
async function chunks(...values: string[]): Promise<Bytes> {
  const [from, to] = memoryPair<Uint8Array>({ maxBufferedItems: 1_000 });
  for (const value of values) await from.send(Buffer.from(value, "latin1"));
  await from.sendEof();
  return to;
}

async function all(stream: Bytes): Promise<string[]> {
  const items: string[] = [];
  for await (const item of stream) items.push(Buffer.from(item).toString("latin1"));
  return items;
}

describe("lengthPrefixed", () => {
  test.each([
    [{}, "00000002"],
    [{ prefixBytes: 1 }, "02"],
    [{ prefixBytes: 2, byteOrder: "little" }, "0200"],
    [{ prefixBytes: 4, byteOrder: "little" }, "02000000"],
  ] as const)("writes the length as %o says", async (options, prefix) => {
    const [from, to] = memoryPair<Uint8Array>();
    await lengthPrefixed(from, options).send(bytes("hi"));
    expect(Buffer.from((await to.receive()) as Uint8Array).toString("hex")).toBe(`${prefix}6869`);
  });

  test("keeps any messages apart, wherever the way cuts them", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 200 })),
        fc.constantFrom("big", "little"),
        fc.nat(),
        async (messages, byteOrder, seed) => {
          const [from, to] = memoryPair<Uint8Array>({ maxBufferedItems: 100 });
          const sender = lengthPrefixed(from, { prefixBytes: 2, byteOrder });
          for (const message of messages) await sender.send(message);
          await sender.sendEof();
          const receiver = lengthPrefixed(rechunked(to, seed, 10), { prefixBytes: 2, byteOrder });
          for (const message of messages) expect(await receiver.receive()).toEqual(message);
          expect(await receiver.receive()).toBeUndefined();
        },
      ),
      { numRuns: 50 },
    );
  });

  test("refuses messages that are too long, both ways, before memory is taken for them", async () => {
    const [from, to] = memoryPair<Uint8Array>();
    const stream = lengthPrefixed(to, { maxMessageBytes: 100 });
    await expect(stream.send(new Uint8Array(101))).rejects.toThrow(
      "message of 101 bytes is larger than maxMessageBytes (100)",
    );
    await from.send(Buffer.from("ffffffff", "hex"));
    await expect(stream.receive()).rejects.toMatchObject({
      code: "MESSAGE_TOO_LARGE",
      message: "message of 4294967295 bytes is larger than maxMessageBytes (100)",
    });
    expect(() => lengthPrefixed(from, { prefixBytes: 1, maxMessageBytes: 256 })).toThrow("from 1 to 255, not 256");
  });

  test("refuses options that are not offered, by name", () => {
    const [stream] = memoryPair<Uint8Array>();
    expect(() => lengthPrefixed(stream, { prefixBytes: 3 as never })).toThrow("prefixBytes must be 1, 2 or 4, not 3");
    expect(() => lengthPrefixed(stream, { prefixBytes: 8 as never })).toThrow("prefixBytes must be 1, 2 or 4, not 8");
    expect(() => lengthPrefixed(stream, { byteOrder: "middle" as never })).toThrow(
      'byteOrder must be "big" or "little"',
    );
    expect(() => lines(stream, { newline: "\r" as never })).toThrow("newline must be");
  });

  test("a message may be kept and changed in place, which changes neither other messages nor later bytes", async () => {
    const [from, to] = memoryPair<Uint8Array>();
    const stream = lengthPrefixed(to);
    const frame = (text: string): Buffer => Buffer.concat([Buffer.from([0, 0, 0, text.length]), Buffer.from(text)]);
    await from.send(Buffer.concat([frame("one"), frame("two"), frame("three").subarray(0, 6)]));
    const first = (await stream.receive()) as Uint8Array;
    first.fill(0);
    const second = (await stream.receive()) as Uint8Array;
    expect(string(second)).toBe("two");
    second.fill(0);
    await from.send(frame("three").subarray(6));
    expect(string(await stream.receive())).toBe("three");
    expect([first, second]).toEqual([new Uint8Array(3), new Uint8Array(3)]);
  });

  test("an end within a message is an error", async () => {
    for (const head of ["\0", "\0\0\0\x05", "\0\0\0\x05hell"]) {
      await expect(all(lengthPrefixed(await chunks(head)))).rejects.toMatchObject({ code: "TRUNCATED_INPUT" });
    }
  });
});

describe("lines", () => {
  test("are read without their ends, the last one also without having one", async () => {
    expect(await all(lines(await chunks("one\ntw", "o\r", "\n\n\r\nthr\ree\n", "last")))).toEqual([
      "one",
      "two",
      "",
      "",
      "thr\ree",
      "last",
    ]);
    expect(await all(lines(await chunks("only\n")))).toEqual(["only"]);
    expect(await all(lines(await chunks()))).toEqual([]);
  });

  test("are sent with the end that was chosen", async () => {
    const [from, to] = memoryPair<Uint8Array>();
    await lines(from, { newline: "\r\n" }).send(bytes("hello"));
    expect(string(await to.receive())).toBe("hello\r\n");
    await expect(lines(from).send(bytes("two\nlines"))).rejects.toThrow("line has an end of line within it, at byte 3");
    await expect(lines(from).send(bytes("cr\r"))).rejects.toThrow("carriage return");
  });

  test("that are too long are refused, also when their end never comes", async () => {
    expect(await all(lines(await chunks("12345\r\n12345\n12345"), { maxLineBytes: 5 }))).toEqual([
      "12345",
      "12345",
      "12345",
    ]);
    for (const line of ["123456\n", "1234567", "123456"]) {
      await expect(all(lines(await chunks(line), { maxLineBytes: 5 }))).rejects.toMatchObject({
        code: "MESSAGE_TOO_LARGE",
      });
    }
    const [from] = memoryPair<Uint8Array>();
    await expect(lines(from, { maxLineBytes: 5 }).send(bytes("123456"))).rejects.toThrow(
      "line of 6 bytes is larger than maxLineBytes (5)",
    );
  });

  test("metadata in the middle of a line is an error, at its beginning it goes with the line", async () => {
    const [from, to] = memoryPair<Uint8Array>();
    const stream = lines(to);
    await from.send(bytes("one\ntwo\n"), { metadata: { n: "1" } });
    expect((await stream.receiveWithMetadata())?.metadata.get("n")).toBe("1");
    expect((await stream.receiveWithMetadata())?.metadata.size).toBe(0);
    await from.send(bytes("begun"));
    await from.send(bytes("and done\n"), { metadata: { n: "2" } });
    await expect(stream.receive()).rejects.toMatchObject({ code: "CORRUPT_INPUT" });
  });
});

describe("metadata without a message that begins with it", () => {
  test.each([
    ["lines", (stream: Bytes) => lines(stream)],
    ["lengthPrefixed", (stream: Bytes) => lengthPrefixed(stream)],
  ])("%s: breaks the stream instead of being lost at the end or going to the next message", async (_, frame) => {
    for (const next of ["\0\0\0\x01\n", undefined]) {
      const [from, to] = memoryPair<Uint8Array>();
      await from.send(new Uint8Array(0), { metadata: { n: "1" } });
      if (next !== undefined) await from.send(bytes(next));
      await from.sendEof();
      await expect(frame(to).receiveWithMetadata()).rejects.toMatchObject({ code: "CORRUPT_INPUT" });
    }
  });
});

describe("buffered", () => {
  test("a line after a delimiter that was not found is found where it is, not behind it", async () => {
    const stream = buffered(await chunks("one\ntwo\nthree\n"));
    await expect(stream.readUntil(bytes("\r\n\r\n"), 1_000)).rejects.toThrow(ReadError);
    expect(string(await stream.readLine())).toBe("one");
    expect(string(await stream.readLine())).toBe("two");
    expect(string(await stream.readLine())).toBe("three");
    expect(await stream.readLine()).toBeUndefined();
  });

  test("a line after a cancelled read for another delimiter comes at once", async () => {
    const [from, to] = memoryPair<Uint8Array>();
    await from.send(bytes("one\ntwo\n"));
    const stream = buffered(to);
    const controller = new AbortController();
    const cancelled = stream.readUntil(bytes("\r\n"), 1_000, { signal: controller.signal });
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort(new Error("enough"));
    await expect(cancelled).rejects.toThrow("enough");
    expect(string(await stream.readLine())).toBe("one");
  });

  test("a delimiter object that was changed in between is searched for anew", async () => {
    const [from, to] = memoryPair<Uint8Array>();
    await from.send(bytes("a;b,c"));
    const stream = buffered(to);
    const delimiter = bytes("!");
    await expect(stream.readUntil(delimiter, 2)).rejects.toThrow(ReadError);
    delimiter.set(bytes(";"));
    expect(string(await stream.readUntil(delimiter, 2))).toBe("a");
  });

  test("reads exactly, up to a delimiter, and lines, in any order", async () => {
    const stream = buffered(await chunks("ab", "cdef", "gh--ij", "-", "-rest\r\nline\nlast"));
    expect(string(await stream.readExactly(3))).toBe("abc");
    expect(stream.bufferedBytes).toBe(3);
    expect(string(await stream.readUntil(bytes("--"), 10))).toBe("defgh");
    expect(string(await stream.readUntil(bytes("--"), 10))).toBe("ij");
    expect(string(await stream.readLine())).toBe("rest");
    stream.feed(bytes("new "));
    expect(string(await stream.readLine())).toBe("new line");
    expect(string(await stream.readExactly(0))).toBe("");
    expect(string(await stream.receive())).toBe("last");
    expect(await stream.receive()).toBeUndefined();
    expect(await stream.readExactly(1)).toBeUndefined();
    expect(await stream.readUntil(bytes("x"), 1)).toBeUndefined();
    expect(await stream.readLine()).toBeUndefined();
  });

  test("what is not there is an error that leaves everything to be read", async () => {
    const stream = buffered(await chunks("abc"));
    await expect(stream.readExactly(4)).rejects.toMatchObject({
      name: "ReadError",
      code: "INCOMPLETE_READ",
      message: "the other side ended after 3 of 4 bytes",
    });
    await expect(stream.readUntil(bytes("x"), 10)).rejects.toMatchObject({ code: "INCOMPLETE_READ" });
    await expect(stream.readUntil(bytes("x"), 2)).rejects.toMatchObject({ code: "DELIMITER_NOT_FOUND" });
    await expect(stream.readLine(2)).rejects.toThrow(ReadError);
    expect(string(await stream.readExactly(3))).toBe("abc");
    await expect(stream.readExactly(-1)).rejects.toThrow(RangeError);
    await expect(stream.readUntil(new Uint8Array(0), 1)).rejects.toThrow(RangeError);
  });

  test("never takes more than maxBytes and a chunk from a side that sends no delimiter", async () => {
    const [from, to] = memoryPair<Uint8Array>({ maxBufferedItems: 1 });
    const stream = buffered(to);
    const sending = (async () => {
      for (let count = 0; count < 100; count++) await from.send(new Uint8Array(1_000));
    })();
    sending.catch(() => {});
    await expect(stream.readUntil(bytes("\n"), 5_000)).rejects.toMatchObject({ code: "DELIMITER_NOT_FOUND" });
    expect(stream.bufferedBytes).toBeLessThanOrEqual(6_000);
    stream.abort(new Error("over"));
  });

  test("a read that is cancelled leaves what has come", async () => {
    const [from, to] = memoryPair<Uint8Array>();
    const stream = buffered(to);
    await from.send(bytes("abc"));
    const controller = new AbortController();
    const reading = stream.readExactly(5, { signal: controller.signal });
    await expect(stream.receive()).rejects.toThrow("another read or receive");
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort(new Error("not now"));
    await expect(reading).rejects.toThrow("not now");
    await from.send(bytes("de"));
    expect(string(await stream.readExactly(5))).toBe("abcde");
  });

  test("iterates over lines", async () => {
    const found: (string | undefined)[] = [];
    for await (const line of buffered(await chunks("a\nb", "\n\nc")).lines()) found.push(string(line));
    expect(found).toEqual(["a", "b", "", "c"]);
  });

  test("any reads of any bytes give what a plain slice gives", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 2_000 }), { maxLength: 10 }),
        fc.array(fc.nat(3_000), { maxLength: 10 }),
        async (parts, reads) => {
          const [from, to] = memoryPair<Uint8Array>({ maxBufferedItems: 20 });
          for (const part of parts) await from.send(part);
          await from.sendEof();
          const stream = buffered(to);
          const whole = Buffer.concat(parts);
          let at = 0;
          for (const length of reads) {
            if (at + length > whole.length) break;
            expect(Buffer.from((await stream.readExactly(length)) ?? [])).toEqual(whole.subarray(at, at + length));
            at += length;
          }
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe("text", () => {
  test("any strings go over a way that cuts within characters", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: "grapheme" })), fc.nat(), async (strings, seed) => {
        const [from, to] = memoryPair<Uint8Array>({ maxBufferedItems: 100 });
        const sender = text(from);
        for (const one of strings) await sender.send(one);
        await sender.sendEof();
        let received = "";
        for await (const part of text(rechunked(to, seed, 3))) received += part;
        expect(received).toBe(strings.join(""));
      }),
      { numRuns: 50 },
    );
  });

  test("bytes that are no UTF-8 are an error, or replaced", async () => {
    await expect(text(await chunks("ok", "\xff")).receive()).resolves.toBe("ok");
    const stream = text(await chunks("ok", "\xff"));
    await stream.receive();
    await expect(stream.receive()).rejects.toMatchObject({ name: "BrokenStreamError", code: "CORRUPT_INPUT" });
    expect(await text(await chunks("a\xffb"), { invalid: "replace" }).receive()).toBe("a\ufffdb");
    await expect(text(await chunks("\xe2\x82")).receive()).rejects.toMatchObject({ code: "TRUNCATED_INPUT" });
    await expect(text((await chunks()) as Bytes).send("\ud800")).rejects.toThrow("half a surrogate pair at index 0");
    expect(await text(await chunks("\xef\xbb\xbfbom")).receive()).toBe("\ufeffbom");
  });
});
