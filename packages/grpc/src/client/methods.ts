/** A client: one function a method, each with its long form as a property. */
import { checkOptionNames, optionNames } from "@trunkline/base";
import { iterate } from "@trunkline/streams/kit";
import { type CallDefaults, callDefaultNames, resolveDefaults } from "../call/defaults.js";
import type { CallOptions } from "../call/options.js";
import { type Messages, sendAll } from "../call/send-all.js";
import type { ClientCall, ParentCall } from "../contract/call.js";
import type { Method, MethodKind, MethodTypes } from "../service/method.js";
import { type AnyService, type MethodsOf, resolveService } from "../service/resolution.js";
import { CallUsageError } from "../wire/errors.js";
import { requestHead } from "../wire/headers.js";
import { BoundMethod } from "./bound-method.js";
import { ClientCallStream } from "./call.js";
import { type Channel, coreOf } from "./channel.js";
import { MethodConfigView } from "./channel-config.js";

/** The long form of a method, which every method has beside its short one. */
export interface OpenForm<RequestInit extends {}, Response extends {}> {
  /**
   * The long form: the call itself. Nothing is sent before its first step.
   * @throws MetadataError for metadata that cannot be sent
   */
  open(options?: CallOptions): ClientCall<RequestInit, Response>;
}

/** A method with one message there and one back. @throws GrpcError */
export interface UnaryMethod<RequestInit extends {}, Response extends {}> extends OpenForm<RequestInit, Response> {
  (request: RequestInit, options?: CallOptions): Promise<Response>;
}

/**
 * A method with one message there and many back. The call starts when the iteration does; leaving it early cancels the
 * call. It can be iterated over once, and throws the `GrpcError` of any end but OK, after the messages that came
 * before.
 */
export interface ServerStreamingMethod<RequestInit extends {}, Response extends {}>
  extends OpenForm<RequestInit, Response> {
  (request: RequestInit, options?: CallOptions): AsyncIterable<Response>;
}

/**
 * A method with many messages there and one back. An error that the iterable throws cancels the call and is what the
 * promise rejects with. When the server ends the call early, the iterable is left, and the server's answer or status
 * counts.
 */
export interface ClientStreamingMethod<RequestInit extends {}, Response extends {}>
  extends OpenForm<RequestInit, Response> {
  (requests: Messages<RequestInit>, options?: CallOptions): Promise<Response>;
}

/**
 * A method with many messages both ways, at the same time. The rules of the other two streaming kinds hold for both
 * directions.
 */
export interface BidiStreamingMethod<RequestInit extends {}, Response extends {}>
  extends OpenForm<RequestInit, Response> {
  (requests: Messages<RequestInit>, options?: CallOptions): AsyncIterable<Response>;
}

/**
 * A method whose definition was loaded at run time, so that its types do not tell its kind. One with one request takes
 * that, others an (async) iterable; what comes back is awaited where the method has one response, and iterated over
 * where it has many: it is one of the two, not both.
 */
export interface LoadedMethod<RequestInit extends {}, Response extends {}> extends OpenForm<RequestInit, Response> {
  (request: RequestInit | Messages<RequestInit>, options?: CallOptions): Promise<Response> & AsyncIterable<Response>;
}

/** The form in which a client has a method, by its types. */
export type ClientMethodOf<Types> =
  Types extends MethodTypes<infer Kind, {}, infer RequestInit, infer Response, {}>
    ? [MethodKind] extends [Kind]
      ? LoadedMethod<RequestInit, Response>
      : Kind extends "unary"
        ? UnaryMethod<RequestInit, Response>
        : Kind extends "server_streaming"
          ? ServerStreamingMethod<RequestInit, Response>
          : Kind extends "client_streaming"
            ? ClientStreamingMethod<RequestInit, Response>
            : BidiStreamingMethod<RequestInit, Response>
    : never;

/** Options of one client. They override the channel's defaults. */
export interface ClientOptions extends CallDefaults {
  /**
   * The form of messages. `"json"` is the JSON form of protobuf (`application/grpc+json`), for services of protobuf-es;
   * servers made here take both. Default `"proto"`.
   */
  readonly codec?: "proto" | "json" | undefined;
}

const clientOptionNames = optionNames<ClientOptions>({ ...callDefaultNames, codec: true });

