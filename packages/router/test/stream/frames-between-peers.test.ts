/** Each frame at a router stream, from a peer that is known and from a plain one. */
import type { ClientCall } from "@trunkline/grpc";
import { GrpcError, Status } from "@trunkline/grpc";
import { Metadata } from "@trunkline/metadata";
import { streamMetadata } from "@trunkline/streams";
import { VirtualClock } from "@trunkline/streams/testing";
import { describe, expect, it } from "vitest";
import {
  endProof,
  type Frame,
  maxFramePayloadBytes,
  ownFeatures,
  RouterFrameType,
  RouterStream,
} from "../../src/index.js";
import { encodeAbort, encodeEnd, encodeFields, encodePing } from "../../src/stream/payloads.js";
import { Proof } from "../../src/stream/proof.js";
import { bytes, rejection, settle, testRouter, text, until } from "../support/router.js";

const { DATA, HEADERS, RST_STREAM, PING, GOAWAY } = RouterFrameType;

/** A router stream whose other side writes frames by hand. */
async function pair(
  known: boolean,
): Promise<{ stream: RouterStream; peer: ClientCall<Frame, Frame> } & AsyncDisposable> {
  const test = testRouter({ clock: new VirtualClock() });
  const peer = test.plainCall("s");
  await peer.start();
  const stream = new RouterStream(test.plainCall("s"), {
    peerFeatures: new Set(known ? ownFeatures : []),
    metadata: { "x-of": "this side" },
  });
  return { stream, peer, [Symbol.asyncDispose]: () => test[Symbol.asyncDispose]() };
}

/** The proof of an end after these payloads. */
function endAfter(...payloads: readonly Uint8Array[]): Uint8Array {
  const proof = new Proof();
  for (const payload of payloads) proof.add(payload);
  return encodeEnd(proof);
}

