/**
 * Services as grpc-js knows them: an object of methods with their serializers. grpc-tools, ts-proto
 * (`outputServices=grpc-js`) and `@grpc/proto-loader` make them.
 */
import type { Buffer } from "node:buffer";
import { viewAsBuffer } from "#platform";
import type { MessageCodec } from "./codec.js";
import { checkedPath, type KindOf, kindOf, type MethodTypes, makeMethod, type Service } from "./method.js";

/** One method, as grpc-js describes it. */
export interface GrpcJsMethodDefinition {
  /** The path on the wire: `"/package.Service/Method"`. */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  requestSerialize(message: never): Uint8Array;
  requestDeserialize(bytes: Buffer): {};
  responseSerialize(message: never): Uint8Array;
  responseDeserialize(bytes: Buffer): {};
  /** A second name of the method, which proto-loader adds. */
  readonly originalName?: string | undefined;
}

/** A service as grpc-js describes it. */
export type GrpcJsServiceDefinition = Readonly<Record<string, GrpcJsMethodDefinition>>;

/**
 * The types of all methods, each under the name in the definition and under the same name with a small first letter.
 */
export type GrpcJsMethods<Service> = {
  readonly [Name in keyof Service as Name extends string ? Name | Uncapitalize<Name> : never]: GrpcJsMethodTypes<
    Service[Name]
  >;
};

/** The types of one method of a definition of grpc-js. */
export type GrpcJsMethodTypes<Method> = Method extends {
  readonly requestStream: infer RequestStream extends boolean;
  readonly responseStream: infer ResponseStream extends boolean;
  requestSerialize(message: infer RequestInit extends {}): Uint8Array;
  requestDeserialize(bytes: Buffer): infer Request extends {};
  responseSerialize(message: infer ResponseInit extends {}): Uint8Array;
  responseDeserialize(bytes: Buffer): infer Response extends {};
}
  ? MethodTypes<KindOf<RequestStream, ResponseStream>, Request, RequestInit, Response, ResponseInit>
  : never;

/** Recognises a definition of grpc-js. */
export function isGrpcJsService(service: object): service is GrpcJsServiceDefinition {
  const methods = Object.values(service) as unknown[];
  return methods.length > 0 && methods.every(isMethod);
}

function isMethod(value: unknown): value is GrpcJsMethodDefinition {
  if (typeof value !== "object" || value === null) return false;
  const { path, requestSerialize, requestDeserialize, responseSerialize, responseDeserialize } =
    value as Partial<GrpcJsMethodDefinition>;
  const functions = [requestSerialize, requestDeserialize, responseSerialize, responseDeserialize];
  return typeof path === "string" && functions.every((one) => typeof one === "function");
}

/** Makes the service that a definition of grpc-js describes. @throws TypeError for a path that cannot be */
export function fromGrpcJs(definition: GrpcJsServiceDefinition): Service {
  const methods = Object.entries(definition).map(([name, method]) => {
    const request = grpcJsCodec(method.requestSerialize, method.requestDeserialize);
    const response = grpcJsCodec(method.responseSerialize, method.responseDeserialize);
    return makeMethod(namesOf(name, method), checkedPath(name, method.path), kindOf(method), request, response);
  });
  return { typeName: methods[0]?.path.split("/")[1] ?? "", methods };
}

/** Returns the names by which users of grpc-js know a method. */
function namesOf(name: string, { originalName }: GrpcJsMethodDefinition): string[] {
  const names = new Set([name, name.charAt(0).toLowerCase() + name.slice(1)]);
  if (originalName !== undefined) names.add(originalName);
  return [...names];
}

/**
 * Makes a codec of a serializer and a deserializer. The latter gets a `Buffer`, as from grpc-js: its bytes fields
 * depend on that.
 */
function grpcJsCodec(
  serialize: (message: never) => Uint8Array,
  deserialize: (bytes: Buffer) => {},
): MessageCodec<{}, {}> {
  return {
    encode: (message) => serialize(message as never),
    decode: (bytes) => deserialize(viewAsBuffer(bytes)),
  };
}