/** The methods of a service, to be called. */
export type Client<Service extends AnyService> = {
  readonly [Name in keyof MethodsOf<Service>]: ClientMethodOf<MethodsOf<Service>[Name]>;
};

/**
 * A client of `service` on `channel`; costs nothing until it is used, and the channel stays the caller's.
 * @param service a service of protobuf-es, a definition as grpc-tools, ts-proto and `@grpc/proto-loader` give it, or
 * `{ typeName, methods }` by hand
 * @param options defaults for all calls of this client, which count before those of the channel; and the form of its
 * messages
 * @throws TypeError for something that describes no service; TypeError, RangeError or MetadataError for a default that
 * cannot be
 */
export function createClient<const Service extends AnyService>(
  service: Service,
  channel: Channel,
  options: ClientOptions = {},
): Client<Service> {
  const core = coreOf(channel);
  checkOptionNames("createClient", options, clientOptionNames);
  const resolved = resolveDefaults(options, core.defaults);
  const json = checkedCodec(options.codec) === "json";
  const client: Record<string, unknown> = {};
  for (const described of resolveService(service).methods) {
    const method = json ? jsonMethod(described) : described;
    const head = requestHead(core, method.path, resolved.compressions.acceptEncoding, json);
    const view = new MethodConfigView(core.config, method.path);
    const bound = new BoundMethod(method, json, core, head, resolved, view);
    const open = (options: CallOptions = noOptions): ClientCallStream =>
      new ClientCallStream(bound, callOptions(options));
    const callable = Object.assign(shortForms[method.kind](open), { open });
    for (const name of method.names) client[name] = callable;
  }
  return client as Client<Service>;
}

/**
 * Returns the options of a call. A `ServerCall` in their place stands for `{ parent: call }`, not for a call with its
 * metadata.
 */
function callOptions(options: CallOptions | ParentCall): CallOptions {
  return "role" in options && options.role === "server" ? { parent: options } : options;
}

function checkedCodec(codec: ClientOptions["codec"]): ClientOptions["codec"] {
  if (codec === undefined || codec === "proto" || codec === "json") return codec;
  throw new TypeError(`codec must be "proto" or "json", not ${JSON.stringify(codec)}`);
}

function jsonMethod({ path, json }: Method): Method {
  if (json === undefined)
    throw new TypeError(`the messages of ${path} have no JSON form: only services of protobuf-es do`);
  return json;
}

/** The options of a call that is given none. */
const noOptions: CallOptions = Object.freeze({});

type Open = (options?: CallOptions) => ClientCallStream;

const shortForms: Readonly<Record<MethodKind, (open: Open) => (input: never, options?: CallOptions) => unknown>> = {
  unary: (open) => (request: {}, options) => {
    try {
      return open(options).callUnary(request);
    } catch (error) {
      return Promise.reject(error);
    }
  },
  server_streaming: (open) => (request: {}, options) =>
    responses(open, options, (call) => {
      // Its failure is the call's, which the iteration tells.
      call.send(request).catch((error: unknown) => call.failBecauseOfRequests(error));
    }),
  client_streaming: (open) => async (requests: Messages<{}>, options) => {
    const call = open(options);
    const reply = call.callForReply();
    void sendRequests(requests, call);
    return reply;
  },
  bidi_streaming: (open) => (requests: Messages<{}>, options) =>
    responses(open, options, (call) => void sendRequests(requests, call)),
};

async function sendRequests(requests: Messages<{}>, call: ClientCallStream): Promise<void> {
  try {
    await sendAll(requests, call);
    await call.sendEof();
  } catch (error) {
    // Without effect if the call has ended: then this is only the send that noticed.
    call.failBecauseOfRequests(error);
  }
}

function responses(
  open: Open,
  options: CallOptions | undefined,
  begin: (call: ClientCallStream) => void,
): AsyncIterable<{}> {
  let iterated = false;
  return {
    [Symbol.asyncIterator]() {
      if (iterated) throw new CallUsageError("the responses of a call can be iterated over once");
      iterated = true;
      const call = open(options);
      begin(call);
      return {
        ...iterate(() => call.receive()),
        return() {
          call.cancel("its responses were not read to the end");
          return Promise.resolve({ done: true, value: undefined });
        },
      };
    },
  };
}
