/**
 * gRPC's server reflection, versions v1 and v1alpha: tools such as grpcurl learn from the server itself which services
 * it has, and how their messages look. An entry of its own, so that a program without it loads no descriptor.
 */
export * from "../gen/grpc/reflection/v1/reflection_pb.js";
export { addReflection, type ReflectionOptions } from "./reflection.js";
