/** Methods and services as the runtime uses them, however they were described, and the types of a method. */
import type { AnyCodec, DecodeLimits } from "./codec.js";

/** The kind of a method, in the words of protobuf-es: how many messages go each way. */
export type MethodKind = "unary" | "server_streaming" | "client_streaming" | "bidi_streaming";

/**
 * The types of one method: its kind, and for each direction the message type and the type that a message can be made
 * from.
 */
export interface MethodTypes<
  Kind extends MethodKind = MethodKind,
  Request extends {} = {},
  RequestInit extends {} = {},
  Response extends {} = {},
  ResponseInit extends {} = {},
> {
  readonly kind: Kind;
  readonly request: Request;
  readonly requestInit: RequestInit;
  readonly response: Response;
  readonly responseInit: ResponseInit;
}

/**
 * The kind of a method, computed from its two stream flags. A definition that was loaded at run time has flags of type
 * `boolean`; its kind is then every kind that the flags allow.
 */
export type KindOf<RequestStream extends boolean, ResponseStream extends boolean> = boolean extends
  | RequestStream
  | ResponseStream
  ? KindOfUnknown<RequestStream, ResponseStream>
  : KindOfKnown<RequestStream, ResponseStream>;

/** The kinds that a method with unknown flags may have. */
export type KindOfUnknown<RequestStream extends boolean, ResponseStream extends boolean> = [boolean] extends [
  RequestStream,
]
  ? MethodKind
  : [boolean] extends [ResponseStream]
    ? MethodKind
    : KindOfKnown<RequestStream, ResponseStream>;

/** The kind of a method with known flags. */
export type KindOfKnown<RequestStream extends boolean, ResponseStream extends boolean> = RequestStream extends true
  ? ResponseStream extends true
    ? "bidi_streaming"
    : "client_streaming"
  : ResponseStream extends true
    ? "server_streaming"
    : "unary";

/** A codec as the runtime uses it: the types of its messages were checked where the method was described. */
export interface RuntimeCodec {
  encode(message: {}): Uint8Array;
  encodeBehind?(headroom: number, message: {}): Uint8Array;
  decode(bytes: Uint8Array, limits?: DecodeLimits): {};
  readonly keepsViews?: boolean;
  written?(bytes: Uint8Array): void;
  readonly passesOn?: boolean;
}

/** A method as the runtime uses it. */
export interface Method {
  /**
   * The names that clients and implementations use, for example `["sayHello"]`. Users of grpc-js know several names for
   * one method.
   */
  readonly names: readonly string[];
  /** The `:path` of its requests: `"/package.Service/Method"`. */
  readonly path: string;
  readonly kind: MethodKind;
  /** True where a call has exactly one request message. */
  readonly singleRequest: boolean;
  /** True where a call that ends with OK has exactly one response message. */
  readonly singleResponse: boolean;
  readonly request: RuntimeCodec;
  readonly response: RuntimeCodec;
  /** A copy of the method whose messages are in their JSON form; undefined if they have none. */
  readonly json: Method | undefined;
}

/** A service as the runtime uses it. */
export interface Service {
  /** The full name of the service: `"package.Service"`. */
  readonly typeName: string;
  readonly methods: readonly Method[];
}

const cardinalities: Readonly<
  Record<MethodKind, { readonly singleRequest: boolean; readonly singleResponse: boolean }>
> = {
  unary: { singleRequest: true, singleResponse: true },
  server_streaming: { singleRequest: true, singleResponse: false },
  client_streaming: { singleRequest: false, singleResponse: true },
  bidi_streaming: { singleRequest: false, singleResponse: false },
};

/** Makes the method that a description describes. @throws TypeError for a kind that does not exist */
export function makeMethod(
  names: readonly string[],
  path: string,
  kind: MethodKind,
  request: AnyCodec,
  response: AnyCodec,
  json?: Method,
): Method {
  const cardinality = cardinalities[kind];
  if (cardinality === undefined) {
    const known = Object.keys(cardinalities).join(", ");
    throw new TypeError(`the kind of method ${path} must be one of ${known}, not ${JSON.stringify(kind)}`);
  }
  const [requestCodec, responseCodec] = [request as RuntimeCodec, response as RuntimeCodec];
  return { names, path, kind, ...cardinality, request: requestCodec, response: responseCodec, json };
}

/** Returns `path` if it has the form of a method's path. @throws TypeError that names the method */
export function checkedPath(name: string, path: unknown): string {
  if (typeof path === "string" && /^\/[^/]+\/[^/]+$/.test(path)) return path;
  throw new TypeError(`the path of method ${name} must be "/package.Service/Method", not ${JSON.stringify(path)}`);
}

/** Returns the kind of a method that is described by two flags. */
export function kindOf(flags: { readonly requestStream: boolean; readonly responseStream: boolean }): MethodKind {
  if (flags.requestStream) return flags.responseStream ? "bidi_streaming" : "client_streaming";
  return flags.responseStream ? "server_streaming" : "unary";
}
