/** Header sections made to hurt. */
import { afterEach, describe, expect, it } from "vitest";
import { FrameType, rawFrame } from "../../src/testing/index.js";
import { clientUnderAttack, serverUnderAttack } from "../support/attack.js";
import { request, response } from "../support/endpoint.js";
import { EndBoth } from "../support/engine.js";
import { Cleanup } from "../support/sockets.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const heapMb = () => process.memoryUsage().heapUsed / 2 ** 20;

/** One large field put into the table, then referred to by one octet each time. */
function bomb(peer: { block(fields: readonly { name: string; value: string }[]): Uint8Array }, references: number): Uint8Array {
  return Buffer.concat([peer.block([...request, { name: "x-bomb", value: "b".repeat(3_900) }]), Buffer.alloc(references, 0x80 | 62)]);
}

describe("a header list", () => {
  it("past the limit costs its request only", async () => {
    const { attacker, servesOthers } = await serverUnderAttack(cleanup);
    for (let streamId = 1; streamId < 41; streamId += 2) {
      attacker.send(attacker.frames.headers(streamId, [...request, { name: `x-${streamId}`, value: "v".repeat(17_000) }], EndBoth));
    }
    attacker.send(attacker.frames.headers(41, request, EndBoth));
    const result = await attacker.settled();
    expect(result).toEqual({ goAway: undefined, why: "", resets: { ENHANCE_YOUR_CALM: 20 } });
    expect(attacker.output.some(({ type, streamId }) => type === FrameType.HEADERS && streamId === 41)).toBe(true);
    await servesOthers();
  });

  it("made of one-octet references to a large field (CVE-2016-6581) is counted and not kept", async () => {
    const { attacker, servesOthers } = await serverUnderAttack(cleanup);
    const before = heapMb();
    for (let turn = 0; turn < 20; turn++) {
      attacker.send(rawFrame({ type: FrameType.HEADERS, flags: EndBoth, streamId: 1 + 2 * turn, payload: bomb(attacker.frames, 12_000) }));
    }
    const result = await attacker.settled(); // 20 × 12,000 × 3.9 kB would be 900 MB
    expect(result.resets).toEqual({ ENHANCE_YOUR_CALM: 20 });
    expect(heapMb() - before).toBeLessThan(50);
    await servesOthers();
  });

  it.each<[string, number, Uint8Array]>([
    ["empty CONTINUATION frames", 17, new Uint8Array(0)],
    ["CONTINUATION frames (CVE-2024-27316)", 17, new Uint8Array(100)],
  ])("that goes on in %s ends the connection", async (_, count, fragment) => {
    const { attacker, servesOthers } = await serverUnderAttack(cleanup);
    attacker.send(attacker.frames.headers(1, request, 0));
    for (let frames = 0; frames < count; frames++) attacker.send(attacker.frames.continuation(1, fragment));
    expect(await attacker.ended()).toMatchObject({
      goAway: "ENHANCE_YOUR_CALM",
      why: "header section of more than maxContinuationFrames (16)",
    });
    await servesOthers();
  });

  it("of more than four times the limit ends the connection", async () => {
    const { attacker, servesOthers } = await serverUnderAttack(cleanup);
    attacker.send(attacker.frames.headers(1, request, 0));
    for (let frames = 0; frames < 5; frames++) attacker.send(attacker.frames.continuation(1, new Uint8Array(16_384)));
    const result = await attacker.ended();
    expect(result.goAway).toBe("ENHANCE_YOUR_CALM");
    expect(result.why).toMatch(/encoded header section of \d+ bytes is larger than the limit \(65536\)/);
    await servesOthers();
  });

  it("of a hostile server, in trailers and in headers, costs its stream only", async () => {
    const { attacker, victim } = await clientUnderAttack(cleanup);
    const before = heapMb();
    const first = await victim.request(request, true);
    attacker.send(
      attacker.frames.headers(1, response),
      rawFrame({ type: FrameType.HEADERS, flags: EndBoth, streamId: 1, payload: bomb(attacker.frames, 12_000) }),
    );
    await expect(first.body()).rejects.toThrow("is larger than maxHeaderListSize (65536)");
    const second = await victim.request(request, true);
    attacker.send(attacker.frames.headers(3, [...response, { name: "x", value: "ok" }], EndBoth));
    expect(await second.headers()).toMatchObject([{ name: ":status" }, { name: "x", value: "ok" }]);
    expect(heapMb() - before).toBeLessThan(50);
  });
});

describe("names and values with what does not belong there", () => {
  it.each([
    ["", "1"],
    ["X", "1"],
    ["x\u0007", "1"],
    ["x", " edge"],
    ["x", "line\nbreak"],
  ])("(%j: %j) cost their request only", async (name, value) => {
    const { attacker, servesOthers } = await serverUnderAttack(cleanup);
    attacker.send(attacker.frames.headers(1, [...request, { name, value }], EndBoth), attacker.frames.headers(3, request, EndBoth));
    expect(await attacker.settled()).toEqual({ goAway: undefined, why: "", resets: { PROTOCOL_ERROR: 1 } });
    await servesOthers();
  });
});

describe("what looks like it and is none passes:", () => {
  it("a section just within the limit, in 16 CONTINUATION frames", async () => {
    const { attacker } = await serverUnderAttack(cleanup);
    const block = attacker.frames.block([...request, { name: "x-large", value: "\u00ff".repeat(16_384 - 500) }]);
    const size = Math.ceil(block.length / 17);
    attacker.send(rawFrame({ type: FrameType.HEADERS, flags: 1, streamId: 1, payload: block.subarray(0, size) }));
    for (let frame = 1; frame <= 16; frame++)
      attacker.send(attacker.frames.continuation(1, block.subarray(frame * size, (frame + 1) * size), frame === 16 ? 4 : 0));
    expect(await attacker.settled()).toEqual({ goAway: undefined, why: "", resets: {} });
  });

  it("1,000 requests that are too large among good ones: a user's mistake, no attack", async () => {
    const { attacker, servesOthers } = await serverUnderAttack(cleanup);
    for (let streamId = 1; streamId < 2_000; streamId += 2) {
      attacker.send(attacker.frames.headers(streamId, [...request, { name: "x-large", value: "v".repeat(17_000) }], EndBoth));
    }
    expect(await attacker.settled()).toEqual({ goAway: undefined, why: "", resets: { ENHANCE_YOUR_CALM: 1_000 } });
    await servesOthers();
  });
});
