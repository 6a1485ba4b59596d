/** From a handler to the calls it makes, through Node's async context. */
import { AsyncLocalStorage } from "#platform";
import { inheritedDeadline, watchSignals } from "../call/cancellation.js";
import type { ServerCall } from "../contract/call.js";
import type { Interceptor } from "../hooks/interceptor.js";
import { Status } from "../wire/status.js";

const handled: AsyncLocalStorage<ServerCall<{}, {}>> = new AsyncLocalStorage();

/** The call whose handler this code runs in, where the server has `asyncContext()` among its interceptors. */
export function currentCall(): ServerCall<{}, {}> | undefined {
  return handled.getStore();
}

/**
 * Makes every call that is made inside of a handler belong to the handler's call, as `{ parent: call }` does. To be given to the server and to the
 * channels (or clients) on which its handlers make calls.
 *
 * An option and not the rule, because async context costs something at every promise of the process, and because work that a handler
 * leaves behind on purpose would be cancelled with it; `{ parent: call }` says it for one call, and costs nothing.
 */
export function asyncContext(): Interceptor {
  return (call) => {
    if (call.role === "server") return { run: (handler) => handled.run(call, handler) };
    const parent = handled.getStore();
    if (parent === undefined) return undefined;
    const unwatch = watchSignals(undefined, parent, ({ status, cause }) => {
      // That deadline is the call's own too, and ends it with its own status.
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
