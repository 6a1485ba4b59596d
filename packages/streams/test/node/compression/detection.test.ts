import { describe, expect, test } from "vitest";
import { bzip2, type CompressionCodec, compressed, memoryPair } from "../../../src/index.js";
import { brotli, deflate, detectable, gzip } from "../../../src/node/index.js";
import { turns } from "../../support/turns.js";
import { optionalCodecs } from "./available.js";
import { decode, encode } from "./support.js";

const optional = await optionalCodecs();
const real: readonly CompressionCodec[] = [gzip(), deflate(), brotli(), bzip2({ level: 1 }), ...optional];
const named = (list: readonly CompressionCodec[]): [string, CompressionCodec][] =>
  list.map((codec) => [codec.name, codec]);
const text = Buffer.from("the quick brown fox jumps over the lazy dog\n".repeat(50));

describe("detection", () => {
  test.each(named(real.filter(({ signature }) => signature !== undefined)))(
    "knows %s by its signature, in chunks of one byte too",
    async (_, codec) => {
      const bytes = await encode(codec, [text]);
      expect(await decode(detectable(), [bytes])).toEqual(text);
      expect(
        await decode(
          detectable(),
          Array.from(bytes, (byte) => Buffer.of(byte)),
        ),
      ).toEqual(text);
    },
  );

  test("lets through what has no signature, or only a part of one", async () => {
    for (const { name, signature } of detectable()) {
      if (signature === undefined) throw new Error(`${name} has no signature`);
      for (let length = 0; length < signature.length; length++) {
        const part = Buffer.from(signature.subarray(0, length));
        expect(await decode(detectable(), length === 0 ? [] : [part])).toEqual(part);
        const other = Buffer.concat([part, Buffer.of(0x41), Buffer.from("and so on")]);
        expect(await decode(detectable(), [other])).toEqual(other);
      }
    }
    expect(await decode(detectable(), [text])).toEqual(text);
  });

  test("gives bytes as soon as they can be no signature", async () => {
    const [from, to] = memoryPair<Uint8Array>();
    const receiver = compressed(to, { receive: detectable() });
    await from.send(Buffer.of(0x1f));
    const waiting = receiver.receive();
    await turns();
    await from.send(Buffer.of(0x20));
    expect(Buffer.from((await waiting) as Uint8Array)).toEqual(Buffer.of(0x1f, 0x20));
  });

  test("is refused for a format without a signature", () => {
    const [stream] = memoryPair<Uint8Array>();
    expect(() => compressed(stream, { receive: [brotli()] })).toThrow("brotli has no signature");
  });
});

describe("detection beside metadata", () => {
  test("a first message shorter than a signature keeps its metadata and is not joined with the next", async () => {
    for (const first of ["B", "BZ", "\u001f"]) {
      const [from, to] = memoryPair<Uint8Array>();
      const receiver = compressed(to, { receive: detectable() });
      await from.send(Buffer.from(first), { metadata: { n: "1" } });
      await from.send(Buffer.from("second"));
      await from.sendEof();
      const message = await receiver.receiveWithMetadata();
      expect([String(Buffer.from(message?.data ?? [])), message?.metadata.get("n")]).toEqual([first, "1"]);
      const next = await receiver.receiveWithMetadata();
      expect([String(Buffer.from(next?.data ?? [])), next?.metadata.size]).toEqual(["second", 0]);
    }
  });

  test("bytes before a message with metadata are not part of it", async () => {
    const [from, to] = memoryPair<Uint8Array>();
    const receiver = compressed(to, { receive: detectable() });
    await from.send(Buffer.from("B"));
    await from.send(Buffer.from("Zh"), { metadata: { n: "1" } });
    await from.sendEof();
    expect(await receiver.receiveWithMetadata()).toMatchObject({ data: Uint8Array.of(0x42) });
    const message = await receiver.receiveWithMetadata();
    expect([String(Buffer.from(message?.data ?? [])), message?.metadata.get("n")]).toEqual(["Zh", "1"]);
    expect(await receiver.receive()).toBeUndefined();
  });
});
