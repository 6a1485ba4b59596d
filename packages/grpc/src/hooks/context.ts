/**
 * The asynchronous context (`AsyncLocalStorage`) in which a callback was given. What comes from the network comes in
 * the context of whatever made the connection, perhaps of another caller: a callback that is called from there has to
 * be taken back to its own (nodejs/node#55376).
 */
import { AsyncResource } from "#platform";

export class CallerContext {
  readonly #resource: AsyncResource;

  /** Keeps the context of the code that makes it. */
  constructor() {
    // Nothing listens for the end of this resource, so that it needs no finalizer.
    this.#resource = new AsyncResource("trunkline.CallerContext", { requireManualDestroy: true });
  }

  /** Calls `callback` in the context; what the callback changes of it stays inside. */
  run<Args extends unknown[], Result>(callback: (...args: Args) => Result, ...args: Args): Result {
    return this.#resource.runInAsyncScope(callback, undefined, ...args);
  }

  /**
   * Returns a context of its own that begins as this one is, so that what changes there changes neither this one nor a
   * third.
   */
  fork(): CallerContext {
    return this.#resource.runInAsyncScope(create);
  }
}

function create(): CallerContext {
  return new CallerContext();
}
