/** The tests of items: order, sizes, backpressure, the number of sends that may wait. */
import { BusyStreamError } from "../../contract/errors.js";
import { maxPendingSends } from "../../contract/stream.js";
import {
  bothWays,
  check,
  type End,
  fill,
  later,
  moreThanRoom,
  pairTest,
  pattern,
  receiveItems,
  rejection,
  sendAll,
} from "./harness.js";
import type { ComplianceOptions, ComplianceTest } from "./options.js";

export function itemTests(given: ComplianceOptions): ComplianceTest[] {
  return [
    ...bothWays(given, "items arrive in order and as they were sent", async (from, to, setup) => {
      const items = Array.from({ length: 100 }, (_, index) => pattern(index, 1 + (index % 17)));
      const sending = later(sendAll(from, items));
      await receiveItems(to, items, setup);
      await sending;
    }),

    pairTest(given, "both directions go on at the same time", async (setup) => {
      const { first, second } = setup;
      const items = Array.from({ length: 50 }, (_, index) => pattern(index, 1_000));
      const send = async (from: End): Promise<void> => {
        for (const item of items) await from.send(item);
      };
      await Promise.all([
        send(first),
        send(second),
        receiveItems(first, items, setup),
        receiveItems(second, items, setup),
      ]);
    }),

    ...bothWays(given, "items of one byte to many megabytes arrive whole", async (from, to, setup) => {
      const sizes = [1, 2, 127, 128, 16_383, 16_384, 65_535, 65_536, 1_000_000, 4 * 1024 * 1024, 64 * 1024 * 1024];
      for (const size of sizes.filter((one) => one <= setup.traits.maxItemBytes)) {
        const item = pattern(size, size);
        const received = later(receiveItems(to, [item], setup));
        await from.send(item);
        await received;
      }
    }),

    ...bothWays(
      given,
      "an empty item is an item where boundaries are kept, and nothing where they are not",
      async (from, to, setup) => {
        const items = [pattern(1, 0), pattern(2, 3), pattern(3, 0), pattern(4, 0), pattern(5, 1)];
        const sending = later(sendAll(from, items));
        await receiveItems(to, items, setup);
        await to.receiveEnd();
        await sending;
      },
    ),

    ...bothWays(given, "sends that overlap keep their order, and the end comes after them", async (from, to, setup) => {
      const items = Array.from({ length: maxPendingSends }, (_, index) => pattern(index, 100));
      const sent = later(Promise.all([...items.map((item) => from.send(item)), from.stream.sendEof()]));
      await receiveItems(to, items, setup);
      await to.receiveEnd();
      await sent;
    }),

    ...bothWays(given, "a send too many is refused at once, and those before it arrive", async (from, to, setup) => {
      const { block } = setup.traits;
      const outcomes = fill(from, setup.traits);
      const last = await outcomes[outcomes.length - 1];
      check(
        last instanceof BusyStreamError,
        `BusyStreamError from the last of ${outcomes.length} sends at once, but got ${String(last)}`,
      );
      let receivedBytes = 0;
      const reading = later(
        (async () => {
          for (let item = await to.receive(); item !== undefined; item = await to.receive())
            receivedBytes += item.length;
        })(),
      );
      let accepted = 0;
      for (const outcome of outcomes) {
        const error = await outcome;
        if (error === undefined) accepted++;
        else check(error instanceof BusyStreamError, `BusyStreamError, but got ${String(error)}`);
      }
      check(
        accepted >= maxPendingSends,
        `at least ${maxPendingSends} sends to be allowed to wait, but only ${accepted} were`,
      );
      await from.stream.sendEof();
      await reading;
      check(
        receivedBytes === accepted * block.length,
        `${accepted * block.length} bytes of the accepted sends, but got ${receivedBytes}`,
      );
    }),

    ...bothWays(given, "a sender stops when it is not read, and goes on when it is", async (from, to, setup) => {
      const { block, maxUnreadBytes, settle } = setup.traits;
      const items = moreThanRoom(setup.traits);
      let sent = 0;
      const sending = later(
        (async () => {
          for (; sent < items; sent++) await from.send(block);
          await from.stream.sendEof();
        })(),
      );
      let before = -1;
      while (before !== sent) {
        before = sent;
        await settle();
      }
      check(
        sent * block.length <= maxUnreadBytes,
        `at most ${maxUnreadBytes} bytes to be accepted and not read, but it was ${sent * block.length}`,
      );
      for (let count = 0; count < items; count++) await receiveItems(to, [block], setup);
      await to.receiveEnd();
      await sending;
    }),

    ...bothWays(given, "iteration gives every item up to the end", async (from, to, setup) => {
      const items = Array.from({ length: 20 }, (_, index) => pattern(index, 10));
      const sending = later(sendAll(from, items));
      let bytes = 0;
      let count = 0;
      for await (const item of to.stream) {
        count++;
        bytes += to.toBytes(item).length;
      }
      await sending;
      check(bytes === 200, `200 bytes, but got ${bytes}`);
      check(!setup.traits.keepsBoundaries || count === 20, `20 items, but got ${count}`);
    }),

    ...bothWays(given, "leaving an iteration early leaves the stream open", async (from, to, setup) => {
      await from.send(pattern(1, 4));
      for await (const _ of to.stream) break;
      await to.send(pattern(2, 4));
      await receiveItems(from, [pattern(2, 4)], setup);
      await from.send(pattern(3, 4));
      await receiveItems(to, [pattern(3, 4)], setup);
    }),

    ...bothWays(
      given,
      "a second receive at the same time is refused, and the first gets its item",
      async (from, to, setup) => {
        const waiting = later(receiveItems(to, [pattern(1, 4)], setup));
        await rejection(to.receive(), BusyStreamError, "a second receive");
        await from.send(pattern(1, 4));
        await waiting;
      },
    ),
  ];
}
