/** Header sections made to hurt. */
import { afterEach, describe, expect, it } from "vitest";
import { FrameType, rawFrame } from "../../src/testing/index.js";
import { clientUnderAttack, serverUnderAttack } from "../support/attack.js";
import { request, response } from "../support/endpoint.js";
import { EndBoth } from "../support/engine.js";
import { Cleanup } from "../support/sockets.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

describe("a header list past the limit", () => {
  it("costs its request only, at once: the next one is answered", async () => {
    const { attacker, unhurt } = await serverUnderAttack(cleanup);
    attacker.send(attacker.frames.headers(1, [...request, { name: "x-large", value: "v".repeat(17_000) }], EndBoth));
    attacker.send(attacker.frames.headers(3, request, EndBoth));
    expect(await attacker.settled()).toEqual({ goAway: undefined, why: "", resets: { ENHANCE_YOUR_CALM: 1 } });
    expect(attacker.output.some(({ type, streamId }) => type === FrameType.HEADERS && streamId === 3)).toBe(true);
    await unhurt();
  });

  it("of a hostile server costs its request only", async () => {
    const { attacker, victim, unhurt } = await clientUnderAttack(cleanup);
    const first = await victim.request(request, true);
    const huge = [...response, { name: "x-large", value: "v".repeat(70_000) }];
    attacker.send(...attacker.frames.sections(1, huge, EndBoth));
    await expect(first.headers()).rejects.toThrow("is larger than maxHeaderListSize (65536)");
    const second = await victim.request(request, true);
    attacker.send(attacker.frames.headers(3, [...response, { name: "x", value: "ok" }], EndBoth));
    expect(await second.headers()).toMatchObject([{ name: ":status" }, { name: "x", value: "ok" }]);
    await unhurt();
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
    const { attacker, unhurt } = await serverUnderAttack(cleanup);
    attacker.send(
      attacker.frames.headers(1, [...request, { name, value }], EndBoth),
      attacker.frames.headers(3, request, EndBoth),
    );
    expect(await attacker.settled()).toEqual({ goAway: undefined, why: "", resets: { PROTOCOL_ERROR: 1 } });
    await unhurt();
  });
});

describe("what looks like it and is none passes:", () => {
  it("a section just within the limit, in 16 CONTINUATION frames", async () => {
    const { attacker, unhurt } = await serverUnderAttack(cleanup);
    const block = attacker.frames.block([...request, { name: "x-large", value: "\u00ff".repeat(16_384 - 500) }]);
    const size = Math.ceil(block.length / 17);
    attacker.send(rawFrame({ type: FrameType.HEADERS, flags: 1, streamId: 1, payload: block.subarray(0, size) }));
    for (let frame = 1; frame <= 16; frame++)
      attacker.send(
        attacker.frames.continuation(1, block.subarray(frame * size, (frame + 1) * size), frame === 16 ? 4 : 0),
      );
    expect(await attacker.settled()).toEqual({ goAway: undefined, why: "", resets: {} });
    await unhurt();
  });

  it("300 requests that are too large among good ones: a user's mistake, no attack", async () => {
    const { attacker, unhurt } = await serverUnderAttack(cleanup);
    for (let streamId = 1; streamId < 600; streamId += 2) {
      attacker.send(
        attacker.frames.headers(streamId, [...request, { name: "x-large", value: "v".repeat(17_000) }], EndBoth),
      );
    }
    expect(await attacker.settled()).toEqual({ goAway: undefined, why: "", resets: { ENHANCE_YOUR_CALM: 300 } });
    await unhurt();
  });
});
