/** Services described by hand, for messages of any codec. */
import type { AnyCodec, MessageCodec } from "./codec.js";
import { checkedPath, type MethodKind, type MethodTypes, makeMethod, type Service } from "./method.js";

/** A method described by hand, for messages of any codec. */
export interface MethodDefinition<
  Request extends {} = never,
  Response extends {} = never,
  Kind extends MethodKind = MethodKind,
  RequestInit extends {} = Request,
  ResponseInit extends {} = Response,
> {
  /** The path on the wire: `"/package.Service/Method"`. */
  readonly path: string;
  readonly kind: Kind;
  readonly request: MessageCodec<Request, RequestInit>;
  readonly response: MessageCodec<Response, ResponseInit>;
}

/** A method definition of which only the shape is known. */
export interface AnyMethodDefinition {
  readonly path: string;
  readonly kind: MethodKind;
  readonly request: AnyCodec;
  readonly response: AnyCodec;
}

/** A service described by hand. The keys of `methods` are the names that clients and implementations use. */
export interface ServiceDefinition {
  /** The full name of the service: `"package.Service"`. */
  readonly typeName: string;
  readonly methods: Readonly<Record<string, AnyMethodDefinition>>;
}

/** The types of a method that was described by hand. */
export type DefinedTypes<Method> = Method extends {
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

/** Recognises a service that was described by hand. */
export function isServiceDefinition(description: object): description is ServiceDefinition {
  const { typeName, methods } = description as Partial<ServiceDefinition>;
  return typeof typeName === "string" && typeof methods === "object" && methods !== null;
}

/** Makes the service that a definition describes. @throws TypeError for a path or kind that cannot be */
export function fromDefinition({ typeName, methods }: ServiceDefinition): Service {
  return {
    typeName,
    methods: Object.entries(methods).map(([name, { path, kind, request, response }]) =>
      makeMethod([name], checkedPath(`${typeName}.${name}`, path), kind, request, response),
    ),
  };
}
