/** NestJS microservices over `@trunkline/grpc`: a strategy for servers and a proxy for clients. */
export { GrpcClient, type GrpcClientOptions } from "./client.js";
export type { GrpcPackageOptions } from "./definitions.js";
export { GrpcServiceError } from "./errors.js";
export { GrpcMetadata, type GrpcMetadataValue } from "./metadata.js";
export type { GrpcServerCall } from "./server-call.js";
export type { GrpcServerDuplex } from "./server-duplex.js";
export { GrpcServer, type GrpcServerOptions } from "./strategy.js";
