/**
 * Runs handlers: each kind of method, in its short form and in the long one, on the few steps of a call that it needs.
 */
import { type Messages, sendAll } from "../call/send-all.js";
import type { ServerCall } from "../contract/call.js";
import type { Method, MethodKind } from "../service/method.js";

/** A call as the runner of its handler uses it. */
export interface HandledCall extends ServerCall<{}, {}> {
  /** Returns the one request message, which has come. @throws GrpcError */
  takeRequest(): {};
  /** Sends the one response message and status OK in one go. The handler has ended. */
  reply(message: {} | null | undefined): void;
  /** Ends the call with OK if the handler has not ended it itself. */
  endOk(): Promise<void>;
  /** Ends the call with what the handler threw. The handler has ended. */
  handlerFailed(error: unknown): void;
  /** Tells the call that its handler has ended. */
  handlerDone(): void;
  /** Called when the call ends. */
  onEnded: (() => void) | undefined;
}

export interface HandlerRunner {
  /** True where the handler takes the one request message, so that it is not called before the message is there. */
  readonly wantsRequest: boolean;
  /** Calls the handler, and tells the call how it ends. */
  run(call: HandledCall): void;
}

type Handler = (first: unknown, call: ServerCall<{}, {}>) => unknown;

/** Returns the runner of a handler of either form. @throws TypeError for what is no handler */
export function runnerOf(method: Method, handler: unknown, implementation: object): HandlerRunner {
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

/** A short handler, called with the implementation as `this`. */
interface ShortForm {
  readonly wantsRequest: boolean;
  run(call: HandledCall, handler: Handler, self: object): void;
}

const replying = (wantsRequest: boolean): ShortForm => ({
  wantsRequest,
  // Most calls go this way: it makes no promise but the handler's own, and the one of its `then`.
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
        (message) => call.reply(message as {} | undefined),
        (error: unknown) => call.handlerFailed(error),
      );
    } else {
      call.reply(reply as {} | undefined);
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

function runAsync(call: HandledCall, body: () => Promise<void>): void {
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
