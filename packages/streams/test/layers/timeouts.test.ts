import { describe, expect, test } from "vitest";
import { memoryPair, withTimeouts } from "../../src/index.js";
import { VirtualClock } from "../../src/testing/index.js";
import { settle } from "../support/turns.js";

describe("withTimeouts", () => {
  function pair(options: { idleTimeoutMs?: number; totalTimeoutMs?: number }) {
    const clock = new VirtualClock();
    const [inner, other] = memoryPair<string>({ clock });
    return { clock, other, stream: withTimeouts(inner, options) };
  }

  test("breaks a stream on which nothing moves, for both sides", async () => {
    const { clock, other, stream } = pair({ idleTimeoutMs: 1_000 });
    const waiting = stream.receive();
    waiting.catch(() => {});
    clock.advance(999);
    await stream.send("still here");
    clock.advance(999);
    await other.send("me too");
    expect(await waiting).toBe("me too");
    const last = stream.receive();
    last.catch(() => {});
    await settle();
    clock.advance(1_000);
    const idle = {
      name: "BrokenStreamError",
      code: "IDLE_TIMEOUT",
      message: "nothing was sent or received for idleTimeoutMs (1000)",
    };
    await expect(last).rejects.toMatchObject(idle);
    await expect(stream.send("late")).rejects.toMatchObject(idle);
    await expect(stream.receive()).rejects.toMatchObject(idle);
    await expect(stream.sendEof()).rejects.toMatchObject(idle);
    await expect(other.receive()).rejects.toMatchObject({ code: "ABORTED" });
    await stream.close();
  });

  test("breaks a stream that lasts too long, however busy", async () => {
    const { clock, other, stream } = pair({ idleTimeoutMs: 1_000, totalTimeoutMs: 3_000 });
    for (let at = 0; at < 3_000; at += 500) {
      await stream.send("busy");
      expect(await other.receive()).toBe("busy");
      clock.advance(500);
    }
    await expect(stream.send("late")).rejects.toMatchObject({
      code: "TOTAL_TIMEOUT",
      message: "the stream lasted longer than totalTimeoutMs (3000)",
    });
  });

  test.each(["the ends", "close", "abort", "a break"])("leaves no appointment behind after %s", async (how) => {
    const { clock, other, stream } = pair({ idleTimeoutMs: 1_000, totalTimeoutMs: 2_000 });
    expect(clock.pending).toBe(2);
    if (how === "the ends") {
      await other.sendEof();
      await stream.sendEof();
      expect(await stream.receive()).toBeUndefined();
    } else if (how === "close") {
      await other.sendEof();
      await stream.close();
    } else if (how === "abort") {
      stream.abort(new Error("over"));
    } else {
      other.abort(new Error("over"));
      await expect(stream.receive()).rejects.toMatchObject({ code: "ABORTED" });
    }
    expect(clock.pending).toBe(0);
  });

  test("needs a clock and times above zero", () => {
    const [stream] = memoryPair<string>();
    expect(() => withTimeouts(stream, { idleTimeoutMs: 1 })).toThrow("timeouts need a clock");
    expect(() => withTimeouts(stream, { idleTimeoutMs: 0, clock: new VirtualClock() })).toThrow(
      "idleTimeoutMs must be above zero, not 0",
    );
  });
});
