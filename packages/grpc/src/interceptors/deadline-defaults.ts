/** Deadlines for calls that have none, or too late a one. */
import { streamClock } from "@trunkline/streams";
import { Deadline } from "../contract/deadline.js";
import type { Interceptor } from "../hooks/interceptor.js";

export interface DeadlineDefaults {
  /** Milliseconds for a call that has no deadline. Default: `maxTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** Milliseconds that no call may go beyond, whatever it asks for. Default: no limit. */
  readonly maxTimeoutMs?: number | undefined;
}

/**
 * Gives calls a deadline. At a client one that is a default only is simpler as the option `timeoutMs` of the channel; at a server this is what bounds
 * handlers whose callers set none: at that time their `call.signal` aborts, and the client gets DEADLINE_EXCEEDED.
 * @throws RangeError for a number that is not above zero
 */
export function deadlineDefaults(options: DeadlineDefaults): Interceptor {
  const { maxTimeoutMs = Number.POSITIVE_INFINITY, timeoutMs = maxTimeoutMs } = options;
  for (const [name, value] of Object.entries({ timeoutMs, maxTimeoutMs })) {
    if (!(value > 0)) throw new RangeError(`${name} must be a number of milliseconds above zero, not ${String(value)}`);
  }
  const defaultMs = Math.min(timeoutMs, maxTimeoutMs);
  return (call) => ({
    onRequest(request) {
      const clock = call.extra(streamClock);
      if (request.deadline === undefined) {
        if (defaultMs !== Number.POSITIVE_INFINITY) request.deadline = Deadline.after(defaultMs, clock);
      } else if (request.deadline.remainingMs > maxTimeoutMs) {
        request.deadline = Deadline.after(maxTimeoutMs, clock);
      }
    },
  });
}
