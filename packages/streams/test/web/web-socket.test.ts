import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket as WsSocket } from "ws";
import { BrokenStreamError, type ObjectStream } from "../../src/index.js";
import { streamFromWebSocket, type WebSocketOptions } from "../../src/web/index.js";
import { encodeControl, parseControl, windowCost } from "../../src/web/web-socket-in-band.js";
import { closeReason } from "../../src/web/web-socket-like.js";
import { turns } from "../support/turns.js";
import { webSocketPair } from "./web-sockets.js";

type Pair = Awaited<ReturnType<typeof webSocketPair>>;
let pair: Pair | undefined;
afterEach(async () => {
  await pair?.release();
  pair = undefined;
});

/** The server's end is a bare socket of ws, so that it can do what no stream of ours does. */
async function against(kind: "standard" | "ws", options: WebSocketOptions & { readonly type?: "binary" } = {}) {
  pair = await webSocketPair(kind);
  return { stream: streamFromWebSocket(pair.client, options), peer: pair.server };
}

async function breakOf(stream: ObjectStream<Uint8Array>): Promise<BrokenStreamError> {
  for (;;) {
    const outcome: unknown = await stream.receive().catch((error: unknown) => error);
    if (outcome instanceof Error) return outcome as BrokenStreamError;
    expect(outcome).toBeDefined();
  }
}

const closed = (peer: WsSocket): Promise<[number, string]> =>
  new Promise((resolve) => peer.once("close", (code, reason) => resolve([code, reason.toString()])));

describe.each(["standard", "ws"] as const)("a WebSocket, the object of kind %s", (kind) => {
  test("a string with half a surrogate pair is refused instead of being replaced by U+FFFD", async () => {
    pair = await webSocketPair(kind);
    const stream = streamFromWebSocket(pair.client, { type: "text" });
    const other = streamFromWebSocket(pair.server, { type: "text" });
    await expect(stream.send("a\ud800")).rejects.toThrow("half a surrogate pair at index 1");
    await expect(stream.send(new Uint8Array(1) as never)).rejects.toThrow("a text WebSocket takes strings");
    await stream.send("a whole one: \ud83d\ude80");
    expect(await other.receive()).toBe("a whole one: \ud83d\ude80");
  });

  test("sendEof is close 1000, and close 1000 is the end", async () => {
    const { stream, peer } = await against(kind);
    const seen = closed(peer);
    await stream.sendEof();
    expect((await seen)[0]).toBe(1_000);
    expect(await stream.receive()).toBeUndefined();
    await stream.close();
  });

  test("close 1000 of the other side is the end after what it sent, and later sends reject", async () => {
    const { stream, peer } = await against(kind);
    peer.send(new Uint8Array(3));
    peer.close(1_000);
    expect(await stream.receive()).toHaveLength(3);
    expect(await stream.receive()).toBeUndefined();
    await expect(stream.send(new Uint8Array(1))).rejects.toMatchObject({ code: "OTHER_SIDE_ENDED" });
    await stream.close();
  });

  test.each([
    [1_001, "WEBSOCKET_1001"],
    [3_500, "WEBSOCKET_3500"],
    [4_000, "ABORTED"],
  ])("close %d is a break with the reason", async (code, name) => {
    const { stream, peer } = await against(kind);
    peer.close(code, "going away");
    const error = await breakOf(stream);
    expect(error).toMatchObject({ name: "BrokenStreamError", code: name });
    expect(error.message).toContain("going away");
    expect(stream.brokenSignal?.reason).toBe(error);
  });

  test("a cut is a break, and so is a close without a code unless it counts as an end", async () => {
    const cut = await against(kind);
    cut.peer.terminate();
    expect(await breakOf(cut.stream)).toMatchObject({ code: "WEBSOCKET_1006" });
    await pair?.release();
    const bare = await against(kind, { endCodes: [1_000, 1_005] });
    bare.peer.close();
    expect(await bare.stream.receive()).toBeUndefined();
  });

  test("an abort is close 4000 with the reason, cut to what a close frame takes", async () => {
    const { stream, peer } = await against(kind);
    const seen = closed(peer);
    stream.abort(new Error("ü".repeat(100)));
    expect(await seen).toEqual([4_000, "ü".repeat(61)]);
  });

  test("a message of the other kind breaks the stream", async () => {
    const { stream, peer } = await against(kind);
    const seen = closed(peer);
    peer.send("text");
    expect((await breakOf(stream)).message).toBe("the other side sent a text message on a binary stream");
    expect((await seen)[0]).toBe(4_000);
  });

  test("text messages are strings, empty ones too", async () => {
    pair = await webSocketPair(kind);
    const stream = streamFromWebSocket(pair.client, { type: "text", inBand: true });
    const other = streamFromWebSocket(pair.server, { type: "text", inBand: true });
    await stream.send("grüße");
    await stream.send("");
    await stream.sendEof();
    expect(await other.receive()).toBe("grüße");
    expect(await other.receive()).toBe("");
    expect(await other.receive()).toBeUndefined();
    await other.send("back");
    await other.close();
    expect(await stream.receive()).toBe("back");
    expect(await stream.receive()).toBeUndefined();
    await expect(stream.send(new Uint8Array(1) as unknown as string)).rejects.toBeInstanceOf(TypeError);
  });

  test.each([
    ["a control message that is none", (peer: WsSocket) => peer.send("no such thing")],
    ["a report of what was never sent", (peer: WsSocket) => peer.send("read 5")],
    ["a message after its end", (peer: WsSocket) => ["end", new Uint8Array(1)].forEach((data) => void peer.send(data))],
    [
      "more than the window allows",
      (peer: WsSocket) => [windowCost, 1].forEach((length) => void peer.send(new Uint8Array(length))),
    ],
    ["close 1000 without an end", (peer: WsSocket) => peer.close(1_000)],
    ["plain text as long as it likes", (peer: WsSocket) => peer.send("x".repeat(100_000))],
  ])("in-band, %s is a break", async (_, misbehave) => {
    const { stream, peer } = await against(kind, { inBand: true });
    misbehave(peer);
    await turns();
    const error = await stream.receive().then(
      () =>
        stream.receive().then(
          () => undefined,
          (reason: unknown) => reason,
        ),
      (reason: unknown) => reason,
    );
    expect(error ?? stream.brokenSignal?.reason).toBeInstanceOf(BrokenStreamError);
  });
});

