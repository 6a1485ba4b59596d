/** Many streams on one connection, most of them with readers that pause. */
import { VirtualClock } from "@trunkline/streams/testing";
import { describe, expect, it } from "vitest";
import { maxFramePayloadBytes, RouterFrameType } from "../../src/index.js";
import { defaultBufferedBytesPerConnection, routerHttp2 } from "../../src/stream/connection-options.js";
import { advance, settle, testRouter, until } from "../support/router.js";

const { DATA } = RouterFrameType;

/** The number of streams: in first windows more than 32 MiB, the budget of an ordinary connection. */
const streams = 600;
/** One frame for the reader's window, one that waits at the router, one at the sender. */
const framesEach = 3;

describe("streams whose readers pause", () => {
  it("do not stop another one on their connections, and lose nothing themselves", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock, maxWaitMs: 600_000 });
    const http2 = routerHttp2(defaultBufferedBytesPerConnection); // as of a client
    const [senders, readers] = [test.connect({ http2 }), test.connect({ http2 })];
    const pairs = Array.from({ length: streams }, (_, index) => {
      return { sender: test.plainCall(`s${index}`, {}, senders), reader: test.plainCall(`s${index}`, {}, readers) };
    });
    for (const { reader } of pairs) await reader.start();
    const sent = pairs.map(async ({ sender }, index) => {
      const payload = new Uint8Array(maxFramePayloadBytes).fill(index);
      for (let frame = 0; frame < framesEach; frame++) await sender.send({ frameType: DATA, payload });
      await sender.sendEof();
    });
    await until(() => test.router.stats.livePairs === streams, "the pairs");
    await settle(400);
    const [one, other] = [test.plainCall("x", {}, senders), test.plainCall("x", {}, readers)];
    const sending = (async () => {
      for (let frame = 0; frame < 16; frame++)
        await one.send({ frameType: DATA, payload: new Uint8Array(maxFramePayloadBytes).fill(frame) });
    })();
    for (let frame = 0; frame < 16; frame++) expect((await other.receive())?.payload[0]).toBe(frame);
    await sending;
    await advance(clock, 120_000, 5_000);
    for (const [index, { reader }] of pairs.entries()) {
      for (let frame = 0; frame < framesEach; frame++) expect((await reader.receive())?.payload[0]).toBe(index & 255);
    }
    await Promise.all(sent);
  });
});
