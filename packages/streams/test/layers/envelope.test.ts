import { Metadata, type MetadataValue } from "@trunkline/metadata";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BrokenStreamError,
  compressed,
  enveloped,
  forward,
  MetadataNotCarriedError,
  MetadataStream,
  memoryPair,
  type ObjectStream,
  progress,
  streamMetadata,
} from "../../src/index.js";
import { gzip } from "../../src/node/index.js";
import { VirtualClock } from "../../src/testing/index.js";
import { rechunked } from "../support/rechunked.js";

type Bytes = ObjectStream<Uint8Array>;
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

function pair(options = {}): { sender: Bytes; receiver: Bytes } {
  const [from, to] = memoryPair<Uint8Array>();
  return { sender: enveloped(rechunked(from, 1), options), receiver: enveloped(rechunked(to, 2, 20), options) };
}

const key = fc.stringMatching(/^x[0-9a-z_.-]{0,20}$/).filter((name) => !name.endsWith("-bin"));
const value = fc.stringMatching(/^([!-~]([ -~]{0,30}[!-~])?)?$/);
const field: fc.Arbitrary<[string, MetadataValue]> = fc.oneof(
  fc.tuple(key, value),
  fc.tuple(
    key.map((name) => `${name}-bin`),
    fc.uint8Array({ maxLength: 40 }),
  ),
);

describe("the envelope", () => {
  test("is written as its file says", async () => {
    const [from, to] = memoryPair<Uint8Array>();
    const sender = enveloped(from);
    await sender.send(bytes("hi"), { metadata: { a: "b" } });
    await sender.sendEof();
    expect(Buffer.from((await to.receive()) as Uint8Array).toString("hex")).toBe(
      `11${"00000007"}${"00000002"}0161${"00000001"}62${"6869"}`,
    );
    expect(Buffer.from((await to.receive()) as Uint8Array).toString("hex")).toBe("12");
    expect(await to.receive()).toBeUndefined();
  });

  test("carries any messages with any metadata over a way that cuts bytes anywhere", async () => {
    const message = fc.record({ data: fc.uint8Array({ maxLength: 100 }), fields: fc.array(field, { maxLength: 5 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 10 }), async (messages) => {
        const { sender, receiver } = pair();
        const sending = (async () => {
          for (const { data, fields } of messages) await sender.send(data, { metadata: fields });
          await sender.sendEof();
        })();
        for (const { data, fields } of messages) {
          const got = await receiver.receiveWithMetadata();
          expect(got?.data).toEqual(data);
          expect(JSON.stringify(got?.metadata)).toBe(JSON.stringify(new Metadata(fields)));
        }
        expect(await receiver.receive()).toBeUndefined();
        await sending;
      }),
      { numRuns: 50 },
    );
  });

  test("cut off anywhere is an error, never an end", async () => {
    const [from, to] = memoryPair<Uint8Array>();
    const sender = enveloped(from);
    await sender.send(bytes("data"), { metadata: { a: "b" } });
    await sender.sendEof();
    const whole = Buffer.concat([(await to.receive()) as Uint8Array, (await to.receive()) as Uint8Array]);
    for (let length = 0; length < whole.length; length++) {
      const [way, end] = memoryPair<Uint8Array>();
      await way.send(whole.subarray(0, length));
      await way.sendEof();
      const receiver = enveloped(end);
      const reading = (async () => {
        while ((await receiver.receive()) !== undefined);
      })();
      await expect(reading).rejects.toMatchObject({ name: "BrokenStreamError", code: "TRUNCATED_INPUT" });
    }
  });

  test.each([
    ["what is no envelope", "474554202f", "byte 0x47 begins no frame of version 1"],
    ["another version", "21000000000000000000", "byte 0x21 begins no frame of version 1"],
    ["an unknown frame", "13", "there is no frame 0x13"],
    ["bytes after the end", "1200", "bytes after its end"],
    ["a field longer than the fields", "11000000060000000001610000000262", "a field is longer than the fields are"],
    ["a key cut off", "11000000010000000005", "a field is longer than the fields are"],
    ["a key that cannot be", "110000000600000000014100000000", "has a name"],
    ["a reserved key", "11000000070000000002746500000000", "reserved"],
    ["a value that cannot be", "11000000070000000001610000000100", "octets that a header field cannot have"],
    ["too much metadata", "11000040010000000000", "metadata of 16385 bytes is larger than maxMetadataBytes (16384)"],
    ["too much data", "11000000000040000100", "message of 4194305 bytes is larger than maxMessageBytes (4194304)"],
  ])("%s is a clear error", async (_, hex, message) => {
    const [from, to] = memoryPair<Uint8Array>();
    await from.send(Buffer.from(hex, "hex"));
    const error = await enveloped(to)
      .receive()
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(BrokenStreamError);
    expect((error as Error).message).toContain(message);
    await expect(from.receive()).rejects.toMatchObject({ code: "ABORTED" });
  });

  test("refuses what is too long to send, and goes on", async () => {
    const { sender, receiver } = pair({ maxMessageBytes: 10, maxMetadataBytes: 100 });
    await expect(sender.send(new Uint8Array(11))).rejects.toThrow(
      "message of 11 bytes is larger than maxMessageBytes (10)",
    );
    await expect(sender.send(bytes("x"), { metadata: { tag: "y".repeat(200) } })).rejects.toThrow(
      MetadataNotCarriedError,
    );
    await expect(pair().sender.send(bytes("x"), { metadata: [["k".repeat(256), ""]] })).rejects.toThrow(
      "longer than an envelope can hold (255)",
    );
    await sender.send(new Uint8Array(10));
    expect((await receiver.receive())?.length).toBe(10);
    expect(() => enveloped(sender, { maxMessageBytes: 2 ** 32 })).toThrow(RangeError);
  });

  test("makes compression, progress, forwarding and MetadataStream carry metadata over plain bytes", async () => {
    const clock = new VirtualClock();
    const [client, left] = memoryPair<Uint8Array>({ clock });
    const [right, server] = memoryPair<Uint8Array>({ clock });
    const watched = (stream: Bytes): Bytes => progress(stream, { onProgress() {} });
    const squeezed = (stream: Bytes): Bytes =>
      compressed(stream, { send: gzip(), receive: gzip(), flushEachMessage: true });
    const way = (stream: Bytes, seed: number): Bytes => enveloped(rechunked(stream, seed, 30));
    const forwarding = forward(watched(way(left, 1)), way(right, 2));
    const sender = new MetadataStream(squeezed(watched(way(client, 3))), { device: "board-7" });
    const receiver = squeezed(way(server, 4));
    const sending = (async () => {
      for (let index = 0; index < 20; index++)
        await sender.send(bytes(`message ${index}`), { metadata: { tag: `${index}`, "raw-bin": Buffer.of(index) } });
      await sender.sendEof();
    })();
    for (let index = 0; index < 20; index++) {
      const message = await receiver.receiveWithMetadata();
      expect(Buffer.from(message?.data ?? []).toString()).toBe(`message ${index}`);
      expect(message?.metadata.get("tag")).toBe(`${index}`);
      expect(message?.metadata.get("raw-bin")).toEqual(new Uint8Array([index]));
    }
    expect(await receiver.receive()).toBeUndefined();
    await receiver.sendEof();
    expect(await sender.receive()).toBeUndefined();
    await Promise.all([sending, forwarding]);
    expect(sender.extra(streamMetadata)?.get("device")).toBe("board-7");
  });
});
