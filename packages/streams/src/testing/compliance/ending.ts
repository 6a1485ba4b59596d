/** The tests of good ends: half-close, close, disposal. */
import { BrokenStreamError, ClosedStreamError } from "../../contract/errors.js";
import { defaultCloseTimeoutMs } from "../../contract/stream.js";
import {
  bothWays,
  check,
  fill,
  later,
  moreThanRoom,
  pairTest,
  pattern,
  receiveBreak,
  receiveItems,
  rejection,
  sendAll,
  sendUntilBroken,
  traitsOf,
} from "./harness.js";
import type { ComplianceOptions, ComplianceTest } from "./options.js";

/**
 * Runs a test in both directions, or only from the first side if the end of the second one ends both, or not at all.
 */
function halfCloses(given: ComplianceOptions, tests: ComplianceTest[]): ComplianceTest[] {
  return tests.slice(0, { both: 2, first: 1, none: 0 }[traitsOf(given).halfClose]);
}

function halfCloseTests(given: ComplianceOptions): ComplianceTest[] {
  return [
    ...halfCloses(
      given,
      bothWays(given, "after a half-close the other direction goes on", async (from, to, setup) => {
        await from.send(pattern(1, 10));
        await from.stream.sendEof();
        await receiveItems(to, [pattern(1, 10)], setup);
        await to.receiveEnd();
        await to.receiveEnd(); // and stays there
        const items = Array.from({ length: 10 }, (_, index) => pattern(index, 1_000));
        const sending = later(sendAll(to, items));
        await receiveItems(from, items, setup);
        await from.receiveEnd();
        await sending;
      }),
    ),

    ...bothWays(given, "a receive that waits gets the end", async (from, to) => {
      const waiting = later(to.receiveEnd());
      await from.stream.sendEof();
      await waiting;
    }),

    ...bothWays(given, "sendEof may be repeated, and a send after it is refused", async (from, to) => {
      await Promise.all([from.stream.sendEof(), from.stream.sendEof()]);
      await from.stream.sendEof();
      await rejection(from.send(pattern(1, 1)), ClosedStreamError, "a send after sendEof");
      await to.receiveEnd();
    }),
  ];
}

function closeTests(given: ComplianceOptions): ComplianceTest[] {
  return [
    ...bothWays(given, "close delivers what was sent, then the end", async (from, to, setup) => {
      await from.send(pattern(1, 100));
      const closing = later(from.stream.close());
      await receiveItems(to, [pattern(1, 100)], setup);
      await to.receiveEnd();
      await to.stream.close();
      await closing;
      await from.stream.close();
    }),

    ...halfCloses(
      given,
      bothWays(given, "close waits for the other side's end", async (from, to, setup) => {
        let closed = false;
        const closing = later(
          from.stream.close().then(() => {
            closed = true;
          }),
        );
        await to.receiveEnd();
        await setup.traits.settle();
        check(!closed, "close to wait for the other side's end");
        await to.stream.sendEof();
        await closing;
      }),
    ),

    ...halfCloses(
      given,
      bothWays(given, "close discards what is unread, so that the other side can finish", async (from, to, setup) => {
        const { block } = setup.traits;
        const items = moreThanRoom(setup.traits);
        const sending = later(
          (async () => {
            for (let count = 0; count < items; count++) await to.send(block);
            await to.stream.sendEof();
          })(),
        );
        await setup.traits.settle();
        await from.stream.close();
        await sending;
        await to.receiveEnd();
      }),
    ),

    ...bothWays(given, "after close everything is refused, and a waiting receive too", async (from, to) => {
      const waiting = later(from.receive());
      const closing = later(from.stream.close());
      await rejection(waiting, ClosedStreamError, "a receive that waits while the stream is closed");
      await rejection(from.receive(), ClosedStreamError, "a receive after close");
      await rejection(from.send(pattern(1, 1)), ClosedStreamError, "a send after close");
      await to.receiveEnd();
      await to.stream.close();
      await closing;
      await rejection(from.receive(), ClosedStreamError, "a receive after close");
      await rejection(from.stream.receiveWithMetadata(), ClosedStreamError, "a receive after close");
    }),
  ];
}