test("the standard object cannot be paused: past the limit the stream breaks", async () => {
  const { stream, peer } = await against("standard", { maxBufferedBytes: 4_096 });
  const seen = closed(peer);
  for (let count = 0; count < 8; count++) peer.send(new Uint8Array(1_024));
  expect((await seen)[0]).toBe(4_000);
  expect(await breakOf(stream)).toMatchObject({ code: "BUFFER_OVERFLOW" });
});

test("the object of ws is paused at the limit, and its sender stops", async () => {
  pair = await webSocketPair("ws");
  const reader = streamFromWebSocket(pair.client, { maxBufferedBytes: 4_096 });
  const writer = streamFromWebSocket(pair.server, { maxBufferedBytes: 4_096 });
  const sends = Array.from({ length: 60 }, () => writer.send(new Uint8Array(65_536)));
  await turns();
  expect(pair.client).toMatchObject({ isPaused: true });
  for (let count = 0; count < 60; count++) expect(await reader.receive()).toHaveLength(65_536);
  await Promise.all(sends);
});

test("one that is still connecting may be used at once, and one that cannot connect is broken", async () => {
  pair = await webSocketPair("ws");
  const { url } = pair.client as WsSocket;
  const stream = streamFromWebSocket(new WsSocket(url));
  const ended = stream.send(new Uint8Array(1)).then(() => stream.sendEof());
  await ended;
  expect(await stream.receive()).toBeUndefined();
  const refused = streamFromWebSocket(new WsSocket("ws://127.0.0.1:1"));
  await expect(refused.send(new Uint8Array(1))).rejects.toBeInstanceOf(BrokenStreamError);
  await expect(refused.sendEof()).rejects.toBeInstanceOf(BrokenStreamError);
});

test("one that is closed already, and limits that cannot be, are refused", async () => {
  const { peer } = await against("ws");
  peer.terminate();
  expect(() => streamFromWebSocket(peer)).toThrow(TypeError);
  expect(() => streamFromWebSocket({ readyState: 1 } as WsSocket, { maxBufferedBytes: 0 })).toThrow(
    "must be a number from 1 on, not 0",
  );
});

describe("the control messages", () => {
  test("any text is a control message or none, and what is encoded is parsed", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.constantFrom("end", "read", "read 0", "read 01", "read 1e3", "read -1", "END")),
        (text) => {
          const control = parseControl(text);
          if (control !== undefined) expect(encodeControl(control)).toBe(text);
        },
      ),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e14 }), (cost) => {
        expect(parseControl(encodeControl({ kind: "read", cost }))).toEqual({ kind: "read", cost });
      }),
    );
  });

  test("a close reason is cut between characters, and fits", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (text) => {
        const reason = closeReason(text);
        expect(text.startsWith(reason)).toBe(true);
        expect(new TextEncoder().encode(reason).length).toBeLessThanOrEqual(123);
      }),
    );
  });
});
