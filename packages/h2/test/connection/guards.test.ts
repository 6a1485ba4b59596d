/** The counts of what a peer does for nothing, each at its limit and one past it. */
import { describe, expect, it } from "vitest";
import { Guards } from "../../src/connection/guards.js";
import { resolveLimits } from "../../src/options/limits.js";
import { Engine, responseFields } from "../support/engine.js";

describe("streams that are reset right after they were opened", () => {
  it("end the connection past half of the latest 1,000 where the allowance is spent, and not at half", () => {
    const guards = new Guards(resolveLimits({ earlyResets: { burst: 1, perSecond: 0 } }, 65_535));
    for (let stream = 0; stream < 1_000; stream++) guards.streamEnded(false, 0);
    for (let stream = 0; stream < 500; stream++) guards.streamEnded(true, 0);
    expect(() => guards.streamEnded(true, 0)).toThrow(
      "501 of the last 1000 streams were reset right after they were opened",
    );
  });

  it("are forgotten when 1,000 others have ended since", () => {
    const guards = new Guards(resolveLimits({ earlyResets: { burst: 1, perSecond: 0 } }, 65_535));
    for (let stream = 0; stream < 500; stream++) guards.streamEnded(true, 0);
    for (let stream = 0; stream < 1_000; stream++) guards.streamEnded(false, 0);
    for (let stream = 0; stream < 500; stream++) guards.streamEnded(true, 0);
    expect(() => guards.streamEnded(true, 0)).toThrow("501 of the last 1000");
  });
});

it("a peer may send five WINDOW_UPDATEs, two a stream and 20 a frame that it got, and then has an allowance", () => {
  const limits = { uselessFrames: { burst: 1, perSecond: 0 } };
  const engine = Engine.ready("server", { limits });
  const stream = engine.stream(engine.openStream());
  stream.sendHeaders(responseFields, { endStream: false });
  stream.sendData(new Uint8Array(10), { endStream: false });
  const explained = 5 + 2 + 2 * 20;
  for (let frame = 0; frame < explained + 1; frame++) engine.send(engine.peer.windowUpdate(0, 1));
  expect(engine.verdict()).toBe("taken");
  engine.send(engine.peer.windowUpdate(0, 1));
  expect(engine.verdict()).toEqual({ connectionError: "ENHANCE_YOUR_CALM" });
});

it("100 DATA frames explain one SETTINGS frame past the allowance, and 99 do not", () => {
  const limits = { settings: { burst: 3, perSecond: 0 } };
  for (const frames of [99, 100]) {
    const engine = Engine.ready("server", { limits });
    const streamId = engine.openStream();
    // The first SETTINGS of the connection, which its stream explains, and three more.
    for (let count = 0; count < 3; count++) engine.send(engine.peer.settings());
    for (let frame = 0; frame < frames; frame++) engine.send(engine.peer.data(streamId, [1]));
    expect(engine.verdict(), `${frames} frames`).toBe("taken");
    engine.send(engine.peer.settings());
    expect(engine.verdict(), `${frames} frames`).toEqual(
      frames === 100 ? "taken" : { connectionError: "ENHANCE_YOUR_CALM" },
    );
  }
});
