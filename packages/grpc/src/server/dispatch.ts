/** From a path to what runs a call of it: the table of a server's methods, and how each kind of handler is run. */

import type { Messages } from "../call/send-all.js";
import { sendAll } from "../call/send-all.js";
import type { ServerCall } from "../contract/call.js";
import type { ServerInterceptor } from "../hooks/interceptor.js";
import type { Method, MethodKind } from "../service/method.js";
import { type AnyService, resolveService } from "../service/resolution.js";
import type { ServerCallStream } from "./server-call.js";

type AnyCall = ServerCallStream<{}, {}>;

/** A method that a server implements. */
export interface ServedMethod {
  readonly method: Method;
  /** The same for requests in the JSON form of protobuf, where there is one. */
  readonly json: ServedMethod | undefined;
  /** The outermost first; undefined where there are none. */
  readonly interceptors: readonly ServerInterceptor[] | undefined;
  /** The handler wants the one request message, and so is not called before it is there. */
  readonly wantsRequest: boolean;
  /** Calls the handler. What it throws or rejects with, `call.fail` is told; `call.handlerDone` when it has ended. */
  run(call: AnyCall): void;
}

export class MethodTable {
  readonly #methods: Map<string, ServedMethod> = new Map();
  /** Names of the services, to tell an unknown method from an unknown service. */
  readonly #services: Set<string> = new Set();

  /** @throws TypeError for what is no service or is there already, or an implementation without any handler */
  add(service: AnyService, implementation: object, interceptors: readonly ServerInterceptor[] = []): void {
    const { typeName, methods } = resolveService(service);
    if (typeof implementation !== "object" || implementation === null)
      throw new TypeError(`the implementation of ${typeName} must be an object`);
    if (this.#services.has(typeName)) throw new TypeError(`service ${typeName} was added already`);
    const handlers = implementation as Record<string, unknown>;
    const served = methods.flatMap((method) => {
      const handler = method.names.map((name) => handlers[name]).find((one) => one !== undefined);
      return handler === undefined
        ? []
        : [serve(method, handler, implementation, interceptors.length === 0 ? undefined : interceptors)];
    });
    if (served.length === 0) {
      const names = methods.map((method) => method.names[0]);
      throw new TypeError(`the implementation of ${typeName} has none of its methods (${names.join(", ")})`);
    }
    this.#services.add(typeName);
    for (const one of served) this.#methods.set(one.method.path, one);
  }

  get(path: string): ServedMethod | undefined {
    return this.#methods.get(path);
  }

  /** Why there is nothing at a path, for the status message. */
  describeMissing(path: string): string {
    const service = path.slice(1, path.indexOf("/", 1));
    return this.#services.has(service)
      ? `method ${path} is not implemented here`
      : `service ${service} is not implemented here`;
  }
}

type Handler = (first: unknown, call: ServerCall<{}, {}>) => unknown;

function serve(
  method: Method,
  handler: unknown,
  implementation: object,
  interceptors: readonly ServerInterceptor[] | undefined,
): ServedMethod {
  const { wantsRequest, run } = runnerOf(method, handler, implementation);
  const json =
    method.json === undefined ? undefined : { method: method.json, json: undefined, interceptors, wantsRequest, run };
  return { method, json, interceptors, wantsRequest, run };
}

/** How a handler is run, of either form. @throws TypeError for what is no handler */
function runnerOf(
  method: Method,
  handler: unknown,
  implementation: object,
): Pick<ServedMethod, "wantsRequest" | "run"> {
  if (typeof handler === "function") {
    const { wantsRequest, run } = shortForms[method.kind];
    return { wantsRequest, run: (call) => run(call, handler as Handler, implementation) };
  }
  const open = (handler as { open?: unknown } | null)?.open;
  if (typeof open !== "function")
    throw new TypeError(`the handler of ${method.path} must be a function or { open(call) }`);
  return {
    wantsRequest: false,
    run(call) {
      runAsync(call, async () => {
        await open.call(handler, call);
        await call.endOk();
      });
    },
  };
}

interface ShortForm {
  readonly wantsRequest: boolean;
  run(call: AnyCall, handler: Handler, self: object): void;
}

const replying = (wantsRequest: boolean): ShortForm => ({
  wantsRequest,
  // The way of most calls: no promise but the handler's own, and the one of its `then`.
  run(call, handler, self) {
    let reply: unknown;
    try {
      reply = handler.call(self, wantsRequest ? call.takeRequest() : call, call);
    } catch (error) {
      call.handlerFailed(error);
      return;
    }
    if (isThenable(reply)) {
      reply.then(
        (message) => call.reply(message as {}),
        (error: unknown) => call.handlerFailed(error),
      );
    } else {
      call.reply(reply as {});
    }
  },
});

const yielding = (wantsRequest: boolean): ShortForm => ({
  wantsRequest,
  run(call, handler, self) {
    runAsync(call, async () => {
      const messages = handler.call(self, wantsRequest ? call.takeRequest() : call, call);
      if (!isMessages(messages))
        throw new TypeError(`the handler of ${call.path} must give an (async) iterable, as a generator does`);
      await sendAll(messages, call);
      await call.endOk();
    });
  },
});

const shortForms: Readonly<Record<MethodKind, ShortForm>> = {
  unary: replying(true),
  client_streaming: replying(false),
  server_streaming: yielding(true),
  bidi_streaming: yielding(false),
};

function runAsync(call: AnyCall, body: () => Promise<void>): void {
  body().then(
    () => call.handlerDone(),
    (error: unknown) => call.handlerFailed(error),
  );
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

function isMessages(value: unknown): value is Messages<{}> {
  return typeof value === "object" && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value);
}
