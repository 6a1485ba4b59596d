/** A limit for the number of calls that run at the same time. */
import { checkOptionNames, optionNames, wholeNumber } from "@trunkline/base";
import type { InterceptedCall, Interceptor } from "../hooks/interceptor.js";
import { GrpcError } from "../wire/errors.js";
import { Status } from "../wire/status.js";

/** Options of `concurrencyLimit`. */
export interface ConcurrencyLimitOptions {
  /** The number of calls that may run at the same time. A stream counts for as long as it lasts. */
  readonly maxCalls: number;
  /**
   * The number of calls that may wait for their turn, in order. One more fails with RESOURCE_EXHAUSTED. Default: 0 at a
   * server, whose callers can try elsewhere, and 10,000 at a client.
   */
  readonly maxQueuedCalls?: number | undefined;
}

interface Waiter {
  admit(): void;
}

const limitOptionNames = optionNames<ConcurrencyLimitOptions>({ maxCalls: true, maxQueuedCalls: true });

/**
 * Makes an interceptor with one limit for all calls that pass through it. It can be given to a server, a service, a
 * channel, or several of them together. At a server a call counts until its handler has ended. A call that waits keeps
 * to its deadline, and can be cancelled. @throws RangeError for a limit that is no whole number
 */
export function concurrencyLimit(options: ConcurrencyLimitOptions): Interceptor {
  checkOptionNames("concurrencyLimit", options, limitOptionNames);
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
    // The place of a call that has ended goes to the next one.
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

/** Calls `abandon` when a call of a server ends while it waits. A client's call is told of by `onEnd`. */
function onAbandoned(call: InterceptedCall, abandon: (reason: unknown) => void): void {
  if (call.role !== "server") return;
  const { signal } = call;
  signal.addEventListener("abort", () => abandon(signal.reason), { once: true });
}

function tooMany(maxCalls: number, maxQueuedCalls: number): GrpcError {
  return new GrpcError(
    Status.RESOURCE_EXHAUSTED,
    `as many calls run as maxCalls (${maxCalls}) allows, and as many wait as maxQueuedCalls (${maxQueuedCalls}) allows`,
  );
}
