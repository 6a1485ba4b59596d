/** Deadlines for calls that have none, or whose deadline is too late. */
import { checkOptionNames, optionNames } from "@trunkline/base";
import { streamClock } from "@trunkline/streams";
import { Deadline } from "../contract/deadline.js";
import type { Interceptor } from "../hooks/interceptor.js";

/** Options of `deadlineDefaults`. */
export interface DeadlineDefaults {
  /** The number of milliseconds for a call that has no deadline. Default: `maxTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** The largest number of milliseconds for any call, whatever it asks for. Default: no limit. */
  readonly maxTimeoutMs?: number | undefined;
}

const deadlineOptionNames = optionNames<DeadlineDefaults>({ timeoutMs: true, maxTimeoutMs: true });

/**
 * Makes an interceptor that gives calls a deadline. At a client, the option `timeoutMs` of the channel is a simpler
 * default. At a server it bounds handlers whose callers set no deadline: when the time has passed, their `call.signal`
 * aborts, and the client gets DEADLINE_EXCEEDED. @throws RangeError for a number that is not above zero
 */
export function deadlineDefaults(options: DeadlineDefaults): Interceptor {
  checkOptionNames("deadlineDefaults", options, deadlineOptionNames);
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
