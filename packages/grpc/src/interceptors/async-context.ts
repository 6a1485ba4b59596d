/** Finds the call in whose handler another call is made, through Node's async context. */
import { AsyncLocalStorage } from "#platform";
import { inheritedDeadline, watchSignals } from "../call/cancellation.js";
import type { ServerCall } from "../contract/call.js";
import type { Interceptor } from "../hooks/interceptor.js";
import { Status } from "../wire/status.js";

const handled: AsyncLocalStorage<ServerCall<{}, {}>> = new AsyncLocalStorage();

/** Returns the call in whose handler this code runs, if the server has `asyncContext()` among its interceptors. */
export function currentCall(): ServerCall<{}, {}> | undefined {
  return handled.getStore();
}

/**
 * Makes an interceptor by which every call that a handler makes belongs to the handler's call, as with
 * `{ parent: call }`. It is given to the server, and to the channels or clients on which its handlers make calls.
 *
 * It is an option and not the rule: async context costs something at every promise of the process, and work that a
 * handler leaves behind on purpose would be cancelled with it. `{ parent: call }` does the same for one call, and costs
 * nothing.
 */
export function asyncContext(): Interceptor {
  return (call) => {
    if (call.role === "server") return { run: (handler) => handled.run(call, handler) };
    const parent = handled.getStore();
    if (parent === undefined) return undefined;
    const unwatch = watchSignals(undefined, parent, ({ status, cause }) => {
      // The deadline of the parent is the call's own too, and ends it with DEADLINE_EXCEEDED.
      if (status !== Status.DEADLINE_EXCEEDED) call.cancel(cause);
    });
    return {
      onRequest(request) {
        request.deadline = inheritedDeadline(request.deadline, parent);
      },
      onEnd: unwatch,
    };
  };
}
