/** Peers that read slowly or not at all, send more than they may, or take their time. */
import { afterEach, describe, expect, it } from "vitest";
import { ErrorCode, type H2Error } from "../../src/index.js";
import { type HttpConnection, HttpStream } from "../../src/node/index.js";
import { clientPreface, Flag, FrameType } from "../../src/testing/index.js";
import { clientUnderAttack, heldRequest, mostHeldBytes, serverUnderAttack } from "../support/attack.js";
import { request, response } from "../support/endpoint.js";
import { EndBoth } from "../support/engine.js";
import { Cleanup } from "../support/sockets.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

/** Sends without end and says how much it got rid of. */
class Fountain {
  sent = 0;
  readonly answer = async (stream: HttpStream): Promise<void> => {
    const path = (await stream.headers()).find(({ name }) => name === ":path")?.value;
    if (path !== "/fountain") {
      stream.sendHeaders(response);
      await stream.send(await stream.body(), true);
      return;
    }
    stream.sendHeaders(response);
    for (;;) {
      await stream.send(new Uint8Array(16_384));
      this.sent += 16_384;
    }
  };
}

const fountainRequest = request.map((field) => (field.name === ":path" ? { ...field, value: "/fountain" } : field));

const MiB = 2 ** 20;

describe("a slow reader (CVE-2019-9511, CVE-2019-9517)", () => {
  it("with its windows shut holds a high-water mark a stream, and handlers wait", async () => {
    const fountain = new Fountain();
    const { attacker, victim, unhurt } = await serverUnderAttack(cleanup, { answer: fountain.answer });
    attacker.send(attacker.frames.settings([[4, 0]]));
    for (let streamId = 1; streamId < 100; streamId += 2)
      attacker.send(attacker.frames.headers(streamId, fountainRequest, EndBoth));
    await attacker.settled();
    expect(fountain.sent).toBeLessThanOrEqual(50 * 65_536);
    const held = streamsOf(victim());
    expect(held).toHaveLength(50);
    for (const { bufferedBytes } of held) expect(bufferedBytes).toBeLessThanOrEqual(65_536 + 16_384);
    await unhurt(50 * (65_536 + 16_384) + mostHeldBytes);
  });

  it("with its windows wide open and its socket unread holds some buffers, however long", async () => {
    const fountain = new Fountain();
    const { attacker, victim, unhurt, servesOthers } = await serverUnderAttack(cleanup, { answer: fountain.answer });
    attacker.socket.pause();
    attacker.send(
      attacker.frames.settings([[4, 2 ** 31 - 1]]),
      attacker.frames.windowUpdate(0, 2 ** 31 - 65_536),
      attacker.frames.headers(1, fountainRequest, EndBoth),
    );
    let last = -1;
    while (last !== fountain.sent || fountain.sent === 0) {
      last = fountain.sent;
      for (let turn = 0; turn < 20; turn++) await servesOthers();
    }
    expect(fountain.sent).toBeLessThan(16 * MiB); // the kernel's buffers and ours, not the 2 GiB that the windows allow
    expect(streamsOf(victim())[0]?.bufferedBytes).toBeLessThanOrEqual(65_536 + 16_384);
    await unhurt();
  });

  it.each<[string, number]>([
    ["shuts its windows and falls silent", 0],
    ["opens its windows and reads nothing", 2 ** 31 - 1],
  ])("that %s is given up after stalledOutputTimeoutMs", async (_, window) => {
    const { attacker, victim, unhurt, servesOthers } = await serverUnderAttack(cleanup, {
      answer: new Fountain().answer,
      options: { limits: { stalledOutputTimeoutMs: 200 } },
    });
    attacker.send(
      attacker.frames.settings([[4, window]]),
      attacker.frames.windowUpdate(0, 2 ** 31 - 65_536),
      attacker.frames.headers(1, fountainRequest, EndBoth),
    );
    attacker.socket.pause();
    while (victim().error === undefined) await servesOthers();
    expect(victim().error?.message).toBe("nothing was read and no PING answered within stalledOutputTimeoutMs (200)");
    attacker.socket.destroy();
    await unhurt();
  });

  it("that opens its window an octet at a time is served octet by octet, not for ever at our expense", async () => {
    const { attacker, unhurt } = await serverUnderAttack(cleanup);
    attacker.send(
      attacker.frames.settings([[4, 0]]),
      attacker.frames.headers(1, request),
      attacker.frames.data(1, new Uint8Array(500), Flag.END_STREAM),
    );
    for (let octet = 0; octet < 500; octet++) attacker.send(attacker.frames.windowUpdate(1, 1));
    const result = await attacker.settled();
    expect(result).toEqual({ goAway: undefined, why: "", resets: {} });
    await unhurt();
  });
});

