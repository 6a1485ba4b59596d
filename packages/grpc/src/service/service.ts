/** What a service is: its methods with their paths, kinds and codecs, however they were described. */
import type { DescMessage, DescService, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { type Codec, protobufCodec } from "./codec.js";
import { type GenericMethods, type GenericServiceDefinition, genericCodec, isGenericService } from "./generic.js";
import {
  type GrpcJsMethods,
  type GrpcJsServiceDefinition,
  grpcJsCodec,
  grpcJsNames,
  isGrpcJsService,
} from "./grpc-js.js";
import { jsonCodec } from "./json.js";

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

/**
 * What `createClient` and `Server.add` take: a service of protobuf-es; one as grpc-tools, ts-proto or `@grpc/proto-loader` give it; or one described by
 * hand.
 */
export type AnyService = DescServiceLike | ServiceDefinition | GenericServiceDefinition | GrpcJsServiceDefinition;

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

/** Of a definition that was loaded at run time the types know no kind: then it is all of them. */
export type KindOf<RequestStream extends boolean, ResponseStream extends boolean> = boolean extends
  | RequestStream
  | ResponseStream
  ? KindOfUnknown<RequestStream, ResponseStream>
  : KindOfKnown<RequestStream, ResponseStream>;

type KindOfUnknown<RequestStream extends boolean, ResponseStream extends boolean> = [boolean] extends [RequestStream]
  ? MethodKind
  : [boolean] extends [ResponseStream]
    ? MethodKind
    : KindOfKnown<RequestStream, ResponseStream>;

type KindOfKnown<RequestStream extends boolean, ResponseStream extends boolean> = RequestStream extends true
  ? ResponseStream extends true
    ? "bidi_streaming"
    : "client_streaming"
  : ResponseStream extends true
    ? "server_streaming"
    : "unary";

/** The types of all methods of a service, by the names that clients and implementations use. */
export type MethodsOf<Service extends AnyService> = Service extends {
  readonly method: infer Methods extends Readonly<Record<string, DescMethodLike>>;
}
  ? { readonly [Name in keyof Methods]: DescribedTypes<Methods[Name]> }
  : Service extends { readonly fullName: string; readonly methods: infer Methods }
    ? GenericMethods<Methods>
    : Service extends { readonly typeName: string; readonly methods: infer Methods }
      ? { readonly [Name in keyof Methods]: DefinedTypes<Methods[Name]> }
      : GrpcJsMethods<Service>;

type DescribedTypes<Method extends DescMethodLike> = MethodTypes<
  Method["methodKind"],
  MessageShape<Method["input"]>,
  MessageInitShape<Method["input"]> & {},
  MessageShape<Method["output"]>,
  MessageInitShape<Method["output"]> & {}
>;

type DefinedTypes<Method> = Method extends {
  readonly kind: infer Kind extends MethodKind;
  readonly request: {
    encode(message: infer RequestInit extends {}): Uint8Array;
    decode(bytes: Uint8Array): infer Request extends {};
  };
  readonly response: {
    encode(message: infer ResponseInit extends {}): Uint8Array;
    decode(bytes: Uint8Array): infer Response extends {};
  };
}
  ? MethodTypes<Kind, Request, RequestInit, Response, ResponseInit>
  : never;

/** A method as the runtime uses it. */
export interface Method {
  /** The names that clients and implementations use: `["sayHello"]`; several where users of another library know several. */
  readonly names: readonly string[];
  readonly path: string;
  readonly kind: MethodKind;
  /** One request message, no more and no less. */
  readonly singleRequest: boolean;
  /** One response message with status OK, no more and no less. */
  readonly singleResponse: boolean;
  readonly request: Codec<{}, {}>;
  readonly response: Codec<{}, {}>;
  /** The same with its messages in their JSON form, where they have one. */
  readonly json: Method | undefined;
}

/** A service as the runtime uses it. */
export interface Service {
  /** `"package.Service"`. */
  readonly typeName: string;
  readonly methods: readonly Method[];
}

const resolved: WeakMap<AnyService, Service> = new WeakMap();

/** What a description says, found out once. @throws TypeError for something that describes no service */
export function resolveService(description: AnyService): Service {
  let service = resolved.get(description);
  if (service === undefined) {
    if (typeof description !== "object" || description === null) throw notAService();
    service = resolve(description);
    resolved.set(description, service);
  }
  return service;
}

function resolve(description: AnyService): Service {
  if (isGrpcJsService(description)) return fromGrpcJs(description);
  if (isGenericService(description)) return fromGeneric(description);
  return isDescriptor(description) ? fromDescriptor(description) : fromDefinition(description as ServiceDefinition);
}

function isDescriptor(description: object): description is DescServiceLike {
  return "method" in description && Array.isArray((description as Partial<DescServiceLike>).methods);
}

function notAService(): TypeError {
  return new TypeError(
    "a service is a descriptor of protobuf-es, a definition as of grpc-tools, ts-proto or @grpc/proto-loader, or { typeName, methods }",
  );
}

function fromDescriptor({ typeName, methods }: DescServiceLike): Service {
  return {
    typeName,
    methods: methods.map(({ localName, name, methodKind, input, output }) => {
      const names = [localName];
      const path = `/${typeName}/${name}`;
      const json = makeMethod(
        names,
        path,
        methodKind,
        jsonCodec(input) as Codec<{}, {}>,
        jsonCodec(output) as Codec<{}, {}>,
      );
      return makeMethod(
        names,
        path,
        methodKind,
        protobufCodec(input) as Codec<{}, {}>,
        protobufCodec(output) as Codec<{}, {}>,
        json,
      );
    }),
  };
}

function fromDefinition({ typeName, methods }: ServiceDefinition): Service {
  if (typeof typeName !== "string" || typeof methods !== "object" || methods === null) throw notAService();
  return {
    typeName,
    methods: Object.entries(methods).map(([name, { path, kind, request, response }]) =>
      makeMethod(
        [name],
        checkedPath(`${typeName}.${name}`, path),
        kind,
        request as Codec<{}, {}>,
        response as Codec<{}, {}>,
      ),
    ),
  };
}

function fromGeneric({ fullName, methods }: GenericServiceDefinition): Service {
  return {
    typeName: fullName,
    methods: Object.entries(methods).map(([name, method]) => {
      const path = checkedPath(`${fullName}.${name}`, `/${fullName}/${method.name}`);
      return makeMethod(
        [name],
        path,
        kindOf(method),
        genericCodec(method.requestType),
        genericCodec(method.responseType),
      );
    }),
  };
}

function fromGrpcJs(definition: GrpcJsServiceDefinition): Service {
  const methods = Object.entries(definition).map(([name, method]) => {
    const request = grpcJsCodec(method.requestSerialize, method.requestDeserialize);
    const response = grpcJsCodec(method.responseSerialize, method.responseDeserialize);
    return makeMethod(grpcJsNames(name, method), checkedPath(name, method.path), kindOf(method), request, response);
  });
  return { typeName: methods[0]?.path.split("/")[1] ?? "", methods };
}

function checkedPath(name: string, path: unknown): string {
  if (typeof path === "string" && /^\/[^/]+\/[^/]+$/.test(path)) return path;
  throw new TypeError(`the path of method ${name} must be "/package.Service/Method", not ${JSON.stringify(path)}`);
}

function kindOf({
  requestStream,
  responseStream,
}: {
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}): MethodKind {
  if (requestStream) return responseStream ? "bidi_streaming" : "client_streaming";
  return responseStream ? "server_streaming" : "unary";
}

const kinds: Readonly<Record<MethodKind, { readonly singleRequest: boolean; readonly singleResponse: boolean }>> = {
  unary: { singleRequest: true, singleResponse: true },
  server_streaming: { singleRequest: true, singleResponse: false },
  client_streaming: { singleRequest: false, singleResponse: true },
  bidi_streaming: { singleRequest: false, singleResponse: false },
};

function makeMethod(
  names: readonly string[],
  path: string,
  kind: MethodKind,
  request: Codec<{}, {}>,
  response: Codec<{}, {}>,
  json?: Method,
): Method {
  const cardinality = kinds[kind];
  if (cardinality === undefined) {
    throw new TypeError(
      `the kind of method ${path} must be one of ${Object.keys(kinds).join(", ")}, not ${JSON.stringify(kind)}`,
    );
  }
  return { names, path, kind, ...cardinality, request, response, json };
}
