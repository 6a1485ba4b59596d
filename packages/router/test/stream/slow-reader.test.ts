/**
 * A stream that has ended in both directions is complete for its user, though its last bytes may still wait on the way
 * for a slow reader at the other side. Times are virtual.
 */
import { VirtualClock } from "@trunkline/streams/testing";
import { expect, it } from "vitest";
import { RouterStream } from "../../src/index.js";
import { advance, settle, testRouter } from "../support/router.js";

it("a stream that was closed after both ends loses nothing, however slowly the other side reads", async () => {
  const clock = new VirtualClock();
  await using test = testRouter({ clock });
  const [sender, reader] = [1, 2].map(() => new RouterStream(test.plainCall("s", {}, test.connect())));
  if (sender === undefined || reader === undefined) throw new Error("there are two streams");
  const atReader = reader.receive();
  // As many as may be: the windows of the reader and of the router are full, and the last items wait in the sender.
  let sent = 0;
  for (let isFull = false; !isFull; sent++) {
    let isTaken = false;
    void sender.send(new Uint8Array(1_024).fill(sent % 251)).then(() => {
      isTaken = true;
    });
    await settle(5);
    isFull = !isTaken;
  }
  let isEnded = false;
  const ended = sender.sendEof().then(() => {
    isEnded = true;
  });
  // The reader takes just enough for the end to be accepted behind them.
  await atReader;
  let received = 1;
  for (; !isEnded; received++) {
    await reader.receive();
    await settle(5);
  }
  await ended;
  await reader.sendEof();
  expect(await sender.receive()).toBeUndefined();
  await sender.close();
  await advance(clock, 120_000, 5_000);
  for (let item = await reader.receive(); item !== undefined; item = await reader.receive()) received++;
  expect(received).toBe(sent);
  await settle();
  expect(test.router.stats).toMatchObject({ livePairs: 0, brokenPairs: 0 });
});
