/** What a service is: its methods with their paths, kinds and codecs, however they were described. */
import type { DescMessage, DescService, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { type Codec, protobufCodec } from "./codec.js";

/** How many messages go each way, in the words of protobuf-es. */
export type MethodKind = "unary" | "server_streaming" | "client_streaming" | "bidi_streaming";

/** A method described by hand, for messages of any codec. */
export interface MethodDefinition<
  Request extends {} = never,
  Response extends {} = never,
  Kind extends MethodKind = MethodKind,
  RequestInit extends {} = Request,
  ResponseInit extends {} = Response,
> {
  /** As on the wire: `"/package.Service/Method"`. */
  readonly path: string;
  readonly kind: Kind;
  readonly request: Codec<Request, RequestInit>;
  readonly response: Codec<Response, ResponseInit>;
}

/** A service described by hand. Method names are those that clients and implementations use. */
export interface ServiceDefinition {
  /** `"package.Service"`. */
  readonly typeName: string;
  readonly methods: Readonly<Record<string, AnyMethodDefinition>>;
}

interface AnyMethodDefinition {
  readonly path: string;
  readonly kind: MethodKind;
  readonly request: AnyCodec;
  readonly response: AnyCodec;
}

/** A codec of which only the shape is known: `never` in, because nothing may be put in unseen. */
interface AnyCodec {
  encode(message: never): Uint8Array;
  decode(bytes: Uint8Array): {};
}

/** What `createClient` and `Server.add` take: a service of protobuf-es, or one described by hand. */
export type AnyService = DescServiceLike | ServiceDefinition;

/** The part of protobuf-es' `DescService` and `GenService` that is used here. */
export interface DescServiceLike extends Pick<DescService, "typeName" | "methods"> {
  readonly method: Readonly<Record<string, DescMethodLike>>;
}

interface DescMethodLike {
  readonly methodKind: MethodKind;
  readonly input: DescMessage;
  readonly output: DescMessage;
}

/** The types of one method: how it is called, what goes in (a message, or what one is made of) and what comes out. */
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

/** The types of all methods of a service, by the names that clients and implementations use. */
export type MethodsOf<Service extends AnyService> = Service extends {
  readonly method: infer Methods extends Readonly<Record<string, DescMethodLike>>;
}
  ? { readonly [Name in keyof Methods]: DescribedTypes<Methods[Name]> }
  : Service extends { readonly methods: infer Methods }
    ? { readonly [Name in keyof Methods]: DefinedTypes<Methods[Name]> }
    : never;

type DescribedTypes<Method extends DescMethodLike> = MethodTypes<
  Method["methodKind"],
  MessageShape<Method["input"]>,
  MessageInitShape<Method["input"]> & {},
  MessageShape<Method["output"]>,
  MessageInitShape<Method["output"]> & {}
>;

type DefinedTypes<Method> = Method extends {
  readonly kind: infer Kind extends MethodKind;
  readonly request: { encode(message: infer RequestInit extends {}): Uint8Array; decode(bytes: Uint8Array): infer Request extends {} };
  readonly response: { encode(message: infer ResponseInit extends {}): Uint8Array; decode(bytes: Uint8Array): infer Response extends {} };
}
  ? MethodTypes<Kind, Request, RequestInit, Response, ResponseInit>
  : never;

/** A method as the runtime uses it. */
export interface Method {
  /** The name that clients and implementations use: `"sayHello"`. */
  readonly name: string;
  readonly path: string;
  readonly kind: MethodKind;
  /** One request message, no more and no less. */
  readonly singleRequest: boolean;
  /** One response message with status OK, no more and no less. */
  readonly singleResponse: boolean;
  readonly request: Codec<{}, {}>;
  readonly response: Codec<{}, {}>;
}

const resolved: WeakMap<AnyService, readonly Method[]> = new WeakMap();

/** The methods of a service, made once. @throws TypeError for something that describes no service */
export function methodsOf(service: AnyService): readonly Method[] {
  let methods = resolved.get(service);
  if (methods === undefined) {
    methods = "method" in service ? fromDescriptor(service) : fromDefinition(service);
    resolved.set(service, methods);
  }
  return methods;
}

function fromDescriptor(service: DescServiceLike): Method[] {
  return service.methods.map((method) =>
    makeMethod(
      method.localName,
      `/${service.typeName}/${method.name}`,
      method.methodKind,
      protobufCodec(method.input) as Codec<{}, {}>,
      protobufCodec(method.output) as Codec<{}, {}>,
    ),
  );
}

function fromDefinition(service: ServiceDefinition): Method[] {
  if (typeof service.typeName !== "string" || typeof service.methods !== "object" || service.methods === null) {
    throw new TypeError("a service is a descriptor of protobuf-es or { typeName, methods }");
  }
  return Object.entries(service.methods).map(([name, { path, kind, request, response }]) => {
    if (typeof path !== "string" || !/^\/[^/]+\/[^/]+$/.test(path)) {
      throw new TypeError(`the path of method ${service.typeName}.${name} must be "/package.Service/Method", not ${JSON.stringify(path)}`);
    }
    return makeMethod(name, path, kind, request as Codec<{}, {}>, response as Codec<{}, {}>);
  });
}

const kinds: Readonly<Record<MethodKind, { readonly singleRequest: boolean; readonly singleResponse: boolean }>> = {
  unary: { singleRequest: true, singleResponse: true },
  server_streaming: { singleRequest: true, singleResponse: false },
  client_streaming: { singleRequest: false, singleResponse: true },
  bidi_streaming: { singleRequest: false, singleResponse: false },
};

function makeMethod(name: string, path: string, kind: MethodKind, request: Codec<{}, {}>, response: Codec<{}, {}>): Method {
  const cardinality = kinds[kind];
  if (cardinality === undefined) {
    throw new TypeError(`the kind of method ${path} must be one of ${Object.keys(kinds).join(", ")}, not ${JSON.stringify(kind)}`);
  }
  return { name, path, kind, ...cardinality, request, response };
}
