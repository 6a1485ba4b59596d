/** The hooks of one call, as the call uses them. Calls without hooks have none of this. */
import type { Peer } from "../connection/peer.js";
import { GrpcError } from "../wire/errors.js";
import { Status } from "../wire/status.js";
import type {
  CallEnd,
  CallHooks,
  CallMetadata,
  CallRequest,
  CallStatus,
  InterceptedCall,
  Interceptor,
} from "./interceptor.js";

export class HookChain {
  /** The outermost first: the order of the request. */
  readonly #inward: readonly CallHooks[];
  /** The order of the response. */
  readonly #outward: readonly CallHooks[];

  constructor(hooks: readonly CallHooks[]) {
    this.#inward = hooks;
    this.#outward = hooks.length === 1 ? hooks : hooks.toReversed();
  }

  /** Whether anybody wants it, so that what the hook is given need not be made. */
  has(hook: keyof CallHooks): boolean {
    for (const hooks of this.#inward) if (hooks[hook] !== undefined) return true;
    return false;
  }

  /** @returns a promise only where a hook wants to wait */
  request(request: CallRequest): Promise<void> | undefined {
    const hooks = this.#inward;
    for (let index = 0; index < hooks.length; index++) {
      const waiting = hooks[index]?.onRequest?.(request);
      if (isThenable(waiting)) return waitThen(waiting, hooks, index + 1, request);
    }
    return undefined;
  }

  connection(peer: Peer): void {
    for (const hooks of this.#inward) hooks.onConnection?.(peer);
  }

  run(handler: () => void): void {
    let run = handler;
    for (const hooks of this.#outward) {
      if (hooks.run === undefined) continue;
      const inner = run;
      run = () => hooks.run?.(inner);
    }
    run();
  }

  requestMessage(message: {}): {} {
    let current = message;
    for (const hooks of this.#inward) {
      if (hooks.onRequestMessage !== undefined) current = replaced(current, hooks.onRequestMessage(current));
    }
    return current;
  }

  initialMetadata(initial: CallMetadata): void {
    for (const hooks of this.#outward) hooks.onInitialMetadata?.(initial);
  }

  responseMessage(message: {}): {} {
    let current = message;
    for (const hooks of this.#outward) {
      if (hooks.onResponseMessage !== undefined) current = replaced(current, hooks.onResponseMessage(current));
    }
    return current;
  }

  status(status: CallStatus): void {
    for (const hooks of this.#outward) hooks.onStatus?.(status);
  }

  /** Tells all, whatever one of them throws; `report` hears of that. */
  end(end: CallEnd, report: (error: unknown) => void): void {
    for (const hooks of this.#outward) {
      try {
        hooks.onEnd?.(end);
      } catch (error) {
        report(error);
      }
    }
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === "function";
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

/** The hooks of a call; undefined where its interceptors want none. What an interceptor throws comes out where the request is told. */
export function hooksOf<Call extends InterceptedCall>(
  interceptors: readonly Interceptor<Call>[],
  call: Call,
): HookChain | undefined {
  const all: CallHooks[] = [];
  try {
    for (const interceptor of interceptors) {
      const hooks = interceptor(call);
      if (hooks !== undefined) all.push(hooks);
    }
  } catch (error) {
    // Those that have begun are told of the end.
    all.push({
      onRequest() {
        throw error;
      },
    });
  }
  return all.length === 0 ? undefined : new HookChain(all);
}

/** Checks what came as the option `interceptors`. @throws TypeError */
export function checkedInterceptors<One extends (call: never) => unknown>(
  interceptors: readonly One[] | undefined,
): readonly One[] {
  if (interceptors === undefined) return [];
  if (!Array.isArray(interceptors) || interceptors.some((one) => typeof one !== "function")) {
    throw new TypeError("interceptors must be an array of functions");
  }
  return [...interceptors];
}
