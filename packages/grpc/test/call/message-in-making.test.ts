import { afterEach, describe, expect, it, vi } from "vitest";
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
const memoryOf = (message: MessageInMaking): number => message.memoryBytes;

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
    if (keepsViews) expect(message.bytes.buffer.byteLength).toBe(bytes.length);
  });

  it("take no more than five times what has come, however long they say that they are", () => {
    const message = begin(fourMegabytes, keepsViews);
    for (let turn = 1; turn <= 20; turn++) {
      message.take(new Uint8Array(16_384), 0);
      expect(memoryOf(message)).toBeLessThanOrEqual(5 * turn * 16_384);
    }
  });

  it("take no memory of a large one that has ended while little of them has come", () => {
    const large = begin(fourMegabytes, keepsViews);
    large.take(new Uint8Array(fourMegabytes), 0);
    large.release(false);
    for (let turn = 0; turn < 16; turn++) {
      const message = begin(fourMegabytes, keepsViews);
      message.take(new Uint8Array(16_384), 0);
      expect(memoryOf(message)).toBeLessThanOrEqual(16_384);
    }
  });

  it("that are never finished take 12 KiB more than what has come, each, and 8 MiB together", () => {
    const pieces = [16_379, 4_097];
    const messages = Array.from({ length: 1_000 }, () => begin(fourMegabytes, keepsViews));
    for (const size of pieces) for (const message of messages) message.take(new Uint8Array(size), 0);
    const came = 1_000 * pieces.reduce((sum, size) => sum + size, 0);
    const memory = messages.reduce((sum, message) => sum + memoryOf(message), 0);
    expect(memory).toBeLessThanOrEqual(came + 1_000 * 4_096 + 8 * MiB + fourMegabytes);
    // Those that have ended count no more.
    for (const message of messages) message.release(false);
    const next = begin(fourMegabytes, keepsViews);
    next.take(new Uint8Array(800_000), 0);
    expect(memoryOf(next)).toBe(fourMegabytes);
  });

  it("leave their memory to the next ones, of whatever size, so that nothing has to be collected", () => {
    const piece = new Uint8Array(16_384);
    const round = (): void => {
      const messages = Array.from({ length: 4 }, () => begin(fourMegabytes, keepsViews));
      for (let sent = 0; sent < fourMegabytes; sent += piece.length) for (const each of messages) each.take(piece, 0);
      for (const each of messages) each.release(false);
    };
    round();
    const allocated = vi.spyOn(Buffer, "allocUnsafeSlow");
    round();
    expect(allocated).not.toHaveBeenCalled();
    allocated.mockRestore();
  });
});
