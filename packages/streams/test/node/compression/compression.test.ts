import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sized } from "../../../../base/test/support/sizes.js";
import {
  BrokenStreamError,
  bzip2,
  ClosedStreamError,
  type CompressionCodec,
  type CompressionCoder,
  compressed,
  enveloped,
  identity,
  MetadataNotCarriedError,
  memoryPair,
} from "../../../src/index.js";
import { brotli, codecNamed, deflate, gzip, xz, zstd } from "../../../src/node/index.js";
import { rechunked } from "../../support/rechunked.js";
import { turns } from "../../support/turns.js";
import { optionalCodecs } from "./available.js";
import { decode, encode, failure, randomBytes } from "./support.js";

const optional = await optionalCodecs();
const codecs: readonly CompressionCodec[] = [identity, gzip(), deflate(), brotli(), bzip2({ level: 1 }), ...optional];
const real = codecs.slice(1);
const named = (list: readonly CompressionCodec[]): [string, CompressionCodec][] =>
  list.map((codec) => [codec.name, codec]);

const text = Buffer.from("the quick brown fox jumps over the lazy dog\n".repeat(50));

describe.each(named(codecs))("%s", (_, codec) => {
  test("what is sent and ended is received and ended", async () => {
    expect(await decode(codec, [await encode(codec, [text])])).toEqual(text);
  });

  test("what is sent in many pieces is received whole", async () => {
    const pieces = Array.from({ length: 200 }, (__, index) => Buffer.from(`piece ${index};`));
    expect(await decode(codec, [await encode(codec, pieces)])).toEqual(Buffer.concat(pieces));
  });

  test("chunks of one byte are received whole", async () => {
    const bytes = await encode(codec, [text]);
    expect(
      await decode(
        codec,
        Array.from(bytes, (byte) => Buffer.of(byte)),
      ),
    ).toEqual(text);
  });

  test("an empty stream is received as one", async () => {
    expect(await decode(codec, [await encode(codec, [])])).toEqual(Buffer.alloc(0));
    expect(await decode(codec, [await encode(codec, [Buffer.alloc(0), Buffer.alloc(0)])])).toEqual(Buffer.alloc(0));
  });

  test("much noise and many zeros go through", async () => {
    const length = codec.flushes ? sized(300_000, 1024 * 1024) : sized(100_000, 250_000);
    for (const bytes of [randomBytes(length), Buffer.alloc(length)]) {
      expect((await decode(codec, [await encode(codec, [bytes])])).equals(bytes)).toBe(true);
    }
  });

  test("anything cut anywhere is received as it was sent", async () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(
        pieces,
        fc.boolean(),
        fc.integer({ min: 1, max: 2 ** 30 }),
        async (sent, flushEachMessage, seed) => {
          const [from, to] = memoryPair<Uint8Array>();
          const sender = compressed(from, { send: codec, flushEachMessage });
          const receiver = compressed(rechunked(to, seed, 50), { receive: codec });
          const sending = (async () => {
            for (const piece of sent) await sender.send(piece);
            await sender.sendEof();
          })();
          const received: Uint8Array[] = [];
          for await (const piece of receiver) received.push(piece);
          await sending;
          expect(Buffer.concat(received)).toEqual(Buffer.concat(sent));
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe.each(named(real))("%s that is damaged", (name, codec) => {
  test("cut off anywhere it is an error, never an end", async () => {
    const bytes = await encode(codec, [text]);
    for (let length = 0; length < bytes.length; length += 1 + (length >>> 2)) {
      const error = await failure(decode(codec, [bytes.subarray(0, length)]));
      expect(error, `${length} of ${bytes.length} bytes`).toMatchObject({
        name: "BrokenStreamError",
        code: "TRUNCATED_INPUT",
      });
      expect(error.message).toContain(name);
    }
  });

  test("garbage from the start is a clear error", async () => {
    const error = await failure(
      decode(codec, [Buffer.from("this is no compressed data at all, whatever one may say")]),
    );
    expect(error).toBeInstanceOf(BrokenStreamError);
    expect(error.message).toMatch(new RegExp(`the ${name} input (is corrupt|ends too early)`));
  });

  test("garbage after the end is an error", async () => {
    const bytes = await encode(codec, [text]);
    for (const chunks of [[Buffer.concat([bytes, Buffer.from("garbage")])], [bytes, Buffer.from("garbage")]]) {
      const error = await failure(decode(codec, chunks));
      expect(error).toMatchObject({
        name: "BrokenStreamError",
        code: expect.stringMatching("TRAILING_GARBAGE|CORRUPT_INPUT|TRUNCATED_INPUT"),
      });
    }
  });

  test("a changed byte is found, unless it does not matter", async () => {
    const bytes = await encode(codec, [text]);
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ 0x10;
      const outcome = await decode(codec, [changed]).catch((error: unknown) => error);
      if (outcome instanceof Uint8Array) continue; // names, times and unused bits of headers; brotli has no checksum
      expect(outcome).toBeInstanceOf(BrokenStreamError);
    }
  });

  test("the other side is told, and everything on this side is refused from then on", async () => {
    const [from, to] = memoryPair<Uint8Array>();
    const receiver = compressed(to, { send: codec, receive: codec });
    await from.send(Buffer.from("no compressed data"));
    await from.sendEof();
    await expect(receiver.receive()).rejects.toThrow(BrokenStreamError);
    await expect(receiver.receive()).rejects.toThrow(BrokenStreamError);
    await expect(receiver.send(text)).rejects.toThrow(BrokenStreamError);
    await expect(from.receive()).rejects.toMatchObject({ code: "ABORTED" });
  });
});

describe("members one after the other", () => {
  test.each(named(real.filter(({ concatenates }) => concatenates)))(
    "of %s are one stream, wherever the chunks are cut",
    async (_, codec) => {
      const [one, two] = [await encode(codec, [text]), await encode(codec, [Buffer.from("and more")])];
      const whole = Buffer.concat([text, Buffer.from("and more"), text]);
      const all = Buffer.concat([one, two, one]);
      expect(await decode(codec, [all])).toEqual(whole);
      expect(await decode(codec, [one, two, one])).toEqual(whole);
      expect(
        await decode(
          codec,
          Array.from(all, (byte) => Buffer.of(byte)),
        ),
      ).toEqual(whole);
      const cut = all.subarray(0, one.length + two.length + 12);
      expect(await failure(decode(codec, [cut]))).toMatchObject({ code: "TRUNCATED_INPUT" });
    },
  );

  test("of gzip may be padded with zeros, as tapes are", async () => {
    const member = gzipSync(text);
    expect(await decode(gzip(), [member, Buffer.alloc(500)])).toEqual(text);
    expect(await decode(gzip(), [Buffer.concat([member, Buffer.alloc(5), member, Buffer.alloc(1)])])).toEqual(
      Buffer.concat([text, text]),
    );
    await expect(decode(gzip(), [member, Buffer.alloc(5), Buffer.from("x")])).rejects.toThrow("after 1 whole member");
  });

  test("of deflate and brotli do not exist: what comes after the end is garbage", async () => {
    for (const [codec, bytes] of [
      [deflate(), deflateSync(text)],
      [brotli(), brotliCompressSync(text)],
    ] as const) {
      await expect(decode(codec, [bytes, bytes])).rejects.toMatchObject({ code: "TRAILING_GARBAGE" });
      await expect(decode(codec, [Buffer.concat([bytes, bytes])])).rejects.toMatchObject({ code: "TRAILING_GARBAGE" });
    }
  });
});

describe("limits", () => {
  const bomb = gzipSync(Buffer.alloc(16 * 1024 * 1024));

  test("a bomb is refused by the size that comes out", async () => {
    const error = await failure(decode(gzip(), [bomb], { maxDecompressedBytes: 1_000_000 }));
    expect(error).toMatchObject({
      code: "DECOMPRESSED_TOO_LARGE",
      message: expect.stringContaining("maxDecompressedBytes (1000000)"),
    });
  });

  test("a bomb is refused by its ratio, a short text repeated is not", async () => {
    expect(await failure(decode(gzip(), [bomb], { maxRatio: 100 }))).toMatchObject({ code: "DECOMPRESSED_TOO_LARGE" });
    const repeated = Buffer.alloc(100_000, "x");
    expect(await decode(gzip(), [gzipSync(repeated)], { maxRatio: 100 })).toEqual(repeated);
  });

  test.each(named(real))(
    "a bomb of %s that nobody reads takes no memory, and reading one piece takes one",
    async (_, codec) => {
      const bytes = await encode(codec, [Buffer.alloc((codec.flushes ? 32 : 4) * 1024 * 1024)]);
      const [from, to] = memoryPair<Uint8Array>();
      const receiver = compressed(to, { receive: codec });
      await from.send(bytes);
      await turns();
      const first = await receiver.receive();
      await turns();
      expect(first?.length).toBeLessThanOrEqual(16 * 1024 * 1024);
      expect(process.memoryUsage().arrayBuffers).toBeLessThan(512 * 1024 * 1024);
      receiver.abort(new Error("enough"));
    },
  );

  test("a message with metadata is received whole, up to maxMessageBytes", async () => {
    const [from, to] = memoryPair<Uint8Array>();
    const sender = compressed(from, { send: gzip() });
    const receiver = compressed(to, { receive: gzip(), maxMessageBytes: 100_000 });
    await sender.send(Buffer.alloc(100_000), { metadata: { tag: "fits" } });
    const message = await receiver.receiveWithMetadata();
    expect(message?.data.length).toBe(100_000);
    expect(message?.metadata.get("tag")).toBe("fits");
    await sender.send(Buffer.alloc(100_001), { metadata: { tag: "does not" } });
    await expect(receiver.receive()).rejects.toThrow("maxMessageBytes (100000)");
  });

  test("that make no sense are refused", () => {
    const [stream] = memoryPair<Uint8Array>();
    expect(() => compressed(stream, { maxDecompressedBytes: 0 })).toThrow(
      "maxDecompressedBytes must be above zero, not 0",
    );
    expect(() => compressed(stream, { maxRatio: Number.NaN })).toThrow(RangeError);
    expect(() => gzip({ level: 10 })).toThrow("level must be a whole number from 0 to 9, not 10");
    expect(() => brotli({ quality: 1.5 })).toThrow(RangeError);
    expect(() => zstd({ level: 0 })).toThrow(RangeError);
    expect(() => xz({ level: 10 })).toThrow(RangeError);
    expect(() => codecNamed("lzw")).toThrow('there is no compression "lzw"; there are identity, gzip');
    expect(codecNamed("gzip").name).toBe("gzip");
  });
});

describe("a compressed stream", () => {
  test("compresses one direction and not the other", async () => {
    const [client, server] = memoryPair<Uint8Array>();
    const reader = compressed(client, { receive: gzip() });
    await reader.send(text);
    expect(await server.receive()).toBe(text);
    await server.send(gzipSync(text));
    await server.sendEof();
    expect(Buffer.from((await reader.receive()) as Uint8Array)).toEqual(text);
    expect(await reader.receive()).toBeUndefined();
  });

  test("without flushEachMessage keeps what it has until more comes, with it lets each message out", async () => {
    for (const flushEachMessage of [false, true]) {
      const [from, to] = memoryPair<Uint8Array>();
      const sender = compressed(from, { send: gzip(), flushEachMessage });
      const receiver = compressed(to, { receive: gzip() });
      await sender.send(text);
      const receiving = receiver.receive();
      if (flushEachMessage) {
        expect(Buffer.from((await receiving) as Uint8Array)).toEqual(text);
      } else {
        let isThere = false;
        receiving.then(
          () => {
            isThere = true;
          },
          () => {},
        );
        await turns();
        expect(isThere).toBe(false);
      }
      sender.abort(new Error("over"));
      receiver.abort(new Error("over"));
    }
  });

  test("refuses what is no bytes with the send itself, and goes on", async () => {
    const [from, to] = memoryPair<Uint8Array>();
    const sender = compressed(from, { send: gzip() });
    await expect(sender.send("text" as never)).rejects.toThrow("a compressed stream takes Uint8Array, not string");
    await expect(sender.send({ length: 3 } as never)).rejects.toThrow("takes Uint8Array, not Object");
    await sender.send(text);
    await sender.sendEof();
    let received = "";
    for await (const piece of compressed(to, { receive: gzip() })) received += Buffer.from(piece);
    expect(received).toBe(String(text));
  });

  test("a message with metadata that the stream below refuses rejects its send and aborts the other side", async () => {
    const [from, to] = memoryPair<Uint8Array>();
    const sender = compressed(enveloped(from, { maxMetadataBytes: 10 }), { send: gzip() });
    const refused = sender.send(text, { metadata: { long: "more than ten bytes" } });
    await expect(refused).rejects.toThrow(MetadataNotCarriedError);
    await expect(enveloped(to).receive()).rejects.toThrow(BrokenStreamError);
  });

  test("refuses metadata where the stream below carries none", async () => {
    const [from] = memoryPair<Uint8Array>();
    const sender = compressed(rechunked(from, 1), { send: gzip() });
    expect(sender.carriesMetadata).toBe(false);
    await expect(sender.send(text, { metadata: { tag: "x" } })).rejects.toThrow(MetadataNotCarriedError);
  });

  test("makes messages of one byte with metadata and without arrive in order", async () => {
    const [from, to] = memoryPair<Uint8Array>();
    const sender = compressed(from, { send: gzip() });
    const receiver = compressed(to, { receive: gzip() });
    await sender.send(Buffer.from("a"));
    await sender.send(Buffer.from("b"), { metadata: { n: "1" } });
    await sender.send(new Uint8Array(0), { metadata: { n: "2" } });
    await sender.send(Buffer.from("c"));
    const ending = sender.sendEof();
    const received: string[] = [];
    for (
      let message = await receiver.receiveWithMetadata();
      message !== undefined;
      message = await receiver.receiveWithMetadata()
    ) {
      received.push(`${Buffer.from(message.data).toString()}${message.metadata.get("n") ?? ""}`);
    }
    await ending;
    expect(received).toEqual(["a", "b1", "2", "c"]);
  });

  test("names the package when an engine is absent, aborts the other side, and loses nothing silently", async () => {
    const absent: CompressionCodec = {
      ...gzip(),
      encoder: () => Promise.reject(new Error("squeeze needs the package squeeze")),
      decoder: () => Promise.reject(new Error("squeeze needs the package squeeze")),
    };
    const [from, to] = memoryPair<Uint8Array>();
    const sender = compressed(from, { send: absent });
    await sender.send(text);
    await turns();
    await expect(sender.send(text)).rejects.toThrow("needs the package squeeze");
    await expect(sender.sendEof()).rejects.toThrow("needs the package squeeze");
    await expect(to.receive()).rejects.toMatchObject({ code: "ABORTED" });

    const [left, right] = memoryPair<Uint8Array>();
    await left.send(text);
    await expect(compressed(right, { receive: absent }).receive()).rejects.toThrow("needs the package squeeze");
  });

  test("gives its engines back on abort, on close and at the end", async () => {
    const destroyed: string[] = [];
    const watched: CompressionCodec = { ...gzip(), encoder: () => watch("encoder"), decoder: () => watch("decoder") };
    async function watch(half: "encoder" | "decoder"): Promise<CompressionCoder> {
      const coder = await gzip()[half]();
      const destroy = coder.destroy.bind(coder);
      coder.destroy = () => {
        destroyed.push(half);
        destroy();
      };
      return coder;
    }
    const begin = async () => {
      const [from, to] = memoryPair<Uint8Array>();
      const ours = compressed(from, { send: watched, receive: watched, flushEachMessage: true });
      const theirs = compressed(to, { send: gzip(), receive: gzip(), flushEachMessage: true });
      await ours.send(text);
      await theirs.send(text);
      await ours.receive();
      return { ours, theirs };
    };
    {
      const { ours } = await begin();
      ours.abort(new Error("over"));
      expect(new Set(destroyed)).toEqual(new Set(["encoder", "decoder"]));
      await expect(ours.receive()).rejects.toThrow(ClosedStreamError);
    }
    destroyed.length = 0;
    {
      const { ours, theirs } = await begin();
      const closing = ours.close();
      await theirs.close();
      await closing;
      expect(new Set(destroyed)).toEqual(new Set(["encoder", "decoder"]));
    }
    destroyed.length = 0;
    {
      const { ours, theirs } = await begin();
      await Promise.all([ours.sendEof(), theirs.sendEof()]);
      expect(await ours.receive()).toBeUndefined();
      expect(new Set(destroyed)).toEqual(new Set(["encoder", "decoder"]));
    }
  });
});
