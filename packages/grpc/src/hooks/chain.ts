/** The hooks of one call, as the call uses them. Calls without hooks have none of this. */
import { callObserver, isThenable, whenRejected } from "@trunkline/base";
import type { Peer } from "../connection/peer.js";
import { GrpcError } from "../wire/errors.js";
import { Status } from "../wire/status.js";
import { AttemptChain } from "./attempts.js";
import type { CallerContext } from "./context.js";
import type {
  AttemptHooks,
  CallAttempt,
  CallEnd,
  CallHooks,
  CallMetadata,
  CallRequest,
  CallStatus,
  InterceptedCall,
  Interceptor,
} from "./interceptor.js";

/** The hooks of all interceptors of one call, in their order. */
export class HookChain {
  /** The hooks in the order of the request: the outermost first. */
  readonly #inward: readonly CallHooks[];
  /** The hooks in the order of the response: the innermost first. */
  readonly #outward: readonly CallHooks[];
  /** The context of the code that made the call, or at a server the call's own: all hooks are called in it. */
  readonly #context: CallerContext;
  readonly #report: (error: unknown) => void;

  /** @param report gets the errors that fail nothing: those of `onEnd`, and those of hooks that are async functions */
  constructor(hooks: readonly CallHooks[], context: CallerContext, report: (error: unknown) => void) {
    this.#inward = hooks;
    this.#outward = hooks.length === 1 ? hooks : hooks.toReversed();
    this.#context = context;
    this.#report = report;
  }

  /** Returns true if there is such a hook. Otherwise its argument need not be made. */
  has(hook: keyof CallHooks): boolean {
    for (const hooks of this.#inward) if (hooks[hook] !== undefined) return true;
    return false;
  }

  /** Calls `onRequest`. @returns a promise only if a hook waits */
  request(request: CallRequest): Promise<void> | undefined {
    return this.#context.run(showRequest, this.#inward, request);
  }

  /** Calls `onAttempt`. @returns the hooks of the attempt; undefined if there are none */
  attempt(attempt: CallAttempt): AttemptChain | undefined {
    const hooks = this.#context.run(showAttempt, this.#inward, attempt);
    return hooks.length === 0 ? undefined : new AttemptChain(hooks, this.#context, this.#report);
  }

  /** Calls `onConnection`. */
  connection(peer: Peer): void {
    this.#context.run(showConnection, this.#inward, peer, this.#report);
  }

  /** Calls the handler inside of all `run` hooks. */
  run(handler: () => void): void {
    let run = handler;
    for (const hooks of this.#outward) {
      if (hooks.run === undefined) continue;
      const inner = run;
      run = () => hooks.run?.(inner);
    }
    run();
  }

  /** Calls `onRequestMessage`. @returns the message that the hooks want */
  requestMessage(message: {}): {} {
    return this.#context.run(showRequestMessage, this.#inward, message);
  }

  /** Calls `onInitialMetadata`. */
  initialMetadata(initial: CallMetadata): void {
    this.#context.run(showInitialMetadata, this.#outward, initial, this.#report);
  }

  /** Calls `onResponseMessage`. @returns the message that the hooks want */
  responseMessage(message: {}): {} {
    return this.#context.run(showResponseMessage, this.#outward, message);
  }

  /** Calls `onStatus`. */
  status(status: CallStatus): void {
    this.#context.run(showStatus, this.#outward, status, this.#report);
  }

  /** Calls all `onEnd` hooks, even if one of them throws, which is reported. */
  end(end: CallEnd): void {
    this.#context.run(showEnd, this.#outward, end, this.#report);
  }
}

type Hooks = readonly CallHooks[];
type Report = (error: unknown) => void;

function showRequest(all: Hooks, request: CallRequest): Promise<void> | undefined {
  for (let index = 0; index < all.length; index++) {
    const waiting = all[index]?.onRequest?.(request);
    if (isThenable(waiting)) return waitThen(waiting, all, index + 1, request);
  }
  return undefined;
}

function showAttempt(all: Hooks, attempt: CallAttempt): readonly AttemptHooks[] {
  return all.flatMap((hooks) => {
    const given = hooks.onAttempt?.(attempt);
    if (isThenable(given)) throw promised("onAttempt", given);
    return given ?? [];
  });
}

function showConnection(all: Hooks, peer: Peer, report: Report): void {
  for (const hooks of all) whenRejected(hooks.onConnection?.(peer), report);
}

function showRequestMessage(all: Hooks, message: {}): {} {
  let current = message;
  for (const hooks of all) {
    if (hooks.onRequestMessage !== undefined) current = replaced(current, hooks.onRequestMessage(current));
  }
  return current;
}

function showInitialMetadata(all: Hooks, initial: CallMetadata, report: Report): void {
  for (const hooks of all) whenRejected(hooks.onInitialMetadata?.(initial), report);
}

function showResponseMessage(all: Hooks, message: {}): {} {
  let current = message;
  for (const hooks of all) {
    if (hooks.onResponseMessage !== undefined) current = replaced(current, hooks.onResponseMessage(current));
  }
  return current;
}

function showStatus(all: Hooks, status: CallStatus, report: Report): void {
  for (const hooks of all) whenRejected(hooks.onStatus?.(status), report);
}

function showEnd(all: Hooks, end: CallEnd, report: Report): void {
  for (const hooks of all) callObserver(() => hooks.onEnd?.(end), report);
}

async function waitThen(
  waiting: PromiseLike<unknown>,
  hooks: readonly CallHooks[],
  from: number,
  request: CallRequest,
): Promise<void> {
  await waiting;
  for (let index = from; index < hooks.length; index++) await hooks[index]?.onRequest?.(request);
}

function replaced(message: {}, given: {} | undefined): {} {
  if (given === undefined) return message;
  if (isThenable(given)) throw promised("a hook for messages", given);
  return given;
}

/** Returns the error of a hook whose result is needed at once, and that gave a promise of it. */
function promised(what: string, given: PromiseLike<unknown>): GrpcError {
  given.then(undefined, () => {});
  return new GrpcError(Status.INTERNAL, `${what} returned a promise: only onRequest may wait`);
}

/**
 * Asks the interceptors for the hooks of a call. An error that one of them throws is thrown again by `request`.
 * @returns undefined if there are no hooks
 */
export function hooksOf<Call extends InterceptedCall>(
  interceptors: readonly Interceptor<Call>[],
  call: Call,
  context: CallerContext,
  report: (error: unknown) => void,
): HookChain | undefined {
  const all: CallHooks[] = [];
  try {
    for (const interceptor of interceptors) {
      const hooks = context.run(interceptor, call);
      if (isThenable(hooks)) throw promised("an interceptor", hooks);
      if (hooks !== undefined) all.push(hooks);
    }
  } catch (error) {
    // The hooks that have begun still hear of the end.
    all.push({
      onRequest() {
        throw error;
      },
    });
  }
  return all.length === 0 ? undefined : new HookChain(all, context, report);
}

/** Checks the option `interceptors`. @throws TypeError if it is no array of functions */
export function checkedInterceptors<One extends (call: never) => unknown>(
  interceptors: readonly One[] | undefined,
): readonly One[] {
  if (interceptors === undefined) return [];
  if (!Array.isArray(interceptors) || interceptors.some((one) => typeof one !== "function")) {
    throw new TypeError("interceptors must be an array of functions");
  }
  return [...interceptors];
}