describe("a stream whose other side is known", () => {
  it("takes an end whose proof fits as verified", async () => {
    await using world = await pair(true);
    const { stream, peer } = world;
    await peer.send({ frameType: DATA, payload: bytes("one") });
    await peer.send({ frameType: GOAWAY, payload: endAfter(bytes("one")) });
    expect(text(await stream.receive())).toBe("one");
    expect(stream.extra(endProof)).toBeUndefined();
    expect(await stream.receive()).toBeUndefined();
    expect(stream.extra(endProof)).toBe("verified");
    expect(stream.extra(streamMetadata)?.get("x-of")).toBe("this side");
  });

  const wrongEnds: [what: string, end: Uint8Array, message: RegExp][] = [
    ["of more bytes", endAfter(bytes("one"), bytes("two")), /3 of 6 bytes arrived/],
    ["of more frames", endAfter(bytes("one"), bytes("")), /1 of 2 frames arrived/],
    ["of other bytes", endAfter(bytes("two")), /the checksum of 3 bytes is different/],
    ["that is none", new Uint8Array([0xff]), /an end whose proof cannot be read/],
  ];
  for (const [what, payload, message] of wrongEnds) {
    it(`breaks by an end ${what}, after what came before it, and tells the other side`, async () => {
      await using world = await pair(true);
      const { stream, peer } = world;
      await peer.send({ frameType: DATA, payload: bytes("one") });
      await peer.send({ frameType: GOAWAY, payload });
      expect(text(await stream.receive())).toBe("one");
      expect((await rejection(stream.receive())).message).toMatch(message);
      expect((await peer.receive())?.frameType).toBe(RST_STREAM);
    });
  }

  const violations: [what: string, frames: readonly Frame[], message: RegExp][] = [
    [
      "data after its end",
      [
        { frameType: GOAWAY, payload: endAfter() },
        { frameType: DATA, payload: bytes("late") },
      ],
      /sent data after its end/,
    ],
    [
      "metadata twice for one message",
      [
        { frameType: HEADERS, payload: encodeFields(new Metadata({ a: "1" })) },
        { frameType: HEADERS, payload: encodeFields(new Metadata({ a: "2" })) },
      ],
      /metadata twice/,
    ],
    [
      "metadata that is none",
      [{ frameType: HEADERS, payload: new Uint8Array([0xff]) }],
      /metadata that cannot be read/,
    ],
  ];
  for (const [what, frames, message] of violations) {
    it(`breaks by ${what}`, async () => {
      await using world = await pair(true);
      const { stream, peer } = world;
      const told = rejectedFrames(peer);
      for (const frame of frames) await peer.send(frame);
      const first = await stream.receive().catch((error: Error) => error);
      if (first instanceof Error) expect(first.message).toMatch(message);
      await settle();
      expect((await rejection(stream.send(bytes("x")))).message).toMatch(message);
      expect(await told).toContain(RST_STREAM);
    });
  }

  it("gives metadata of a message with it", async () => {
    await using world = await pair(true);
    const { stream, peer } = world;
    await peer.send({ frameType: HEADERS, payload: encodeFields(new Metadata({ a: "1" })) });
    await peer.send({ frameType: DATA, payload: bytes("one") });
    await peer.send({ frameType: DATA, payload: bytes("two") });
    expect((await stream.receiveWithMetadata())?.metadata.get("a")).toBe("1");
    expect((await stream.receiveWithMetadata())?.metadata.size).toBe(0);
  });

  it("breaks with the status and the message of the other side's abort", async () => {
    await using world = await pair(true);
    const { stream, peer } = world;
    await peer.send({ frameType: RST_STREAM, payload: encodeAbort(new GrpcError(Status.NOT_FOUND, "no such file")) });
    const error = await rejection(stream.receive());
    expect(error).toMatchObject({ status: Status.NOT_FOUND });
    expect(error.message).toBe("the other side aborted the stream: no such file");
  });

  it("answers a PING with its id, and ignores an answer", async () => {
    await using world = await pair(true);
    const { stream, peer } = world;
    const receiving = stream.receive();
    await peer.send({ frameType: PING, payload: encodePing({ id: 7n, answer: true }) });
    await peer.send({ frameType: PING, payload: encodePing({ id: 8n, answer: false }) });
    expect(await peer.receive()).toEqual({ frameType: PING, payload: encodePing({ id: 8n, answer: true }) });
    await peer.send({ frameType: DATA, payload: bytes("one") });
    expect(text(await receiving)).toBe("one");
  });

  it("breaks when a signal ends the sending of an item of which a part has gone out", async () => {
    await using world = await pair(true);
    const { stream, peer } = world;
    const enough = new AbortController();
    const sending = rejection(stream.send(new Uint8Array(10 * maxFramePayloadBytes), { signal: enough.signal }));
    expect((await peer.receive())?.payload.length).toBe(maxFramePayloadBytes);
    enough.abort(new Error("enough"));
    expect((await sending).message).toBe("enough");
    expect((await rejection(stream.send(bytes("never sent behind half an item")))).name).toBe("ClosedStreamError");
    const types = await rejectedFrames(peer);
    expect(types).not.toContain(GOAWAY);
  });

  it("goes on when a signal ends a send before anything of it has gone out", async () => {
    await using world = await pair(true);
    const { stream, peer } = world;
    const enough = new AbortController();
    const fill = Array.from({ length: 12 }, () => stream.send(new Uint8Array(maxFramePayloadBytes)).catch(() => {}));
    const cancelled = rejection(stream.send(bytes("cancelled"), { signal: enough.signal }));
    enough.abort(new Error("enough"));
    expect((await cancelled).message).toBe("enough");
    const last = stream.send(bytes("last"));
    for (let frame = 0; frame < 12; frame++) expect((await peer.receive())?.payload.length).toBe(maxFramePayloadBytes);
    expect(text((await peer.receive())?.payload)).toBe("last");
    await Promise.all([...fill, last]);
  });

  it("goes on when a signal ends a send that the call had no room for yet", async () => {
    await using world = await pair(true);
    const { stream, peer } = world;
    const enough = new AbortController();
    let sent = 0;
    for (let waits = false; !waits; ) {
      const sending = stream.send(new Uint8Array(maxFramePayloadBytes), { signal: enough.signal });
      const outcome = await Promise.race([sending.then(() => "sent"), settle(60).then(() => "waits")]);
      if (outcome === "sent") {
        sent += 1;
      } else {
        waits = true;
        enough.abort(new Error("enough"));
        expect((await rejection(sending)).message).toBe("enough");
      }
    }
    const last = stream.send(bytes("last"));
    for (let frame = 0; frame < sent; frame++)
      expect((await peer.receive())?.payload.length).toBe(maxFramePayloadBytes);
    expect(text((await peer.receive())?.payload)).toBe("last");
    await last;
  });

  it("cuts a large item at 64 KiB, and sends its metadata once ahead of it", async () => {
    await using world = await pair(true);
    const { stream, peer } = world;
    const received: Frame[] = [];
    void stream.send(new Uint8Array(maxFramePayloadBytes * 2 + 1), { metadata: { a: "1" } });
    while (received.length < 4) received.push((await peer.receive()) as Frame);
    expect(received.map(({ frameType }) => frameType)).toEqual([HEADERS, DATA, DATA, DATA]);
    expect(received.slice(1).map(({ payload }) => payload.length)).toEqual([65_536, 65_536, 1]);
  });
});

