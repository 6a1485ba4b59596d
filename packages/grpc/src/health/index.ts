/**
 * gRPC's health service, `grpc.health.v1.Health`: balancers, orchestrators and clients ask it whether a server can take
 * calls. An entry of its own, so that a program without it loads no descriptor.
 */
export * from "../gen/grpc/health/v1/health_pb.js";
export { Health as HealthService } from "../gen/grpc/health/v1/health_pb.js";
export { Health, type HealthOptions, type HealthStatus } from "./health.js";