function closeTimeTests(given: ComplianceOptions): ComplianceTest[] {
  const { keepsTime, abortIsSeen } = traitsOf(given);
  if (!keepsTime) return [];
  return [
    ...halfCloses(
      given,
      bothWays(
        given,
        "close gives up after its time limit, and the other side sees an error",
        async (from, to, setup) => {
          const { clock } = setup;
          const before = clock.pending; // a connection below may have its own
          const closing = later(from.stream.close());
          await to.receiveEnd();
          await setup.traits.settle();
          clock.advance(defaultCloseTimeoutMs - 1);
          await to.send(pattern(1, 1));
          clock.advance(1);
          await closing;
          if (abortIsSeen) await sendUntilBroken(to, setup);
          check(
            clock.pending <= before,
            `no more appointments on the clock than before (${before}), but there are ${clock.pending}`,
          );
        },
      ),
    ),

    ...halfCloses(
      given,
      bothWays(given, "close with a longer limit waits longer", async (from, to, setup) => {
        const closing = later(from.stream.close({ closeTimeoutMs: 60_000 }));
        await to.receiveEnd();
        await setup.traits.settle();
        setup.clock.advance(59_999);
        await to.send(pattern(1, 1));
        await to.stream.sendEof();
        await closing;
      }),
    ),

    ...bothWays(
      given,
      "close with a limit of its own keeps to it, and rejects if the end could not be sent",
      async (from, to, setup) => {
        const sends = fill(from, setup.traits);
        await setup.traits.settle();
        const closing = later(from.stream.close({ closeTimeoutMs: 70 }));
        await setup.traits.settle();
        setup.clock.advance(70);
        const error = await rejection(closing, BrokenStreamError, "close");
        check(error.message.includes("closeTimeoutMs (70)"), `the limit in the message, but it is: ${error.message}`);
        await Promise.all(sends);
        if (abortIsSeen) await receiveBreak(to);
      },
    ),
  ];
}

function disposeTests(given: ComplianceOptions): ComplianceTest[] {
  const { abortIsSeen, disposal } = traitsOf(given);
  const asClose = bothWays(given, "disposal after sendEof is a close", async (from, to, setup) => {
    await from.send(pattern(1, 10));
    await from.stream.sendEof();
    const disposed = later(from.stream[Symbol.asyncDispose]());
    await receiveItems(to, [pattern(1, 10)], setup);
    await to.receiveEnd();
    await to.stream.close();
    await disposed;
    await rejection(from.receive(), ClosedStreamError, "a receive after disposal");
  });
  const asAbort = pairTest(
    given,
    "disposal before the other side has ended is an abort, even after sendEof",
    async (setup) => {
      const { first, second } = setup;
      await first.send(pattern(1, 10));
      await receiveItems(second, [pattern(1, 10)], setup);
      await first.stream.sendEof();
      await first.stream[Symbol.asyncDispose]();
      await sendUntilBroken(second, setup);
    },
  );
  return [
    ...(disposal === "close" ? asClose : [asAbort, ...asClose.slice(1)]),

    ...bothWays(
      given,
      "disposal without sendEof is an abort, so that a producer that fails never gives an end",
      async (from, to) => {
        await from.send(pattern(1, 10));
        await from.stream[Symbol.asyncDispose]();
        await rejection(from.send(pattern(1, 1)), ClosedStreamError, "a send after disposal");
        if (abortIsSeen) await receiveBreak(to);
      },
    ),

    pairTest(given, "disposal joins a close that has begun", async ({ first, second }) => {
      const closing = later(first.stream.close());
      const disposed = later(first.stream[Symbol.asyncDispose]());
      await second.receiveEnd();
      await second.stream.close();
      await Promise.all([closing, disposed]);
    }),
  ];
}

export function endingTests(given: ComplianceOptions): ComplianceTest[] {
  return [...halfCloseTests(given), ...closeTests(given), ...closeTimeTests(given), ...disposeTests(given)];
}