describe("a stream whose other side is plain", () => {
  it("ignores frames that only known peers send, and unknown ones", async () => {
    await using world = await pair(false);
    const { stream, peer } = world;
    await peer.send({ frameType: PING, payload: encodePing({ id: 8n, answer: false }) });
    await peer.send({ frameType: HEADERS, payload: new Uint8Array([0xff]) });
    await peer.send({ frameType: 99, payload: bytes("?") });
    await peer.send({ frameType: DATA, payload: bytes("one") });
    expect(text(await stream.receive())).toBe("one");
    await stream.send(bytes("the first frame to the other side"));
    expect(await peer.receive()).toEqual({ frameType: DATA, payload: bytes("the first frame to the other side") });
  });

  it("delivers data behind the end, as Jumpstarter's does, and says declared", async () => {
    await using world = await pair(false);
    const { stream, peer } = world;
    await peer.send({ frameType: GOAWAY, payload: bytes("") });
    await peer.send({ frameType: DATA, payload: bytes("late") });
    expect(await stream.receive()).toBeUndefined();
    expect(stream.extra(endProof)).toBe("declared");
    await until(() => stream.extra(endProof) === "declared", "the end");
    await settle();
    expect(text(await stream.receive())).toBe("late");
  });

  it("takes a half-close without a word as an end, and says bare", async () => {
    await using world = await pair(false);
    const { stream, peer } = world;
    await peer.sendEof();
    await stream.sendEof();
    expect(await stream.receive()).toBeUndefined();
    expect(stream.extra(endProof)).toBe("bare");
  });

  it("refuses metadata of a message: it would be lost", async () => {
    await using world = await pair(false);
    const error = await rejection(world.stream.send(bytes("x"), { metadata: { a: "1" } }));
    expect(error.name).toBe("MetadataNotCarriedError");
  });

  it("is not told of an abort by a frame that its application would take for data", async () => {
    await using world = await pair(false);
    const { stream, peer } = world;
    await stream.send(bytes("x"));
    expect(text((await peer.receive())?.payload)).toBe("x");
    stream.abort(new Error("enough"));
    expect(await rejectedFrames(peer)).toEqual([]);
  });
});

/** The types of all frames that come until the call fails. */
async function rejectedFrames(call: ClientCall<Frame, Frame>): Promise<number[]> {
  const types: number[] = [];
  try {
    for (let frame = await call.receive(); frame !== undefined; frame = await call.receive())
      types.push(frame.frameType);
  } catch {
    // The end of a broken stream.
  }
  return types;
}