describe("more than allowed", () => {
  it("DATA past a stream's window costs its stream", async () => {
    const { attacker, unhurt } = await serverUnderAttack(cleanup);
    attacker.send(attacker.frames.headers(1, heldRequest));
    for (let frames = 0; frames < 5; frames++) attacker.send(attacker.frames.data(1, new Uint8Array(16_384)));
    expect(await attacker.settled()).toEqual({ goAway: undefined, why: "", resets: { FLOW_CONTROL_ERROR: 1 } });
    await unhurt();
  });

  it("DATA that is not read, on as many streams as may be, stays within maxBufferedBytesPerConnection", async () => {
    const { attacker, victim, unhurt } = await serverUnderAttack(cleanup, {
      options: { limits: { maxBufferedBytesPerConnection: MiB } },
    });
    let sent = 0;
    for (let streamId = 1; streamId < 200; streamId += 2) {
      attacker.send(attacker.frames.headers(streamId, heldRequest));
      for (let frame = 0; frame < 4; frame++) attacker.send(attacker.frames.data(streamId, new Uint8Array(16_000)));
      sent += 64_000;
    }
    expect(sent).toBe(6_400_000);
    const result = await attacker.ended();
    expect(result.goAway).toBe("FLOW_CONTROL_ERROR");
    expect(result.why).toMatch(/^DATA of 16000 bytes is larger than the connection's window \(\d+\)$/);
    expect(victim().error?.code).toBe("FLOW_CONTROL_ERROR");
    await unhurt(MiB + mostHeldBytes);
  });
});

describe("a peer that takes its time", () => {
  it.each<[string, Uint8Array[]]>([
    ["says nothing", []],
    ["sends half a preface", [clientPreface.subarray(0, 12)]],
    ["sends a preface and half a frame", [clientPreface, Uint8Array.from([0, 0, 6, 4, 0])]],
  ])("%s is given up at the handshake's deadline", async (_, bytes) => {
    const { attacker, unhurt } = await serverUnderAttack(cleanup, {
      handshake: false,
      options: { limits: { handshakeTimeoutMs: 200 } },
    });
    attacker.send(...bytes);
    const result = await attacker.ended();
    expect(result).toMatchObject({
      goAway: "SETTINGS_TIMEOUT",
      why: "no SETTINGS from the peer within handshakeTimeoutMs (200)",
    });
    await unhurt();
  });

  it.each<[string, Uint8Array]>([
    ["half a frame's header", Uint8Array.from([0, 0, 8, 6])],
    ["half a PING", Uint8Array.from([0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3])],
    ["HEADERS without their end", Uint8Array.from([0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82])],
  ])("and sends %s after the handshake is given up at the frame's deadline, at either end", async (_, bytes) => {
    const options = { limits: { frameTimeoutMs: 60 } };
    const server = await serverUnderAttack(cleanup, { options });
    server.attacker.send(bytes);
    const why = "a frame that has begun was not finished within 60 ms";
    expect(await server.attacker.ended()).toMatchObject({ goAway: "ENHANCE_YOUR_CALM", why });
    await server.unhurt();
    const client = await clientUnderAttack(cleanup, options);
    const stream = await client.victim.request(request, true);
    client.attacker.send(bytes);
    expect(await client.attacker.ended()).toMatchObject({ goAway: "ENHANCE_YOUR_CALM", why });
    await expect(stream.headers()).rejects.toThrow(why);
    await client.unhurt();
  });

  it("and shakes hands octet by octet, but in time, is served", async () => {
    const { attacker, unhurt } = await serverUnderAttack(cleanup, { handshake: false });
    const { frames } = attacker;
    for (const octet of [
      ...clientPreface,
      ...frames.settings(),
      ...frames.settingsAck(),
      ...frames.headers(1, request, EndBoth),
    ]) {
      attacker.send(Uint8Array.of(octet));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await attacker.settled()).toEqual({ goAway: undefined, why: "", resets: {} });
    expect(attacker.output.some(({ type, streamId }) => type === FrameType.HEADERS && streamId === 1)).toBe(true);
    await unhurt();
  });
});

describe("a hostile server", () => {
  it("that says nothing at all is given up", async () => {
    const { attacker, victim, unhurt } = await clientUnderAttack(
      cleanup,
      { limits: { handshakeTimeoutMs: 200 } },
      { handshake: false },
    );
    expect(await attacker.ended()).toMatchObject({ goAway: "SETTINGS_TIMEOUT" });
    expect(victim.error?.code).toBe("SETTINGS_TIMEOUT");
    await unhurt();
  });

  it("that sends data after the end cannot change what was received", async () => {
    const { attacker, victim, unhurt } = await clientUnderAttack(cleanup);
    const stream = await victim.request(request);
    attacker.send(
      attacker.frames.headers(1, response),
      attacker.frames.data(1, [1, 2, 3], Flag.END_STREAM),
      attacker.frames.data(1, [4]),
    );
    expect([...(await stream.body())]).toEqual([1, 2, 3]);
    expect((await attacker.settled()).resets).toEqual({ STREAM_CLOSED: 1 });
    await unhurt();
  });

  it("that lowers the window below what is on its way is not sent more", async () => {
    const { attacker, victim, unhurt } = await clientUnderAttack(cleanup);
    const stream = await victim.request(request);
    void stream.send(new Uint8Array(60_000)).catch(() => {});
    await attacker.settled();
    attacker.send(attacker.frames.settings([[4, 0]]));
    await attacker.settled();
    void stream.send(new Uint8Array(10_000)).catch(() => {});
    await attacker.settled();
    expect(bytesOfData(attacker.output)).toBe(60_000);
    await unhurt();
  });

  it("that never opens a window makes uploads wait with little in hand, and their end is told", async () => {
    const { attacker, victim, unhurt } = await clientUnderAttack(cleanup);
    attacker.send(attacker.frames.settings([[4, 0]]));
    await attacker.settled();
    let given = 0;
    const uploads = Array.from({ length: 20 }, async () => {
      const stream = await victim.request(request);
      for (;;) {
        await stream.send(new Uint8Array(16_384));
        given += 16_384;
      }
    });
    const ends = Promise.allSettled(uploads);
    await attacker.settled();
    expect(bytesOfData(attacker.output)).toBe(0);
    expect(given).toBeLessThanOrEqual(20 * 65_536);
    attacker.socket.destroy();
    for (const end of await ends) expect(end).toMatchObject({ status: "rejected", reason: { name: "H2Error" } });
    await unhurt();
  });

  it("that does not read its socket holds some buffers, however much it allows", async () => {
    const { attacker, victim, unhurt, servesOthers } = await clientUnderAttack(cleanup);
    attacker.send(attacker.frames.settings([[4, 2 ** 31 - 1]]), attacker.frames.windowUpdate(0, 2 ** 31 - 65_536));
    await attacker.settled();
    attacker.socket.pause();
    const stream = await victim.request(request);
    let given = 0;
    const upload = (async () => {
      for (;;) {
        await stream.send(new Uint8Array(16_384));
        given += 16_384;
      }
    })().catch(() => {});
    let last = -1;
    while (last !== given || given === 0) {
      last = given;
      for (let turn = 0; turn < 20; turn++) await servesOthers();
    }
    expect(given).toBeLessThan(16 * MiB);
    await unhurt();
    victim.driver.destroy();
    await upload;
  });

  it("that allows no stream makes requests wait, and a GOAWAY ends the wait", async () => {
    const { attacker, victim, unhurt } = await clientUnderAttack(cleanup);
    attacker.send(attacker.frames.settings([[3, 0]]));
    await attacker.settled();
    const waiting = victim.request(request);
    attacker.send(attacker.frames.goAway(0, 0));
    await expect(waiting).rejects.toThrow("the connection takes no more requests");
    await unhurt();
  });

  it.each(["REFUSED_STREAM", "CANCEL", "NO_ERROR", "ENHANCE_YOUR_CALM"] as const)(
    "that resets each of 2,000 requests with %s fails them one by one, and is held to nothing",
    async (code) => {
      const { attacker, victim, unhurt } = await clientUnderAttack(cleanup);
      let failed = 0;
      for (let batch = 0; batch < 20; batch++) {
        const streams = await Promise.all(Array.from({ length: 100 }, () => victim.request(request)));
        for (const { id } of streams) attacker.send(attacker.frames.rstStream(id, ErrorCode[code]));
        for (const stream of streams) {
          const failure = await stream.headers().catch((error: unknown) => error as H2Error);
          failed += "code" in failure && failure.code === code && failure.scope === "stream" ? 1 : 0;
          stream.release();
        }
      }
      expect(failed).toBe(2_000);
      expect([victim.error, victim.connection.activeStreams]).toEqual([undefined, 0]);
      await unhurt();
    },
  );

  it("whose GOAWAY gives up what it took fails it, and what it did not take may be sent again", async () => {
    const { attacker, victim, unhurt } = await clientUnderAttack(cleanup);
    const [taken, notTaken] = [await victim.request(request, true), await victim.request(request, true)];
    attacker.send(attacker.frames.goAway(1, 0));
    await expect(notTaken.headers()).rejects.toMatchObject({ code: "REFUSED_STREAM" });
    attacker.send(attacker.frames.goAway(0, 0)); // Not even the first: §6.8 lets it go down.
    await expect(taken.headers()).rejects.toMatchObject({ code: "REFUSED_STREAM" });
    await expect(victim.request(request)).rejects.toThrow("the connection takes no more requests");
    for (const stream of [taken, notTaken]) stream.release();
    await attacker.ended();
    await unhurt();
  });

  it("that answers without end to who does not read is stopped by the windows", async () => {
    const { attacker, victim, unhurt } = await clientUnderAttack(cleanup);
    const streams = await Promise.all(Array.from({ length: 50 }, () => victim.request(request, true)));
    for (const { id } of streams) {
      attacker.send(attacker.frames.headers(id, response));
      for (let frame = 0; frame < 4; frame++) attacker.send(attacker.frames.data(id, new Uint8Array(16_384)));
    }
    expect(await attacker.settled()).toEqual({ goAway: undefined, why: "", resets: {} });
    for (const { id } of streams) attacker.send(attacker.frames.data(id, [1]));
    expect((await attacker.settled()).resets).toEqual({ FLOW_CONTROL_ERROR: 50 });
    await unhurt(50 * 65_536 + mostHeldBytes);
  });
});

function bytesOfData(output: readonly { type: number; payload: Uint8Array }[]): number {
  return output.filter(({ type }) => type === FrameType.DATA).reduce((sum, { payload }) => sum + payload.length, 0);
}

/** The streams that a connection has not released. */
function streamsOf({ connection }: HttpConnection): HttpStream[] {
  return connection.handlers().filter((handler) => handler instanceof HttpStream);
}
