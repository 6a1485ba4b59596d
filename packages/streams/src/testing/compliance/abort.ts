/** The tests of breaks: an abort is an error on the other side, never an end. */
import { BrokenStreamError, ClosedStreamError } from "../../contract/errors.js";
import {
  bothWays,
  check,
  fill,
  later,
  pattern,
  receiveBreak,
  receiveItems,
  rejection,
  sendUntilBroken,
  traitsOf,
} from "./harness.js";
import type { ComplianceOptions, ComplianceTest } from "./options.js";

function otherSideTests(given: ComplianceOptions): ComplianceTest[] {
  if (!traitsOf(given).abortIsSeen) return [];
  return [
    ...bothWays(
      given,
      "an abort is an error for a receive that waits on the other side, never an end",
      async (from, to, setup) => {
        // One item goes first, so that the connection is known to stand.
        await from.send(pattern(1, 1));
        await receiveItems(to, [pattern(1, 1)], setup);
        const waiting = later(receiveBreak(to));
        await setup.traits.settle();
        from.stream.abort(new Error("pulled out"));
        await waiting;
        await rejection(to.receive(), BrokenStreamError, "a later receive");
        await sendUntilBroken(to, setup);
      },
    ),

    ...bothWays(
      given,
      "an abort fires the other side's brokenSignal while no call waits, and not this side's",
      async (from, to, setup) => {
        const { brokenSignal } = to.stream;
        if (brokenSignal === undefined) return; // the carrier cannot notice a break by itself
        await from.send(pattern(1, 1));
        await receiveItems(to, [pattern(1, 1)], setup);
        let fired = 0;
        const onAbort = (): void => {
          fired++;
        };
        brokenSignal.addEventListener("abort", onAbort);
        check(!brokenSignal.aborted, "no stream to be broken before the abort");
        from.stream.abort(new Error("pulled out"));
        for (let attempt = 0; attempt < 100 && fired === 0; attempt++) await setup.traits.settle();
        check(fired === 1 && brokenSignal.aborted, `brokenSignal to fire once, but it fired ${fired} times`);
        check(
          brokenSignal.reason instanceof BrokenStreamError,
          `a BrokenStreamError as its reason, but it is ${String(brokenSignal.reason)}`,
        );
        check(from.stream.brokenSignal?.aborted !== true, "brokenSignal not to fire for this side's own abort");
        brokenSignal.removeEventListener("abort", onAbort);
      },
    ),

    ...bothWays(given, "an abort after some items is never an end", async (from, to, setup) => {
      for (let index = 0; index < 5; index++) void later(from.send(pattern(index, 1_000)));
      await setup.traits.settle();
      from.stream.abort(new Error("pulled out"));
      await receiveBreak(to);
      await sendUntilBroken(to, setup);
    }),

    ...bothWays(given, "an abort ends the other side's blocked sends", async (from, to, setup) => {
      const sends = fill(from, setup.traits);
      const last = later(from.stream.sendEof());
      await setup.traits.settle();
      to.stream.abort(new Error("pulled out"));
      await rejection(last, BrokenStreamError, "sendEof behind blocked sends");
      await Promise.all(sends);
    }),
  ];
}

export function abortTests(given: ComplianceOptions): ComplianceTest[] {
  const { halfClose } = traitsOf(given);
  const afterBothEnds = bothWays(
    given,
    "an abort when both sides have ended changes nothing",
    async (from, to, setup) => {
      await from.send(pattern(1, 10));
      await from.stream.sendEof();
      await to.stream.sendEof();
      await from.receiveEnd();
      from.stream.abort(new Error("too late"));
      await receiveItems(to, [pattern(1, 10)], setup);
      await to.receiveEnd();
    },
  );
  return [
    ...otherSideTests(given),

    ...bothWays(
      given,
      "after an abort everything on this side is refused, what waits too",
      async (from, _, { traits }) => {
        const sends = fill(from, traits);
        const receiving = later(from.receive());
        from.stream.abort(new Error("enough"));
        from.stream.abort(new Error("enough"));
        await rejection(receiving, ClosedStreamError, "a receive that waits while the stream is aborted");
        await Promise.all(sends);
        await rejection(from.receive(), ClosedStreamError, "a receive after abort");
        await rejection(from.send(pattern(1, 1)), ClosedStreamError, "a send after abort");
        await rejection(from.stream.sendEof(), ClosedStreamError, "sendEof after abort");
        await from.stream.close();
      },
    ),

    ...bothWays(
      given,
      "after sendEof and an abort there is nothing to wait for in close and in disposal",
      async (from) => {
        await from.stream.sendEof();
        from.stream.abort(new Error("enough"));
        await from.stream.close();
        await from.stream[Symbol.asyncDispose]();
      },
    ),

    ...(halfClose === "both" ? afterBothEnds : []),
  ];
}
