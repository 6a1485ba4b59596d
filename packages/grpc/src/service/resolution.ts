/** Finds out which of the known forms a description of a service has, and makes the service of it. */
import { type DefinedTypes, fromDefinition, isServiceDefinition, type ServiceDefinition } from "./definition.js";
import {
  type DescMethodLike,
  type DescribedTypes,
  type DescServiceLike,
  fromDescriptor,
  isDescriptor,
} from "./descriptor.js";
import { fromGeneric, type GenericMethods, type GenericServiceDefinition, isGenericService } from "./generic.js";
import { fromGrpcJs, type GrpcJsMethods, type GrpcJsServiceDefinition, isGrpcJsService } from "./grpc-js.js";
import type { Service } from "./method.js";

/**
 * A description of a service, as `createClient` and `Server.add` take it: a service of protobuf-es; a definition that
 * grpc-tools, ts-proto or `@grpc/proto-loader` have made; or one described by hand.
 */
export type AnyService = DescServiceLike | ServiceDefinition | GenericServiceDefinition | GrpcJsServiceDefinition;

/** The types of all methods of a service, by the names that clients and implementations use. */
export type MethodsOf<Description extends AnyService> = Description extends {
  readonly method: infer Methods extends Readonly<Record<string, DescMethodLike>>;
}
  ? { readonly [Name in keyof Methods]: DescribedTypes<Methods[Name]> }
  : Description extends { readonly fullName: string; readonly methods: infer Methods }
    ? GenericMethods<Methods>
    : Description extends { readonly typeName: string; readonly methods: infer Methods }
      ? { readonly [Name in keyof Methods]: DefinedTypes<Methods[Name]> }
      : GrpcJsMethods<Description>;

const resolved: WeakMap<AnyService, Service> = new WeakMap();

/**
 * Returns the service that a description describes; each description is read once. @throws TypeError for something that
 * describes no service
 */
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
  if (isDescriptor(description)) return fromDescriptor(description);
  if (isServiceDefinition(description)) return fromDefinition(description);
  throw notAService();
}

function notAService(): TypeError {
  return new TypeError(
    "a service is a descriptor of protobuf-es, a definition as of grpc-tools, ts-proto or @grpc/proto-loader, " +
      "or { typeName, methods }",
  );
}
