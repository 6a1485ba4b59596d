/** The types of an implementation of a service: short handlers, or `{ open(call) }`, by the names of the methods. */
import type { Messages } from "../call/send-all.js";
import type { ServerCall } from "../contract/call.js";
import type { MethodKind, MethodTypes } from "../service/method.js";
import type { AnyService, MethodsOf } from "../service/resolution.js";

/** A value, or a promise of it. */
export type Awaitable<T> = T | Promise<T>;

/**
 * The long form: the handler does every step itself. The call ends with OK when it returns (a method with one response
 * must have sent it), or with what it throws: the status, message and metadata of a `GrpcError`, UNKNOWN for anything
 * else.
 */
export interface OpenHandler<Request extends {}, ResponseInit extends {}> {
  open(call: ServerCall<Request, ResponseInit>): Awaitable<void>;
}

/** A handler with one message in and one out. It is called when the whole request is there. */
export type UnaryHandler<Request extends {}, ResponseInit extends {}> = (
  request: Request,
  call: ServerCall<Request, ResponseInit>,
) => Awaitable<ResponseInit>;

/**
 * A handler with one message in, which sends what it yields. When the call ends early, the iterable's `return()` is
 * called.
 */
export type ServerStreamingHandler<Request extends {}, ResponseInit extends {}> = (
  request: Request,
  call: ServerCall<Request, ResponseInit>,
) => Messages<ResponseInit>;

/** A handler with many messages in and one out. It may answer before it has read them all. */
export type ClientStreamingHandler<Request extends {}, ResponseInit extends {}> = (
  requests: AsyncIterable<Request>,
  call: ServerCall<Request, ResponseInit>,
) => Awaitable<ResponseInit>;

/** A handler with many messages in, which sends what it yields. */
export type BidiStreamingHandler<Request extends {}, ResponseInit extends {}> = (
  requests: AsyncIterable<Request>,
  call: ServerCall<Request, ResponseInit>,
) => Messages<ResponseInit>;

/**
 * The handler of a method whose definition was loaded at run time, so that its types do not tell its kind. The first
 * argument is the one request, or an iterable of them; it returns the one response, or an iterable of them.
 */
export type LoadedHandler<Request extends {}, ResponseInit extends {}> = (
  request: Request & AsyncIterable<Request>,
  call: ServerCall<Request, ResponseInit>,
) => Awaitable<ResponseInit> | Messages<ResponseInit>;

/** The handlers that a method takes, by its types. */
export type HandlerOf<Types> =
  Types extends MethodTypes<infer Kind, infer Request, {}, {}, infer ResponseInit>
    ? [MethodKind] extends [Kind]
      ? LoadedHandler<Request, ResponseInit> | OpenHandler<Request, ResponseInit>
      : Kind extends "unary"
        ? UnaryHandler<Request, ResponseInit> | OpenHandler<Request, ResponseInit>
        : Kind extends "server_streaming"
          ? ServerStreamingHandler<Request, ResponseInit> | OpenHandler<Request, ResponseInit>
          : Kind extends "client_streaming"
            ? ClientStreamingHandler<Request, ResponseInit> | OpenHandler<Request, ResponseInit>
            : BidiStreamingHandler<Request, ResponseInit> | OpenHandler<Request, ResponseInit>
    : never;

/**
 * An implementation of a service: an object, or an instance of a class, with a handler for each method; handlers are
 * called with it as `this`. A method without one answers UNIMPLEMENTED.
 */
export type Implementation<Service extends AnyService> = {
  readonly [Name in keyof MethodsOf<Service>]?: HandlerOf<MethodsOf<Service>[Name]> | undefined;
};
