/** How many calls may be under way at once. */

import { wholeNumber } from "@trunkline/base";
import type { InterceptedCall, Interceptor } from "../hooks/interceptor.js";
import { GrpcError } from "../wire/errors.js";
import { Status } from "../wire/status.js";

export interface ConcurrencyLimitOptions {
  /** Calls under way at once, streams counted as one for as long as they last. */
  readonly maxCalls: number;
  /** Calls that wait for their turn, in order; one more fails with RESOURCE_EXHAUSTED. Default: 0 at a server, 10,000 at a client. */
  readonly maxQueuedCalls?: number | undefined;
}

interface Waiter {
  admit(): void;
}

/**
 * One limit for all calls that pass through what this returns: give it to a server, a service, a channel, or several of them together. At a server a call
 * counts until its handler has ended. A call that waits keeps to its deadline, and can be cancelled.
 * @throws RangeError for a limit that is none
 */
export function concurrencyLimit(options: ConcurrencyLimitOptions): Interceptor {
  const maxCalls = wholeNumber("maxCalls", options.maxCalls ?? 1, 1);
  wholeNumber("maxQueuedCalls", options.maxQueuedCalls ?? 0, 0);
  const waiting = new Set<Waiter>();
  let running = 0;

  const leave = (): void => {
    const [next] = waiting;
    if (next === undefined) {
      running -= 1;
      return;
    }
    // Its place goes from one to the next.
    waiting.delete(next);
    next.admit();
  };

  return (call) => {
    let waiter: Waiter | undefined;
    let admitted = false;
    return {
      onRequest() {
        if (running < maxCalls) {
          running += 1;
          admitted = true;
          return undefined;
        }
        const maxQueuedCalls = options.maxQueuedCalls ?? (call.role === "server" ? 0 : 10_000);
        if (waiting.size >= maxQueuedCalls) throw tooMany(maxCalls, maxQueuedCalls);
        return new Promise((resolve, reject) => {
          waiter = {
            admit() {
              admitted = true;
              resolve();
            },
          };
          waiting.add(waiter);
          onAbandoned(call, (reason) => {
            if (waiter !== undefined && waiting.delete(waiter)) reject(reason);
          });
        });
      },
      onEnd() {
        if (waiter !== undefined) waiting.delete(waiter);
        if (admitted) leave();
      },
    };
  };
}

/** A server's call that waits here is over only when it no longer waits. */
function onAbandoned(call: InterceptedCall, abandon: (reason: unknown) => void): void {
  if (call.role !== "server") return;
  const { signal } = call;
  signal.addEventListener("abort", () => abandon(signal.reason), { once: true });
}

function tooMany(maxCalls: number, maxQueuedCalls: number): GrpcError {
  return new GrpcError(
    Status.RESOURCE_EXHAUSTED,
    `more calls are under way than maxCalls (${maxCalls}), and as many wait as maxQueuedCalls (${maxQueuedCalls}) allows`,
  );
}
