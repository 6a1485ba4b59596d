import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Crc32, counted, memoryPair } from "../../src/index.js";

const bytes = (value: string): Uint8Array => new Uint8Array(Buffer.from(value));

describe("counted", () => {
  test("a checksum that throws loses no item, is given nothing more, and its error is told", async () => {
    const [inner, other] = memoryPair<Uint8Array>();
    const finished = createHash("sha256");
    finished.digest();
    const stream = counted(inner, { received: finished, sent: finished });
    await other.send(bytes("abc"));
    expect(await stream.receive()).toEqual(bytes("abc"));
    await stream.send(bytes("12"));
    expect(await other.receive()).toEqual(bytes("12"));
    expect(stream.received).toMatchObject({ items: 1, bytes: 3, hasherError: { code: "ERR_CRYPTO_HASH_FINALIZED" } });
    expect(stream.sent).toMatchObject({ items: 1, bytes: 2, hasherError: { code: "ERR_CRYPTO_HASH_FINALIZED" } });
  });

  test("counts each direction apart, and lets checksums see the bytes", async () => {
    const [inner, other] = memoryPair<Uint8Array>();
    const sent = new Crc32();
    const received = createHash("sha256");
    const stream = counted(inner, { sent, received });
    await stream.send(bytes("12345"));
    await stream.send(bytes("6789"));
    await other.send(bytes("abc"));
    await stream.receive();
    expect(stream.sent).toEqual({ items: 2, bytes: 9 });
    expect(stream.received).toEqual({ items: 1, bytes: 3 });
    expect(sent.value).toBe(0xcbf4_3926); // the check value of CRC-32
    expect(received.digest("hex")).toBe(createHash("sha256").update("abc").digest("hex"));
  });

  test("does not count what was refused", async () => {
    const [inner] = memoryPair<Uint8Array>();
    const stream = counted(inner);
    await stream.sendEof();
    await expect(stream.send(bytes("late"))).rejects.toThrow();
    expect(stream.sent).toEqual({ items: 0, bytes: 0 });
  });

  test("Crc32 is that of zlib, however the bytes are cut", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (parts) => {
        const crc = new Crc32();
        for (const part of parts) crc.update(part);
        expect(crc.value).toBe(crc32(Buffer.concat(parts)));
      }),
    );
  });
});
