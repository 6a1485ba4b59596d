/** The hooks of one call, as the call uses them. Calls without hooks have none of this. */
import { isThenable } from "@trunkline/base";
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

  constructor(hooks: readonly CallHooks[], context: CallerContext) {
    this.#inward = hooks;
    this.#outward = hooks.length === 1 ? hooks : hooks.toReversed();
    this.#context = context;
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

  /**
   * Calls `onAttempt`. `report` gets what the hooks of the attempt throw.
   * @returns the hooks of the attempt; undefined if there are none
   */
  attempt(attempt: CallAttempt, report: (error: unknown) => void): AttemptChain | undefined {
    const hooks = this.#context.run(showAttempt, this.#inward, attempt);
    return hooks.length === 0 ? undefined : new AttemptChain(hooks, this.#context, report);
  }

  /** Calls `onConnection`. */
  connection(peer: Peer): void {
    this.#context.run(showConnection, this.#inward, peer);
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
    this.#context.run(showInitialMetadata, this.#outward, initial);
  }

  /** Calls `onResponseMessage`. @returns the message that the hooks want */
  responseMessage(message: {}): {} {
    return this.#context.run(showResponseMessage, this.#outward, message);
  }

  /** Calls `onStatus`. */
  status(status: CallStatus): void {
    this.#context.run(showStatus, this.#outward, status);
  }

  /** Calls all `onEnd` hooks, even if one of them throws. `report` gets such an error. */
  end(end: CallEnd, report: (error: unknown) => void): void {
    this.#context.run(showEnd, this.#outward, end, report);
  }
}

type Hooks = readonly CallHooks[];

function showRequest(all: Hooks, request: CallRequest): Promise<void> | undefined {
  for (let index = 0; index < all.length; index++) {
    const waiting = all[index]?.onRequest?.(request);
    if (isThenable(waiting)) return waitThen(waiting, all, index + 1, request);
  }
  return undefined;
}

function showAttempt(all: Hooks, attempt: CallAttempt): readonly AttemptHooks[] {
  return all.flatMap((hooks) => hooks.onAttempt?.(attempt) ?? []);
}

function showConnection(all: Hooks, peer: Peer): void {
  for (const hooks of all) hooks.onConnection?.(peer);
}

function showRequestMessage(all: Hooks, message: {}): {} {
  let current = message;
  for (const hooks of all) {
    if (hooks.onRequestMessage !== undefined) current = replaced(current, hooks.onRequestMessage(current));
  }
  return current;
}

function showInitialMetadata(all: Hooks, initial: CallMetadata): void {
  for (const hooks of all) hooks.onInitialMetadata?.(initial);
}

function showResponseMessage(all: Hooks, message: {}): {} {
  let current = message;
  for (const hooks of all) {
    if (hooks.onResponseMessage !== undefined) current = replaced(current, hooks.onResponseMessage(current));
  }
  return current;
}

function showStatus(all: Hooks, status: CallStatus): void {
  for (const hooks of all) hooks.onStatus?.(status);
}

function showEnd(all: Hooks, end: CallEnd, report: (error: unknown) => void): void {
  for (const hooks of all) {
    try {
      hooks.onEnd?.(end);
    } catch (error) {
      report(error);
    }
  }
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
  if (isThenable(given)) {
    given.then(undefined, () => {});
    throw new GrpcError(Status.INTERNAL, "a hook for messages returned a promise: only onRequest may wait");
  }
  return given;
}

/**
 * Asks the interceptors for the hooks of a call. An error that one of them throws is thrown again by `request`.
 * @returns undefined if there are no hooks
 */
export function hooksOf<Call extends InterceptedCall>(
  interceptors: readonly Interceptor<Call>[],
  call: Call,
  context: CallerContext,
): HookChain | undefined {
  const all: CallHooks[] = [];
  try {
    for (const interceptor of interceptors) {
      const hooks = context.run(interceptor, call);
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
  return all.length === 0 ? undefined : new HookChain(all, context);
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
