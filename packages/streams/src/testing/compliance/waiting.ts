/** The tests of waits with a signal: a cancelled one loses nothing and leaves nothing behind. */
import { BrokenStreamError } from "../../contract/errors.js";
import { maxPendingSends } from "../../contract/stream.js";
import { ManualSignal } from "../manual-signal.js";
import {
  blocksOfRoom,
  bothWays,
  check,
  later,
  pairTest,
  pattern,
  receiveItems,
  rejection,
  sendAll,
} from "./harness.js";
import type { ComplianceOptions, ComplianceTest } from "./options.js";

async function rejectsWithReason(promise: Promise<unknown>, reason: unknown, what: string): Promise<void> {
  const outcome = await promise.then(
    () => "nothing",
    (error: unknown) => error,
  );
  check(outcome === reason, `${what} to reject with the signal's reason, but it rejected with ${String(outcome)}`);
}

export function waitingTests(given: ComplianceOptions): ComplianceTest[] {
  return [
    ...bothWays(given, "a cancelled receive loses no item", async (from, to, setup) => {
      const reason = new Error("no longer wanted");
      const signal = new ManualSignal();
      const receiving = later(to.receive({ signal }));
      signal.abort(reason);
      await rejectsWithReason(receiving, reason, "a cancelled receive");
      await rejectsWithReason(to.receive({ signal }), reason, "a receive with a signal that has fired");
      await rejectsWithReason(to.receiveWithMetadata({ signal }), reason, "a receive with a signal that has fired");
      const items = [pattern(1, 10), pattern(2, 10)];
      const sending = later(sendAll(from, items));
      await rejectsWithReason(to.receive({ signal }), reason, "a receive with a signal that has fired");
      await receiveItems(to, items, setup);
      await sending;
      check(signal.listenerCount === 0, `no listener left on the signal, but there are ${signal.listenerCount}`);
    }),

    ...bothWays(
      given,
      "an item that comes as its receive is cancelled is either received or still there",
      async (from, to, setup) => {
        const reason = new Error("no longer wanted");
        for (let turns = 0; turns < 6; turns++) {
          const signal = new ManualSignal();
          const outcome = later(to.receive({ signal }));
          const sending = later(from.send(pattern(turns, 8)));
          for (let turn = 0; turn < turns; turn++) await Promise.resolve();
          signal.abort(reason);
          await sending;
          const got = await outcome.catch((error: unknown) => {
            check(error === reason, `the signal's reason, but receive rejected with ${String(error)}`);
            return "cancelled" as const;
          });
          check(got !== undefined, "an item or the signal's reason, but got the end");
          if (got === "cancelled") await receiveItems(to, [pattern(turns, 8)], setup);
        }
      },
    ),

    ...bothWays(given, "a signal has no listeners left when the wait is over", async (from, to, setup) => {
      const signal = new ManualSignal();
      const receiving = later(to.receive({ signal }));
      await from.send(pattern(1, 4), { signal });
      await receiving;
      await from.stream.sendEof({ signal });
      await to.receiveEnd();
      await Promise.all([from.stream.close({ signal }), to.stream.close({ signal })]);
      await setup.traits.settle();
      check(signal.listenerCount === 0, `no listener left on the signal, but there are ${signal.listenerCount}`);
    }),

    ...bothWays(given, "nothing listens longer than it waits, however often it waits", async (from, to, setup) => {
      const round = async (count: number): Promise<number> => {
        for (let index = 0; index < count; index++) {
          const signal = new ManualSignal();
          const cancelled = later(to.receive({ signal }));
          signal.abort();
          await cancelled.catch(() => {});
          const receiving = later(receiveItems(to, [pattern(index, 10)], setup));
          await from.send(pattern(index, 10));
          await receiving;
        }
        await setup.traits.settle();
        return setup.listenerCount?.() ?? 0;
      };
      const before = await round(2);
      const after = await round(20);
      check(after <= before, `as many listeners as after the first waits (${before}), but there are ${after}`);
    }),

    ...bothWays(given, "a send with a signal that has fired never begins", async (from, to, setup) => {
      const reason = new Error("no longer wanted");
      const signal = new ManualSignal();
      signal.abort(reason);
      await rejectsWithReason(from.send(pattern(1, 4), { signal }), reason, "a send with a signal that has fired");
      await from.send(pattern(2, 4));
      await receiveItems(to, [pattern(2, 4)], setup);
    }),

    ...bothWays(
      given,
      "a send that is cancelled while it waits never began, or aborts the stream",
      async (from, to, { traits }) => {
        const { block } = traits;
        const reason = new Error("no longer wanted");
        const signal = new ManualSignal();
        // Every third one can be cancelled; the many before have filled what room there is.
        const sends = Array.from({ length: blocksOfRoom(traits) + maxPendingSends }, (_, index) =>
          from.send(block, index % 3 === 2 ? { signal } : {}).then(
            () => "accepted",
            (error: unknown) => error,
          ),
        );
        signal.abort(reason);
        let receivedBytes = 0;
        const reading = later(
          (async () => {
            for (let item = await to.receive(); item !== undefined; item = await to.receive())
              receivedBytes += item.length;
          })(),
        );
        const outcomes = await Promise.all(sends);
        check(outcomes.includes(reason), "a send that waited to reject with the signal's reason");
        check(signal.listenerCount === 0, `no listener left on the signal, but there are ${signal.listenerCount}`);
        const aborted = await from.stream.sendEof().catch((error: unknown) => error);
        if (aborted !== undefined) {
          await rejection(reading, BrokenStreamError, "a receive after the cancelled send has aborted the stream");
          return;
        }
        await reading;
        const accepted = outcomes.filter((outcome) => outcome === "accepted").length;
        check(
          receivedBytes === accepted * block.length,
          `only the ${accepted} sends that resolved to arrive, but got ${receivedBytes} bytes`,
        );
      },
    ),

    pairTest(given, "the signal of close ends the wait only", async ({ first, second }) => {
      const reason = new Error("no longer wanted");
      const signal = new ManualSignal();
      const closing = later(first.stream.close({ signal }));
      signal.abort(reason);
      await rejectsWithReason(closing, reason, "a close whose signal has fired");
      await second.receiveEnd();
      await second.stream.close();
      await first.stream.close();
    }),
  ];
}
