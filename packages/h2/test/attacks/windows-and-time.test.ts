/** Peers that read slowly or not at all, send more than they may, or take their time. */
import { afterEach, describe, expect, it } from "vitest";
import type { HttpStream } from "../../src/node/index.js";
import { clientPreface, Flag, FrameType, rawFrame, uint32 } from "../../src/testing/index.js";
import { clientUnderAttack, serverUnderAttack } from "../support/attack.js";
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

describe("a slow reader (CVE-2019-9511, CVE-2019-9517)", () => {
  it("with its windows shut holds a high-water mark a stream, and handlers wait", async () => {
    const fountain = new Fountain();
    const { attacker, victim, servesOthers } = await serverUnderAttack(cleanup, { answer: fountain.answer });
    attacker.send(attacker.frames.settings([[4, 0]]));
    for (let streamId = 1; streamId < 100; streamId += 2) attacker.send(attacker.frames.headers(streamId, fountainRequest, EndBoth));
    await attacker.settled();
    await servesOthers();
    expect(fountain.sent).toBeLessThanOrEqual(50 * 65_536);
    for (let streamId = 1; streamId < 100; streamId += 2)
      expect(victim().connection.bufferedBytes(streamId)).toBeLessThanOrEqual(65_536 + 16_384);
  });

  it("with its windows wide open and its socket unread holds some buffers, however long", async () => {
    const fountain = new Fountain();
    const { attacker, victim, servesOthers } = await serverUnderAttack(cleanup, { answer: fountain.answer });
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
    expect(fountain.sent).toBeLessThan(16 * 2 ** 20); // the kernel's buffers and ours, not the 2 GiB that the windows allow
    expect(victim().connection.bufferedBytes(1)).toBeLessThanOrEqual(65_536 + 16_384);
  });

  it("that opens its window an octet at a time is served octet by octet, not for ever at our expense", async () => {
    const { attacker, servesOthers } = await serverUnderAttack(cleanup);
    attacker.send(
      attacker.frames.settings([[4, 0]]),
      attacker.frames.headers(1, request),
      attacker.frames.data(1, new Uint8Array(500), Flag.END_STREAM),
    );
    for (let octet = 0; octet < 500; octet++) attacker.send(attacker.frames.windowUpdate(1, 1));
    const result = await attacker.settled();
    expect(result).toEqual({ goAway: undefined, why: "", resets: {} });
    await servesOthers();
  });
});

describe("more than allowed", () => {
  it("DATA past a stream's window costs its stream", async () => {
    const { attacker, servesOthers } = await serverUnderAttack(cleanup, {
      answer: async (stream) => {
        if ((await stream.headers()).some(({ name }) => name === "x-unread")) await new Promise(() => {});
        stream.sendHeaders(response);
        await stream.send(await stream.body(), true);
      },
    });
    attacker.send(attacker.frames.headers(1, [...request, { name: "x-unread", value: "1" }]));
    for (let frames = 0; frames < 5; frames++) attacker.send(attacker.frames.data(1, new Uint8Array(16_384)));
    expect(await attacker.settled()).toEqual({ goAway: undefined, why: "", resets: { FLOW_CONTROL_ERROR: 1 } });
    await servesOthers();
  });

  it.each(Object.entries(FrameType))("a %s frame of 16 MiB is refused at its header, before memory is taken", async (_, type) => {
    const { attacker, servesOthers } = await serverUnderAttack(cleanup);
    const before = process.memoryUsage().arrayBuffers;
    attacker.send(rawFrame({ type, streamId: 1, length: 2 ** 24 - 1 }));
    expect(await attacker.ended()).toMatchObject({
      goAway: "FRAME_SIZE_ERROR",
      why: "frame of 16777215 bytes is larger than maxFrameSize (16384)",
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 23);
    await servesOthers();
  });

  it("windows past 2^31-1 end the connection", async () => {
    const { attacker } = await serverUnderAttack(cleanup);
    attacker.send(attacker.frames.windowUpdate(0, 2 ** 31 - 1));
    expect((await attacker.ended()).goAway).toBe("FLOW_CONTROL_ERROR");
  });
});

describe("a peer that takes its time", () => {
  it.each<[string, Uint8Array[]]>([
    ["says nothing", []],
    ["sends half a preface", [clientPreface.subarray(0, 12)]],
    ["sends a preface and half a frame", [clientPreface, Uint8Array.from([0, 0, 6, 4, 0])]],
  ])("%s is given up at the handshake's deadline", async (_, bytes) => {
    const { attacker, servesOthers } = await serverUnderAttack(cleanup, {
      handshake: false,
      options: { limits: { handshakeTimeoutMs: 60 } },
    });
    attacker.send(...bytes);
    await servesOthers();
    const result = await attacker.ended();
    expect(result).toMatchObject({ goAway: "SETTINGS_TIMEOUT", why: "no SETTINGS from the peer within handshakeTimeoutMs (60)" });
    await servesOthers();
  });
});

describe("a hostile server", () => {
  it("that pushes is left", async () => {
    const { attacker, victim } = await clientUnderAttack(cleanup);
    const stream = await victim.request(request, true);
    attacker.send(
      rawFrame({ type: FrameType.PUSH_PROMISE, flags: 4, streamId: 1, payload: [...uint32(2), ...attacker.frames.block(request)] }),
    );
    await expect(stream.headers()).rejects.toMatchObject({ code: "PROTOCOL_ERROR", scope: "connection" });
    expect((await attacker.ended()).goAway).toBe("PROTOCOL_ERROR");
  });

  it("that answers what was never asked is left", async () => {
    const { attacker, victim } = await clientUnderAttack(cleanup);
    attacker.send(attacker.frames.headers(99, response));
    await attacker.ended();
    expect(victim.error?.code).toBe("PROTOCOL_ERROR");
  });

  it("that sends data after the end cannot change what was received", async () => {
    const { attacker, victim } = await clientUnderAttack(cleanup);
    const stream = await victim.request(request);
    attacker.send(attacker.frames.headers(1, response), attacker.frames.data(1, [1, 2, 3], Flag.END_STREAM), attacker.frames.data(1, [4]));
    expect([...(await stream.body())]).toEqual([1, 2, 3]);
    expect((await attacker.settled()).resets).toEqual({ STREAM_CLOSED: 1 });
  });

  it("that lowers the window below what is on its way is not sent more", async () => {
    const { attacker, victim } = await clientUnderAttack(cleanup);
    const stream = await victim.request(request);
    void stream.send(new Uint8Array(60_000)).catch(() => {});
    await attacker.settled();
    attacker.send(attacker.frames.settings([[4, 0]]));
    await attacker.settled();
    void stream.send(new Uint8Array(10_000)).catch(() => {});
    await attacker.settled();
    const sent = attacker.output.filter(({ type }) => type === FrameType.DATA).reduce((sum, { payload }) => sum + payload.length, 0);
    expect(sent).toBe(60_000);
  });

  it("that allows no stream makes requests wait, and a goodbye ends the wait", async () => {
    const { attacker, victim } = await clientUnderAttack(cleanup);
    attacker.send(attacker.frames.settings([[3, 0]]));
    await attacker.settled();
    const waiting = victim.request(request);
    attacker.send(attacker.frames.goAway(0, 0));
    await expect(waiting).rejects.toThrow("the connection takes no more requests");
  });
});
