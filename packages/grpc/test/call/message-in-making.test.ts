import { afterEach, describe, expect, it } from "vitest";
import { MessageInMaking } from "../../src/call/message-in-making.js";

const MiB = 2 ** 20;
const fourMegabytes = 4_000_000;

let made: MessageInMaking[] = [];

afterEach(() => {
  for (const message of made) message.release(false);
  made = [];
});

function begin(length: number, keepsViews = false): MessageInMaking {
  const message = new MessageInMaking(0, length, keepsViews);
  made.push(message);
  return message;
}

/** The memory of a message, whatever of it is filled. */
const memoryOf = (message: MessageInMaking): number => message.bytes.buffer.byteLength;

describe.each([true, false])("messages in the making (views of them are kept: %s)", (keepsViews) => {
  it("have the bytes that came, in whatever pieces", () => {
    const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => index * 7);
    const message = begin(bytes.length, keepsViews);
    const sizes = [1, 4_095, 16_384, 3, 100_000, 65_536];
    for (let at = 0, turn = 0; at < bytes.length; turn++) {
      const size = sizes[turn % sizes.length] as number;
      at += message.take(bytes.subarray(at, at + size), 0);
    }
    expect(message.missing).toBe(0);
    expect(Buffer.compare(message.bytes, bytes)).toBe(0);
    if (keepsViews) expect(memoryOf(message)).toBe(bytes.length);
  });

  it("take no more than four times what has come, however long they say that they are", () => {
    const message = begin(fourMegabytes, keepsViews);
    for (let turn = 1; turn <= 20; turn++) {
      message.take(new Uint8Array(16_384), 0);
      expect(memoryOf(message)).toBeLessThanOrEqual(4 * turn * 16_384);
    }
  });

  it("take no memory of a large one that has ended while little of them has come", () => {
    const large = begin(fourMegabytes, keepsViews);
    large.take(new Uint8Array(fourMegabytes), 0);
    large.release(false);
    for (let turn = 0; turn < 16; turn++) {
      const message = begin(fourMegabytes, keepsViews);
      message.take(new Uint8Array(16_384), 0);
      expect(memoryOf(message)).toBeLessThanOrEqual(4 * 16_384);
    }
  });

  it("that are never finished take a quarter more than what has come, all together, and 8 MiB", () => {
    const pieces = [16_379, 16_384];
    const messages = Array.from({ length: 1_000 }, () => begin(fourMegabytes, keepsViews));
    for (const size of pieces) for (const message of messages) message.take(new Uint8Array(size), 0);
    const came = 1_000 * pieces.reduce((sum, size) => sum + size, 0);
    const memory = messages.reduce((sum, message) => sum + memoryOf(message), 0);
    expect(memory).toBeLessThanOrEqual(1.25 * came + 8 * MiB + 4 * 32_768);
    // Those that have ended count no more.
    for (const message of messages) message.release(false);
    const next = begin(fourMegabytes, keepsViews);
    next.take(new Uint8Array(200_000), 0);
    expect(memoryOf(next)).toBe(4 * 200_000);
  });
});
